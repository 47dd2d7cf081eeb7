"""Tables as .jsonl, Parquet files and spreadsheets, good ones and those made to do harm."""

import datetime
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shared.datasets import Limits
from shared.datasets.tables import foreign, json_rows
from shared.errors import DatasetInvalid, TooLarge
from shared.volume.volume import Volume
from tests.support.spreadsheets import letters, ods, sheet_of, xlsx
from tests.support.tables import column_of, kinds_of, refused, rows_of, table
from tests.support.uploads import left_behind, load, zipped


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def parquet(columns, **options):
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


ROWS = [
    ["name", "n", "when", "ok"],
    ["a", 1.5, ("date", 43831), True],
    ["b", 2, ("date", 43832.5), False],
    ["c", None, None, None],
]
READ = [
    {"name": "a", "n": 1.5, "when": datetime.datetime(2020, 1, 1), "ok": True},
    {"name": "b", "n": 2.0, "when": datetime.datetime(2020, 1, 2, 12), "ok": False},
    {"name": "c", "n": None, "when": None, "ok": None},
]


# --- .jsonl ---------------------------------------------------------------------------------------------------------


def jsonl(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_rows_of_json_may_have_other_keys_each(volume, monkeypatch):
    written = jsonl({"a": 1, "b": "x"}, {"a": 2.5}, {"c": True, "a": None}, {"b": "y", "a": 4})
    for most in (1, 65_536):
        monkeypatch.setattr(json_rows, "_MOST_ROWS", most)
        dataset = load(volume, ("rows.jsonl", written.encode()))
        assert dataset.format == "table" and rows_of(volume, dataset) == [
            {"a": 1.0, "b": "x", "c": None}, {"a": 2.5, "b": None, "c": None}, {"a": None, "b": None, "c": True},
            {"a": 4.0, "b": "y", "c": None},
        ]  # fmt: skip


def test_rows_of_nothing_but_a_text_are_a_text_unless_a_table_is_asked_for(volume):
    assert load(volume, ("a.jsonl", jsonl({"text": "one"}, {"text": "two"}).encode())).format == "text"
    assert (
        load(volume, ("a.jsonl", jsonl({"text": "one", "label": 1}, {"text": "two", "label": 0}).encode())).format
        == "table"
    )
    assert load(volume, ("a.jsonl", jsonl({"text": "one", "meta": {"a": 1}}).encode())).format == "text"
    assert "one column" in refused(volume, jsonl({"text": "one"}, {"text": "two"}), "a.jsonl").message


def test_bad_lines_of_json_are_named(volume):
    written = (
        jsonl({"a": 1, "b": 2}) + "no json\n[1]\n" + jsonl({"a": [1], "b": 2}, {"a": 1, "b": 3}) + "[" * 100_000 + "\n"
    )
    problems = refused(volume, written, "rows.jsonl").problems
    assert [problem.line for problem in problems] == [2, 3, 4, 6]
    assert "is no JSON" in problems[0].message and "no object" in problems[1].message
    assert "column 'a'" in problems[2].message and "nested too deeply" in problems[3].message
    assert table(volume, written, "rows.jsonl", bad_rows="drop").report.rows == 2


def test_cells_that_hold_what_no_text_has_are_bad_cells(volume):
    error = refused(volume, jsonl({"a": "x", "b": 1}, {"a": "y\0z", "b": 2}, {"a": "\ud800", "b": 3}), "rows.jsonl")
    assert [problem.line for problem in error.problems] == [2] and "control character" in error.message
    assert "control character" in refused(volume, parquet({"a": ["x", "y\x1b[2J"], "b": [1, 2]}), "t.parquet").message


def test_a_line_of_json_without_end_is_refused(volume, monkeypatch):
    monkeypatch.setattr(json_rows, "LONGEST_LINE", 100)
    error = refused(volume, jsonl({"a": 1, "b": 2}, {"a": 1, "b": "x" * 200}), "rows.jsonl")
    assert error.problems[0].line == 2 and "longer than 100" in error.message


# --- Parquet --------------------------------------------------------------------------------------------------------


def test_parquet_is_read_column_by_column(volume):
    moment = datetime.datetime(2020, 1, 1, 5)
    data = parquet(
        {
            "i": [1, 2, None], "big": [2**60, 1, 2], "f": [1.5, float("nan"), 1e20], "s": ["x", "", "0123"],
            "t": [True, False, None],
            "d": [datetime.date(2020, 1, 1)] * 3, "m": [moment, None, moment], "c": pa.array(["q", "r", "q"]).dictionary_encode(),
            "z": pa.array([moment] * 3, pa.timestamp("ms", "Europe/Berlin")), "x": pa.array([1, 2, 3], pa.decimal128(9, 2)),
        }
    )  # fmt: skip
    dataset = load(volume, ("t.parquet", data))
    assert rows_of(volume, dataset)[:2] == [
        {"i": 1, "big": str(2**60), "f": 1.5, "s": "x", "t": True, "d": datetime.datetime(2020, 1, 1), "m": moment, "c": "q",
         "z": moment, "x": 1.0},
        {"i": 2, "big": "1", "f": None, "s": None, "t": False, "d": datetime.datetime(2020, 1, 1), "m": None, "c": "r",
         "z": moment, "x": 2.0},
    ]  # fmt: skip
    assert load(volume, ("named.csv", data), format="table").id == dataset.id  # told by its first bytes


@pytest.mark.parametrize(
    ("data", "said"),
    [(parquet({"a": [[1], [2]], "b": [1, 2]}), "column 'a' holds list"),
     (parquet({"a": [{"x": 1}] * 2, "b": [1, 2]}), "column 'a' holds struct"),
     (parquet({"a": [1, 2], "b": [1, 2]})[:-20], "no readable Parquet"), (b"PAR1" + bytes(400), "no readable Parquet"),
     (parquet({"a": pa.array([], pa.int64()), "b": pa.array([], pa.int64())}), "no rows"), (parquet({"a": [1, 2]}), "one column")],
)  # fmt: skip
def test_parquet_that_is_no_table_is_refused_in_words(volume, data, said):
    assert said in refused(volume, data, "t.parquet").message
    assert left_behind(volume) == []


def test_a_parquet_bomb_is_refused_before_it_unpacks(volume, monkeypatch):
    monkeypatch.setattr(foreign, "_SMALL_BYTES", 1 << 20)
    once = pa.array(["x" * 100_000])
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), once)
    for columns in (
        {"s": repeated, "n": [0] * 20_000},
        {"a": pa.array([0] * 9_000_000, pa.int8()), "b": [0] * 9_000_000},
    ):
        data = parquet(columns)
        assert len(data) < 300_000
        with pytest.raises(TooLarge, match="unpacks to"):
            load(volume, ("bomb.parquet", data))
    with pytest.raises(TooLarge, match="unpacks to"):
        load(
            volume, ("t.parquet", parquet({"a": ["x" * 900] * 9, "b": range(9)})), limits=Limits(max_unpacked_bytes=100)
        )
    assert left_behind(volume) == []


