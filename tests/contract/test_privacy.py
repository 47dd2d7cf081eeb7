"""Private trainings as a whole: every row's gradient cut, noise as large as it should be, a secret that gets nowhere."""

import json
import os
import zipfile
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import keras
import tensorflow as tf

from shared.errors import DatasetInvalid, RecipeFailed
from shared.ids import new_id
from shared.jobs.job import CheckpointRef, InputRef, Job
from shared.jobs.models import delete_model, get_model
from shared.jobs.small import small_result
from shared.outputs import Table, Text
from shared.recipes import get_recipe
from shared.recipes.base import validate_params
from shared.volume.secret import forget_secret, has_secret, job_secret
from shared.volume.volume import Volume
from tests.support.recipe_cases import CASES
from tests.support.taken_away import run_job
from tests.support.tiny_bases import put_base
from tests.support.tiny_datasets import given, imported
from worker.context import Context
from worker.generation.generator import WarmModels
from worker.privacy import Privacy
from worker.recipe import build_model, code_of
from worker.training.beside import NAME
from worker.training.fit import fit
from worker.training.private_steps import CLIPPED, private_step, rows_at_once
from worker.training.trainer import BESIDE, run_train

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras 3.15 on NumPy 2
]
SEED = tf.constant([5, 6], tf.int64)


def _planned(**changes):
    values = {"epsilon": 1.0, "delta": 1e-5, "clip": 0.5, "noise": 0.0, "rate": 0.1, "rows": 200, "uncovered": 0}
    return Privacy(**{**values, **changes})


def _network():
    """Three numbers and a category to two classes; with a layer of every kind that learns in its own way."""
    keras.utils.set_random_seed(1)
    x = {"numbers": keras.Input((3,), name="numbers"), "kind": keras.Input((), dtype="int32", name="kind")}
    vector: Any = keras.layers.Embedding(5, 2)(x["kind"])
    h: Any = keras.layers.Concatenate()([x["numbers"], vector])
    h = keras.layers.Dropout(0.5)(keras.layers.LayerNormalization()(keras.layers.Dense(4, "relu")(h)))
    model = keras.Model(x, keras.layers.Dense(2)(h))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss=loss)
    return model


def _rows(count, seed=0):
    rng = np.random.default_rng(seed)
    x = {"numbers": 3 * rng.standard_normal((count, 3)).astype(np.float32), "kind": rng.integers(0, 5, count, np.int32)}
    return {name: tf.constant(values) for name, values in x.items()}, tf.constant(rng.integers(0, 2, count, np.int32))


def _weights(model):
    return np.concatenate([np.ravel(variable.numpy()) for variable in model.trainable_variables])


def _moved(privacy, batch, seed=SEED):
    """How far one step with rate 1 has moved the weights, and what it counted."""
    model = _network()
    before = _weights(model)
    logs = tf.function(private_step(model, privacy), autograph=False)((batch, seed))
    return before - _weights(model), {name: float(value) for name, value in logs.items()}


def _row_by_row(batch, clip):
    """(sum of the gradients of single rows, each cut; the share that was cut; their mean loss), by a plain loop."""
    model = _network()
    x, y, *weights = batch
    total, cut, losses = 0.0, 0, []
    for row in range(len(y)):
        one = {name: values[row : row + 1] for name, values in x.items()}
        with tf.GradientTape() as tape:
            logits = tf.convert_to_tensor(model(one, training=False))
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(y[row : row + 1], logits)[0]
            loss = loss * weights[0][row] if weights else loss
        found = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        gradient = np.concatenate([np.ravel(tf.convert_to_tensor(part).numpy()) for part in found])
        length = np.linalg.norm(gradient)
        total, cut = total + gradient * min(1.0, clip / length), cut + (length > clip)
        losses.append(float(loss))
    return total, cut / len(losses), np.mean(losses)


@pytest.mark.parametrize("count", [1, 7, 64, 150])
def test_every_rows_gradient_is_cut_as_a_plain_loop_over_the_rows_cuts_it(count):
    batch = _rows(count)
    total, cut, loss = _row_by_row(batch, 0.5)
    moved, logs = _moved(_planned(), batch)
    np.testing.assert_allclose(
        moved, total / 20, rtol=2e-4, atol=2e-6
    )  # 0.1 of 200 rows are expected, however many are drawn
    assert logs[CLIPPED] == pytest.approx(cut)
    assert logs["loss"] == pytest.approx(loss, rel=1e-5)
    assert count < 10 or 0 < cut < 1, "this test cuts some and leaves some"


