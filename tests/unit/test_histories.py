"""Batches of histories, states of their places, and what columns tell of items."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from shared.errors import DatasetInvalid, InvalidParams
from shared.recipes.base import validate_params
from shared.recipes.recommender_content import ContentTrain, check
from shared.recipes.recommender_sequence import SequenceTrain
from shared.recipes.recommender_sequence import check as sequence_check
from tests.support.tiny_datasets import imported
from worker.context import Context
from worker.families.evaluation.ranking import taken_of
from worker.families.recommending.catalogue import Catalogue, Side, read_catalogue
from worker.families.recommending.features import Cells, features_of
from worker.families.recommending.histories import HistoryData, learnt_histories, padded, wanted_of_each
from worker.families.recommending.history_network import Histories, HistoryLoss, ItemTower
from worker.families.recommending.history_vectors import Told
from worker.families.recommending.interactions import Interactions
from worker.families.recommending.splitting import NEW, TEST, TRAIN, new_items
from worker.recipe import Assets

ITEMS = 9


def _params(**chosen: Any) -> Any:
    return validate_params(ContentTrain, {"user": "user", "item": "item", "time": "when", "batch_size": 2, **chosen})


def _found(histories: list[list[int]]) -> Interactions:
    users = np.repeat(np.arange(len(histories)), [len(one) for one in histories]).astype(np.int32)
    items = np.concatenate(histories).astype(np.int32)
    count = np.arange(len(users))
    names = [f"u{n}" for n in range(len(histories))], [f"i{n}" for n in range(ITEMS)]
    return Interactions(users, items, np.ones(len(users), np.float32), count.astype(float), count, *names, {})


def _data(histories, parts=None, **chosen):
    found = _found(histories)
    parts = np.zeros(len(found), np.int8) if parts is None else np.array(parts, np.int8)
    return HistoryData(found, Catalogue(found.item_ids, found.item_ids), parts, _params(**chosen), 3)


def test_every_item_but_the_first_is_wanted_once_an_epoch_after_those_before_it():
    histories = [[0, 1, 2, 3, 4, 5, 6], [7], [8, 2], [3, 1, 5]]
    data = _data(histories, length=3, batch_size=1)
    seen: list[tuple[int, ...]] = []
    for rows, zeros in data.train(0).take(data.steps_per_epoch):
        window = rows.numpy()[:, :4]
        assert rows.shape == (1, 7) and zeros.shape == (1, 1) and (rows.numpy()[:, 4:] >= 0).all()
        for row in window.tolist():
            kept = [item for item in row if item >= 0]
            assert row == kept + [-1] * (4 - len(kept))
            seen += [tuple(kept[: place + 1]) for place in range(1, len(kept))]
    assert sorted(one[-1] for one in seen) == sorted(item for one in histories for item in one[1:])
    assert {(0, 1), (0, 1, 2), (0, 1, 2, 3), (3, 4), (3, 4, 5), (3, 4, 5, 6), (8, 2), (3, 1), (3, 1, 5)} == set(seen)


def test_nothing_but_the_training_part_is_in_a_history_and_batches_are_by_step():
    data = _data([[0, 1, 2, 3], [4, 5, 6, 7]], [TRAIN, TRAIN, NEW, TEST, TRAIN, TRAIN, TRAIN, TEST], length=2)
    rows = np.concatenate([rows.numpy()[:, :3] for rows, _ in data.train(0).take(data.steps_per_epoch)])
    assert set(rows.ravel().tolist()) <= {-1, 0, 1, 4, 5, 6}
    learnt = learnt_histories(data.assets)
    assert [learnt.of(person).tolist() for person in (0, 1)] == [[0, 1], [4, 5, 6]]
    assert data.split == {"train": 5, "val": 0, "test": 2, "new": 1}
    assert wanted_of_each(data.assets, 2) == 1.5
    (_, (first, _)), (again, _) = list(data.train(2).take(2)), next(iter(data.train(3)))
    np.testing.assert_array_equal(first, again)


def test_new_items_are_a_share_of_the_items_by_the_seed():
    found = _found([[0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 8]])
    new = new_items(found, 1 / 3, 0)
    assert len(np.unique(found.items[new])) == 3 and not set(found.items[new]) & set(found.items[~new])
    assert (new == new_items(found, 1 / 3, 0)).all() and not new_items(found, 0.0, 0).any()


def test_the_last_so_many_items_of_a_history_tell_of_a_person():
    rows, counts = padded([np.array([1, 2, 3, 4]), np.array([5]), np.array([], int)], 3)
    assert rows.tolist() == [[2, 3, 4], [5, -1, -1], [-1, -1, -1]] and counts.tolist() == [3, 1, 0]


def _network(blocks=0, own=True, features=None, touched=None, length=4):
    tower = ItemTower(6, own=own, touched=np.ones(ITEMS, bool) if touched is None else touched, features=features)
    expected = np.full(ITEMS, 2.0, np.float32)
    return Histories(tower, length, blocks=blocks, heads=2, dropout=0.0, expected=expected)


@pytest.mark.parametrize("blocks", [0, 2])
def test_a_state_hangs_on_nothing_that_comes_later(blocks):
    model, rng = _network(blocks), np.random.default_rng(0)
    items = rng.normal(size=(1, 4, 6)).astype(np.float32)
    other = items.copy()
    other[0, 2:] = rng.normal(size=(2, 6))
    one, two = (np.asarray(model.states(tf.constant(x))) for x in (items, other))
    np.testing.assert_allclose(one[0, :2], two[0, :2], atol=1e-6)
    assert np.abs(one[0, 2:] - two[0, 2:]).max() > 1e-4


def test_the_loss_is_that_of_a_softmax_over_others_worked_out_by_hand():
    model = _network()
    rows = np.array([[0, 1, 2, -1, -1, 5, 6], [3, 4, -1, -1, -1, 0, 7]], np.int32)
    told = np.asarray(model(tf.constant(rows)))
    losses = np.asarray(HistoryLoss().call(np.zeros((8, 1), np.float32), tf.constant(told)))
    every = np.asarray(model.tower(tf.range(ITEMS)))
    wanted = [(0, 0, [0], 1), (0, 1, [0, 1], 2), (1, 0, [3], 4)]
    others = [[4, 5, 6, 0, 7], [4, 5, 6, 0, 7], [1, 2, 5, 6, 0, 7]]
    for (row, place, _, item), against in zip(wanted, others, strict=True):
        window = np.maximum(rows[row, :4], 0)
        state = np.asarray(model.states(tf.constant(every[window][None, :, :6])))[0, place]
        scores = every[:, :6] @ state + every[:, 6] - np.log(2.0)
        expected = np.log(np.exp(scores[[item, *against]]).sum()) - scores[item]
        assert losses[row * 4 + place] == pytest.approx(expected * 8 / 3, rel=1e-4)
    assert np.count_nonzero(losses) == 3


def test_people_are_told_by_their_histories_however_they_are_asked_for():
    model = _network(1)
    items = np.asarray(model.tower(tf.range(ITEMS)))[:, :6]
    taken = taken_of(np.array([0, 0, 0, 0, 0, 1]), np.array([1, 2, 3, 4, 5, 6]), 3)
    told = Told(model, items, taken)
    assert len(told) == 3 and told[:].shape == (3, 6) and not told[2].any()
    np.testing.assert_allclose(told[np.array([1, 0, 1])], told[:][[1, 0, 1]], atol=1e-6)
    np.testing.assert_allclose(told[0], np.asarray(model.states(tf.constant(items[None, 2:6])))[0, 3], atol=1e-5)


FILMS = """item,title,genres,year,note
1,The quiet sea,drama|war,1990,x
2,A quiet war,drama,2000,
3,Loud sea,farce,,y
9,The 東京 sea,drama,2010,z
9,The 東京 sea,drama,2010,z
"""


def _read(tmp_path, text=FILMS, **chosen):
    opened = imported(tmp_path, [("items.csv", text.encode())], "table")["data"]
    params = _params(
        item_title="title", item_tags=["genres"], item_texts=["title"], **({"item_numbers": ["year"]} | chosen)
    )
    side = Side.items(params, opened.dataset.report, learnt_from=True)
    return read_catalogue(opened, side, ["3", "1", "7", "2"], Context())


def test_items_that_nobody_took_have_features_and_titles_like_all_others(tmp_path):
    made, notes = _read(tmp_path)
    assert made.ids == ["3", "1", "7", "2", "9"] and made.titles[4] == "The 東京 sea"
    assert any(
        "1 items of the table of items have no interaction that counts: they may be recommended" in n for n in notes
    )
    features = made.features
    assert features is not None and features.parts.shape[0] == 5
    both = [set(row[row > 0].tolist()) for row in features.parts]
    assert not both[2]  # it is not in the table
    assert len(both[1] & both[3]) == 2 and len(both[0] & both[3]) == 0  # quiet and drama; nothing
    np.testing.assert_allclose(
        features.numbers[:, 0], np.array([0, -10, 0, 0, 10]) / np.std([1990, 2000, 2010]), atol=1e-6
    )
    assert features.numbers[:, 1].tolist() == [0, 1, 0, 1, 1]
    again = Catalogue.of(Assets(made.json(), made.arrays())).features
    assert again is not None and (again.parts == features.parts).all() and again.kinds == features.kinds


def test_cells_that_are_no_numbers_are_named_by_row(tmp_path):
    with pytest.raises(DatasetInvalid, match="note") as caught:
        _read(tmp_path, item_numbers=["note"])
    assert [problem.line for problem in caught.value.problems][:2] == [1, 3]


def test_weights_tell_rare_words_from_common_ones():
    texts = {"title": ["the sea", "the sea", "the war", "the war", "the the night"]}
    features, _, notes = features_of(Cells(texts), [], 5, lambda: None)
    weights = dict(zip(features.parts[0].tolist(), features.weights[0].tolist(), strict=True))
    assert len(weights) == 2 and weights[1] < weights[2]  # "the" comes first: it is the commonest
    assert np.square(features.weights[0]).sum() == pytest.approx(1.0)
    assert features.kinds == 3 and not notes


@pytest.mark.parametrize("odd", [1e9, -1e308, np.finfo(np.float64).max])
def test_a_number_that_is_mistyped_drowns_nothing_and_stays_finite(odd):
    cells = Cells({}, {"price": np.array([1.0, 2.0, np.nan, np.inf] + [3.0] * 300 + [odd])})
    features, coding, _ = features_of(cells, [], 305, lambda: None)
    assert np.isfinite(features.numbers).all() and np.abs(features.numbers).max() <= 10
    assert features.numbers[2:4].tolist() == [[0, 0], [0, 0]]
    far, _ = coding.features([[]], [np.array([1e308])])
    assert far.numbers.tolist() == [[10, 1]]


def test_an_item_that_nobody_took_is_told_by_its_columns_alone():
    features, _, _ = features_of(
        Cells({"title": ["sea", "sea", "war", "war", "sea", "", "", "", ""]}), [], ITEMS, lambda: None
    )
    touched = np.ones(ITEMS, bool)
    touched[4] = False
    model = _network(features=features, touched=touched)
    tower: Any = model.tower
    tower.own.embeddings.assign(np.random.default_rng(0).normal(size=(ITEMS, 6)))
    before = np.asarray(tower(tf.range(ITEMS)))
    tower.own.embeddings.assign(np.zeros((ITEMS, 6)))
    after = np.asarray(tower(tf.range(ITEMS)))
    np.testing.assert_array_equal(before[4], after[4])
    np.testing.assert_allclose(after[0], after[4], atol=1e-6)
    assert np.abs(before[0] - after[0]).max() > 0.1


def test_what_learns_from_the_order_needs_times_and_heads_that_divide_the_width():
    nothing = {"data": SimpleNamespace(report=SimpleNamespace(column=lambda name: None, columns=[]))}
    params = validate_params(SequenceTrain, {"user": "user", "item": "item"})
    assert [problem.field for problem in sequence_check(params, nothing)] == ["params.time"]
    split = params.model_copy(update={"split": "last"})
    assert [problem.field for problem in sequence_check(split, nothing)] == ["params.time"]
    with pytest.raises(InvalidParams, match="width 10 cannot be parted into 4 heads"):
        validate_params(SequenceTrain, {"width": 10, "heads": 4})


def test_a_training_without_a_column_that_tells_of_items_is_refused():
    problems = check(_params(), {"data": SimpleNamespace(report=SimpleNamespace(column=lambda name: None, columns=[]))})
    assert [problem.field for problem in problems] == ["params.item_texts"]