def test_parquet_damaged_anywhere_is_refused_or_harmless(volume):
    whole = parquet({"a": list(range(50)), "b": [f"text {i}" for i in range(50)]})
    for at in range(4, len(whole), len(whole) // 12):
        try:
            load(volume, ("p.parquet", whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]))
        except (DatasetInvalid, TooLarge):
            continue
    assert not [name for name in left_behind(volume) if name.startswith(".")]


# --- spreadsheets ---------------------------------------------------------------------------------------------------


def test_a_spreadsheet_is_read_with_the_lines_it_has(volume):
    dataset = load(volume, ("t.xlsx", xlsx({"One": sheet_of(ROWS)})))
    assert rows_of(volume, dataset) == READ and kinds_of(dataset)["when"] == "date"
    nameless = load(volume, ("t.xlsx", xlsx({"One": sheet_of([[1, 2], [3, 4]])})))
    assert nameless.report.rows == 2 and any("no line of names" in note for note in nameless.notes)
    error = refused(
        volume, xlsx({"One": sheet_of([["a", "b"], *[[i, i] for i in range(50)], ["x", 3]], first=4)}), "t.xlsx"
    )
    assert [problem.line for problem in error.problems] == [55]


def test_formulas_are_read_as_the_values_they_had_and_macros_are_left_alone(volume):
    rows = [["a", "b"], [1, ("A2+1", 2)], [3, ("A3*2", 6)]]
    dataset = load(volume, ("t.xlsx", xlsx({"One": sheet_of(rows)})))
    assert column_of(volume, dataset, "b") == [2, 6] and any("computed last" in note for note in dataset.notes)
    with_macros = load(volume, ("t.xlsm", xlsx({"One": sheet_of([*rows, [5, 6]])}, macros=True)))
    assert any("macros" in note and "nor run" in note for note in with_macros.notes)
    assert [file.path for file in with_macros.files] == ["files/table.arrow"]


