"""A training job from its inputs to its result: what is published, what the record gets, what the model remembers."""

import json
import random
import weakref
from dataclasses import replace

import pytest

np = pytest.importorskip("numpy")
keras = pytest.importorskip("keras")

from shared.errors import (  # noqa: E402
    Cancelled,
    CheckpointCorrupt,
    CriterionMissing,
    DatasetInvalid,
    InputMissing,
    InvalidParams,
    Paused,
    RecipeFailed,
)
from shared.jobs.job import CheckpointRef, InputRef  # noqa: E402
from shared.jobs.models import get_model, models_upon  # noqa: E402
from shared.outputs import Table, load_outputs  # noqa: E402
from shared.recipes import RECIPES  # noqa: E402
from shared.recipes.base import Criterion  # noqa: E402
from tests.support.claimed import MATRIX, Telling, claimed_job, run  # noqa: E402
from tests.support.recipes import tiny_adapter, tiny_gan, tiny_graph  # noqa: E402
from tests.support.recipes.tables import put_table  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.recipe import Report  # noqa: E402
from worker.training.checkpoint import load_model  # noqa: E402
from worker.training.trainer import BESIDE, run_train  # noqa: E402
from worker.training.wishes import asked  # noqa: E402

pytestmark = pytest.mark.usefixtures("test_only_recipes")


def test_the_result_is_small_and_what_there_is_to_see_lies_on_the_volume(volume):
    job = claimed_job(volume, "tiny_adapter")
    result, context = run(volume, job)
    folder = context.attempt_dir / "artifacts"
    outputs = load_outputs((folder / "outputs.json").read_bytes())
    assert result["outputs"] == len(outputs) == 2
    assert result["artifacts"] == 1 and (folder / "said.csv").exists()
    assert result["headline"]
    assert len(json.dumps(result)) < 2_000
    assert set(result["metrics"]) >= {"loss", "val_loss", "test_accuracy"}
    assert result["model_id"] == job.id


def test_baselines_stand_in_a_table_below_the_model_itself_and_in_no_metric(volume):
    result, context = run(volume, claimed_job(volume, "tiny_adapter"))
    table = load_outputs((context.attempt_dir / "artifacts" / "outputs.json").read_bytes())[-1]
    assert isinstance(table, Table) and table.title == BESIDE
    assert table.columns == ["", "test accuracy"]
    assert table.rows[0] == ["Tiny adapter", result["metrics"]["test_accuracy"]]
    assert table.rows[1][0] == "the more frequent class"
    assert not any(name.startswith("baseline") for name in result["metrics"])


def test_a_model_remembers_what_it_was_made_of(volume):
    job = claimed_job(volume, "tiny_graph in 3 folds")
    result, _ = run(volume, job)
    model = get_model(volume, job.id)
    assert model.params == job.params and model.inputs == job.inputs
    assert sum(model.split.values()) == 48
    assert (model.criterion, model.value) == ("val_hits", result["metrics"]["val_hits"])
    assert [set(stage) >= {"val_hits"} for stage in model.stages] == [True] * 4
    assert model.metrics["fold_hits"] == pytest.approx(sum(stage["val_hits"] for stage in model.stages[:3]) / 3)


@pytest.mark.parametrize("phase", ["loading", "reporting"])
def test_a_stop_is_heard_while_data_are_loaded_and_while_it_reports(volume, monkeypatch, phase):
    job = claimed_job(volume, "tiny_gan")
    context = Telling(volume, job)
    if phase == "loading":
        context.stop_in = phase
    else:

        def report(model, data, params, inner, files, stages):
            context.stop_in = "reporting"
            files.write("half.txt", b"half")
            inner.check()
            raise AssertionError("went on")

        monkeypatch.setattr(tiny_gan, "report", report)
    with pytest.raises(Cancelled):
        run_train(job, context)
    assert not (context.attempt_dir / "artifacts").exists()
    assert not list(context.attempt_dir.rglob(".tmp-*"))


def test_a_long_report_shows_signs_of_life(volume, monkeypatch):
    monkeypatch.setattr("worker.training.reporting.INTERVAL_S", 0.0)

    def report(model, data, params, context, files, stages):
        for _ in range(5):
            context.check()
        return Report({"test_distance": 1.0})

    monkeypatch.setattr(tiny_gan, "report", report)
    _, context = run(volume, claimed_job(volume, "tiny_gan"))
    last = [(told.phase, told.step, told.part) for told in context.told[-6:]]
    assert len(set(last)) == 6 and {phase for phase, _, _ in last} == {"reporting"}


