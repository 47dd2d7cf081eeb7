"""What a table's report says about its rows and columns, and what it warns of."""

import pytest

from shared.datasets import get_preview
from shared.datasets.tables import measuring, relations
from shared.outputs import Table
from shared.volume.volume import Volume
from tests.support.tables import described, table, warned


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def csv_of(names, rows):
    return "\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)])


def test_equal_rows_are_counted_however_far_apart(volume):
    rows = [(i, f"w{i}") for i in range(100)] + [(5, "w5"), (7, "w7"), (7, "w7")]
    dataset = table(volume, csv_of("ab", rows))
    assert dataset.report.facts["duplicate_rows"] == 3
    assert any("3 rows (2.9%)" in w.message for w in dataset.report.warnings if w.code == "duplicate_rows")


def test_missing_cells_are_no_zeros_and_no_empty_texts(volume):
    rows = [("", "x"), (0, "x"), ("", ""), (0, ""), (1, "y")] * 11
    assert table(volume, csv_of("ab", rows)).report.facts["duplicate_rows"] == 40  # eleven rows are blank


def test_of_very_many_rows_the_first_are_compared_and_that_is_said(volume, monkeypatch):
    monkeypatch.setattr(relations, "_MOST_ROWS", 60)
    dataset = table(volume, csv_of("ab", [(i % 50, "w") for i in range(100)]))
    assert dataset.report.facts["duplicate_rows"] == 10
    assert any("among the first 60" in w.message for w in dataset.report.warnings)


def test_parts_in_a_column_are_counted_and_what_leaks_between_them(volume):
    rows = (
        [(i, "train") for i in range(80)]
        + [(i, "Test") for i in range(75, 100)]
        + [(1, "validation"), (200, "validation")]
    )
    dataset = table(volume, csv_of(["n", "split"], rows))
    assert dataset.report.parts == {"train": 80, "test": 25, "val": 2}
    assert dataset.report.leakage == {"train and test": 5, "train and val": 1}
    assert warned(dataset)["leakage"] == ["split", "split"] and warned(dataset)["parts"] == ["split"]


def test_a_column_called_set_is_no_part_unless_all_its_values_are(volume):
    dataset = table(volume, csv_of(["n", "set"], [(i, ("train", "plane")[i % 2]) for i in range(60)]))
    assert dataset.report.parts == {} and "parts" not in warned(dataset)


def test_columns_that_give_another_away_are_named(volume):
    rows = [(i * 37 % 101, f"c{i % 5}", i % 5 * 10, i * 37 % 101, i * i % 13, i % 2) for i in range(100)]
    dataset = table(volume, csv_of(["x", "city", "code", "copy", "free", "two"], rows))
    messages = [w.message for w in dataset.report.warnings if w.code == "gives_away"]
    assert len(messages) == 2 and "'x' is equal to 'copy'" in messages[0]
    assert "'city' always goes with one value of 'code'" in messages[1]


def test_a_rare_class_is_warned_of_and_an_even_one_is_not(volume):
    rows = [(i, ("yes", "no")[i < 5], ("a", "b")[i % 2]) for i in range(1000)]
    dataset = table(volume, csv_of(["x", "label", "even"], rows))
    assert warned(dataset)["imbalance"] == ["label"]
    assert any("'no' occurs in 5 of 1,000 rows (0.50%)" in w.message for w in dataset.report.warnings)
    assert described(dataset, "label").values == {"yes": 995, "no": 5}


def test_few_rows_many_missing_cells_and_near_equal_values_are_warned_of(volume):
    assert "few_rows" in warned(table(volume, csv_of("ab", [(i, i % 3) for i in range(49)])))
    rows = [("" if i % 2 else i, ("Paris", "paris.", "Rome")[i % 3]) for i in range(60)]
    dataset = table(volume, csv_of(["x", "city"], rows))
    assert warned(dataset)["missing"] == ["x"] and warned(dataset)["alike_values"] == ["city"]
    assert "few_rows" not in warned(dataset)


def test_distinct_values_are_counted_up_to_a_limit_that_all_columns_share(volume, monkeypatch):
    monkeypatch.setattr(measuring, "MOST_DISTINCT", 100)
    monkeypatch.setattr(measuring, "_FEWEST_DISTINCT", 10)
    monkeypatch.setattr(measuring, "_MOST_COUNTED", 20)
    rows = [(i, i % 30, i % 3) for i in range(500)]
    dataset = table(volume, csv_of(["key", "thirty", "three"], rows))
    key, thirty, three = dataset.report.columns
    assert not key.distinct_exact and (key.kind, key.id_like) == ("number", True)
    assert (thirty.distinct, thirty.distinct_exact) == (30, True) and (three.distinct, three.kind) == (3, "number")


def test_not_all_of_very_many_warnings_are_told(volume):
    dataset = table(volume, csv_of([f"c{i}" for i in range(40)], [[f"v{i}" for i in range(40)]] * 60))
    constant = [w for w in dataset.report.warnings if w.code == "constant"]
    assert len(constant) == 11 and "30 more" in constant[-1].message


def test_every_warning_is_a_sentence(volume):
    rows = [(i, "x", "", f"k{i}", i % 3, f"c{i % 3}", "3/4/2020") for i in range(40)]
    dataset = table(volume, csv_of(["a", "same", "none", "key", "three", "city", "day"], rows))
    assert len(dataset.report.warnings) >= 6
    assert all(w.message[0].isupper() or w.message[0].isdigit() for w in dataset.report.warnings)
    assert all(w.message.endswith(".") and len(w.message) < 400 for w in dataset.report.warnings)


def test_a_preview_shows_the_first_rows_as_they_are(volume):
    dataset = table(
        volume,
        "n,big,word,day,ok\n1,1.5,a,2020-01-31,true\n2,,b,2020-01-31 05:00,false\n" + "3,1,c,2021-01-01,true\n" * 50,
    )
    preview = shown(volume, dataset, 2)
    assert preview.count == 52 and preview.columns == ["n", "big", "word", "day", "ok"]
    assert preview.rows == [[1, 1.5, "a", "2020-01-31", True], [2, None, "b", "2020-01-31 05:00:00", False]]
    long = table(volume, "a,b\n" + f"{'x' * 999},1\ny,2\n")
    assert shown(volume, long).rows[0][0] == "x" * 299 + "…"
    assert len(shown(volume, dataset, 10_000).rows) == 52


def shown(volume, dataset, most=20) -> Table:
    (preview,) = get_preview(volume, dataset, most=most)
    assert isinstance(preview, Table)
    return preview
