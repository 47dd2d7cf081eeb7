"""The one suite every recipe passes: spec and code agree; it trains, is killed, goes on to the bit, generates, refuses.

Each recipe's data and params are in tests/support/recipe_cases.py; beside the shipped recipes come those of tests/support/recipes.
Real processes, a real SIGKILL in mid-epoch; all are forked from one that has imported TensorFlow.
"""

import json
import math
import signal
from types import SimpleNamespace

import pytest

from shared.errors import ClientError, DatasetInvalid, InvalidParams, UnknownRecipe
from shared.ids import new_id
from shared.jobs.job import CheckpointRef, InputRef
from shared.outputs import load_outputs
from shared.recipes import RECIPES, get_recipe
from shared.recipes.base import TrainParams, validate_params
from shared.recipes.privacy import is_private
from shared.volume.readback import samples, series
from shared.volume.secret import job_secret
from shared.volume.volume import Volume
from tests.support.recipe_case import refs_of
from tests.support.recipe_cases import CASES
from tests.support.recipes import TEST_ONLY
from tests.support.tiny_bases import put_base
from tests.support.training_child import TrainingServer

pytestmark = pytest.mark.usefixtures("test_only_recipes")

SPECS = {**RECIPES, **TEST_ONLY}
recipes = pytest.mark.parametrize("recipe", sorted(SPECS))
cases = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if CASES[name].long else ()) for name in sorted(CASES)]
)


@pytest.fixture(scope="module")
def server(run_mark):
    server = TrainingServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def trained(server, tmp_path_factory):
    """name of a case -> what became of a whole training, and of one disturbed: paused, killed, then drained. Made once each.

    The disturbed one goes on after the kill in another process, the other times in a new fit() of the same process.
    """
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    made = {}

    def make(name):
        if name not in made:
            case = CASES[name]
            inputs = refs_of({"data": case.put(volume, case.data()), **case.beside(volume)})
            if case.weights:
                inputs["base"] = put_base(volume, case.weights)
            if case.base:
                inputs["base"] = InputRef(checkpoint=CheckpointRef(**make(case.base).said[0]["checkpoint"]))
            order = {
                "volume": str(volume.root), "recipe": case.recipe, "params": case.params,
                "inputs": {role: ref.model_dump(mode="json") for role, ref in inputs.items()},
            }  # fmt: skip
            whole, disturbed = new_id(), new_id()
            if is_private(case.params):  # else the two would differ, as they should
                for job in (whole, disturbed):
                    job_secret(volume, job, lambda: b"a secret of 32 bytes, of a test.")

            def disturbance(attempt, then, times, job=disturbed):
                return {"job": job, "attempt": attempt, "after": times * case.stop_after, "then": then}

            runs = [{"job": whole, "attempt": 1}, disturbance(1, "paused", 1), disturbance(2, "killed", 2)]
            status, said = server.carry_out(order | {"runs": runs})
            newest = volume.newest_checkpoint(disturbed, below_attempt=3)
            runs = [disturbance(3, "drained", 3), {"job": disturbed, "attempt": 4}]
            _, again = server.carry_out(order | {"runs": runs, "generate": case.generate(volume)})
            made[name] = SimpleNamespace(
                case=case, spec=SPECS[case.recipe], volume=volume, whole=whole, disturbed=disturbed,
                status=status, said=said, newest=newest, again=again,
            )  # fmt: skip
        return made[name]

    return make


def test_every_recipe_has_a_case_here():
    assert {case.recipe for case in CASES.values()} == set(SPECS)


def test_an_unknown_recipe_is_answered_with_the_known_ones():
    with pytest.raises(UnknownRecipe, match="image_classifier"):
        get_recipe("nonsense")


@recipes
def test_the_spec_alone_is_enough_for_a_form(recipe):
    spec = SPECS[recipe]
    assert spec.name == recipe
    models = {"train": spec.train_params, **{use: spec.use(use).params for use in spec.uses}}
    for kind, model in models.items():
        schema = json.loads(json.dumps(model.model_json_schema()))
        for name, prop in schema.get("properties", {}).items():
            assert prop.get("description"), f"{kind} param {name} has no help"
            assert prop["description"].endswith((".", ")")), f"{kind} param {name}: {prop['description']!r}"
    validate_params(spec.train_params, {})
    assert spec.formats and spec.title and spec.summary and spec.source and spec.verb
    assert len({role.role for role in spec.inputs_of("train")}) == len(spec.inputs) + 1


