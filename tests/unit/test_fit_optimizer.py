"""Schedules, penalties and class weights of worker/training/optimizer.py, against arithmetic done by hand."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

np = pytest.importorskip("numpy")
keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

from shared.recipes.base import TrainParams  # noqa: E402
from worker.families.classification import balanced_class_weights  # noqa: E402
from worker.training.compiling import compile_model  # noqa: E402
from worker.training.optimizer import LossScale, learning_rate, make_optimizer  # noqa: E402


def _params(**values):
    return TrainParams.model_validate(values)


def test_cosine_rises_over_the_warm_up_and_ends_at_the_final_rate():
    rate = learning_rate(_params(learning_rate=1e-3, final_learning_rate=1e-4, warmup_steps=100), 2000)
    assert rate.at(0) == pytest.approx(1e-3 / 101)
    assert rate.at(100) == pytest.approx(1e-3)
    assert rate.at(1050) == pytest.approx((1e-3 + 1e-4) / 2)
    assert rate.at(2000) == pytest.approx(1e-4)
    assert rate.at(9999) == pytest.approx(1e-4)


@pytest.mark.parametrize("kind", ["constant", "cosine"])
def test_the_rate_in_the_graph_is_the_rate_on_the_host(kind):
    rate = learning_rate(_params(schedule=kind, warmup_steps=30), 1000)
    for step in (0, 1, 29, 30, 31, 500, 999, 1000):
        assert float(rate(step)) == pytest.approx(rate.at(step), rel=1e-5)


def test_warm_up_never_takes_more_than_a_tenth_of_the_run():
    assert learning_rate(_params(warmup_steps=1000), 50).warmup_steps == 5


def _step_with_zero_gradient(**values):
    matrix, vector = keras.Variable([[2.0, -4.0]], name="kernel"), keras.Variable([3.0], name="bias")
    optimizer = make_optimizer(_params(schedule="constant", learning_rate=0.1, **values), 10, [matrix, vector])
    optimizer.apply([keras.ops.zeros((1, 2)), keras.ops.zeros((1,))], [matrix, vector])
    return matrix.value.numpy(), vector.value.numpy()


def test_adamw_shrinks_matrices_apart_from_the_gradient_and_leaves_biases():
    matrix, vector = _step_with_zero_gradient(optimizer="adamw", weight_decay=0.5)
    np.testing.assert_allclose(matrix, [[2.0 * 0.95, -4.0 * 0.95]], rtol=1e-6)
    np.testing.assert_allclose(vector, [3.0])


def test_sgd_adds_l2_to_the_gradient_of_matrices_only():
    matrix, vector = _step_with_zero_gradient(optimizer="sgd", weight_decay=0.5)
    gradient = 0.5 * np.array([[2.0, -4.0]])
    expected = np.array([[2.0, -4.0]]) - 0.1 * 1.9 * gradient  # the first step of Nesterov with momentum .9
    np.testing.assert_allclose(matrix, expected, rtol=1e-6)
    np.testing.assert_allclose(vector, [3.0])


def test_l1_pulls_matrices_towards_zero_by_their_sign():
    matrix, vector = _step_with_zero_gradient(optimizer="adam", l1=0.01)
    assert matrix[0, 0] < 2.0 and matrix[0, 1] > -4.0
    np.testing.assert_allclose(vector, [3.0])


def test_clip_norm_limits_the_global_norm_of_the_gradient():
    variable = keras.Variable([[0.0, 0.0]], name="kernel")
    params = _params(optimizer="sgd", schedule="constant", learning_rate=1.0, clip_norm=1.0)
    make_optimizer(params, 10, [variable]).apply([keras.ops.array([[30.0, 40.0]])], [variable])
    moved = math.hypot(*variable.value.numpy()[0])
    assert moved == pytest.approx(1.9, rel=1e-4)  # Nesterov's first step is 1 + .9 gradients


def test_balanced_weights_give_each_class_the_same_sum():
    weights = balanced_class_weights([10, 90])
    assert weights[0] * 10 == pytest.approx(weights[1] * 90)
    assert weights[0] * 10 + weights[1] * 90 == pytest.approx(100)


def test_in_float16_a_step_is_left_out_where_any_row_of_an_embeddings_gradient_is_infinite():
    table = keras.Variable(np.ones((4, 2), np.float32), name="embeddings")
    optimizer = LossScale(make_optimizer(_params(optimizer="sgd", learning_rate=0.1), 10, [table]))
    rows = tf.constant([[np.inf, 1.0], [1.0, 1.0]])  # two of one number: the last is finite
    optimizer.apply([tf.IndexedSlices(rows, tf.constant([2, 2]), tf.constant([4, 2]))], [table])
    np.testing.assert_array_equal(table.value.numpy(), np.ones((4, 2)))
    assert float(optimizer.dynamic_scale.value) == optimizer.initial_scale / 2


def test_a_model_of_float16_layers_gets_it_whatever_the_global_policy_is_when_it_is_compiled():
    layer = keras.layers.Dense(1, dtype="mixed_float16")
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = keras.Sequential([keras.Input((2,)), layer])
    finally:
        keras.config.set_dtype_policy("float32")
    code: Any = SimpleNamespace(compile_args=lambda params, assets: {"loss": "mse"})
    nothing: Any = None
    compile_model(code, model, _params(), nothing, 10, xla=False)
    assert isinstance(model.optimizer, LossScale)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_many_small_variables_learn_what_each_would_learn_alone(kind, jit, monkeypatch):
    import worker.training.together as together

    def learned(many):
        monkeypatch.setattr(together, "MANY", many)
        random = np.random.default_rng(0)
        shapes = [(2, 3), (5,), (4, 1)] * 4 + [(300, 300)]
        variables = [keras.Variable(random.normal(size=shape).astype("float32")) for shape in shapes]
        variables[1].step_share = 0.25
        params = _params(optimizer=kind, learning_rate=0.1, weight_decay=0.1, l1=0.01, clip_norm=1.0)
        optimizer = make_optimizer(params, 20, variables)
        optimizer.build(variables)

        @tf.function(jit_compile=jit, autograph=False)
        def step(*gradients):
            optimizer.apply(gradients, variables)

        for _ in range(3):
            step(*(tf.constant(random.normal(size=shape).astype("float32")) for shape in shapes))
        made = step.get_concrete_function(*(tf.zeros(shape) for shape in shapes))
        return [variable.numpy() for variable in (*variables, *optimizer.variables)], len(made.graph.get_operations())

    alone, operations = learned(1000)
    at_once, fewer = learned(2)
    for expected, found in zip(alone, at_once, strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)
    assert (fewer < operations) == (kind != "sgd")


@pytest.mark.parametrize("xla", [False, True])
def test_under_xla_each_variable_is_updated_alone(xla):
    """In a loop of steps XLA takes the length of the one vector for dynamic and parts it no more."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    code: Any = SimpleNamespace(compile_args=lambda params, assets: {"loss": "mse"})
    assets: Any = None
    compile_model(code, model, _params(), assets, 10, xla=xla)
    optimizer: Any = model.optimizer
    assert optimizer.together is not xla
