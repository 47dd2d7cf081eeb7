"""Interactions read, cleaned and split; the best of many items; figures of rankings by hand. No TensorFlow here."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from shared.datasets.report import ColumnReport, DatasetReport
from shared.errors import DatasetInvalid
from shared.recipes.base import validate_params
from shared.recipes.recommender_mf import FactorsTrain
from shared.recipes.recommending import check, epoch_of
from tests.support.tiny_datasets import imported
from web.columns import check_columns
from worker.context import Context
from worker.families.evaluation.groups import by_owner, number_group_figures
from worker.families.evaluation.ranking import KS, best_of, beyond_accuracy, ranked, ranking_scores, taken_of
from worker.families.recommending.als import als_ranking, als_ratings
from worker.families.recommending.best_items import BestItems
from worker.families.recommending.catalogue import Catalogue, Side, read_catalogue
from worker.families.recommending.choosing import diverse, reasons
from worker.families.recommending.cleaning import clean
from worker.families.recommending.interactions import Interactions, read_interactions
from worker.families.recommending.item_vectors import picture_places
from worker.families.recommending.names import as_id, packed, unpacked
from worker.families.recommending.neighbours import item_neighbours, neighbour_ratings
from worker.families.recommending.people import read_people
from worker.families.recommending.splitting import TEST, TRAIN, VAL, fold_parts, split_interactions
from worker.families.recommending.vectors import Vectors

COLUMNS = {"user": "user", "item": "item", "value": "stars", "time": "when"}


def _params(**more):
    return validate_params(FactorsTrain, {**COLUMNS, **more})


def _read(place, text, **more):
    params = _params(**more)
    return read_interactions(imported(place, [("bought.csv", text.encode())], "table")["data"], params, Context())


def _made(users, items, values=None, times=None):
    count = len(users)
    return Interactions(
        np.array(users, np.int32),
        np.array(items, np.int32),
        np.array(values if values is not None else [1] * count, np.float32),
        np.array(times if times is not None else range(count), np.float64),
        np.arange(1, count + 1),
        [f"u{n}" for n in range(max(users) + 1)],
        [f"i{n}" for n in range(max(items) + 1)],
        {},
    )


@pytest.mark.parametrize(
    ("cell", "name"),
    [(12.0, "12"), ("12.0", "12"), ("12.00", "12"), ("012", "012"), (12.5, "12.5"), (" a ", "a"), (True, "true"),
     (9007199254740991.0, "9007199254740991"), (-3.0, "-3"), ("1.0.0", "1.0.0")],
)  # fmt: skip
def test_ids_are_the_same_however_a_spreadsheet_writes_them(cell, name):
    assert as_id(cell) == name


def test_names_are_kept_as_arrays():
    names = ["", "a", "床前", "x" * 300]
    assert unpacked(packed(names, "n"), "n") == names
    assert unpacked(packed([], "n"), "n") == []


def test_a_table_is_read_with_ids_as_floats_and_rows_that_lack_something_are_counted(tmp_path):
    rows = [
        "1.0,a,3,2020-01-01",
        "1,b,4,2020-01-02",
        ",a,5,2020-01-03",
        "2,,5,2020-01-03",
        "2,b,,2020-01-03",
        "x,b,1,2020-01-04",
    ]
    text = "\n".join(["user,item,stars,when", *rows])
    found = _read(tmp_path, text)
    assert found.user_ids == ["1", "x"] or found.user_ids == ["1", "2", "x"]
    assert [found.user_ids[u] for u in found.users] == ["1", "1", "x"]
    assert [found.item_ids[i] for i in found.items] == ["a", "b", "b"]
    assert found.values.tolist() == [3, 4, 1] and found.rows.tolist() == [1, 2, 6]
    assert dict(found.left) == {"without 'user'": 1, "without 'item'": 1, "without 'stars'": 1}
    assert found.mended == 1
    assert np.diff(found.times).tolist() == [86_400, 172_800]


def test_times_in_seconds_and_milliseconds_are_refused_with_a_row_of_each_or_converted(tmp_path):
    lines = [f"u{n},i{n % 3},{n % 5},{1_600_000_000 + n}" for n in range(5)]
    lines.append("u9,i1,3,1600000009000")
    text = "user,item,stars,when\n" + "\n".join(lines)
    with pytest.raises(
        DatasetInvalid, match=r"seconds \(5 rows, such as 1600000000 in row 1\), milliseconds \(1 rows.*row 6\)"
    ):
        _read(tmp_path / "a", text)
    found = _read(tmp_path / "b", text, mixed_times="convert")
    assert found.times.tolist() == [1_600_000_000 + n for n in (0, 1, 2, 3, 4, 9)]
    assert [epoch_of(t) for t in (3, 1e9, 1e12, 1e15, 1e18)] == [
        "",
        "seconds",
        "milliseconds",
        "microseconds",
        "nanoseconds",
    ]


def test_repeated_pairs_count_once_as_the_rule_says():
    found = _made([0, 0, 0, 1], [0, 0, 1, 0], [1, 5, 2, 3], [10, 20, 5, 7])
    for rule, value, time in (("last", 5, 20), ("first", 1, 10), ("mean", 3, 20), ("sum", 6, 20)):
        cleaned, notes = clean(found, _params(repeated=rule), "ratings")
        pair = (cleaned.users == 0) & (cleaned.items == 0)
        assert cleaned.values[pair].tolist() == [value] and cleaned.times[pair].tolist() == [time]
        assert len(cleaned) == 3 and "1 rows repeat a person's item" in notes[0]


def test_few_and_many_are_left_out_until_all_that_is_left_has_enough():
    users = [0, 0, 0, 1, 1, 2, 3, 3, 3, 3]
    items = [0, 1, 2, 0, 1, 3, 0, 1, 2, 3]
    cleaned, notes = clean(_made(users, items), _params(least_per_user=2, least_per_item=2, most_per_user=3), "ratings")
    assert sorted(zip(cleaned.users.tolist(), cleaned.items.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert cleaned.user_ids == ["u0", "u1"] and cleaned.item_ids == ["i0", "i1"]
    assert "1 people with more than 3 items" in notes[0] and "1 people with fewer than 2 items and 2 items" in notes[1]
    with pytest.raises(DatasetInvalid, match="no interaction is left"):
        clean(_made(users, items), _params(least_per_user=50), "ratings")


def test_values_outside_the_scale_are_named_by_row_or_left_out():
    found = _made([0, 0, 1], [0, 1, 0], [3, 50, -1])
    with pytest.raises(
        DatasetInvalid, match=r"2 values of 'stars' are outside 0.5 to 5: 50 in row 2, -1 in row 3"
    ) as caught:
        clean(found, _params(scale=[0.5, 5]), "ratings")
    assert [problem.line for problem in caught.value.problems] == [2, 3]
    cleaned, notes = clean(found, _params(scale=[0.5, 5], outside_scale="leave_out"), "ratings")
    assert len(cleaned) == 1 and "2 rows of a value outside 0.5 to 5" in notes[0]
    assert len(clean(found, _params(least_value=3, goal="ranking"), "ranking")[0]) == 2


def _random(count=2_000, people=50, items=30):
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(0, people * items, count))
    found = _made(pairs // items, pairs % items, rng.integers(1, 6, len(pairs)), rng.integers(0, 500, len(pairs)))
    return clean(found, _params(), "ratings")[0]


@pytest.mark.parametrize("how", ["time", "last"])
def test_nobodys_future_is_learnt_from(how):
    found = _random()
    parts, _ = split_interactions(found, how, 0.1, 0.2, 0)
    assert set(parts.tolist()) == {TRAIN, VAL, TEST}
    for user in range(len(found.user_ids)):
        mine = found.users == user
        times, of = found.times[mine], parts[mine]
        for earlier, later in ((TRAIN, VAL), (VAL, TEST), (TRAIN, TEST)):
            if (of == earlier).any() and (of == later).any():
                assert times[of == earlier].max() <= times[of == later].min()
        if how == "last":
            assert (of == TEST).sum() == 1 and (of == VAL).sum() == 1


def test_a_person_with_one_item_is_learnt_from_and_said_so():
    parts, notes = split_interactions(_made([0, 1, 1, 2, 2, 2], [0, 0, 1, 0, 1, 2]), "last", 0.1, 0.2, 0)
    assert parts.tolist() == [TRAIN, TRAIN, TEST, TRAIN, VAL, TEST]
    assert notes == ["1 people with one item are learnt from, but cannot be measured on"]


def test_folds_measure_every_row_once_that_is_not_the_test_part():
    found = _random()
    parts, notes = split_interactions(found, "random", 0.1, 0.2, 3)
    assert "split by time or last" in notes[0]
    folds = fold_parts(parts, 4, 0.1, 3)
    measured = np.concatenate([np.flatnonzero(fold == TEST) for fold in folds])
    assert sorted(measured.tolist()) == np.flatnonzero(parts != TEST).tolist()
    assert all(((fold >= 0) == (parts != TEST)).all() and (fold == VAL).any() for fold in folds)


def test_figures_of_a_ranking_are_those_done_by_hand():
    top = np.full((2, 20), -1)
    top[0, :4] = [7, 3, 9, 1]
    top[1, :2] = [2, 4]
    relevant = taken_of(np.array([0, 0, 0, 2]), np.array([3, 1, 8, 5]), 3)
    found = ranking_scores(top, relevant, np.array([0, 2]))
    ideal = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert found["recall_10"].tolist() == pytest.approx([2 / 3, 0])
    assert found["precision_10"].tolist() == pytest.approx([0.2, 0])
    assert found["ndcg_10"].tolist() == pytest.approx([(1 / np.log2(3) + 1 / np.log2(5)) / ideal, 0])
    assert found["map_10"].tolist() == pytest.approx([(1 / 2 + 2 / 4) / 3, 0])
    assert found["mrr_10"].tolist() == pytest.approx([1 / 2, 0])
    assert set(found) == {f"{name}_{k}" for name in ("recall", "precision", "ndcg", "map", "mrr") for k in KS}


def test_the_best_are_the_first_of_equal_ones_and_what_a_person_has_is_not_said():
    scores = np.array([[1.0, 3, 3, 2, 3], [5, 4, -np.inf, -np.inf, -np.inf]])
    assert best_of(scores, 3).tolist() == [[1, 2, 4], [0, 1, -1]]
    known = taken_of(np.array([0, 0, 1]), np.array([1, 2, 0]), 2)
    top = ranked(lambda people: scores[people], np.array([0, 1]), known, lambda done: None)
    assert top[0, :4].tolist() == [4, 3, 0, -1] and top[1, :2].tolist() == [1, -1]


def test_coverage_novelty_and_popularity_are_those_done_by_hand():
    top = np.array([[0, 1], [0, 2]])
    popularity = np.array([4, 2, 1, 0, 0, 0, 0, 0, 0, 0])
    vectors = np.eye(10)
    found = beyond_accuracy(top, popularity, 4, vectors, np.array([0, 5]))
    assert found["coverage_10"] == 0.3
    assert found["novelty_10"] == pytest.approx((0 + 1 + 0 + 2) / 4)
    assert found["head_share_10"] == 0.5 and found["head_share_taken"] == 0.5
    assert found["diversity_10"] == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["alike", "skewed", "biased", "equal"])
def test_the_best_of_many_items_are_exactly_those_of_all_products(kind):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(40_000, 12)).astype(np.float32)
    bias = np.zeros(40_000, np.float32)
    if kind == "skewed":
        vectors *= rng.exponential(size=(40_000, 1)).astype(np.float32) * (0.7 ** np.arange(12)).astype(np.float32)
    elif kind == "biased":
        bias = rng.normal(0, 3, 40_000).astype(np.float32)
    elif kind == "equal":
        vectors[:] = np.float32(1.5)
    best = BestItems(vectors, bias)
    only = rng.random(40_000) < 0.01
    for _ in range(5):
        vector = rng.normal(size=12).astype(np.float32)
        whole = vectors.astype(np.float64) @ vector + bias
        without = np.argsort(-whole)[:7]
        for k, out, few in ((20, None, None), (20, without, None), (500, None, only), (20, without, only)):
            left = whole.copy()
            left[out if out is not None else []] = -np.inf
            if few is not None:
                left[~few] = -np.inf
            order = np.argsort(-left, kind="stable")[: min(k, int(np.isfinite(left).sum()))]
            places, scores = best.find(vector, k, out, few)
            assert len(places) == len(order)
            np.testing.assert_allclose(scores, left[order], rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(left[places], left[order], rtol=1e-4, atol=1e-4)
            if kind == "equal":
                assert places.tolist() == order.tolist()


def test_a_newcomer_with_the_list_of_a_known_person_is_recommended_what_that_person_would_be():
    rng = np.random.default_rng(0)
    items = rng.normal(size=(200, 6)).astype(np.float32)
    person = rng.normal(size=(1, 6)).astype(np.float32)
    vectors = Vectors(person, items, np.zeros(1, np.float32), np.zeros(200, np.float32), 3.0, 1.0, -99, 99)
    liked = np.argsort(-(items @ person[0]))[:20]
    made, _ = vectors.newcomer(liked.tolist(), None, 0.01)
    assert np.linalg.norm(made) == pytest.approx(np.linalg.norm(person), rel=1e-5)
    assert made @ person[0] / np.linalg.norm(person) ** 2 > 0.8
    values = vectors.values(np.zeros(20, int), liked)
    made, bias = vectors.newcomer(liked.tolist(), values.tolist(), 1e-6)
    np.testing.assert_allclose(made, person[0], rtol=0.02)
    assert abs(bias) < 0.1  # what the penalty leaves of it


def test_more_diverse_means_less_alike_and_the_best_is_always_first():
    vectors = np.array([[1, 0], [1, 0.01], [0.99, 0], [0, 1.0]])
    scores = np.array([4.0, 3.9, 3.8, 1.0])
    assert diverse(scores, vectors, 3, 0.0) == [0, 1, 2]
    assert diverse(scores, vectors, 2, 0.7) == [0, 3]
    assert diverse(scores, vectors, 9, 1.0)[0] == 0 and len(diverse(scores, vectors, 9, 1.0)) == 4


def test_reasons_name_what_was_liked_and_what_both_share():
    of_item = {"genre": (np.array([0, 1, 0, 2], np.int32), np.array([2, 3, 4]))}
    catalogue = Catalogue(["1", "2", "3"], ["One", "Two", "Three"], {"genre": ["Crime", "War", "Farce"]}, of_item)
    vectors = np.array([[1, 0.1], [1, 0], [0, 1.0]])
    assert catalogue.tags_of(0) == ["Crime", "War"] and catalogue.tags_of(2) == ["Farce"]
    assert catalogue.having("genre", [0]).tolist() == [True, True, False]
    found = reasons([1, 2], np.array([0]), vectors, catalogue)
    assert found == ["because you liked One, both Crime", ""]


def test_neighbours_and_als_find_two_tastes():
    rng = np.random.default_rng(0)
    taken = np.zeros((40, 20), np.float32)
    for person in range(40):
        taken[person, rng.permutation(10)[:5] + 10 * (person % 2)] = 1
    matrix = sparse.csr_matrix(taken)
    like = item_neighbours(matrix, lambda: None).toarray()
    assert like[:10, :10].sum() > 0 and like[:10, 10:].sum() == 0 and np.diag(like).sum() == 0
    users, items = als_ranking(matrix, 5.0, 0, lambda: None)
    scores = users @ items.T
    assert scores[::2, :10].mean() > 0.5 > scores[::2, 10:].mean() + 0.3
    left = np.where(
        taken > 0, np.where(np.arange(20) % 2, 1.0, -1.0) * np.where(np.arange(40) % 4 < 2, 1, -1)[:, None], 0
    )
    of_user, of_item = als_ratings(sparse.csr_matrix(left.astype(np.float32)), 0, lambda: None)
    assert np.sign((of_user @ of_item.T)[taken > 0]).tolist() == np.sign(left[taken > 0]).tolist()
    told = neighbour_ratings(
        sparse.csr_matrix(left.astype(np.float32)), np.array([0, 1]), np.array([0, 11]), lambda: None
    )
    assert np.isfinite(told).all()


def _report(**columns):
    found = [ColumnReport(name=name, **about) for name, about in columns.items()]
    return SimpleNamespace(report=DatasetReport(rows=10, columns=found))


def test_what_is_wrong_with_a_choice_of_columns_is_told_at_once():
    data = _report(
        user={"kind": "id"}, item={"kind": "category"}, stars={"kind": "number", "low": 0.5, "high": 50.0, "mean": 3.0},
        when={"kind": "number", "low": 1.6e9, "high": 1.6e12, "mean": 1e10},
    )  # fmt: skip
    params = _params(scale=[0.5, 5], split="last", folds=3, item_title="title")
    told = {problem.field: problem.message for problem in check(params, {"data": data})}
    assert set(told) == {"params.scale", "params.time", "params.split", "inputs.items"}
    assert "holds 50, outside 0.5 to 5" in told["params.scale"]
    assert "seconds, such as 1600000000" in told["params.time"]
    nothing = validate_params(FactorsTrain, {"goal": "ratings", "split": "time"})
    told = {problem.field for problem in check(nothing, {"data": data})}
    assert told == {"params.user", "params.item", "params.value", "params.time"}
    items = _report(key={"kind": "id"})
    assert check(_params(mixed_times="convert"), {"data": data, "items": items})[0].field == "params.item_key"


def test_items_are_called_by_their_titles_and_those_nobody_touched_are_counted(tmp_path):
    text = "item,title,genres\n1.0,One,Crime|War\n2,Two,\n9,Nobody's,War\n"
    opened = imported(tmp_path, [("items.csv", text.encode())], "table")["data"]
    params = _params(item_title="title", item_tags=["genres"])
    side = Side.items(params, opened.dataset.report)
    found, notes = read_catalogue(opened, side, ["2", "1", "7"], Context())
    assert found.titles == ["Two", "One", "7"]
    assert found.tags_of(1) == ["Crime", "War"] and found.tags_of(0) == []
    assert "1 items of the table of items have no interaction" in notes[0] and "1 items are not in" in notes[1]
    with pytest.raises(DatasetInvalid, match="no item of 'item', such as 'x', stands in column 'item'"):
        read_catalogue(opened, side, ["x", "y"], Context())


PEOPLE = "user,sex,age\n2.0,f,30\n1,m,41\n2,m,\n9,f,50\n"


def test_people_are_joined_by_ids_however_they_are_written_and_those_without_a_row_counted(tmp_path):
    opened = imported(tmp_path, [("people.csv", PEOPLE.encode())], "table")["data"]
    found, notes = read_people(opened, _params(groups="sex"), ["2", "1", "7"], Context())
    assert found is not None and found.catalogue.rows is not None
    assert found.catalogue.ids == ["2", "1", "7"] and found.catalogue.rows.tolist() == [2, 1, -1]
    assert notes == [
        "1 people of the table of people have no interaction that counts: nothing is measured on them",
        "1 people are not in the table of people: as a group they are called missing",
        "1 rows of the table of people have an id that stood there before: what is said last counts",
    ]
    assert "changes nothing" in read_people(opened, _params(), ["2"], Context())[1][-1]
    with pytest.raises(
        DatasetInvalid, match="no person of 'user', such as 'x', stands in column 'user' of the table of people"
    ):
        read_people(opened, _params(groups="sex"), ["x"], Context())


def test_what_is_wrong_with_columns_of_people_is_told_before_anything_is_queued():
    data = _report(user={"kind": "id"}, item={"kind": "category"})
    people = _report(who={"kind": "id"}, gender={"kind": "category"})
    (alone,) = check(_params(groups="gender", value="", time=""), {"data": data})
    assert (alone.field, alone.message) == (
        "inputs.people", "params.groups names a column of people, but no table of people is given",
    )  # fmt: skip
    (lacking,) = check(_params(groups="gender", value="", time=""), {"data": data, "people": people})
    assert (
        lacking.field == "params.user_key"
        and "has no column 'user'" in lacking.message
        and "who, gender" in lacking.message
    )
    assert not check(_params(groups="gender", user_key="who", value="", time=""), {"data": data, "people": people})
    people.name = "people.csv"
    held: Any = people
    (unknown,) = check_columns(FactorsTrain, {"groups": "gendr"}, {"people": held})
    assert unknown.field == "params.groups" and "did you mean 'gender'?" in unknown.message


def test_errors_of_one_person_count_as_one_in_their_group():
    truth, said = np.array([1.0, 2, 3, 4]), np.array([2.0, 2, 5, 4])
    people, (error, bias) = by_owner(number_group_figures(truth, said), np.array([7, 7, 3, 3]))
    assert people.tolist() == [3, 7] and error.values.tolist() == [1, 0.5] == bias.values.tolist()


def test_pictures_are_found_by_path_by_name_and_by_id_and_none_where_it_is_not_clear():
    names = ["a/17.jpg", "b/17.jpg", "c/film 3.png", "9.jpg"]
    files = ["a/17.jpg", "17.jpg", "film 3.png", "images\\film 3.png", "9", "17", "film 3.jpg", "5", ""]
    assert picture_places(files, names).tolist() == [0, -1, 2, 2, 3, -1, -1, -1, -1]
