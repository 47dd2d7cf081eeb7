"""What becomes of a table's cells, rows and answers before and after the network: no TensorFlow here."""

import re
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from shared.datasets.report import ColumnReport, DatasetReport
from shared.errors import RecipeFailed
from shared.recipes.base import validate_params
from shared.recipes.tabular import TabularTrain, check, target_problem, task_of
from worker.families.splitting import fold_rows, split_rows
from worker.families.tables.cells import as_dates
from worker.families.tables.features import Features, bin_edges, edge_table
from worker.families.tables.hashing import BUCKETS, hashed_tokens
from worker.families.tables.leaking import columns_giving_away
from worker.families.tables.typed import typed_rows


def _features():
    found = Features.of({"age": "number", "job": "category", "since": "date", "note": "text", "is": "boolean"})
    return Features.from_json({**found.to_json(), "known": {"job": ["baker", "3"], "is": ["false", "true"]}})


def test_a_row_is_encoded_by_the_kinds_of_its_columns():
    arrays, wrong = _features().encode(
        {
            "age": pa.array([39.0, None, float("inf")]),
            "job": pa.array(["baker", None, "smith"]),
            "since": pa.array([datetime(2020, 2, 29, 13), None, None], pa.timestamp("us")),
            "note": pa.array(["Tea and cake", None, "茶好"]),
            "is": pa.array([True, False, None]),
        }
    )
    assert not wrong
    assert arrays["numbers"].shape == (3, 6)
    assert (
        arrays["numbers"][0, 0] == 39 and np.isnan(arrays["numbers"][1]).all() and np.isposinf(arrays["numbers"][2, 0])
    )
    assert arrays["numbers"][0, 1:].tolist() == pytest.approx([2020 + 60 / 366, 2, 5, 29, 13])
    assert arrays["categories"].tolist() == [[2, 3], [0, 2], [1, 0]]
    assert (arrays["texts"][0, 0] > 0).sum() == 5 and not arrays["texts"][1].any()


def test_cells_typed_as_text_are_read_as_what_the_column_was_and_told_where_they_are_not():
    arrays, wrong = _features().encode(
        {
            "age": pa.array(["39", "old", "1e400", "?"]),
            "job": pa.array(["3.0", "3", "baker ", "?"]),
            "since": pa.array(["2020-02-29", "2020-01-01T00:00:00+01:00", "soon", None]),
            "note": pa.array([None] * 4, pa.string()),
            "is": pa.array(["True", "no", "FALSE", "1"]),
        }
    )
    assert arrays["numbers"][0, 0] == 39 and np.isposinf(arrays["numbers"][2, 0]) and np.isnan(arrays["numbers"][3, 0])
    assert arrays["categories"].tolist() == [[3, 3], [3, 1], [2, 2], [0, 1]]
    assert arrays["numbers"][1, 4:].tolist() == [31, 23], "a moment with a zone is taken in UTC"
    assert wrong == {1: "age: 'old' is no number", 2: "since: 'soon' is no date like 2020-01-31"}


def test_a_column_of_another_type_altogether_is_refused_by_its_name():
    features = Features.of({"age": "number"})
    with pytest.raises(ValueError, match="'age' holds dates"):
        features.encode({"age": pa.array([datetime(2020, 1, 1)], pa.timestamp("us"))})
    with pytest.raises(ValueError, match="'since' holds no dates"):
        Features.of({"since": "date"}).encode({"since": pa.array([1.0])})


def test_numbers_as_categories_keep_their_digits():
    features = Features(categories=["code"], known={"code": ["12345678", "12345679"]})
    arrays, _ = features.encode({"code": pa.array([12345678.0, 12345679.0])})
    assert arrays["categories"].tolist() == [[2], [3]]


def test_borders_hold_about_as_many_values_each_and_leave_room_beside_a_common_one():
    rng = np.random.default_rng(0)
    edges = bin_edges(rng.normal(size=10_000), 10)
    assert len(edges) == 11 and (np.diff(edges) > 0).all()
    mostly = np.where(rng.random(10_000) < 0.9, 0.0, rng.uniform(1, 2, 10_000))
    assert (bin_edges(mostly, 10) > 0.9).sum() >= 5
    for odd in ([np.nan], [np.inf, -np.inf], [5.0], [1e300, -1e300, 0.0], [-1e38]):
        edges = bin_edges(np.array(odd))
        assert np.isfinite(edges).all() and (np.diff(edges) > 0).all() and len(edges) > 1
    assert edge_table(np.array([[0.0, 1], [1, 1], [2, 1]])).tolist() == [[0, 1, 2], [1, 2, 2]]


