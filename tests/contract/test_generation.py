"""Uses of a trained model as the generator process runs them: texts, a table of prompts, an export anyone can read."""

import csv
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from safetensors.numpy import load

from shared.errors import InputMissing, InvalidParams, RecipeFailed
from shared.ids import new_id
from shared.jobs.job import InputRef, Job, State, utc_now
from shared.jobs.models import get_model
from shared.jobs.small import small_result
from shared.outputs import Table, Text, load_outputs
from shared.volume import readback
from shared.volume.volume import Volume
from tests.support.tiny_datasets import import_files
from worker.context import Context
from worker.generation.generator import WarmModels, run_generate
from worker.training.trainer import BESIDE, run_train

# Keras 3.15 on NumPy 2, where it writes its archive
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
TEXT = "床前明月光，疑是地上霜。\nThe quick brown fox jumps over the lazy dog.\n" * 30
PARAMS = {"steps": 4, "eval_every": 4, "context": 16, "batch_size": 2, "layers": 1, "heads": 2, "width": 16}


class Listening(Context):
    """Keeps what was told."""

    events: list[tuple[str, dict[str, Any]]]
    told: list[Any]

    def event(self, type: str, data: dict[str, Any]) -> None:
        self.events.append((type, data))

    def progress(self, progress: Any) -> None:
        self.told.append(progress)


def _run(
    volume: Volume, kind: Any, inputs: dict[str, InputRef], params: dict[str, Any], use: str = "", warm: Any = None
):
    """(job, its result, context) of a job carried out to its end."""
    job = Job(
        id=new_id(), kind=kind, recipe="gpt", use=use, params=params, inputs=inputs, name="tiny poet",
        state=State.running, queue=kind, attempt=1, created_at=utc_now(), updated_at=utc_now(),
    )  # fmt: skip
    context = Listening(volume.start_attempt(job.id, 1), volume, job.id, cache_dir=volume.root / "cache")
    context.events, context.told = [], []
    result = run_train(job, context) if kind == "train" else run_generate(job, context, warm or WarmModels(1))
    json.dumps(result, allow_nan=False)
    return job, result, context


