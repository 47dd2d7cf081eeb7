"""How far apart the steps of a table's series are: found from their times, and turned into numbers of steps and back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from worker.families.series.moments import (
    DAY,
    Calendar,
    civil,
    days_of,
    holiday_days,
    weekday,
    weekday_number,
    weekdays_before,
)

_SECOND = 1_000_000
_PLAIN = (1, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 43_200)
_PLAIN += (86_400, 604_800)  # seconds
_UNITS = ((7 * DAY, "week"), (DAY, "day"), (3_600 * _SECOND, "hour"), (60 * _SECOND, "minute"), (_SECOND, "second"))
_CLEAR = 0.3  # of the distances are the same: else times jitter, and the middle one is rounded
_MOST_DISTANCES = 1_000_000


@dataclass(frozen=True)
class Frequency:
    """unit "time": `step` microseconds; "months": so many months, on a day of the month (31: its last); "weekdays": Monday to
    Friday; "number": times are numbers, so far apart; "rows": each time that occurs is a step, times are numbers of steps.

    origin: the time of step 0.
    """

    unit: str
    step: float
    origin: float
    day: int = 0

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Frequency":
        return cls(**stored)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def dated(self) -> bool:
        """Whether its times are moments."""
        return self.unit in ("time", "months", "weekdays")

    @property
    def name(self) -> str:
        """ "1 hour", "3 months", "1 weekday"."""
        if self.unit == "time":
            unit, word = next((size, word) for size, word in (*_UNITS, (1, "microsecond")) if self.step % size == 0)
            return _counted(self.step / unit, word)
        word = {"months": "month", "weekdays": "weekday", "number": "", "rows": "row"}[self.unit]
        return _counted(self.step, word) if word else f"{self.step:g}"

    def index(self, times: Any, xp: Any = np) -> Any:
        """int64 (...): the nearest step of each time."""
        match self.unit:
            case "time":
                return (times - int(self.origin) + int(self.step) // 2) // int(self.step)
            case "months":
                year, month, _ = civil(times // DAY)
                first, of, _ = civil(int(self.origin) // DAY)
                step = int(self.step)
                return (2 * (year * 12 + month - int(first * 12 + of)) + step) // (2 * step)
            case "weekdays":
                return weekdays_before(times // DAY, xp) - int(weekdays_before(int(self.origin) // DAY))
        steps = (times - self.origin) / self.step
        return np.rint(steps).astype(np.int64) if xp is np else xp.cast(xp.round(steps), xp.int64)

    def at(self, index: Any, xp: Any = np) -> Any:
        """The time of each step: int64 microseconds; for "number" and "rows" numbers. index: int64 (...)."""
        match self.unit:
            case "time":
                return index * int(self.step) + int(self.origin)
            case "months":
                start = int(self.origin) // DAY
                year, month, _ = civil(start)
                count = index * int(self.step) + int(year * 12 + month - 1)
                year, month = count // 12, count % 12 + 1
                length = days_of(year + month // 12, month % 12 + 1, 1) - days_of(year, month, 1)
                days = days_of(year, month, xp.minimum(length, self.day))
                return days * DAY + (int(self.origin) - start * DAY)
            case "weekdays":
                start = int(self.origin) // DAY
                days = weekday_number(index + int(weekdays_before(start)))
                return days * DAY + (int(self.origin) - start * DAY)
        return index * self.step + self.origin

    def shown(self, index: int) -> str | float:
        """The time of a step as it stands on an axis: RFC 3339, or a number."""
        time = self.at(np.int64(index))
        if not self.dated:
            return float(time)
        return f"{np.datetime64(int(time), 'us').astype('datetime64[s]')}Z"

    def told(self, index: int) -> str:
        """The time of a step in words and cells: "2020-05-01", "2020-05-01 14:00:00", "17"."""
        if not self.dated:
            return f"{float(self.at(np.int64(index))):.15g}"
        return str(self.shown(index)).rstrip("Z").replace("T", " ").removesuffix(" 00:00:00")

    def seasons(self) -> list[int]:
        """Steps after which things people measure often repeat, shortest first."""
        match self.unit:
            case "months":
                return [12 // int(self.step)] if self.step < 12 and 12 % self.step == 0 else []
            case "weekdays":
                return [5, 261]
            case "time":
                lengths = (3_600 * _SECOND, DAY, 7 * DAY)
                found = [int(length // self.step) for length in lengths if length % self.step == 0]
                if self.step >= DAY:
                    found.append(round(365.2425 * DAY / self.step))
                return [steps for steps in found if steps > 1]
        return []

    def calendar(self, wanted: bool, place: str, first: int, last: int, learnt: int) -> Calendar:
        """What is told of the calendar. place: whose holidays, "" none. first, last: steps; learnt: how many are learnt from.

        Raises ValueError for a place without known holidays, and for holidays where steps are longer than days or have no date.
        """
        parts: list[str] = []
        daily = self.unit == "weekdays" or (self.unit == "time" and self.step <= DAY)
        ends = (
            [int(self.at(np.int64(step))) // DAY for step in (first, first + learnt, last)] if self.dated else [0, 0, 0]
        )
        if wanted and self.dated:
            parts += ["time"] if self.unit == "time" and self.step < DAY else []
            parts += ["weekday"] if daily else []
            yearly = self.unit == "months" and self.step >= 12
            parts += ["year"] if ends[1] - ends[0] >= 2 * 365 and not yearly else []
        if not place:
            return Calendar(tuple(parts))
        if not daily:
            raise ValueError(f"holidays are for steps of a day or less; these are of {self.name}: leave it empty")
        return Calendar((*parts, "holiday"), holiday_days(place, ends[0], ends[2]))


def _counted(count: float, word: str) -> str:
    return f"{count:g} {word}{'' if count == 1 else 's'}"


def find_frequency(times: np.ndarray, series: np.ndarray, *, dated: bool) -> Frequency:
    """times: int64 microseconds or float numbers (n,), rising within each series, none twice. series: int (n,) codes, sorted.

    Raises ValueError where no series has two times.
    """
    apart = np.diff(times)[series[1:] == series[:-1]]
    if not len(apart):
        raise ValueError("no series has rows of two different times: there is no step to find")
    apart = apart[:: max(1, len(apart) // _MOST_DISTANCES)]
    values, counts = np.unique(apart, return_counts=True)
    common, origin = values[counts.argmax()], times.min()
    if not dated:
        return Frequency("number", float(common), float(origin))
    if counts.max() < _CLEAR * len(apart):
        middle = float(np.median(apart)) / _SECOND
        common = int(min(_PLAIN, key=lambda seconds: abs(np.log(seconds / max(middle, 1e-6)))) * _SECOND)
    days = times // DAY
    if common > 27 * DAY and (months := _months(days, series)):
        return replace(months, origin=float(origin))
    same_time = (times % DAY == origin % DAY).all()
    if common == DAY and len(times) >= 10 and same_time and (weekday(days) < 5).all():
        return Frequency("weekdays", 1.0, float(origin))
    return Frequency("time", float(common), float(origin))


def _months(days: np.ndarray, series: np.ndarray) -> Frequency | None:
    """Whole months, where all lie on one day of the month, or on its last; None where they do not."""
    year, month, day = civil(days)
    length = days_of(year + month // 12, month % 12 + 1, 1) - days_of(year, month, 1)
    fixed = int(day.max())
    if not (day == np.minimum(fixed, length)).all():
        return None
    apart = np.diff(year * 12 + month)[series[1:] == series[:-1]]
    values, counts = np.unique(apart[apart > 0], return_counts=True)
    return (
        Frequency("months", float(values[counts.argmax()]), 0.0, 31 if fixed > 28 else fixed) if len(values) else None
    )