@recipes
def test_the_code_has_every_name_of_the_contract(recipe):
    from worker.recipe import code_of, optional

    code = code_of(SPECS[recipe])
    for name in ("load", "build", "compile_args", "sample", "report", "open_generator"):
        assert callable(getattr(code, name)), name
    assert code.XLA in ("faster", "slower", "never")
    assert code.STEPS_PER_EXECUTION >= 1
    for name in ("compile", "evaluate", "stages", "fixed", "baselines", "export"):
        assert optional(code, name) is None or callable(optional(code, name)), name


@cases
def test_bad_params_are_refused_each_by_its_name(name):
    case = CASES[name]
    spec = SPECS[case.recipe]
    assert case.bad_params and case.bad_generate
    for values in case.bad_params:
        with pytest.raises(InvalidParams) as caught:
            validate_params(spec.train_params, values)
        assert {problem.field.split(".")[1] for problem in caught.value.problems} == set(values)
    for values in case.bad_generate:
        with pytest.raises(InvalidParams):
            validate_params(spec.use("generate").params, values)


@cases
def test_all_bad_params_are_named_at_once(name):
    together = {name: value for values in CASES[name].bad_params for name, value in values.items()}
    with pytest.raises(InvalidParams) as caught:
        validate_params(SPECS[CASES[name].recipe].train_params, together)
    assert {problem.field.split(".")[1] for problem in caught.value.problems} == set(together)


@cases
def test_data_it_cannot_train_on_is_refused_with_a_reason(name, tmp_path):
    from worker.context import Context
    from worker.inputs import open_inputs
    from worker.recipe import code_of

    volume, case = Volume(tmp_path), CASES[name]
    volume.ensure()
    spec = SPECS[case.recipe]
    params = validate_params(spec.train_params, case.params)
    assert case.bad_data
    for data in case.bad_data:
        with pytest.raises(ClientError) as caught:
            datasets = {"data": case.put(volume, data), **case.beside(volume)}
            problems = spec.check(params, datasets)
            if problems:  # is not even queued
                raise InvalidParams(problems)
            context, inputs = Context(volume=volume), refs_of(datasets)
            if case.weights:
                inputs["base"] = put_base(volume, case.weights)
            code_of(spec).load(open_inputs(inputs, context), params, context)
        assert isinstance(caught.value, DatasetInvalid | InvalidParams)
        assert len(caught.value.message) > 10


@cases
@pytest.mark.timeout(400)
def test_what_its_weights_are_numbered_by_is_in_its_assets(name, trained):
    from worker.recipe import code_of, numbered_by
    from worker.training.assets import read_assets
    from worker.training.checkpoint import read_state

    made = trained(name)
    info = made.volume.checkpoints(made.whole)[-1]
    assets = read_assets(info.path.parents[2], read_state(info.path)["assets"])
    names, there = numbered_by(code_of(made.spec)).keys(), assets.json.keys() | assets.arrays.keys()
    assert not names or names & there
    if not (made.case.weights or made.case.base) and not assets.json.get("shared"):
        assert names <= there


@cases
@pytest.mark.timeout(400)
def test_it_trains_to_its_last_step_and_reports(name, trained):
    whole = trained(name).said[0]
    assert whole["step"] == whole["total"]
    assert whole["report"]
    assert all(math.isfinite(value) for value in (*whole["metrics"].values(), *whole["report"].values()))
    load_outputs(json.dumps(whole["outputs"]))


@cases
@pytest.mark.timeout(400)
def test_its_series_rises_in_steps_and_has_the_criterion_at_every_evaluation(name, trained):
    made = trained(name)
    rows, metric = series(made.volume, made.whole), made.spec.criterion.metric
    assert [row["step"] for row in rows] == sorted({row["step"] for row in rows})
    values = [value for row in rows for key, value in row.items() if key not in ("step", "epoch", "at", "stage")]
    assert all(math.isfinite(value) for value in values)
    assert metric in rows[-1]
    if issubclass(made.spec.train_params, TrainParams):
        assert all(row["loss"] > 0 and row["learning_rate"] >= 0 for row in rows)
    if issubclass(made.spec.train_params, TrainParams) and not made.case.noisy:
        assert rows[-1]["loss"] < rows[0]["loss"]
    else:  # its losses need not fall, or it has none
        first, *later = [row[metric] for row in rows if metric in row]
        assert any(made.spec.criterion.better(value, first) for value in later)


def _evaluated(made, row):
    return made.spec.criterion.metric in row


@cases
@pytest.mark.timeout(400)
def test_every_checkpoint_tells_the_criterion_only_where_it_was_measured(name, trained):
    made = trained(name)
    metric = made.spec.criterion.metric
    measured = {row["step"]: row[metric] for row in series(made.volume, made.whole) if metric in row}
    infos = [info for job in (made.whole, made.disturbed) for info in made.volume.checkpoints(job)]
    assert infos
    for info in infos:
        assert info.metrics.get(metric) == measured.get(info.ref.step)
    for said in (made.said[0], made.again[1]):
        assert said["metrics"][metric] == measured[said["checkpoint"]["step"]]