def test_the_first_sheet_that_holds_anything_is_read_and_that_is_said(volume):
    book = xlsx({"Notes": sheet_of([]), "Data": sheet_of(ROWS), "More": sheet_of([["a", "b"], [1, 2], [3, 4]])})
    dataset = load(volume, ("t.xlsx", book))
    assert rows_of(volume, dataset) == READ and any("'Data' is read, one of 3" in note for note in dataset.notes)
    assert kinds_of(table(volume, book, "t.xlsx", sheet="More")).keys() == {"a", "b"}
    error = refused(volume, book, "t.xlsx", sheet="Date")
    assert "no sheet 'Date'" in error.message and [choice.value for choice in error.choices] == [
        "Notes",
        "Data",
        "More",
    ]


def test_of_ten_thousand_sheets_the_user_says_which(volume):
    one = sheet_of([["a", "b"], [1, 2], [3, 4]])
    book = xlsx({f"S{number}": one for number in range(10_000)})
    error = refused(volume, book, "t.xlsx")
    assert "too many sheets" in error.message and "10,000" in error.message and len(error.choices) == 10
    assert table(volume, book, "t.xlsx", sheet="S9999").report.rows == 2


def test_spreadsheets_of_other_programs_are_read(volume):
    assert rows_of(volume, load(volume, ("t.ods", ods([["name", "n"], ["a", 1], ["b", 2.5]])))) == [
        {"name": "a", "n": 1.0}, {"name": "b", "n": 2.5}
    ]  # fmt: skip


CORNERS = sheet_of([["a", "b"]]).replace(
    "</sheetData>", f'<row r="1048576"><c r="{letters(16_383)}1048576"><v>1</v></c></row></sheetData>'
)


@pytest.mark.parametrize(
    ("data", "said"),
    [(xlsx({"One": CORNERS}), "GB of memory"), (xlsx({"One": "<worksheet>" + " " * (64 << 20) + "</worksheet>"}), "zip bomb"),
     (b"PK\x03\x04garbage", "no readable zip"), (b"no spreadsheet", "no readable spreadsheet"),
     (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000), "no readable spreadsheet"),
     (zipped([("a.txt", b"x")]), "no readable spreadsheet"),
     (xlsx({"One": sheet_of([])}), "every sheet is empty"), (xlsx({"One": sheet_of([["a"], ["b"], ["c"]])}), "one column"),
     (xlsx({"One": sheet_of([["a", "b"]])}), "no rows below"), (xlsx({"One": sheet_of(ROWS)[:200]}), "no readable|no rows")],
    ids=["corners", "bomb", "no zip", "words", "ole", "zip", "empty", "column", "header", "cut"],
)  # fmt: skip
def test_a_spreadsheet_that_cannot_be_read_is_refused_in_words(volume, data, said):
    message = refused(volume, data, "t.xlsx").message
    assert any(part in message for part in said.split("|"))
    assert left_behind(volume) == []


def test_a_spreadsheet_that_unpacks_to_too_much_is_refused(volume):
    with pytest.raises(TooLarge):
        load(volume, ("t.xlsx", xlsx({"One": sheet_of(ROWS)})), limits=Limits(max_unpacked_bytes=500))
    assert left_behind(volume) == []


# --- packed ---------------------------------------------------------------------------------------------------------


def test_a_gzipped_table_is_unpacked_within_the_limits(volume):
    plain = table(volume, "a,b\n1,2\n3,4\n")
    assert load(volume, ("t.csv.gz", gzip.compress(b"a,b\n1,2\n3,4\n"))).id == plain.id
    assert "cannot be unpacked" in refused(volume, gzip.compress(b"a,b\n1,2\n3,4\n")[:-9], "t.csv.gz").message
    with pytest.raises(TooLarge, match="unpacks to more than 1,000"):
        load(volume, ("t.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 9999)), limits=Limits(max_unpacked_bytes=1000))
    assert left_behind(volume) == [plain.id]


def test_a_zip_without_tables_is_refused_and_what_else_it_holds_is_said(volume):
    assert "holds no table" in refused(volume, zipped([("a.bin", b"x")]), "t.zip").message
    dataset = table(volume, zipped([("a.csv", b"a,b\n1,2\n3,4\n"), ("readme.pdf", b"x")]), "t.zip")
    assert dataset.report.rows == 2 and any("readme.pdf" in note for note in dataset.notes)