def test_weights_of_rows_count_before_they_are_cut():
    x, y = _rows(40)
    batch = (x, y, tf.constant(np.random.default_rng(2).choice([0.01, 0.3, 30.0], 40), tf.float32))
    total, _, _ = _row_by_row(batch, 0.5)
    np.testing.assert_allclose(_moved(_planned(), batch)[0], total / 20, rtol=2e-4, atol=2e-6)
    assert np.linalg.norm(total) < 0.5 * 40


def test_one_row_more_moves_the_sum_by_no_more_than_the_clip():
    x, y = _rows(65)
    fewer = ({name: values[:64] for name, values in x.items()}, y[:64])
    apart = (_moved(_planned(), (x, y))[0] - _moved(_planned(), fewer)[0]) * 20
    assert np.linalg.norm(apart) <= 0.5 * 1.001
    assert np.linalg.norm(apart) > 0.01


def test_the_noise_is_as_large_as_planned_and_another_in_every_step():
    model, nobody = _network(), _rows(0)
    step = tf.function(private_step(model, _planned(noise=4.0)), autograph=False)

    def moved(seed):
        before = _weights(model)
        assert all(float(value) == 0 for value in step((nobody, tf.constant(seed, tf.int64))).values())
        return (before - _weights(model)) * 20

    noise = [moved([number, 9]) for number in range(60)]
    values = np.concatenate(noise)
    assert values.std() == pytest.approx(4.0 * 0.5, rel=4 / np.sqrt(2 * len(values)))
    assert values.mean() == pytest.approx(0, abs=4 * 2.0 / np.sqrt(len(values)))
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 0.6 and not np.array_equal(noise[0], noise[1])
    np.testing.assert_allclose(moved([0, 9]), noise[0], atol=1e-4, err_msg="the same secret and step: the same noise")


def test_gradients_of_single_rows_never_need_more_than_so_much_memory():
    assert rows_at_once(50_000) == 64
    assert rows_at_once(3_000_000) == 8
    assert rows_at_once(500_000_000) == 1


def test_convolutions_can_be_cut_row_by_row():
    from worker.families.text_labels.network import text_network

    for depth in (1, 2):
        model = text_network("cnn", 8, 20, 2, width=8, layers_=depth, heads=2, dropout=0.3)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=keras.optimizers.SGD(1.0), loss=loss)
        tokens = tf.constant(np.random.default_rng(0).integers(0, 20, (5, 8)), tf.int32)
        before = _weights(model)
        tf.function(private_step(model, _planned()), autograph=False)(((tokens, tf.constant([0, 1, 0, 1, 1])), SEED))
        assert 0 < np.linalg.norm(before - _weights(model)) * 20 <= 5 * 0.5 * 1.001


# --- a job -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    return volume


def _given(volume, name):
    return {"data": InputRef(dataset_id=CASES[name].put(volume, CASES[name].data()).id)}


@pytest.fixture(scope="module")
def made(volume):
    """Two trainings alike in everything that can be said, and what was taken away of the first."""
    case, inputs, warm = CASES["tabular, private"], _given(volume, "tabular, private"), WarmModels(2)
    params = case.params | {"epsilon": 20, "epochs": 2}
    first = run_job(volume, "tabular", "train", inputs, params, None)
    second = run_job(volume, "tabular", "train", inputs, params | {"beside_plain": False}, None)
    ref = InputRef(checkpoint=CheckpointRef(**first[1]["checkpoint"]), model_id=first[0].id)
    taken = run_job(volume, "tabular", "generate", {"model": ref}, {}, warm, use="export")
    return SimpleNamespace(first=first, second=second, taken=taken)


def test_the_job_tells_what_was_spent_with_its_limits_and_what_it_cost(volume, made):
    job, result, outputs, _ = made.first
    model = get_model(volume, job.id)
    assert model.privacy is not None
    told = model.privacy.model_dump()
    assert 18 < told["epsilon"] <= 20 and told["steps"] == result["steps"]
    assert 0 <= told["clipped_share"] <= 1 and told["noise_multiplier"] > 0
    assert "Not covered" in told["sentence"] and f"{told['rows']:,} training rows" in told["sentence"]
    assert NAME in told["cost"]
    assert isinstance(outputs[0], Text) and told["sentence"] in outputs[0].text and told["cost"] in outputs[0].text
    (beside,) = [output for output in outputs if isinstance(output, Table) and output.title == BESIDE]
    assert NAME in [row[0] for row in beside.rows]
    kept = small_result(result)  # as the record, the API and the terminal have it
    assert kept["privacy"] == result["privacy"] and kept["privacy"]["epsilon"] == told["epsilon"]
    assert "Not covered" in kept["privacy"]["sentence"] and "clipped_share" in kept["metrics"]
    assert "epsilon" not in model.metrics, "never without its sentence"
    assert "privacy" not in result["headline"].lower()