def test_words_of_every_script_are_hashed_with_their_pairs():
    assert len(hashed_tokens("Tea, and cake")) == 5
    assert hashed_tokens("茶好") == [*hashed_tokens("茶"), hashed_tokens("茶 好")[1], *hashed_tokens("好")]
    assert all(hashed_tokens(text) for text in ("שלום", "привет", "مرحبا", "สวัสดี", "naïve"))
    assert all(0 < token < BUCKETS for token in hashed_tokens("a b c d e f g"))


def test_every_class_is_split_in_equal_shares_and_no_row_is_in_two_parts():
    rows, labels = np.arange(100, 300), np.arange(200) % 4 % 3
    split = split_rows(rows, labels, None, 0.1, 0.2, 0)
    everything = np.concatenate([split.train, split.val, split.test])
    assert sorted(everything) == rows.tolist() and len(split.test) == 40 and len(split.val) == 16
    shares = np.bincount(labels[split.test - 100]) / np.bincount(labels)
    assert shares == pytest.approx([0.2] * 3)
    again = split_rows(rows, labels, None, 0.1, 0.2, 0)
    assert (again.test == split.test).all()
    assert (split_rows(rows, labels, None, 0.1, 0.2, 1).test != split.test).any()


def test_many_small_classes_still_give_rows_to_every_part_and_keep_one_each():
    labels = np.repeat(np.arange(50), 2)
    split = split_rows(np.arange(100), labels, None, 0.1, 0.2, 0)
    assert len(split.test) == 20 and len(split.val) in (7, 8)
    assert set(labels[split.train]) | set(labels[split.val]) == set(range(50))


def test_the_parts_of_the_table_are_taken_as_they_are():
    parts = np.array(["train"] * 6 + ["test"] * 3 + ["train"])
    split = split_rows(np.arange(10), None, parts, 0.0, 0.2, 0)
    assert split.test.tolist() == [6, 7, 8] and split.train.tolist() == [0, 1, 2, 3, 4, 5, 9] and not len(split.val)


@pytest.mark.filterwarnings("error")
def test_folds_test_every_row_once_and_learn_from_none_that_they_test():
    labels = np.array([0] * 20 + [1] * 2)
    splits = fold_rows(np.arange(22), labels, 5, 0.1, 0)
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(22))
    for split in splits:
        assert sorted(np.concatenate([split.train, split.val, split.test])) == list(range(22))


