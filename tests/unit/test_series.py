"""What becomes of the rows of series before a network sees them: steps, gaps, seasons, windows. No TensorFlow here."""

from datetime import date, timedelta
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from shared.datasets.report import ColumnReport, DatasetReport
from shared.datasets.tables.examples import examples
from shared.recipes.base import validate_params
from shared.recipes.forecaster import ForecasterTrain, check
from worker.families.series.frequency import Frequency, find_frequency
from worker.families.series.grid import filled, make_grid
from worker.families.series.moments import DAY, Calendar, civil, days_of, holiday_days
from worker.families.series.prepared import Channels
from worker.families.series.rows import Columns, read_rows
from worker.families.series.season import find_season
from worker.families.series.windows import cut_times, evenly, windows_between


def _moments(*texts):
    return np.array(texts, "datetime64[us]").astype(np.int64)


def _found(*texts):
    times = _moments(*texts)
    return find_frequency(times, np.zeros(len(times), int), dated=True)


def test_days_and_dates_are_those_of_pythons_own_calendar():
    every = np.arange(-200_000, 200_000, 997)
    year, month, day = civil(every)
    told = [date(1970, 1, 1) + timedelta(int(number)) for number in every]
    assert [(one.year, one.month, one.day) for one in told] == list(zip(year, month, day, strict=True))
    assert (days_of(year, month, day) == every).all()
    weekdays = Calendar(("weekday",)).features(every * DAY).argmax(-1)
    assert weekdays.tolist() == [one.weekday() for one in told]


@pytest.mark.parametrize(
    ("times", "name", "following"),
    [
        (["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"], "1 month", "2020-05-31"),
        (["2020-01-15", "2020-02-15", "2020-03-15"], "1 month", "2020-04-15"),
        (["2019-10-01", "2020-01-01", "2020-04-01"], "3 months", "2020-07-01"),
        (["2018-01-01", "2019-01-01", "2020-01-01"], "12 months", "2021-01-01"),
        (["2020-01-01 00:00", "2020-01-01 00:15", "2020-01-01 00:45", "2020-01-01 01:00"], "15 minutes", "2020-01-01 01:15:00"),
        (["2020-01-01", "2020-01-08", "2020-01-15"], "1 week", "2020-01-22"),
        ([f"2020-01-{day:02d}" for day in (1, 2, 3, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17)], "1 weekday", "2020-01-20"),
        ([f"2020-01-{day:02d}" for day in range(1, 12)], "1 day", "2020-01-12"),
    ],
)  # fmt: skip
def test_the_step_is_found_and_goes_on_as_the_calendar_does(times, name, following):
    frequency = _found(*times)
    index = frequency.index(_moments(*times))
    assert frequency.name == name
    assert (frequency.at(index) == _moments(*times)).all()
    assert frequency.told(int(index[-1]) + 1) == following
    assert Frequency.from_json(frequency.to_json()) == frequency


def test_times_that_jitter_are_moved_to_the_nearest_step():
    rng = np.random.default_rng(0)
    times = _moments("2020-01-01") + np.arange(200) * 3_600_000_000 + rng.integers(-100_000_000, 100_000_000, 200)
    frequency = find_frequency(times, np.zeros(200, int), dated=True)
    assert frequency.name == "1 hour" and (np.diff(frequency.index(times)) == 1).all()


def test_one_row_per_series_has_no_step():
    with pytest.raises(ValueError, match="no step to find"):
        find_frequency(np.array([1, 2]), np.array([0, 1]), dated=False)


def test_a_season_is_found_and_none_where_there_is_none():
    rng = np.random.default_rng(0)
    steps = np.arange(600)
    weekly = np.sin(2 * np.pi * steps / 7) + rng.normal(0, 0.3, 600) + steps / 50
    assert find_season([np.where(steps % 13 == 0, np.nan, weekly)], [7, 365]) == 7
    assert find_season([np.sin(2 * np.pi * steps / 33) + rng.normal(0, 0.3, 600)], []) == 33
    assert find_season([rng.normal(0, 1, 600).cumsum()], [5, 261]) == 1
    assert find_season([np.full(600, 3.0)], [7]) == 1
    assert find_season([rng.normal(0, 1, 600)], [7]) == 1