def test_without_the_plain_training_beside_nothing_is_said_of_the_cost(made):
    _, _, outputs, _ = made.second
    assert isinstance(outputs[0], Text) and "Not covered" in outputs[0].text and "costs" not in outputs[0].text
    (beside,) = [output for output in outputs if isinstance(output, Table) and output.title == BESIDE]
    assert NAME not in [row[0] for row in beside.rows]


def test_twins_of_equal_seeds_differ(made):
    one, two = (each[1]["metrics"] for each in (made.first, made.second))
    assert one["val_loss"] != two["val_loss"]


def test_the_secret_stands_in_no_file_but_its_own(volume, made):
    for job, *_ in (made.first, made.second):
        secret = job_secret(volume, job.id)
        own = volume.job_dir(job.id) / "secret" / "key"
        assert own.read_bytes() == secret and own.stat().st_mode & 0o077 == 0
        told = [secret, secret.hex().encode(), repr(list(secret)).encode(), repr(secret).encode()]
        with zipfile.ZipFile(made.taken[3] / "model.zip") as archive:
            bodies = {name: archive.read(name) for name in archive.namelist()}
        bodies |= {str(path): path.read_bytes() for path in volume.root.rglob("*") if path.is_file() and path != own}
        assert len(bodies) > 20
        assert [name for name, body in bodies.items() if any(one in body for one in told)] == []
        assert not any(one in json.dumps(made.first[1]).encode() for one in told)


def test_what_is_taken_away_says_what_is_promised_and_holds_nobodys_row(volume, made):
    with zipfile.ZipFile(made.taken[3] / "model.zip") as archive:
        card, assets = archive.read("README.md").decode(), json.loads(archive.read("assets.json"))
        names = archive.namelist()
        arrays = archive.read("assets.safetensors")
    told = get_model(volume, made.first[0].id).privacy
    assert told is not None and told.sentence in card and told.cost in card and "noise multiplier" in card
    assert assets["privacy"]["epsilon"] == 20
    assert not any(name.startswith("shown_") for name in assets) and b"shown_" not in arrays
    assert "saved_model/saved_model.pb" in names


def test_a_checkpoint_taken_on_the_way_says_at_most(volume, made):
    job, result, *_ = made.second
    delete_model(volume, job.id)  # the only one that knew how it ended
    ref = InputRef(checkpoint=CheckpointRef(**result["checkpoint"]))
    taken = run_job(volume, "tabular", "generate", {"model": ref}, {}, WarmModels(1), use="export")
    with zipfile.ZipFile(taken[3] / "model.zip") as archive:
        assert "At most: Private by row, epsilon 20 " in archive.read("README.md").decode()


def test_nothing_is_learnt_from_training_rows_before_the_first_step(volume):
    """The table with every training row changed makes the same assets, as long as classes, kinds and parts stay the same."""
    case = CASES["tabular, private"]
    spec = get_recipe("tabular")
    params = validate_params(spec.train_params, case.params | {"features": ["age", "hours", "job"], "epochs": 1})
    ((name, body),) = case.data()
    head, *lines = body.decode().splitlines()
    code: Any = code_of(spec)

    def loaded(lines):
        return code.load(
            imported(volume.root / new_id(), [(name, "\n".join([head, *lines]).encode())], "table"), params, Context()
        )

    data = loaded(lines)
    changed = [line.split(",") for line in lines]
    places = {column: head.split(",").index(column) for column in ("age", "hours")}
    for row in data.rows["train"].tolist():
        for place in places.values():
            changed[row][place] = str(70 - row % 7)
    other = loaded([",".join(cells) for cells in changed])
    assert np.array_equal(data.rows["train"], other.rows["train"])
    for name, array in data.assets.arrays.items():
        np.testing.assert_array_equal(array, other.assets.arrays[name], name)
    assert data.assets.json == other.assets.json