def _outputs(context: Context) -> list[Any]:
    assert context.attempt_dir is not None
    return load_outputs((context.attempt_dir / "artifacts" / "outputs.json").read_bytes())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(volume, the training's job, its result, models that stay warm)."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    dataset = import_files(volume, [("poems.txt", TEXT.encode())], "text")
    job, result, _ = _run(volume, "train", {"data": InputRef(dataset_id=dataset.id)}, PARAMS)
    return volume, job, result, WarmModels(1)


def _model(job: Job) -> dict[str, InputRef]:
    return {"model": InputRef(model_id=job.id)}


def test_a_training_of_texts_is_compared_with_n_grams_and_the_model_keeps_what_came_of_it(trained):
    volume, job, result, _ = trained
    verdict = result["verdict"]
    assert "5-gram model" in verdict["sentence"] and "loss per token" in verdict["sentence"]
    assert verdict["better"] is False and verdict["difference"] < verdict["high"] < 0, "four steps teach nothing"
    model = get_model(volume, job.id)
    assert model.verdict is not None and model.verdict.model_dump() == verdict
    assert set(model.baselines) == {"how often each token is", "a 5-gram model"}
    assert model.baselines["a 5-gram model"]["val_loss"] == pytest.approx(
        model.metrics["val_loss"] + verdict["difference"]
    )
    assert small_result(result)["verdict"] == verdict
    (beside,) = [output for output in readback.outputs(volume, job.id) if output.title == BESIDE]
    assert isinstance(beside, Table)
    assert [row[0] for row in beside.rows[1:]] == list(model.baselines)


def test_a_generation_leaves_its_texts_on_the_volume_and_a_small_result(trained):
    volume, job, _, warm = trained
    params = {"prompt": "The", "max_tokens": 300, "samples": 3}
    _, result, context = _run(volume, "generate", _model(job), params, warm=warm)
    outputs = _outputs(context)
    assert [type(output) for output in outputs] == [Text] * 3
    assert all(output.prompt == "The" and len(output.text) == 300 for output in outputs)
    assert result["outputs"] == 3 and result["artifacts"] == 0 and result["tokens"] == 900
    assert result["headline"] and result["tokens_per_s"] > 0 and result["metrics"] == {}
    assert len(json.dumps(result)) < 1000
    streamed = ["".join(d["text"] for _, d in context.events if d["index"] == i) for i in range(3)]
    assert streamed == [output.text for output in outputs]


def test_what_is_compiled_is_told_and_is_no_part_of_the_pace(trained):
    volume, job, _, _ = trained
    warm = WarmModels(1)
    phases = []
    for _ in range(2):
        _, _, context = _run(volume, "generate", _model(job), {"max_tokens": 40, "prompt": "The"}, warm=warm)
        phases.append([told.phase for told in context.told])
        last = context.told[-1]
        assert (last.phase, last.step, last.total_steps) == ("generating", 40, 40)
    assert phases[0][:3] == ["loading", "generating", "compiling"]
    assert "compiling" not in phases[1]
    assert [told.step for told in context.told] == sorted(told.step for told in context.told)


def test_a_model_stays_warm_and_a_use_that_is_none_is_refused(trained):
    volume, job, _, _ = trained
    warm = WarmModels(1)
    phases = []
    for _ in range(2):
        _, _, context = _run(volume, "generate", _model(job), {"prompt": "T", "max_tokens": 2}, warm=warm)
        phases.append([told.phase for told in context.told])
    assert phases[0][0] == "loading" and "loading" not in phases[1]
    with pytest.raises(InvalidParams, match="no use of gpt"):
        _run(volume, "generate", _model(job), {}, use="translate", warm=warm)
    with pytest.raises(RecipeFailed, match="names no model"):
        _run(volume, "generate", {}, {}, warm=warm)
    with pytest.raises(InputMissing):
        _run(volume, "generate", {"model": InputRef(model_id=new_id())}, {}, warm=warm)


# --- exports -------------------------------------------------------------------------------------------------------


def _export(volume: Volume, job: Job) -> tuple[Path, dict[str, Any], Table]:
    _, result, context = _run(volume, "generate", _model(job), {}, use="export")
    (table,) = _outputs(context)
    assert context.attempt_dir is not None
    return context.attempt_dir / "artifacts" / table.file, result, table


def test_an_export_holds_weights_config_assets_and_a_card_that_anyone_can_read(trained):
    volume, job, trained_result, _ = trained
    path, result, table = _export(volume, job)
    assert result["artifacts"] == 1 and table.file == "model.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        weights = load(archive.read("weights.safetensors"))
        config = json.loads(archive.read("config.json"))
        assets = json.loads(archive.read("assets.json"))
        card = archive.read("README.md").decode()
    assert [row[0] for row in table.rows] == names
    assert config["recipe"] == "gpt" and config["params"]["width"] == 16 and config["step"] == 4
    assert [entry["path"] for entry in config["variables"]] and len(config["variables"]) == len(weights)
    assert all(list(weights[entry["path"]].shape) == entry["shape"] for entry in config["variables"])
    assert assets["vocabulary"]["characters"] == "".join(sorted(set(TEXT)))
    for said in (
        "# tiny poet",
        "gpt, version 1",
        "| val_loss |",
        "| train |",
        job.inputs["data"].dataset_id,
        "| width | 16 |",
    ):
        assert said in card
    assert f"{trained_result['metrics']['val_loss']:.6g}" in card


def test_the_weights_of_an_export_are_those_of_the_model(trained):
    volume, job, _, warm = trained
    _run(volume, "generate", _model(job), {"prompt": "T", "max_tokens": 1}, warm=warm)
    (held,) = warm._kept.values()
    with zipfile.ZipFile(_export(volume, job)[0]) as archive:
        weights = load(archive.read("weights.safetensors"))
        order = [entry["path"] for entry in json.loads(archive.read("config.json"))["variables"]]
    for variable, path in zip(held.loaded.model.variables, order, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), weights[path])


