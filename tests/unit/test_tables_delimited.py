"""Delimited text as people have it: marks between cells, quotes, encodings, names of columns or none."""

import csv

import pytest

from shared.datasets.tables import delimited
from shared.volume.volume import Volume
from tests.support.tables import column_of, kinds_of, refused, rows_of, table
from tests.support.uploads import left_behind, load, zipped


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


ROWS = [{"name": "a", "n": 1.0, "m": 2.5}, {"name": "b", "n": 3.0, "m": 4.5}]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_cells_may_be_parted_by_any_usual_mark_and_lines_by_any_end(volume, mark, end):
    dataset = table(
        volume, end.join(mark.join(row) for row in (["name", "n", "m"], ["a", "1", "2.5"], ["b", "3", "4.5"]))
    )
    assert rows_of(volume, dataset) == ROWS and dataset.report.rows == 2
    assert "its first line names the columns" in dataset.notes[0]


def test_a_delimiter_may_be_said(volume):
    written = "a,b;c\n1,2;3\n4,5;6\n"
    assert list(kinds_of(table(volume, written, delimiter="comma"))) == ["a", "b;c"]
    assert list(kinds_of(table(volume, written, delimiter="semicolon"))) == ["a,b", "c"]


def test_the_line_that_excel_writes_for_itself_tells_the_delimiter(volume):
    assert rows_of(volume, table(volume, "sep=|\nname|n|m\na|1|2.5\nb|3|4.5\n")) == ROWS


def test_quotes_keep_marks_lines_and_quotes_in_a_cell(volume):
    dataset = table(volume, 'id,text\n1,"one, ""two""\nthree"\n2,"four\r\nfive"\n3, "six, seven"\n')
    assert column_of(volume, dataset, "text") == ['one, "two"\nthree', "four\r\nfive", "six, seven"]


def test_quotes_that_only_begin_a_cell_are_ordinary_characters_and_that_is_said(volume):
    dataset = table(volume, "".join(f'"Hi," he said {i}.\tHallo {i}.\n' for i in range(20)), "pairs.tsv")
    assert rows_of(volume, dataset)[3] == {"column_1": '"Hi," he said 3.', "column_2": "Hallo 3."}
    assert "ordinary character" in dataset.notes[0]


def test_a_wrong_quote_among_right_ones_is_named_with_its_line(volume):
    rows = ["name,text", *(f'"n{i}","text {i}"' for i in range(20))]
    rows[5] = '"n4","he said "no" twice"'
    error = refused(volume, "\n".join(rows))
    assert [(problem.line, problem.file) for problem in error.problems] == [(6, "t.csv")]
    assert 'right is ""' in error.problems[0].message
    dataset = table(volume, "\n".join(rows), bad_rows="drop")
    assert dataset.report.rows == 19 and dataset.report.dropped.broken == 1


def test_a_quote_that_is_never_closed_is_named_with_the_line_it_begins_in(volume):
    error = refused(volume, 'name,text\n"a","one"\n"b","two"\n"c","three\n"d","four"\n')
    assert error.problems[0].line == 4 and "quote" in error.problems[0].message


@pytest.mark.parametrize(
    ("codec", "said"),
    [("utf-8", None), ("utf-8-sig", None), ("utf-16", "UTF-16"), ("gb18030", "GB18030"), ("cp1252", "Windows-1252")],
)
def test_encodings_are_recognised_from_short_cells_and_said(volume, codec, said):
    cities = ["Köln", "Zürich", "Orléans", "Málaga"] if codec == "cp1252" else ["北京", "深圳", "重庆", "哈尔滨"]
    written = "city,n\n" + "".join(f"{city},{n}\n" for n, city in enumerate(cities * 3))
    dataset = table(volume, written.encode(codec))
    assert column_of(volume, dataset, "city") == cities * 3
    assert any(said in note for note in dataset.notes) if said else not any("UTF" in note for note in dataset.notes)


@pytest.mark.parametrize("codec", ["euc_kr", "shift_jis", "cp1251"])
def test_an_encoding_that_cannot_be_told_is_refused(volume, codec):
    words = {"euc_kr": "서울,부산", "shift_jis": "東京,とうきょう", "cp1251": "Москва,Казань"}[codec]
    assert "save it as UTF-8" in refused(volume, f"a,b\n{words}\n{words}\n".encode(codec)).message
    assert left_behind(volume) == []


