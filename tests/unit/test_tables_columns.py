"""What the cells of a column are taken for: numbers, dates, true and false, texts; and what is missing."""

from datetime import datetime

import pytest

from shared.volume.volume import Volume
from tests.support.tables import column_of, described, kinds_of, refused, table, warned

NOW = [datetime(2020, 1, 31), datetime(2021, 12, 1)]


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def cells(volume, *written, **options):
    """Import a table whose column x holds these cells, beside a column of texts; the dataset and what x became."""
    rows = "".join(f'"{cell}"|w{number}\n' for number, cell in enumerate(written))
    dataset = table(volume, f"x|word\n{rows}", **options)
    return dataset, column_of(volume, dataset, "x")


@pytest.mark.parametrize(
    ("written", "found"),
    [(("1", "-2", "+3.5", ".5", "1e3"), [1, -2, 3.5, 0.5, 1000]),
     (("1,234.5", "1,000", "12"), [1234.5, 1000, 12]),
     (("1.234,5", "1.000", "12"), [1234.5, 1000, 12]),
     (("0,5", "3,25", "12"), [0.5, 3.25, 12]),
     (("1 234,5", "12 345 678", "9"), [1234.5, 12345678, 9]),
     (("1'234.5", "10’000", "9"), [1234.5, 10000, 9]),
     (("1\u00a0234", "1\u202f234", "9"), [1234, 1234, 9]),
     (("1,234,567", "2", "3"), [1234567, 2, 3]),
     (("1.234.567", "2", "3"), [1234567, 2, 3]),
     (("5.827000141143799", "0.1", "1"), [5.827000141143799, 0.1, 1])],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(volume, written, found):
    dataset, values = cells(volume, *written)
    assert values == found and "ambiguous_numbers" not in warned(dataset)


def test_the_rest_of_the_file_tells_what_a_mark_means_and_else_that_is_said(volume):
    alone = table(volume, "x|y\n1,234|a\n5,678|b\n")
    assert column_of(volume, alone, "x") == [1234, 5678] and warned(alone)["ambiguous_numbers"] == ["x"]
    beside = table(volume, "x|y|z\n1,234|0,5|a\n5,678|1,5|b\n")
    assert column_of(volume, beside, "x") == [1.234, 5.678]
    assert any("decimal comma" in note for note in beside.notes)
    said = table(volume, "x|y\n1,234|a\n5,678|b\n", decimal="comma")
    assert column_of(volume, said, "x") == [1.234, 5.678] and "ambiguous_numbers" not in warned(said)
    semicolons = table(volume, "x;y\n1,234;a\n5,678;b\n")
    assert column_of(volume, semicolons, "x") == [1.234, 5.678]


@pytest.mark.parametrize(
    "written",
    [("2020-01-31", "2021-12-01"), ("2020/1/31", "2021/12/1"), ("31.1.2020", "1.12.2021"), ("31/01/2020", "01/12/2021"),
     ("1/31/2020", "12/1/2021"), ("31-01-2020", "01-12-2021"), ("31.01.20", "01.12.21"), ("31 Jan 2020", "1 December 2021"),
     ("31-Jan-20", "1-Dec-21"), ("Jan 31, 2020", "Dec 1, 2021"), ("2020年1月31日", "2021年12月1日"),
     ("2020-01-31 00:00", "2021-12-01 00:00:00.0"), ("2020-01-31T01:00:00+01:00", "2021-12-01T00:00:00Z"),
     ("1/31/2020 12:00 AM", "12/1/2021 12:00 am")],
)  # fmt: skip
def test_dates_of_every_usual_style_are_the_same_moments(volume, written):
    dataset, values = cells(volume, *written)
    assert values == NOW and kinds_of(dataset)["x"] == "date" and "ambiguous_dates" not in warned(dataset)


def test_moments_with_a_zone_are_kept_in_utc_and_said_and_some_without_one_are_warned_of(volume):
    dataset, values = cells(volume, *[f"2024-01-{day:02}T23:00:00+08:00" for day in range(1, 9)])
    assert values[0] == datetime(2024, 1, 1, 15)
    assert "moments of x with a time zone (8) are kept in UTC" in dataset.notes
    assert "some_zones" not in warned(dataset)
    dataset, values = cells(volume, *["2024-01-01T23:00:00Z"] * 3, "2024-01-02 23:00:00 +08:00", "2024-01-03T23:00:00")
    assert values[-2:] == [datetime(2024, 1, 2, 15), datetime(2024, 1, 3, 23)]
    assert (
        "moments of x with a time zone (4) are kept in UTC; 1 have no time zone and are taken as UTC" in dataset.notes
    )
    assert warned(dataset)["some_zones"] == ["x"]
    plain, _ = cells(volume, *[f"2024-01-{day:02}T23:00:00" for day in range(1, 9)])
    assert not any("zone" in note for note in plain.notes)


def test_times_are_kept(volume):
    _, values = cells(volume, "1/31/2020 3:04 PM", "1/31/2020 12:30 PM", "1/1/2020 0:05 AM")
    assert values == [datetime(2020, 1, 31, 15, 4), datetime(2020, 1, 31, 12, 30), datetime(2020, 1, 1, 0, 5)]
    assert cells(volume, "2020-01-31 5:06", "2020-01-31 05:06:07.5")[1][1] == datetime(2020, 1, 31, 5, 6, 7, 500_000)


def test_months_alone_are_dates(volume):
    assert cells(volume, "1949-01", "1949-12")[1] == [datetime(1949, 1, 1), datetime(1949, 12, 1)]


def test_dates_that_may_be_either_are_said_and_the_user_decides(volume):
    dataset, values = cells(volume, "3/4/2020", "5/6/2020")
    assert values[0] == datetime(2020, 3, 4) and warned(dataset)["ambiguous_dates"] == ["x"]
    assert any("12/31/2020" in w.message for w in dataset.report.warnings)
    dataset, values = cells(volume, "3/4/2020", "5/6/2020", dates="day_first")
    assert values[0] == datetime(2020, 4, 3) and "ambiguous_dates" not in warned(dataset)


def test_a_day_that_no_calendar_has_is_a_bad_cell_of_a_column_of_dates(volume):
    error = refused(volume, "d,n\n" + "".join(f"{day}.1.2020,1\n" for day in range(1, 31)) + "31.2.2020,1\n")
    assert (error.problems[0].line, "31.2.2020" in error.problems[0].message) == (32, True)
    assert "no date like 31.12.2020" in error.problems[0].message


@pytest.mark.parametrize("mark", ["", "NA", "N/A", "n/a", "?", "-", "null", "NULL", "NaN", "nan", "#N/A", "0000-00-00"])
def test_what_people_write_for_nothing_is_missing_and_said(volume, mark):
    for known, kind in ((["1", "2"], "number"), (["2020-01-01", "2021-01-01"], "date"), (["a", "b"], "text")):
        dataset, values = cells(volume, known[0], mark, known[1])
        assert values[1] is None and values[0] is not None and kinds_of(dataset)["x"] == kind
        assert described(dataset, "x").missing == 1
    assert not mark or any(f'"{mark}" (1)' in note for note in dataset.notes)


def test_none_and_a_full_stop_are_values(volume):
    assert cells(volume, "None", ".", "z")[1] == ["None", ".", "z"]


@pytest.mark.parametrize("written", [("true", "false"), ("TRUE", "False")])
def test_true_and_false_are_booleans(volume, written):
    dataset, values = cells(volume, *written, "", *written)
    assert values == [True, False, None, True, False] and kinds_of(dataset)["x"] == "boolean"


@pytest.mark.parametrize("written", [("yes", "no"), ("0", "1"), ("Y", "N"), ("是", "否")])
def test_two_opposite_values_are_boolean_by_kind_and_stay_as_they_are_written(volume, written):
    dataset, values = cells(volume, *written, *written)
    assert kinds_of(dataset)["x"] == "boolean" and values[0] == (0.0 if written[0] == "0" else written[0])


@pytest.mark.parametrize(
    "codes", [("007", "012", "345"), ("4111111111111111", "4222222222222222", "1"), ("00", "05", "10")]
)
def test_codes_of_digits_stay_as_they_are_written(volume, codes):
    _, values = cells(volume, *codes)
    assert values == list(codes)


@pytest.mark.parametrize("value", ["1e999", "inf", "Infinity", "0x10", "1_000", "１２", "12 %", "$5"])
def test_what_only_a_program_or_nobody_takes_for_a_number_is_text(volume, value):
    _, values = cells(volume, value, "two", "3")
    assert values == [value, "two", "3"]


def test_a_column_of_mostly_numbers_is_said_to_be_text(volume):
    dataset, values = cells(volume, *map(str, range(20)), *["n.v."] * 5)
    assert values[:2] == ["0", "1"] and warned(dataset)["mixed"] == ["x"]
    assert any("20%" in w.message and "'n.v.'" in w.message for w in dataset.report.warnings)


def test_what_begins_like_text_and_goes_on_as_numbers_is_text(volume, monkeypatch):
    from shared.datasets.tables import columns

    monkeypatch.setattr(columns, "_SEEN", 10)
    _, values = cells(volume, *["a"] * 10, *["1"] * 30)
    assert values[0] == "a" and values[-1] == "1"


def test_what_is_found_out_early_is_held_to_the_rest(volume, monkeypatch):
    from shared.datasets.tables import columns

    for seen in (5, 5_000):
        monkeypatch.setattr(columns, "_SEEN", seen)
        for known, odd, kind in (("1,5", "v", "text"), ("1.2.2020", "y", "text"), ("7", "z", "text")):
            dataset, values = cells(volume, *[known] * 6, *[odd] * 6)
            assert values == [known] * 6 + [odd] * 6 and kinds_of(dataset)["x"] in (kind, "category")


def test_kinds_of_columns_as_a_training_needs_them(volume):
    lines = ["key,userId,age,city,name,remark,when,same,none,n"]
    cities = ("Rome", "Oslo", "Lima")
    lines += [
        f"k-{i},{i},{i % 40},{cities[i % 3]},Anna {i},some words {i % 7} here,2020-01-{i % 28 + 1:02},x,,{i}"
        for i in range(100)
    ]
    dataset = table(volume, "\n".join(lines))
    assert kinds_of(dataset) == {
        "key": "id", "userId": "number", "age": "number", "city": "category", "name": "text", "remark": "category",
        "when": "date", "same": "constant", "none": "empty", "n": "number",
    }  # fmt: skip
    city = described(dataset, "city")
    assert (city.distinct, next(iter(city.values.items()))) == (3, ("Rome", 34))
    age = described(dataset, "age")
    assert (age.low, age.high, age.distinct, age.distinct_exact) == (0, 39, 40, True) and age.mean == pytest.approx(
        17.5
    )
    assert described(dataset, "when").low == "2020-01-01T00:00:00Z"
    assert warned(dataset)["id_like"] == ["key", "userId", "n"]
    assert warned(dataset)["constant"] == ["same"] and warned(dataset)["empty"] == ["none"]


def test_east_asian_texts_are_no_ids_though_no_spaces_part_their_words(volume):
    lines = [f"第{i}次来这家店，房间很大，早餐不错,张{i}三" for i in range(20)]
    dataset = table(volume, "\n".join(["评论,名字", *lines]))
    assert kinds_of(dataset) == {"评论": "text", "名字": "id"}


def test_a_thousand_columns_are_taken(volume):
    names = ",".join(f"c{i}" for i in range(1000))
    rows = "".join(",".join(str(i * j % 97) for i in range(1000)) + "\n" for j in range(60))
    dataset = table(volume, f"{names}\n{rows}")
    assert len(dataset.report.columns) == 1000 and column_of(volume, dataset, "c999")[1] == 999 % 97
    assert len(dataset.model_dump_json()) < 1_000_000


def test_spaces_at_the_ends_of_texts_are_kept_where_that_is_asked_for_and_nowhere_else(volume):
    written = 'prompt,number,day\n" once upon ", 1.5 , 2020-01-31 \n"two  ",2,2020-02-01\n"  ",3,\n'
    for spaces, wanted in (("trim", ["once upon", "two", None]), ("keep", [" once upon ", "two  ", None])):
        dataset = table(volume, written, spaces=spaces)
        assert column_of(volume, dataset, "prompt") == wanted
        assert column_of(volume, dataset, "number") == [1.5, 2.0, 3.0]
        assert [day and day.day for day in column_of(volume, dataset, "day")] == [31, 1, None]
