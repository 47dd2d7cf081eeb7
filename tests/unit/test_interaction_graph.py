"""The graph of who took what, beside the same sums done densely."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from worker.families.evaluation.ranking import taken_of
from worker.families.recommending.graph import Graph, edges_of, graph_vectors
from worker.recipe import Assets

USERS, ITEMS = 5, 7


def _graph(depth=3, kind="softmax", **more):
    rng = np.random.default_rng(1)
    pairs = np.unique(rng.integers(0, (USERS - 1) * (ITEMS - 1), 14))  # the last person and item have nobody
    people, taken = pairs // (ITEMS - 1), pairs % (ITEMS - 1)
    dense = np.zeros((USERS, ITEMS))
    dense[people, taken] = 1
    shares = dense / np.sqrt(np.maximum(dense.sum(1, keepdims=True), 1) * np.maximum(dense.sum(0, keepdims=True), 1))
    expected = np.ones(ITEMS, np.float32)
    more = {"regularisation": 0.0, "expected": expected} | more
    return Graph(USERS, ITEMS, 4, kind, depth=depth, edges=(people, taken), **more), shares


def _densely(model, shares):
    user, item = (
        tf.cast(tf.convert_to_tensor(model.user), tf.float64),
        tf.cast(tf.convert_to_tensor(model.item), tf.float64),
    )
    users, items = [user], [item]
    for _ in range(model.depth):
        user, item = tf.matmul(shares, item), tf.matmul(shares, user, transpose_a=True)
        users.append(user)
        items.append(item)
    return sum(users) / len(users), sum(items) / len(items)


@pytest.mark.parametrize("depth", [1, 3])
def test_vectors_are_the_mean_of_all_layers_and_learn_by_the_gradient_of_that(depth):
    model, shares = _graph(depth)
    with tf.GradientTape(persistent=True) as tape:
        made, wanted = model.smoothed(), _densely(model, shares)
        losses = [tf.reduce_sum(tf.sin(3 * users)) + tf.reduce_sum(items**2) for users, items in (made, wanted)]
    for one, other in zip(made, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    for weights in (model.user, model.item):
        one, other = (tape.gradient(loss, weights.value) for loss in losses)
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_same_batch_gives_the_same_bits_every_time():
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(0, 500 * 400, 20_000))  # enough for several threads
    model = Graph(
        500, 400, 32, "softmax", depth=2, edges=(pairs // 400, pairs % 400), regularisation=0.1,
        expected=np.ones(400, np.float32),
    )  # fmt: skip
    rows = tf.constant(rng.integers(0, 400, (64, 4)), tf.int32)

    @tf.function(autograph=False)
    def gradients():
        with tf.GradientTape() as tape:
            told = tf.reduce_sum(tf.tanh(model(rows)))
        parts: Any = tape.gradient(told, [model.user.value, model.item.value])
        return parts

    first = [part.numpy().tobytes() for part in gradients()]
    assert all([part.numpy().tobytes() for part in gradients()] == first for _ in range(20))


@pytest.mark.parametrize("kind", ["softmax", "bpr"])
def test_scores_of_a_batch_are_products_of_what_is_served(kind):
    model, _ = _graph(kind=kind, regularisation=0.5)
    rows = np.array([[0, 1, 2, 3], [2, 4, 4, 0]], np.int32)
    told = np.asarray(model(tf.constant(rows)))
    users, items = (np.asarray(part) for part in model.smoothed())
    np.testing.assert_allclose(told[:, 0], np.einsum("bw,bw->b", users[rows[:, 0]], items[rows[:, 1]]), rtol=1e-5)
    first = np.square(model.user.numpy()[rows[:, 0]]).sum(1) + np.square(model.item.numpy()[rows[:, 1]]).sum(1)
    np.testing.assert_allclose(told[:, -1], 0.5 * first, rtol=1e-5)
    others = rows[:, 2:] if kind == "bpr" else np.tile([1, 4, 2, 3, 4, 0], (2, 1))
    wanted = np.einsum("bw,bow->bo", users[rows[:, 0]], items[others])
    np.testing.assert_allclose(told[:, 1:-1], np.where(others == rows[:, 1:2], -1e9, wanted), rtol=1e-5)


def test_the_graph_is_made_of_the_training_part_alone():
    users, items = np.array([0, 0, 1, 2, 2, 2]), np.array([1, 0, 1, 0, 2, 1])
    taken = taken_of(users, items, 3)
    learnt = np.array([True, False, True, True, True, False])
    arrays = {"taken_items": taken.items, "taken_starts": taken.starts, "learnt": learnt, "people": np.array([1, 1, 2])}
    people, of = edges_of(Assets({}, arrays))
    assert list(zip(people.tolist(), of.tolist(), strict=True)) == [(0, 1), (1, 1), (2, 0), (2, 2)]


def test_who_has_nothing_in_the_training_part_has_no_vector():
    model, _ = _graph()
    assets = Assets({}, {"people": np.array([3, 2, 4, 1, 0]), "popularity": np.ones(ITEMS)})
    vectors = graph_vectors(model, assets)
    assert not vectors.users[4].any() and vectors.users[0].any()
    np.testing.assert_allclose(vectors.items, np.asarray(model.smoothed()[1]), rtol=1e-6)


@pytest.mark.parametrize("depth", [1, 3])
def test_a_newcomer_is_a_person_of_the_graph_without_a_vector_of_their_own(depth):
    model, shares = _graph(depth)
    model.user.assign(np.zeros((USERS, 4)))
    taken = shares > 0
    vectors = graph_vectors(model, Assets({}, {"people": taken.sum(1), "popularity": taken.sum(0)}))
    for person in range(USERS - 1):
        made, bias = vectors.newcomer(np.flatnonzero(taken[person]).tolist(), None, 1.0)
        np.testing.assert_allclose(made, vectors.users[person], atol=1e-6)
        assert bias == 0
        module = vectors.newcomer_module()
        np.testing.assert_allclose(module(tf.constant(np.flatnonzero(taken[person]))), made, atol=1e-6)
