"""No variable that a training depends on is left out of its checkpoints, wherever the model holds it."""

from dataclasses import dataclass, field
from typing import Any

import pytest

np = pytest.importorskip("numpy")
keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

from shared.errors import RecipeFailed  # noqa: E402
from tests.support.recipes import specs, tiny_gan  # noqa: E402
from worker.recipe import Assets  # noqa: E402
from worker.training import checkpoint  # noqa: E402
from worker.training.evaluation import refuse_unkept  # noqa: E402
from worker.training.steps import StepRunner  # noqa: E402
from worker.training.variables import fixed_variables, optimizers_of, variables_of  # noqa: E402


@dataclass
class Held:
    """A plain object of a recipe's own that holds an optimizer."""

    optimizer: Any = None
    more: dict[str, Any] = field(default_factory=dict)


class Inner(keras.layers.Layer):
    """A sublayer that holds one in a list in a dict."""

    def __init__(self, optimizer):
        super().__init__()
        self.tools = {"first": [optimizer]}


def _optimizer(name, variables):
    optimizer = keras.optimizers.SGD(momentum=0.9, name=name)
    optimizer.build(variables)
    return optimizer


def _model(**attributes):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    names = attributes.pop("names", ())
    found = {name: _optimizer(name, model.trainable_variables) for name in names}
    return model, found


def test_an_optimizer_is_found_in_every_place_a_model_can_hold_one():
    model, made = _model(names=("plain", "listed", "nested", "tupled", "inner", "held", "deep"))
    model.plain = made["plain"]
    model.several = [made["listed"], {"of": {"a": (made["nested"],)}}]
    model.pair = (1, made["tupled"])
    model.part = [Inner(made["inner"])]
    model.thing = Held(made["held"], {"x": [Held(made["deep"])]})
    model.compile(keras.optimizers.Adam(name="own"), loss="mse")
    model.optimizer.build(model.trainable_variables)
    names = [optimizer.name for optimizer in optimizers_of(model)]
    assert names[0] == "own"
    assert sorted(names[1:]) == sorted(made)
    assert names == [optimizer.name for optimizer in optimizers_of(model)], "the order is fixed"
    roles = [role for role, _ in variables_of(model)]
    assert roles.count("optimizer") == len(model.optimizer.variables) + 7 * len(made["plain"].variables)


def test_an_optimizer_that_wraps_another_is_counted_once():
    model, made = _model(names=("inside",))
    model.inside = made["inside"]
    wrapper = keras.optimizers.LossScaleOptimizer(made["inside"])
    wrapper.build(model.trainable_variables)
    model.compile(wrapper, loss="mse")
    assert [type(optimizer).__name__ for optimizer in optimizers_of(model)] == ["LossScaleOptimizer"]
    held = [variable for role, variable in variables_of(model) if role == "optimizer"]
    assert len({id(variable) for variable in held}) == len(held) == len(wrapper.variables)


def test_an_optimizer_without_variables_is_named():
    model, _ = _model()
    model.other = keras.optimizers.SGD(name="forgotten")
    model.compile(loss="mse")
    model.optimizer.build(model.trainable_variables)
    with pytest.raises(RecipeFailed, match="forgotten"):
        variables_of(model)


def test_what_both_optimizers_of_a_gan_have_learnt_comes_back(tmp_path):
    def made(steps):
        keras.backend.clear_session(free_memory=False)
        keras.utils.set_random_seed(0)
        model = tiny_gan.build(None, Assets(), {})
        tiny_gan.compile(model, specs.TinyGanTrain.model_validate({}), Assets(), 10, False)
        points = tf.ones((4, 2))
        model._symbolic_build(data_batch=(points,))
        for _ in range(steps):
            model.train_step((points,))
        return model

    model = made(3)
    expected = checkpoint.take_snapshot(model, {"step": 3})
    checkpoint.write(tmp_path, expected)
    other = made(0)
    checkpoint.restore(other, tmp_path, checkpoint.read_state(tmp_path))
    assert int(other.optimizers["judge"].iterations) == int(other.optimizers["maker"][0].iterations) == 3
    for a, b in zip(expected.arrays, checkpoint.take_snapshot(other, {}).arrays, strict=True):
        assert a.tobytes() == b.tobytes()


class Forgetful(keras.Model):
    """Its step counts in a variable that nothing of Keras knows."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.dense.build((None, 1))
        self.built = True
        self._hidden = (lambda variable: lambda: variable)(tf.Variable(0.0, name="hidden_count"))

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        self._hidden().assign_add(1.0)
        return {"loss": tf.reduce_sum(self(data[0]))}


def test_a_step_that_uses_a_variable_no_checkpoint_holds_is_refused():
    model = Forgetful()
    model.compile(optimizer=None)
    model._symbolic_build(data_batch=(tf.TensorSpec((2, 1)),))
    runner = StepRunner(model, None)
    runner.run(runner.iterator(tf.data.Dataset.from_tensors((tf.ones((2, 1)),)).repeat()), 2)
    with pytest.raises(RecipeFailed, match="hidden_count"):
        refuse_unkept(model, runner, [variable for _, variable in variables_of(model)])


def test_fixed_variables_are_left_out_and_put_back_by_nobody_else(tmp_path):
    def made(value):
        model = keras.Sequential(
            [keras.Input((1,)), keras.layers.Embedding(4, 2, trainable=False), keras.layers.Dense(1)]
        )
        model.layers[0].embeddings.assign(np.full((4, 2), value, np.float32))
        return model, [model.layers[0].embeddings]

    model, fixed = made(1.0)
    snapshot = checkpoint.take_snapshot(model, {"step": 0}, fixed)
    assert [entry["name"] for entry in snapshot.entries] == ["kernel", "bias"]
    checkpoint.write(tmp_path, snapshot)
    other, also = made(2.0)
    checkpoint.restore(other, tmp_path, checkpoint.read_state(tmp_path), fixed=also, weights_only=True)
    np.testing.assert_array_equal(other.layers[1].kernel, model.layers[1].kernel)
    assert (np.asarray(other.layers[0].embeddings) == 2.0).all()


def test_a_fixed_variable_that_could_learn_is_refused():
    class Code:
        @staticmethod
        def fixed(model):
            return model.trainable_variables

    model, _ = _model()
    with pytest.raises(RecipeFailed, match="trainable"):
        fixed_variables(Code, model)  # type: ignore[arg-type]