def test_what_a_loop_says_of_its_parts_is_told_and_baselines_are_a_phase_of_their_own(volume, monkeypatch):
    monkeypatch.setattr("worker.training.reporting.INTERVAL_S", 0.0)

    def report(model, data, params, context, files, stages):
        for done in range(3):
            context.look(done + 1, 3)
        return Report({"test_distance": 1.0})

    def baselines(data, params, context):
        context.check()
        return []

    monkeypatch.setattr(tiny_gan, "report", report)
    monkeypatch.setattr(tiny_gan, "baselines", baselines, raising=False)
    _, context = run(volume, claimed_job(volume, "tiny_gan"))
    told = [(told.phase, told.part, told.parts) for told in context.told]
    assert told[told.index(("reporting", 0, None)) :] == [
        ("reporting", 0, None),
        *[("reporting", done, 3) for done in (1, 2, 3)],
        ("baselines", 0, None),
        ("baselines", 1, None),
    ]
    assert {"loading", "compiling", "training", "evaluating", "sampling", "saving"} <= {phase for phase, _, _ in told}
    assert next(t for t in context.told if t.phase == "training").evaluations_left is not None


def test_samples_never_change_a_training(volume, monkeypatch):
    quiet, loud = claimed_job(volume, "tiny_gan"), claimed_job(volume, "tiny_gan")
    run(volume, quiet)
    before = tiny_gan.sample

    def disturbing(model, params, assets, *, seed, context, files):
        random.random()
        np.random.random()
        keras.random.normal((1,))
        keras.random.normal((1,), seed=model.noise)
        model.judge(keras.random.normal((2, 2)), training=True)  # its dropout draws
        return before(model, params, assets, seed=seed, context=context, files=files)

    monkeypatch.setattr(tiny_gan, "sample", disturbing)
    run(volume, loud)
    assert _rows(volume, quiet) == _rows(volume, loud)


def _rows(volume, job):
    lines = (volume.attempt_dir(job.id, 1) / "series.jsonl").read_text().splitlines()[1:]
    return [{name: value for name, value in json.loads(line).items() if name != "at"} for line in lines]


def test_a_criterion_that_an_evaluation_does_not_give_is_named_with_what_it_gave(volume, monkeypatch):
    other = replace(RECIPES["tiny_gan"], criterion=Criterion("val_fid", "min"))
    monkeypatch.setitem(RECIPES, "tiny_gan", other)
    with pytest.raises(CriterionMissing, match="gave val_distance, but the recipe judges by 'val_fid'"):
        run(volume, claimed_job(volume, "tiny_gan"))


def test_an_evaluation_that_gives_nothing_is_an_error_and_none_is_nothing_to_evaluate_on(volume, monkeypatch):
    job = claimed_job(volume, "tiny_graph", params={"steps": 3})
    monkeypatch.setattr(tiny_graph, "evaluate", lambda model, data, look: {})
    with pytest.raises(CriterionMissing, match="gave nothing, but the recipe judges by 'val_hits'"):
        run(volume, job)
    monkeypatch.setattr(tiny_graph, "evaluate", lambda model, data, look: None)
    monkeypatch.setattr(tiny_graph, "report", lambda *given: Report())
    result, _ = run(volume, job.model_copy(update={"attempt": 2}))
    assert result["best_step"] is None and result["steps"] == 3


def test_a_sample_may_be_stopped_and_the_training_goes_on_after_it(volume, monkeypatch):
    job, samples = claimed_job(volume, "tiny_graph"), []

    def sample(model, params, assets, *, seed, context, files):
        samples.append(len(samples))
        if samples == [0]:
            raise Paused("asked to stop while a sample was drawn")
        context.check()
        return []

    monkeypatch.setattr(tiny_graph, "sample", sample)
    with pytest.raises(Paused):
        run(volume, job)
    result, _ = run(volume, job.model_copy(update={"attempt": 2}))
    assert result["steps"] == job.params["steps"] and len(samples) == job.params["steps"] // 10


def test_xla_asked_of_a_recipe_that_cannot_is_refused_by_the_name_of_the_param(volume):
    job = claimed_job(volume, "tiny_graph", params={"steps": 3, "xla": "on"})
    with pytest.raises(InvalidParams) as caught:
        run(volume, job)
    assert [problem.field for problem in caught.value.problems] == ["params.xla"]
    assert "right are auto and off" in caught.value.message