def test_typed_rows_are_json_or_csv():
    columns = ["age", "job"]
    for text in (
        '{"age": 39, "job": "baker"}\n{"age": null}',
        '[{"age": 39, "job": "baker"}, {"job": "?"}]',
        "age;job\n39;baker\n;",
        "age,job,other\n39,baker,1\n,NA,2",
    ):
        found = typed_rows(text, columns, 1_000)
        assert {name: cells.to_pylist() for name, cells in found.items()} == {
            "age": ["39", None],
            "job": ["baker", None],
        }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"agee": 1}', "is it 'age'"),
        ('{"age": [1]}', "one value is wanted"),
        ("[1]", "no object"),
        ('{"age": 1}\n{"age"', "line 2"),
        ("age,job\n1", "1 cells, the first line names 2"),
        ("age,job", "no row"),
        ("age\n" + "1\n" * 1001, "at most 1,000"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_typed_rows_that_cannot_be_read_are_told_of(text, why):
    with pytest.raises(RecipeFailed, match=why):
        typed_rows(text, ["age", "job"], 1_000)


def _report(**column):
    target = ColumnReport(name="y", **{"kind": "category", "distinct": 2, "values": {"a": 50, "b": 50}, **column})
    return DatasetReport(rows=100, columns=[target, ColumnReport(name="x", kind="number", distinct=90)])


@pytest.mark.parametrize(
    ("column", "params", "why"),
    [
        ({}, {"target": ""}, "choose the column to predict"),
        ({"values": {"a": 99, "b": 1}}, {}, "one row only of 'b'"),
        ({"distinct": 5_000, "distinct_exact": False}, {}, "more than 5,000 different values; at most 1,000"),
        (
            {"kind": "number", "distinct": 90, "low": 0.0, "high": 1.5},
            {"task": "classes"},
            "set params.task to numbers",
        ),
        ({}, {"task": "numbers"}, "holds words, not numbers"),
        ({"missing": 98}, {}, "four at least"),
        ({"kind": "number", "distinct": 90, "low": -1e300, "high": 1.0}, {}, "take logarithms"),
        ({"kind": "empty", "missing": 100, "values": {}}, {}, "no value in any row"),
        ({"kind": "constant", "distinct": 1, "examples": ["a"], "values": {"a": 100}}, {}, "'a' in every row"),
        ({"kind": "id", "distinct": 100, "values": {}}, {}, "like an id"),
        ({"kind": "date", "distinct": 100, "values": {}}, {}, "dates"),
        ({}, {"features": ["y", "x"]}, "cannot be what it is predicted from"),
        ({}, {"folds": 2, "validation_fraction": 0}, "nothing to choose the best state by"),
    ],
)
def test_what_cannot_be_learnt_is_told_before_it_is_queued(column, params, why):
    wanted = validate_params(TabularTrain, {"target": "y"} | params)
    report = _report(**column)
    problems = check(wanted, {"data": SimpleNamespace(report=report)})
    if not problems:  # told of every recipe alike, and by the training itself
        problems = [SimpleNamespace(message=target_problem(wanted, report.columns[0], report.rows))]
    assert re.search(why, "; ".join(problem.message for problem in problems))


def test_a_table_that_can_be_learnt_has_no_problem():
    assert check(validate_params(TabularTrain, {"target": "y"}), {"data": SimpleNamespace(report=_report())}) == []


def test_few_whole_numbers_are_classes_and_others_amounts():
    params = validate_params(TabularTrain, {"target": "y"})

    def task(**column):
        return task_of(params, ColumnReport(name="y", **{"kind": "number", **column}))

    assert task(distinct=3, low=0.0, high=2.0) == "classes"
    assert task(distinct=3, low=0.5, high=2.5) == "numbers"
    assert task(distinct=3, low=1.0, high=1e6) == "numbers"
    assert task(distinct=500, low=0.0, high=600.0) == "numbers"
    assert task(kind="category", distinct=500) == "classes"


def test_columns_that_tell_the_target_by_themselves_are_found():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200).astype(float)
    numbers = np.stack([truth * 5 + rng.uniform(0, 4, 200), rng.uniform(size=200), np.full(200, np.nan)], 1)
    categories = np.stack([truth * 3 + rng.integers(2, 5, 200), rng.integers(2, 9, 200), np.arange(200)], 1).astype(int)
    names = {"numbers": ["parts", "random", "missing"], "categories": ["codes", "any", "alone"]}
    found = columns_giving_away({"numbers": numbers, "categories": categories}, truth, 2, names)
    assert found == ["parts", "codes"]
    said = columns_giving_away({"numbers": numbers}, numbers[:, 1] * -3 + 1, 0, {"numbers": names["numbers"]})
    assert said == ["random"]
    few = {"numbers": numbers[:10], "categories": categories[:10]}
    assert columns_giving_away(few, truth[:10], 2, names) == [], "ten rows part by chance"
    three = np.digitize(numbers[:, 1], [0.3, 0.6]).astype(float)
    assert columns_giving_away({"numbers": numbers}, three, 3, {"numbers": names["numbers"]}) == ["random"]


@pytest.mark.parametrize(
    ("written", "read", "problem"),
    [
        (["1967-09", "1967-10"], ["1967-09-01", "1967-10-01"], {}),
        (["31.12.2020", "1.1.2021"], ["2020-12-31", "2021-01-01"], {}),
        (["3/4/2020"], [None], {0: "t: '3/4/2020' is no date like 2020-01-31"}),  # which is the month?
        (["2020-01"] * 20 + ["soon"], ["2020-01-01"] * 20 + [None], {20: "t: 'soon' is no date like 2020-12"}),
    ],
)
def test_dates_typed_in_the_style_of_a_file_are_read_as_an_import_reads_them(written, read, problem):
    wrong: dict[int, str] = {}
    found = as_dates("t", pa.array(written), wrong).to_pylist()
    assert [moment and f"{moment:%Y-%m-%d}" for moment in found] == read and wrong == problem