def test_the_same_checkpoint_exports_the_same_bytes_but_for_what_tensorflow_and_keras_date(trained):
    volume, job, _, _ = trained
    digests = []
    for _ in range(2):
        with zipfile.ZipFile(_export(volume, job)[0]) as archive:
            names = [name for name in archive.namelist() if name.split("/")[0] not in ("model.keras", "saved_model")]
            digests.append({name: hashlib.sha256(archive.read(name)).hexdigest() for name in names})
    assert digests[0] == digests[1] and len(digests[0]) >= 6


# --- tables of prompts ---------------------------------------------------------------------------------------------


def _batch(volume: Volume, job: Job, rows: list[str], warm: Any = None, **params: Any):
    body = io.StringIO()
    writer = csv.writer(body)
    writer.writerow(["number", "line"])
    writer.writerows([i, row] for i, row in enumerate(rows))
    dataset = import_files(volume, [("prompts.csv", body.getvalue().encode())], "table")
    inputs = {**_model(job), "data": InputRef(dataset_id=dataset.id)}
    values = {"prompt": "line", "max_tokens": 12, **params}
    _, result, context = _run(volume, "generate", inputs, values, "batch", warm)
    (table,) = _outputs(context)
    assert context.attempt_dir is not None
    with (context.attempt_dir / "artifacts" / table.file).open(encoding="utf-8-sig", newline="") as file:
        return result, table, list(csv.DictReader(file)), context


PROMPTS = ["The quick", "龍 is unknown", "床前\n明月", "", "the lazy dog.", "The quick"]


def test_a_table_of_prompts_is_continued_in_its_order_with_what_cannot_be_in_the_error_column(trained):
    volume, job, _, warm = trained
    result, table, rows, context = _batch(volume, job, PROMPTS, warm, seed=7)  # else one is drawn for each job
    assert [row["prompt"] for row in rows] == PROMPTS
    assert list(rows[0]) == ["prompt", "text", "error"]
    for row in rows:
        if row["prompt"] in (PROMPTS[1], ""):
            assert row["text"] == "" and row["error"]
        else:
            _, _, alone = _run(
                volume, "generate", _model(job), {"prompt": row["prompt"], "max_tokens": 12, "seed": 7}, warm=warm
            )
            assert row["text"] == _outputs(alone)[0].text and not row["error"]
    assert "'龍'" in rows[1]["error"] and "no text to go on from" in rows[3]["error"]
    assert table.count == 6 and [row[0] for row in table.rows] == PROMPTS and table.rows[1][1] is None
    assert result["tokens"] == 4 * 12
    assert context.told[-1].step == context.told[-1].total_steps == 6


def test_of_a_long_table_the_output_shows_the_first_rows_and_the_file_has_all(trained):
    volume, job, _, warm = trained
    lines = [f"The quick brown fox jumps over{' the lazy dog' * (i % 3)}" + "a" * (i % 50) for i in range(300)]
    _, table, rows, _ = _batch(volume, job, lines, warm, max_tokens=1, samples=2)
    assert table.count == 300 and len(table.rows) == 100
    assert [row["prompt"] for row in rows] == lines
    assert list(rows[0]) == ["prompt", "text 1", "text 2", "error"]
    assert all(len(row["text 1"]) == len(row["text 2"]) == 1 for row in rows)


def test_a_column_that_is_not_there_is_said(trained):
    volume, job, _, warm = trained
    with pytest.raises(RecipeFailed, match="no column 'verse'; it has number, line"):
        _batch(volume, job, PROMPTS, warm, prompt="verse")