def test_texts_are_cut_by_what_the_validation_part_holds_and_no_token_has_said_anything_yet(volume):
    case = CASES["text_classifier, private"]
    spec = get_recipe("text_classifier")
    params: Any = validate_params(spec.train_params, case.params)
    dataset = case.put(volume, case.data())
    code: Any = code_of(spec)
    private = code.load(given(volume, dataset), params, Context())
    plain = code.load(given(volume, dataset), params.model_copy(update={"epsilon": None}), Context())
    assert np.array_equal(private.places["test"], plain.places["test"])
    assert private.tokenizer.size < plain.tokenizer.size
    assert "evidence" in plain.assets.arrays and "evidence" not in private.assets.arrays
    assert any("validation part, which epsilon" in note for note in private.notes)
    with pytest.raises(DatasetInvalid, match="right are frozen and lora"):
        code.load(
            {**given(volume, dataset), "base": SimpleNamespace()},
            params.model_copy(update={"method": "full"}),
            Context(),
        )


def test_upon_a_frozen_encoder_only_the_scores_learn(volume):
    from worker.inputs import open_inputs

    case, spec = CASES["text_classifier, private upon an encoder"], get_recipe("text_classifier")
    params: Any = validate_params(spec.train_params, case.params | {"method": "frozen", "epochs": 2, "epsilon": 50})
    refs = {**_given(volume, "text_classifier, private upon an encoder"), "base": put_base(volume, "bert")}
    context = Context(volume=volume)
    inputs = open_inputs(refs, context)
    data = code_of(spec).load(inputs, params, context)
    outcome = fit(spec, params, data, Context(), inputs=inputs)
    assert outcome.step == data.total_steps
    assert [variable.path.split("/")[-2] for variable in outcome.model.trainable_variables] == ["scores", "scores"]
    assert 0 <= outcome.metrics[CLIPPED] <= 1


def test_without_its_secret_a_training_does_not_go_on_and_never_from_another_model(volume):
    case, inputs = CASES["tabular, private"], _given(volume, "tabular, private")
    params = case.params | {"epochs": 1, "beside_plain": False}
    job, result, *_ = run_job(volume, "tabular", "train", inputs, params, None)
    assert has_secret(volume, job.id) and forget_secret(volume, job.id) and not forget_secret(volume, job.id)
    again = job.model_copy(update={"attempt": 2})
    context = Context(volume.start_attempt(job.id, 2), volume, job.id, 2)
    with pytest.raises(RecipeFailed, match="the secret of this private training is gone"):
        run_train(again, context)
    start = {**inputs, "start_from": InputRef(checkpoint=CheckpointRef(**result["checkpoint"]))}
    started: Job = job.model_copy(update={"inputs": start, "attempt": 3})
    with pytest.raises(RecipeFailed, match=r"start_from.*begins anew"):
        run_train(started, Context(volume.start_attempt(job.id, 3), volume, job.id, 3))


def test_a_secret_is_made_once_and_anew_only_where_it_is_damaged(tmp_path):
    volume, job = Volume(tmp_path), new_id()
    volume.ensure()
    assert not has_secret(volume, job)
    first = job_secret(volume, job)
    assert len(first) == 32 and job_secret(volume, job) == first and has_secret(volume, job)
    assert job_secret(volume, new_id()) != first
    assert Context(volume=volume, job_id=job).secret() == first
    assert Context().secret() != Context().secret()
    path = volume.job_dir(job) / "secret" / "key"
    os.truncate(path, 5)
    assert not has_secret(volume, job)
    assert job_secret(volume, job) != first


def test_several_devices_are_one_for_a_private_training_and_the_job_says_so(volume):
    case, spec = CASES["tabular, private"], get_recipe("tabular")
    params: Any = validate_params(spec.train_params, case.params | {"epochs": 1})
    data = code_of(spec).load(given(volume, case.put(volume, case.data())), params, Context())
    said: list[Any] = []

    class Hearing(Context):
        def event(self, type, data):
            said.append(data.get("message"))

    outcome = fit(spec, params, data, Hearing(), devices=["CPU:0", "CPU:1"])
    assert outcome.step == data.total_steps
    assert "a private training uses one of the 2 devices of its worker: the others wait" in said


def test_a_model_built_privately_answers_like_any_other(volume):
    case, spec = CASES["tabular, private"], get_recipe("tabular")
    params: Any = validate_params(spec.train_params, case.params)
    data = code_of(spec).load(given(volume, case.put(volume, case.data())), params, Context())
    plain = build_model(code_of(spec), params.model_copy(update={"epsilon": None}), data.assets, {})
    private = build_model(code_of(spec), params, data.assets, {})
    shapes = [[(variable.path, variable.shape) for variable in model.variables] for model in (plain, private)]
    assert shapes[0] == shapes[1], "a private training's weights are those of the same network"