def _rows(times, values, series=None, **more):
    cells = {"t": pa.array(times), "y": pa.array(values), "of": pa.array(series or ["a"] * len(times))}
    columns = Columns("t", ["y"], "of", dated=False)
    return read_rows(cells | more, columns)


def test_rows_are_sorted_gaps_are_made_and_all_is_counted():
    rows = _rows([1.0, 3.0, 2.0, 6.0, 6.0], [10.0, 30.0, 20.0, 60.0, 60.0])
    grid = make_grid(rows, "refuse", dated=False)
    assert grid.values[:, 0].tolist() == pytest.approx([10, 20, 30, np.nan, np.nan, 60], nan_ok=True)
    assert {name: grid.counts[name] for name in ("unsorted", "doubled", "missing", "differing")} == {
        "unsorted": 1, "doubled": 1, "missing": 2, "differing": 0,
    }  # fmt: skip
    assert not grid.problems


@pytest.mark.parametrize(("how", "value"), [("first", 1.0), ("last", 5.0), ("mean", 3.0), ("sum", 6.0)])
def test_rows_of_one_time_are_made_one_as_asked_for(how, value):
    grid = make_grid(_rows([1.0, 2.0, 2.0, 3.0], [0.0, 1.0, 5.0, 0.0]), how, dated=False)
    assert grid.values[1, 0] == value and len(grid.values) == 3


def test_rows_of_one_time_that_differ_are_named_for_every_series():
    rows = _rows([1.0, 2.0, 2.0] * 2, [0.0, 1.0, 5.0, 0.0, 7.0, 8.0], ["a"] * 3 + ["b"] * 3)
    grid = make_grid(rows, "refuse", dated=False)
    assert grid.problems == {"a": "rows 2, 3 are all of 2 and differ", "b": "rows 5, 6 are all of 2 and differ"}


def test_a_series_with_few_of_its_steps_is_named():
    times = [*range(20), 5_000]
    grid = make_grid(_rows([float(t) for t in times], [1.0] * 21), "refuse", dated=False)
    assert "only 21 have a row" in grid.problems["a"] and not len(grid.values)


def test_what_is_no_number_or_has_no_time_is_told_by_its_row():
    rows = _rows(["1", "2", None, "4"], ["1", "many", "3", "inf"])
    assert rows.wrong == {
        2: "y: 'many' is no number", 3: "t: there is no time", 4: "y: inf is too large to calculate with",
    }  # fmt: skip
    assert rows.places.tolist() == [1]


def test_yes_and_no_are_one_and_nothing_where_they_are_known_beforehand():
    cells = {"t": pa.array([1.0, 2, 3]), "y": pa.array([1.0, 2, 3]), "k": pa.array(["Yes", "no", "0.5"])}
    assert read_rows(cells, Columns("t", ["y"], known=["k"], dated=False)).known[:, 0].tolist() == [1, 0, 0.5]
    words = read_rows(cells | {"y": pa.array(["yes", "2", "3"])}, Columns("t", ["y"], dated=False))
    assert words.wrong == {1: "y: 'yes' is no number"}


def test_gaps_are_filled_as_asked_for():
    gaps = np.array([[np.nan], [1.0], [np.nan], [np.nan], [4.0], [np.nan]])
    assert filled(gaps, "last")[:, 0].tolist() == [1, 1, 1, 1, 4, 4]
    assert filled(gaps, "linear")[:, 0].tolist() == [1, 1, 2, 3, 4, 4]
    assert filled(gaps, "zero")[:, 0].tolist() == [0, 1, 0, 0, 4, 0]


def _channels(first, length):
    first, length = np.array(first), np.array(length)
    zeros = np.zeros(len(first), np.int64)
    return Channels(zeros, zeros, first, length, zeros, zeros)