def test_a_model_upon_a_base_opens_it_again_and_says_when_it_is_gone(volume):
    job = claimed_job(volume, "tiny_adapter")
    result, _ = run(volume, job)
    info = volume.checkpoint(CheckpointRef(**result["checkpoint"]))
    loaded = load_model(info.path, Context(volume=volume))
    assert float(loaded.model.get_layer("base").embeddings[3, 0]) == 1.0
    assert loaded.recipe == "tiny_adapter"
    volume.dataset_dir(job.inputs["base"].dataset_id).rename(volume.root / "away")
    with pytest.raises(InputMissing):
        load_model(info.path, Context(volume=volume))


def test_a_model_names_the_inputs_that_it_cannot_be_built_without(volume):
    job = claimed_job(volume, "tiny_adapter")
    result, _ = run(volume, job)
    needs = {"base": job.inputs["base"]}
    assert get_model(volume, job.id).needs == needs
    assert volume.checkpoint(CheckpointRef(**result["checkpoint"])).needs == needs
    assert [model.id for model in models_upon(volume, dataset_id=needs["base"].dataset_id or "")] == [job.id]
    assert models_upon(volume, dataset_id=job.inputs["data"].dataset_id or "") == []


def test_a_fixed_variable_that_training_changes_all_the_same_is_refused(volume, monkeypatch):
    def build(params, assets, inputs):
        item = keras.Input((1,), dtype="int32")
        h = keras.layers.Flatten()(keras.layers.Embedding(16, 2)(item))
        h = keras.layers.BatchNormalization(name="norm")(h)
        return keras.Model(item, keras.layers.Dense(1)(h))

    monkeypatch.setattr(tiny_adapter, "build", build)
    monkeypatch.setattr(tiny_adapter, "fixed", lambda model: model.get_layer("norm").non_trainable_variables)
    with pytest.raises(RecipeFailed, match="norm/moving_mean"):
        run(volume, claimed_job(volume, "tiny_adapter"))


def test_the_model_of_a_fold_is_gone_before_the_next_one_is_built(volume, monkeypatch):
    build, built, left = tiny_graph.build, [], []

    def noted(params, assets, inputs):
        left.append(sum(model() is not None for model in built))
        model = build(params, assets, inputs)
        built.append(weakref.ref(model))
        return model

    monkeypatch.setattr(tiny_graph, "build", noted)
    run(volume, claimed_job(volume, "tiny_graph in 3 folds"))
    assert left == [0, 0, 0, 0]


def test_a_dataset_that_only_trained_it_is_not_needed_any_more(volume):
    job = claimed_job(volume, "tiny_adapter")
    result, _ = run(volume, job)
    volume.dataset_dir(job.inputs["data"].dataset_id).rename(volume.root / "away")
    load_model(volume.checkpoint(CheckpointRef(**result["checkpoint"])).path, Context(volume=volume))


def test_going_on_upon_another_base_is_refused(volume, monkeypatch):
    job = claimed_job(volume, "tiny_adapter")
    first = Telling(volume, job)
    first.stop_in = "evaluating"
    with pytest.raises(Cancelled):
        run_train(job, first)
    other = put_table(volume, MATRIX.replace("0.3", "0.7"))
    changed = {**job.inputs, "base": InputRef(dataset_id=other.id)}
    again = claimed_job(volume, "tiny_adapter", attempt=2, job_id=job.id, inputs=changed)
    with pytest.raises(CheckpointCorrupt, match="its weights fit no other"):
        run(volume, again)


def test_a_fold_that_stops_early_gives_way_to_the_next_at_its_own_place(volume, monkeypatch):
    worse = iter(range(1000))
    monkeypatch.setattr(tiny_graph, "evaluate", lambda model, data, look: {"val_hits": 1.0 / (1 + next(worse))})
    job = claimed_job(volume, "tiny_graph in 3 folds", params={"steps": 20, "eval_every": 5, "folds": 2})
    monkeypatch.setattr("worker.training.fit.asked", _patient(1))
    result, context = run(volume, job)
    assert [row["step"] for row in _rows(volume, job) if "val_hits" in row] == [5, 10, 25, 30, 45, 50]
    assert (result["steps"], result["total_steps"], result["stopped_early"]) == (50, 60, True)
    steps = [told.step for told in context.told]
    assert steps == sorted(steps)


def _patient(evaluations):
    return lambda params, name: evaluations if name == "early_stopping_patience" else asked(params, name)


def test_what_bad_data_say_reaches_the_caller_line_by_line(volume):
    job = claimed_job(volume, "tiny_gan")
    bad = put_table(volume, "1,2\n" * 20 + "x,1\n1,2,3\n")
    job = job.model_copy(update={"inputs": {"data": InputRef(dataset_id=bad.id)}})
    with pytest.raises(DatasetInvalid) as caught:
        run(volume, job)
    assert [problem.line for problem in caught.value.problems] == [21, 22]
