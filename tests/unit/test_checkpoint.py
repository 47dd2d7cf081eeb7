"""A training's whole state goes to files and comes back exactly, or not at all."""

import json
import random

import pytest

np = pytest.importorskip("numpy")
keras = pytest.importorskip("keras")

from shared.errors import CheckpointCorrupt  # noqa: E402
from worker.training import checkpoint  # noqa: E402
from worker.training.variables import variables_of  # noqa: E402


def _trained(units: int = 4, steps: int = 3):
    """A compiled model with dropout and metrics, after a few steps; the same on every call."""
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(units), keras.layers.Dropout(0.5), keras.layers.Dense(2)]
    )
    model.compile(keras.optimizers.Adam(), loss="mse", metrics=["mae"])
    x, y = np.ones((4, 3), np.float32), np.zeros((4, 2), np.float32)
    model._symbolic_build(data_batch=(x, y))
    for _ in range(steps):
        model.train_on_batch(x, y)
    return model


def _arrays(model):
    return checkpoint.take_snapshot(model, {}).arrays


def _written(folder, model):
    folder.mkdir()
    checkpoint.write(folder, checkpoint.take_snapshot(model, {"step": 3, "assets": "猫"}))
    return checkpoint.read_state(folder)


def test_every_variable_is_in_it_once_seeds_optimizer_and_metrics_included():
    found = variables_of(_trained())
    roles = [role for role, _ in found]
    assert roles == sorted(roles, key=["model", "optimizer", "metric", "global"].index)
    assert len({id(variable) for _, variable in found}) == len(found)
    assert any("seed" in variable.name for role, variable in found if role == "model")
    assert any(variable.name == "iteration" for role, variable in found if role == "optimizer")
    assert sum(role == "metric" for role in roles) >= 2


def test_what_is_written_comes_back_to_the_bit(tmp_path):
    model = _trained()
    expected = _arrays(model)
    state = _written(tmp_path / "00000003", model)
    other = _trained(steps=0)
    checkpoint.restore(other, tmp_path / "00000003", state)
    assert state["assets"] == "猫"
    for a, b in zip(expected, _arrays(other), strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()


def test_weights_alone_leave_the_optimizer_as_it_was(tmp_path):
    state = _written(tmp_path / "00000003", _trained())
    other = _trained(steps=0)
    checkpoint.restore(other, tmp_path / "00000003", state, weights_only=True)
    assert int(other.optimizer.iterations) == 0
    for entry, a, b in zip(state["variables"], _arrays(_trained()), _arrays(other), strict=True):
        if entry["role"] == "model":
            np.testing.assert_array_equal(a, b)


def test_a_snapshot_does_not_change_with_the_model_afterwards():
    model = _trained()
    snapshot = checkpoint.take_snapshot(model, {"step": 3})
    before = [array.copy() for array in snapshot.arrays]
    model.train_on_batch(np.ones((4, 3), np.float32), np.ones((4, 2), np.float32))
    for a, b in zip(before, snapshot.arrays, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("units", [5, 4])
def test_a_model_of_another_shape_or_order_is_refused_before_anything_is_assigned(tmp_path, units):
    state = _written(tmp_path / "00000003", _trained())
    if units == 4:  # same model, but the file's entries have changed places
        state["variables"][0], state["variables"][1] = state["variables"][1], state["variables"][0]
    other = _trained(units, steps=0)
    before = _arrays(other)
    with pytest.raises(CheckpointCorrupt, match="variable 0"):
        checkpoint.restore(other, tmp_path / "00000003", state)
    for a, b in zip(before, _arrays(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_missing_variable_is_counted(tmp_path):
    state = _written(tmp_path / "00000003", _trained())
    del state["variables"][-1]
    with pytest.raises(CheckpointCorrupt, match="variables, the model"):
        checkpoint.restore(_trained(), tmp_path / "00000003", state)


def test_a_cut_tensor_file_and_an_unknown_format_are_corrupt(tmp_path):
    folder = tmp_path / "00000003"
    state = _written(folder, _trained())
    tensors = folder / checkpoint.TENSORS
    tensors.write_bytes(tensors.read_bytes()[:-10])
    with pytest.raises(CheckpointCorrupt):
        checkpoint.restore(_trained(), folder, state)
    document = json.loads((folder / checkpoint.STATE).read_text())
    (folder / checkpoint.STATE).write_text(json.dumps(document | {"format": 99}))
    with pytest.raises(CheckpointCorrupt, match="format 99"):
        checkpoint.read_state(folder)


def test_bfloat16_variables_survive(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16")])
    snapshot = checkpoint.take_snapshot(model, {"step": 0})
    assert {entry["dtype"] for entry in snapshot.entries} == {"bfloat16"}
    checkpoint.write(tmp_path, snapshot)
    model.layers[0].kernel.assign(keras.ops.zeros((3, 2)))
    checkpoint.restore(model, tmp_path, checkpoint.read_state(tmp_path))
    for a, b in zip(snapshot.arrays, checkpoint.take_snapshot(model, {}).arrays, strict=True):
        assert a.tobytes() == b.tobytes()


def test_random_generators_continue_where_the_snapshot_was_taken():
    random.seed(1)
    np.random.seed(2)
    np.random.normal()  # leaves a second Gaussian waiting
    snapshot = checkpoint.take_snapshot(_trained(steps=0), {"step": 0})
    expected = [random.random(), np.random.normal(), np.random.random()]
    random.seed(9)
    np.random.seed(9)
    checkpoint.set_rng(json.loads(json.dumps(snapshot.state["rng"])))
    assert [random.random(), np.random.normal(), np.random.random()] == expected
