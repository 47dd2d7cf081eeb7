"""Rows that fit nowhere are named by file, line, column and value; the user leaves them out, or takes the column as text."""

import json

import pytest

from shared.volume.volume import Volume
from tests.support.tables import column_of, refused, rows_of, table
from tests.support.uploads import left_behind


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def ages(*odd, rows=200):
    """A table of ages, its first rows replaced."""
    lines = [f"p{i},{i % 80}" for i in range(rows)]
    lines[: len(odd)] = odd
    return "name,age\n" + "\n".join(lines)


BAD = ages("p0,abc", "p1,1,2", "p2,12 years")


def test_bad_rows_are_named_with_what_would_be_right(volume):
    error = refused(volume, BAD)
    assert [(p.file, p.line, p.message) for p in error.problems] == [
        ("t.csv", 3, "'p1 | 1 | 2' has 3 cells where 2 columns are"),
        ("t.csv", 2, "column 'age': 'abc' is no number like 1234.5"),
        ("t.csv", 4, "column 'age': '12 years' is no number like 1234.5"),
    ]
    assert "3 rows cannot be used" in error.message and "line 3" in error.message
    assert [(c.option, c.value, c.title) for c in error.choices] == [
        ("bad_rows", "drop", "Leave out 3 rows and import the rest"),
        ("bad_rows", "text", "Take such columns as text (age)"),
    ]
    assert left_behind(volume) == []


def test_left_out_as_chosen_they_are_in_the_record(volume):
    dataset = table(volume, BAD, bad_rows="drop")
    dropped = dataset.report.dropped
    assert (dataset.report.rows, dropped.broken, len(dropped.named)) == (197, 3, 3)
    assert dropped.named[1] == {
        "file": "t.csv", "line": 2, "column": "age", "value": "abc", "why": "is no number like 1234.5"
    }  # fmt: skip
    assert dataset.options["bad_rows"] == "drop" and any("3 rows" in note for note in dataset.notes)
    assert column_of(volume, dataset, "name")[:2] == ["p3", "p4"]
    kept = json.loads((volume.dataset_dir(dataset.id) / "files" / "left_out.json").read_text())
    assert kept == {"rows": 3, "named": dropped.named}


def test_the_mended_file_is_another_dataset_than_the_one_with_rows_left_out(volume):
    mended = ages(rows=200).split("\n")
    assert table(volume, "\n".join([mended[0], *mended[4:]])).id != table(volume, BAD, bad_rows="drop").id


def test_a_column_may_be_taken_as_text_instead(volume):
    dataset = table(volume, ages("p0,abc", "p2,12 years"), bad_rows="text")
    assert dataset.report.rows == 200 and column_of(volume, dataset, "age")[:3] == ["abc", "12 years", "2"]
    error = refused(volume, BAD, bad_rows="text")  # three cells are three cells
    assert [problem.line for problem in error.problems] == [3] and [c.value for c in error.choices] == ["drop"]


def test_a_row_with_several_bad_cells_is_one_row(volume):
    rows = "\n".join(f"{i},{i},x" for i in range(50))
    error = refused(volume, f"a,b,c\none,two,y\n{rows}\n")
    assert len(error.problems) == 2 and "Leave out 1 row and" in error.choices[0].title


def test_a_flood_of_bad_rows_is_counted(volume):
    written = "a,b\n" + "1,2\n" * 500 + "1,2,3\n" * 300
    error = refused(volume, written)
    assert len(error.problems) == 101 and error.problems[-1].message == "and 200 more"
    dropped = table(volume, written, bad_rows="drop").report.dropped
    assert (dropped.broken, len(dropped.named)) == (300, 100)


def test_a_table_of_nothing_but_bad_rows_offers_no_way_on(volume):
    error = refused(volume, '{"a": [1]}\n{"a": [2]}\n', "t.jsonl")
    assert [choice.value for choice in error.choices] == ["text"] or error.choices == []
    assert left_behind(volume) == []


def test_too_few_numbers_to_call_the_others_mistakes_make_a_text(volume):
    dataset = table(volume, "a,b\n1,x\n2,x\nthree,x\n4,x\n")
    assert column_of(volume, dataset, "a") == ["1", "2", "three", "4"]


def test_what_is_wrong_far_into_a_table_is_found_where_it_is(volume, monkeypatch):
    from shared.datasets.tables import rows

    written = ages(rows=3000).split("\n")
    written[2500] = "p,nobody knows"
    for most in (65_536, 100):
        monkeypatch.setattr(rows, "_MOST_ROWS", most)
        error = refused(volume, "\n".join(written))
        assert [(p.line, "nobody knows" in p.message) for p in error.problems] == [(2501, True)]


def test_batches_of_rows_make_no_difference_to_what_is_read(volume, monkeypatch):
    from shared.datasets.tables import rows

    whole = rows_of(volume, table(volume, BAD, bad_rows="drop"))
    monkeypatch.setattr(rows, "_MOST_ROWS", 7)
    assert rows_of(volume, table(volume, BAD, bad_rows="drop")) == whole