def test_windows_forecast_steps_of_their_own_part_alone():
    channels = _channels([0, 40], [100, 30])
    first, val, test, stop = cut_times(channels, (0.1, 0.2), [], 5)
    assert first == 0 and stop == 100 and first < val <= test - 5 and test <= stop - 5
    seen = []
    for low, high, inside in ((first, val, True), (val, test, False), (test, stop, False)):
        windows = windows_between(channels, 10, 5, low, high, inside=inside)
        channel, place = windows.places(np.arange(len(windows)))
        begins = channels.first[channel] + place
        assert len(windows) and (begins >= low).all() and (begins + 5 <= high).all() and (place >= 10).all()
        assert (place + 5 <= channels.length[channel]).all()
        if inside:
            assert (begins - 10 >= low).all()
        seen += list(zip(channel.tolist(), begins.tolist(), strict=True))
    assert len(seen) == len(set(seen))


def test_the_standard_split_of_ett_has_the_windows_its_papers_have():
    channels = _channels([0], [17_420])
    edges = cut_times(channels, (0.1, 0.2), [8_640, 2_880, 2_880], 96)
    assert edges == (0, 8_640, 11_520, 14_400)
    counts = [len(windows_between(channels, 96, 96, low, high, inside=low == 0)) for low, high in pairwise(edges)]
    assert counts == [8_449, 2_785, 2_785]


def test_numbers_evenly_apart_are_the_ends_and_what_is_between():
    assert evenly(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert evenly(101, 5).tolist() == [0, 25, 50, 75, 100]


def test_holidays_are_known_of_countries_and_their_parts_and_others_are_told():
    first = int(_moments("2024-01-01")[0]) // DAY
    days = {str(np.datetime64(day, "D")) for day in holiday_days("DE-BY", first, first)}
    assert "2024-01-06" in days and "2030-12-25" in days
    assert "2024-01-06" not in {str(np.datetime64(day, "D")) for day in holiday_days("DE", first, first)}
    shown = Calendar(("holiday",), holiday_days("DE", first, first)).features(
        _moments("2024-12-25", "2024-12-27", "1900-12-25")
    )
    assert shown[:, 0].tolist() == [1, 0, 0]
    with pytest.raises(ValueError, match="no holidays are known of 'XX'"):
        holiday_days("XX", first, first)
    with pytest.raises(ValueError, match="part 'ZZ' of 'DE'; known are BB"):
        holiday_days("DE-ZZ", first, first)


def _report(**kinds):
    columns = [ColumnReport(name=name, kind=kind) for name, kind in kinds.items()]
    return {"data": SimpleNamespace(report=DatasetReport(rows=200, columns=columns))}


@pytest.mark.parametrize(
    ("kinds", "params", "why"),
    [
        ({"day": "date", "y": "number"}, {}, "choose what is to be forecast; there are y"),
        ({"a": "date", "b": "date", "y": "number"}, {"targets": ["y"]}, "there are a, b"),
        ({"x": "text", "y": "number"}, {"targets": ["y"]}, "no column of dates"),
        ({"day": "date", "y": "number"}, {"targets": ["y"], "known": ["y"]}, "'y' is named twice"),
        ({"day": "date", "y": "number"}, {"targets": ["y"], "context": 300}, "324 steps, the table has 200 rows"),
        ({"day": "date", "y": "number"}, {"targets": ["y"], "validation_fraction": 0}, "nothing to choose the best state by"),
    ],
)  # fmt: skip
def test_what_cannot_be_forecast_is_told_before_it_is_queued(kinds, params, why):
    problems = check(validate_params(ForecasterTrain, params), _report(**kinds))
    assert why in "; ".join(problem.message for problem in problems)


def test_a_table_that_can_be_forecast_has_no_problem():
    assert check(validate_params(ForecasterTrain, {"targets": ["y"]}), _report(day="date", y="number")) == []


def test_the_example_is_the_same_every_time_and_has_a_season():
    (made_up,) = [one for one in examples() if one.recipe == "forecaster"]
    ((_, body),) = made_up.make()
    assert body == made_up.make()[0][1]
    values = np.array([float(line.split(",")[1]) for line in body.decode().splitlines()[1:]])
    assert len(values) == 480 and find_season([values], [12]) == 12