def test_marks_and_ends_of_file_within_a_table_are_dropped_and_said(volume):
    dataset = table(volume, "name,n\na,1\n\ufeffname2,2\nb,3\n\x1a")
    assert column_of(volume, dataset, "name") == ["a", "name2", "b"]
    assert any("U+FEFF" in note for note in dataset.notes) and any("Ctrl-Z" in note for note in dataset.notes)


def test_cells_are_composed_and_trimmed_so_that_equal_ones_are_equal(volume):
    dataset = table(volume, "name,n\n cafe\u0301 ,1\ncafé,2\n")
    assert column_of(volume, dataset, "name") == ["café", "café"]


HEADERS = {
    "names over numbers": ("a,b\n1,2\n3,4\n", True),
    "numbers alone": ("1,2\n3,4\n5,6\n", False),
    "numbers in the first line of a mixed table": ("39,x\n40,y\n41,x\n", False),
    "a column without a name": (",b\n1,2\n3,4\n", True),
    "years as names": ("country,2019,2020\nA,1,2\nB,3,4\n", True),
    "a missing cell in the first line": ("a,?\nb,1\nc,2\n", False),
    "sentences": ("Hi there.,Hallo.\nHow are you?,Wie geht es?\nGo.,Geh.\n", False),
    "usual names over texts": ("text,label\nit is good,yes\nit is bad,no\n", True),
    "short names over long texts": ("abstract,verdict\n" + "many words in a row here,a longer verdict too\n" * 3, True),
    "questions as names": ("age," + "how much do you agree that " * 4 + ",on\n1,2,2020-01-01\n3,4,2020-01-02\n", True),
    "a value that repeats below": ("red,blue\nred,green\nblue,green\n", False),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_line_of_names_is_told_from_a_row(volume, case):
    written, named = HEADERS[case]
    dataset = table(volume, written)
    assert dataset.report.rows == written.count("\n") - named
    assert any("names the columns" in note for note in dataset.notes) == named
    assert any("no line of names" in note for note in dataset.notes) == (not named)


def test_the_user_may_say_whether_there_is_a_line_of_names(volume):
    assert table(volume, "a,b\n1,2\n3,4\n", header="no").report.rows == 3
    assert table(volume, "Hi.,Hallo.\nGo.,Geh.\nNo.,Nein.\n", header="yes").report.columns[0].name == "Hi."


def test_a_line_of_names_that_is_a_row_is_refused_with_a_way_on(volume):
    error = refused(volume, "39,State-gov\n50,Private\n38,Private\n", header="yes")
    assert "39, State-gov" in error.message and error.problems[0].line == 1
    assert [(choice.option, choice.value) for choice in error.choices] == [("header", "no")]
    assert "no rows below" in refused(volume, "1,b\n", header="yes").message


def test_names_are_made_unique_and_that_is_said(volume):
    dataset = table(volume, "price,price,,price_2,\n1,2,3,4,5\n6,7,8,9,10\n")
    assert [column.name for column in dataset.report.columns] == ["price", "price_3", "column_3", "price_2", "column_5"]
    assert any("occur twice" in note and "price -> price_3" in note for note in dataset.notes)
    assert any("without a name" in note for note in dataset.notes)


def test_names_are_fit_for_showing(volume):
    dataset = table(volume, '"a\nb ","x\u202ey",n\n1,2,3\n4,5,6\n')
    assert [column.name for column in dataset.report.columns] == ["a b", "xy", "n"]


def test_a_mark_at_the_end_of_every_line_makes_no_column(volume):
    for written in ("a,b,\n1,2,\n3,4,\n", "a,b\n1,2,\n3,4,\n", "a,b,,\n1,2,,\n3,4,,\n"):
        assert rows_of(volume, table(volume, written)) == [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]


def test_row_names_as_r_writes_them_get_a_column(volume):
    dataset = table(volume, 'a,b\n"r1",1,2\n"r2",3,4\n')
    assert rows_of(volume, dataset)[1] == {"column_1": "r2", "a": 3.0, "b": 4.0}


def test_blank_lines_are_left_out_and_counted(volume):
    dataset = table(volume, "a,b\n1,2\n\n,\n3,4\n\n")
    assert dataset.report.rows == 2 and dataset.report.dropped.empty >= 2


def test_where_the_text_is_cut_into_blocks_makes_no_difference(volume, monkeypatch):
    written = "name,text\r\n" + "".join(f'n{i},"é\u0301 line {i}\r\nnext, 詩"\r\n' for i in range(300))
    whole = table(volume, written)
    for block in (1, 7, 64):
        monkeypatch.setattr(delimited, "_BLOCK", block)
        monkeypatch.setattr(delimited, "_ROWS", block)
        assert table(volume, written).id == whole.id


def test_lines_are_counted_across_cells_of_several_lines(volume, monkeypatch):
    rows = ["a,b", *(f'"x{i}\ny","{i}"' for i in range(50)), "1,2,3"]
    for some in (3, 10_000):
        monkeypatch.setattr(delimited, "_ROWS", some)
        assert [problem.line for problem in refused(volume, "\n".join(rows)).problems] == [102]


@pytest.mark.parametrize(
    ("written", "said"),
    [("a,b\n1,2\n3,\0\n", "U\\+0000|UTF-16"), (bytes(range(256)) * 9, "binary"), ("a,b\n" + "x" * 300 + ",1\n2,3\n",
      "line of more than"),
     ('a,b\n1,2\n3,"' + "x" * 150 + "\n", "without end"), ("a\n1\n2\n", "one column"), ("a,b\n", "no rows below"),
     ("a,b\n1,2\n", "one row"),
     ("   \n\n", "no rows"), ("a,b\n1,2\n" + "e" + "\u0301" * 70 + ",3\n", "combining marks")],
)  # fmt: skip
def test_what_is_no_table_is_refused_in_words_and_leaves_nothing(volume, monkeypatch, written, said):
    monkeypatch.setattr(delimited, "MOST_CELL", 100)
    monkeypatch.setattr(delimited, "_LONGEST_LINE", 200)
    monkeypatch.setattr(delimited, "_BLOCK", 50)
    limit = csv.field_size_limit(100)
    try:
        error = refused(volume, written)
    finally:
        csv.field_size_limit(limit)
    assert any(part in error.message for part in said.replace("\\", "").split("|")) and error.problems
    assert left_behind(volume) == []


def test_text_files_are_tables_only_beyond_doubt(volume):
    pairs = "".join(f"Go {i}.\tGeh {i}.\n" for i in range(12))
    assert load(volume, ("pairs.txt", pairs.encode())).format == "table"
    assert load(volume, ("pairs.txt", pairs.replace("\t", " ").encode())).format == "text"
    assert load(volume, ("few.txt", b"one\ttwo\nthree\tfour\n")).format == "text"
    assert load(volume, ("commas.txt", b"well, yes\n" * 20)).format == "text"


def test_several_files_are_one_table_and_their_names_may_tell_parts(volume):
    train, test = ("my-train.csv", b"a,b\n1,2\n3,4\n"), ("my-test.csv", b"b,a\n6,5\n8,7\n")
    dataset = load(volume, train, test)
    assert rows_of(volume, dataset)[2] == {"a": 5.0, "b": 6.0, "part": "test"}
    assert dataset.report.parts == {"train": 2, "test": 2} and dataset.report.facts["part_column"] == "part"
    packed = load(
        volume, ("all.zip", zipped([("x/" + test[0], test[1]), ("x/" + train[0], train[1]), ("x/.DS_Store", b"x")]))
    )
    assert packed.format == "table" and packed.report.parts == {"train": 2, "test": 2}
    plain = load(volume, ("one.csv", train[1]), ("two.csv", test[1]))
    assert plain.report.rows == 4 and plain.report.parts == {} and any("one after the other" in n for n in plain.notes)


def test_files_of_other_columns_are_no_one_table(volume):
    with pytest.raises(Exception, match=r"b\.csv: has other columns than a\.csv \(c only here; b only there\)"):
        load(volume, ("a.csv", b"a,b\n1,2\n3,4\n"), ("b.csv", b"a,c\n1,2\n3,4\n"))
    assert left_behind(volume) == []


def test_the_same_table_is_the_same_dataset_whatever_the_file_is_like(volume):
    first = table(volume, "a,b\n1,\n3,x\n,y\n")
    assert table(volume, "a;b\r\n1.0;NA\r\n3;x\r\n?;y\r\n", "other.csv").id == first.id
    assert table(volume, "a,b\n1,z\n3,x\n,y\n").id != first.id