@cases
@pytest.mark.timeout(400)
def test_it_shows_samples_as_training_goes(name, trained):
    from worker.recipe import code_of, optional

    made = trained(name)
    found = samples(made.volume, made.whole)
    evaluated = {row["step"] for row in series(made.volume, made.whole) if _evaluated(made, row)}
    before = {0} if optional(code_of(made.spec), "preview") else set()
    assert {sample.step for sample in found} == evaluated | before
    assert all(sample.outputs for sample in found)


def _rows(made, job):
    return [{name: value for name, value in row.items() if name != "at"} for row in series(made.volume, job)]


@cases
@pytest.mark.timeout(400)
def test_paused_killed_and_drained_in_mid_epoch_it_goes_on_to_the_same_losses_and_weights_bit_for_bit(name, trained):
    made = trained(name)
    whole, paused = made.said
    drained, ended = made.again[:2]
    assert (paused["stopped"], made.status, drained["stopped"]) == ("Paused", -signal.SIGKILL, "Drained")
    assert 2 * made.case.stop_after <= made.newest.ref.step < whole["total"]
    assert _rows(made, made.whole) == _rows(made, made.disturbed)
    for same in ("hash", "metrics", "report", "stages", "outputs"):
        assert ended[same] == whole[same]
    assert ended["checkpoint"]["step"] == whole["checkpoint"]["step"]


@cases
@pytest.mark.timeout(400)
def test_a_kill_leaves_nothing_unfinished_that_counts(name, trained):
    made = trained(name)
    for info in made.volume.checkpoints(made.disturbed):
        assert made.volume.verify(info.path)


@cases
@pytest.mark.timeout(400)
def test_assets_are_written_once_for_each_stage_and_are_in_no_checkpoint(name, trained):
    made = trained(name)
    written = [
        sorted(path.name for path in (made.volume.job_dir(job) / "assets").iterdir())
        for job in (made.whole, made.disturbed)
    ]
    assert written[0] == written[1]
    assert len(written[0]) == made.case.stages
    for info in made.volume.checkpoints(made.whole):
        assert sorted(path.name for path in info.path.iterdir()) == ["manifest.json", "state.json", "state.safetensors"]
        assert json.loads((info.path / "state.json").read_text())["assets"] in written[0]


@cases
@pytest.mark.timeout(400)
def test_it_generates_from_the_checkpoint_and_the_same_again(name, trained):
    first, second = trained(name).again[-1]
    assert load_outputs(json.dumps(first["outputs"]))
    assert first == second


def _variables(made):
    return json.loads((made.volume.checkpoints(made.whole)[-1].path / "state.json").read_text())


@pytest.mark.timeout(400)
def test_both_optimizers_of_a_gan_are_in_its_checkpoints(trained):
    entries = _variables(trained("tiny_gan"))["variables"]
    optimizer = [entry["name"] for entry in entries if entry["role"] == "optimizer"]
    assert optimizer.count("iteration") == 2
    assert sum("velocity" in name for name in optimizer) == 4, (
        "Adam's second moments, one for each variable of the judge"
    )


@pytest.mark.timeout(400)
def test_fixed_variables_are_in_no_checkpoint_but_their_base_is_named(trained):
    made = trained("tiny_adapter")
    base = trained("tiny_graph")
    state = _variables(made)
    names = [entry["name"] for entry in state["variables"]]
    assert "embeddings" not in names and "kernel" in names
    assert set(state["inputs"]) == {"base"}
    assert state["inputs"]["base"]["ref"]["checkpoint"] == base.said[0]["checkpoint"]


@pytest.mark.timeout(400)
def test_folds_stand_on_one_axis_of_steps_and_each_has_its_own_stage(trained):
    made = trained("tiny_graph in 3 folds")
    rows = _rows(made, made.whole)
    assert [row["step"] for row in rows if _evaluated(made, row)] == [6, 12, 18, 24, 30, 36, 42, 48]
    assert all(row["stage"] == (row["step"] - 1) // 12 + 1 for row in rows)
    assert made.newest.ref.step in range(13, 24), "the kill was meant for the second fold"
    best = [
        max(row["val_hits"] for row in rows if row["stage"] == stage and _evaluated(made, row)) for stage in range(1, 5)
    ]
    assert [stage["val_hits"] for stage in made.said[0]["stages"]] == best
