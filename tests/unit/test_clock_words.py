"""Estimates in words: never zero, as coarse as they are, the same in pages and terminal."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.clock.estimate import Estimate
from shared.clock.words import basis_said, done_by, left_said, length_said, moment_said, range_said, whole_said

NIGHT = datetime(2026, 1, 1, 6, 30, tzinfo=UTC)


def told(median_s: float, low_s: float, high_s: float, **more) -> Estimate:
    return Estimate(median_s=median_s, low_s=low_s, high_s=high_s, **more)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.001, "a moment"),
        (1.99, "a moment"),
        (2, "2 s"),
        (8.4, "8 s"),
        (42, "40 s"),
        (58, "1 min"),
        (78, "1 min 20 s"),
        (140, "2 min 20 s"),
        (299, "5 min"),
        (700, "12 min"),
        (3_000, "50 min"),
        (3_600, "1 h"),
        (7_800, "2 h 10 min"),
        (86_400, "1 d"),
        (100_000, "1 d 4 h"),
        (10 * 86_400, "10 d"),
    ],
)
def test_a_length_is_said_as_coarsely_as_an_estimate_is(seconds, said):
    assert length_said(seconds) == said


def test_no_length_is_ever_said_as_nothing():
    seconds = 1e-6
    while seconds < 1e8:
        assert length_said(seconds) == "a moment" or not length_said(seconds).startswith("0")
        seconds *= 1.07


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (25 * 60, 28 * 60, "25-28 min"),
        (30, 50, "30-50 s"),
        (50, 1_000, "50 s to 17 min"),
        (0.2, 5, "up to 5 s"),
        (0.2, 1, ""),
        (41, 42, ""),
    ],
)
def test_a_range_names_its_unit_once(low, high, said):
    assert range_said(low, high) == said


def test_what_is_told_of_a_job_that_runs_or_is_to_be_submitted():
    running = told(42, 30, 55, jobs=6, own_s=12)
    assert left_said(running) == "about 40 s left (30-55 s)"
    assert basis_said(running) == "by its own pace and 6 like it"
    assert left_said(told(0.4, 0.1, 1)) == "a moment left"
    new = told(20 * 60, 15 * 60, 29 * 60, jobs=6)
    assert whole_said(new, NIGHT) == "about 20 min (15-29 min), from 6 like it; done by 06:59 UTC"
    assert basis_said(told(9, 5, 20, own_s=5, guessed=True)) == "by its own pace, a part guessed"
    assert basis_said(told(9, 5, 20, guessed=True)) == "a part guessed"


def test_a_moment_is_said_in_the_zone_of_who_asks():
    there = NIGHT.astimezone(timezone(timedelta(hours=8)))
    soon = told(600, 300, 1_200)
    assert moment_said(done_by(soon, NIGHT), there) == "14:50"
    assert moment_said(NIGHT + timedelta(hours=20), NIGHT) == "02:30 UTC tomorrow"
    assert moment_said(NIGHT + timedelta(days=3), NIGHT) == "06:30 UTC on 4 January"
