"""The one suite every recipe passes: spec and code agree; it trains, is killed, goes on to the bit, generates, refuses.

Each recipe's data and params are in tests/support/recipe_cases.py. Real processes, a real SIGKILL in mid-epoch.
"""

import importlib
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from shared.errors import ClientError, DatasetInvalid, InvalidParams, UnknownRecipe
from shared.ids import new_id
from shared.recipes import RECIPES, get_recipe
from shared.recipes.base import validate_params
from shared.volume.readback import samples, series
from shared.volume.volume import Volume
from tests.support.recipe_cases import CASES
from tests.support.tiny_datasets import import_files

ROOT = Path(__file__).resolve().parents[2]
recipes = pytest.mark.parametrize("recipe", sorted(RECIPES))


def _child(order: dict) -> tuple[int, list]:
    """Run tests/support/training_child.py; returns (exit status, JSON lines it printed)."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.training_child"],
        input=json.dumps(order), capture_output=True, text=True, cwd=ROOT, timeout=300, check=False,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    if done.returncode not in (0, -signal.SIGKILL):
        pytest.fail(f"child ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("{", "["))]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """recipe -> what became of a whole training, and of one disturbed: paused, killed, then drained. Made once each.

    The disturbed one goes on after the kill in another process, the other times in a new fit() of the same process.
    """
    made = {}

    def make(recipe):
        if recipe not in made:
            case = CASES[recipe]
            volume = Volume(tmp_path_factory.mktemp(recipe))
            volume.ensure()
            dataset = import_files(volume, case.files(), case.format)
            order = {"volume": str(volume.root), "dataset": dataset.id, "recipe": recipe, "params": case.params}
            whole, disturbed = new_id(), new_id()

            def disturbance(attempt, then, times, job=disturbed):
                return {"job": job, "attempt": attempt, "after": times * case.stop_after, "then": then}

            runs = [{"job": whole, "attempt": 1}, disturbance(1, "paused", 1), disturbance(2, "killed", 2)]
            status, said = _child(order | {"runs": runs})
            newest = volume.newest_checkpoint(disturbed, below_attempt=3)
            runs = [disturbance(3, "drained", 3), {"job": disturbed, "attempt": 4}]
            _, again = _child(order | {"runs": runs, "generate": case.generate})
            made[recipe] = SimpleNamespace(
                volume=volume, whole=whole, disturbed=disturbed, status=status, said=said, newest=newest, again=again
            )
        return made[recipe]

    return make


def test_every_recipe_has_a_case_here():
    assert sorted(CASES) == sorted(RECIPES)


def test_an_unknown_recipe_is_answered_with_the_known_ones():
    with pytest.raises(UnknownRecipe, match="image_classifier"):
        get_recipe("nonsense")


@recipes
def test_the_spec_alone_is_enough_for_a_form(recipe):
    spec = RECIPES[recipe]
    assert spec.name == recipe
    for kind in ("train", "generate"):
        model = spec.params_model(kind)
        schema = json.loads(json.dumps(model.model_json_schema()))
        for name, prop in schema["properties"].items():
            assert prop.get("description"), f"{kind} param {name} has no help"
            assert prop["description"].endswith((".", ")")), f"{kind} param {name}: {prop['description']!r}"
    validate_params(spec.train_params, {})
    assert spec.formats and spec.title and spec.summary and spec.source


@recipes
def test_the_code_has_every_name_of_the_contract(recipe):
    code = importlib.import_module(f"worker.recipes.{recipe}")
    for name in ("load", "build", "compile_args", "sample", "report", "open_generator"):
        assert callable(getattr(code, name)), name
    assert isinstance(code.XLA_FASTER, bool)
    assert code.STEPS_PER_EXECUTION >= 1


@recipes
def test_bad_params_are_refused_each_by_its_name(recipe):
    spec, case = RECIPES[recipe], CASES[recipe]
    assert case.bad_params
    for values in case.bad_params:
        with pytest.raises(InvalidParams) as caught:
            validate_params(spec.train_params, values)
        assert {problem.field.split(".")[1] for problem in caught.value.problems} == set(values)
    for values in case.bad_generate:
        with pytest.raises(InvalidParams):
            validate_params(spec.generate_params, values)


@recipes
def test_all_bad_params_are_named_at_once(recipe):
    together = {name: value for values in CASES[recipe].bad_params for name, value in values.items()}
    with pytest.raises(InvalidParams) as caught:
        validate_params(RECIPES[recipe].train_params, together)
    assert {problem.field.split(".")[1] for problem in caught.value.problems} == set(together)


@recipes
def test_data_it_cannot_train_on_is_refused_with_a_reason(recipe, tmp_path):
    code = importlib.import_module(f"worker.recipes.{recipe}")
    volume, case = Volume(tmp_path), CASES[recipe]
    volume.ensure()
    params = validate_params(RECIPES[recipe].train_params, case.params)
    assert case.bad_files
    for files in case.bad_files:
        with pytest.raises(ClientError) as caught:
            dataset = import_files(volume, files, case.format)
            code.load(dataset, volume.dataset_dir(dataset.id), params)
        assert isinstance(caught.value, DatasetInvalid | InvalidParams)
        assert len(caught.value.message) > 10


@recipes
@pytest.mark.timeout(400)
def test_it_trains_to_its_last_step_and_reports(recipe, trained):
    whole = trained(recipe).said[0]
    assert whole["step"] == whole["total"]
    assert whole["metrics"]
    assert all(math.isfinite(value) for value in whole["metrics"].values())


@recipes
@pytest.mark.timeout(400)
def test_its_series_has_a_loss_in_every_row_and_a_validation_loss_at_every_evaluation(recipe, trained):
    rows = series(trained(recipe).volume, trained(recipe).whole)
    assert all(math.isfinite(row["loss"]) and row["learning_rate"] >= 0 for row in rows)
    assert [row["step"] for row in rows] == sorted({row["step"] for row in rows})
    assert "val_loss" in rows[-1]
    assert rows[-1]["loss"] < rows[0]["loss"]


@recipes
@pytest.mark.timeout(400)
def test_it_shows_samples_as_training_goes(recipe, trained):
    found = samples(trained(recipe).volume, trained(recipe).whole)
    assert found
    for sample in found:
        path = trained(recipe).volume.attempt_dir(trained(recipe).whole, 1) / "samples" / sample.file
        assert path.stat().st_size > 0


def _rows(made, job):
    return [{name: value for name, value in row.items() if name != "at"} for row in series(made.volume, job)]


@recipes
@pytest.mark.timeout(400)
def test_paused_killed_and_drained_in_mid_epoch_it_goes_on_to_the_same_losses_and_weights_bit_for_bit(recipe, trained):
    made = trained(recipe)
    whole, paused = made.said
    drained, ended = made.again[:2]
    assert (paused["stopped"], made.status, drained["stopped"]) == ("Paused", -signal.SIGKILL, "Drained")
    assert 2 * CASES[recipe].stop_after <= made.newest.ref.step < whole["total"]
    rows = [
        [{name: value for name, value in row.items() if name != "at"} for row in series(made.volume, job)]
        for job in (made.whole, made.disturbed)
    ]
    assert rows[0] == rows[1]
    assert ended["hash"] == whole["hash"]
    assert ended["metrics"] == whole["metrics"]


@recipes
@pytest.mark.timeout(400)
def test_a_kill_leaves_nothing_unfinished_that_counts(recipe, trained):
    made = trained(recipe)
    for info in made.volume.checkpoints(made.disturbed):
        assert made.volume.verify(info.path)


@recipes
@pytest.mark.timeout(400)
def test_it_generates_from_the_checkpoint_and_the_same_again(recipe, trained):
    first, second = trained(recipe).again[-1]
    assert first["summary"]
    for made in (first, second):  # how long it took is no part of what was made
        made["summary"] = {k: v for k, v in made["summary"].items() if k not in ("seconds", "tokens_per_s")}
    assert first == second
    key = {"text": "texts", "labels": "predictions"}[RECIPES[recipe].generates]
    assert first["summary"][key]
