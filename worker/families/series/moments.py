"""Days, months and features of the calendar by whole-number arithmetic, the same in NumPy and inside a TensorFlow graph.

Moments are int64 microseconds since 1970-01-01 00:00, days int64 days since then. xp: the module numpy, or tensorflow for a graph.
Source of the arithmetic: Howard Hinnant, chrono-compatible low-level date algorithms.
"""

import difflib
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

DAY = 86_400_000_000  # microseconds
_EPOCH = date(1970, 1, 1)
_WEEKDAY_OF_0 = 3  # 1970-01-01 was a Thursday; Monday is 0
_YEAR_DAYS = 365.2425
_YEARS_AHEAD = 30  # holidays are known so far beyond the data


def civil(days: Any) -> tuple[Any, Any, Any]:
    """(year, month, day of the month) of days."""
    shifted = days + 719_468
    era = shifted // 146_097
    of_era = shifted - era * 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    march = (5 * of_year + 2) // 153  # months since March
    late = march // 10  # 1 for January and February
    return year + era * 400 + late, march + 3 - 12 * late, of_year - (153 * march + 2) // 5 + 1


def days_of(year: Any, month: Any, day: Any) -> Any:
    """Days of a date."""
    early = (14 - month) // 12  # 1 for January and February
    shifted = year - early
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + 12 * early - 3) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def weekday(days: Any) -> Any:
    """0 for Monday to 6 for Sunday."""
    return (days + _WEEKDAY_OF_0) % 7


def weekdays_before(days: Any, xp: Any = np) -> Any:
    """How many days from Monday to Friday have gone since the Monday before 1970; a Saturday and a Sunday count as Friday."""
    since = days + _WEEKDAY_OF_0
    return since // 7 * 5 + xp.minimum(since % 7, 4)


def weekday_number(count: Any) -> Any:
    """The days of what weekdays_before() gives."""
    return count // 5 * 7 + count % 5 - _WEEKDAY_OF_0


@dataclass(frozen=True)
class Calendar:
    """What is told of each moment: any of "time", "weekday", "year", "holiday".

    holidays: days, rising, where "holiday" is among them; none before the first and after the last is known.
    """

    parts: tuple[str, ...] = ()
    holidays: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """How many numbers features() gives of a moment."""
        return sum({"time": 4, "weekday": 7, "year": 4, "holiday": 1}[part] for part in self.parts)

    def features(self, moments: Any, xp: Any = np) -> Any:
        """float32 (..., size). moments: int64 (...)."""
        days = moments // DAY
        found = []
        if "time" in self.parts:
            found += _waves(_cast(moments - days * DAY, xp) / float(DAY), xp)
        if "weekday" in self.parts:
            now = weekday(days)
            found += [_cast(now == number, xp) for number in range(7)]
        if "year" in self.parts:
            year, _, _ = civil(days)
            found += _waves(_cast(days - days_of(year, 1, 1), xp) / _YEAR_DAYS, xp)
        if "holiday" in self.parts:
            found.append(_cast(self._is_holiday(days, xp), xp))
        return xp.stack([_narrow(one, xp) for one in found], -1)

    def _is_holiday(self, days: Any, xp: Any) -> Any:
        first, last = self.holidays[0], self.holidays[-1]
        table = np.zeros(last - first + 3, bool)  # nothing at both ends
        table[np.array(self.holidays) - first + 1] = True
        place = xp.minimum(xp.maximum(days - first + 1, 0), len(table) - 1)
        return table[place] if xp is np else xp.gather(table, place)


def _cast(values: Any, xp: Any) -> Any:
    return values.astype(np.float64) if xp is np else xp.cast(values, xp.float64)


def _narrow(values: Any, xp: Any) -> Any:
    return values.astype(np.float32) if xp is np else xp.cast(values, xp.float32)


def _waves(share: Any, xp: Any) -> list[Any]:
    """Sine and cosine of once and twice around. share: how much of the circle has gone."""
    return [wave(2 * np.pi * times * share) for times in (1, 2) for wave in (xp.sin, xp.cos)]


def holiday_days(place: str, first: int, last: int) -> tuple[int, ...]:
    """Days that are holidays in a country ("DE") or a part of it ("DE-BY"), from the year of one day to 30 years after another.

    Raises ValueError naming what is known for what is not.
    """
    import holidays

    country, _, part = place.partition("-")
    known = holidays.list_supported_countries()
    if country not in known:
        near = ", ".join(difflib.get_close_matches(country, known, 5, 0.5))
        raise ValueError(f"no holidays are known of {country!r}{f'; near it are {near}' if near else ''}")
    if part and part not in known[country]:
        told = ", ".join(known[country]) or "none"
        raise ValueError(f"no holidays are known of a part {part!r} of {country!r}; known are {told:.300}")
    years = range(int(civil(first)[0]), int(civil(last)[0]) + _YEARS_AHEAD + 1)
    found = holidays.country_holidays(country, subdiv=part or None, years=years)
    days = sorted((day - _EPOCH).days for day in found)
    if not days:
        raise ValueError(f"no holidays are known of {place!r} in the years {years[0]} to {years[-1]}")
    return tuple(days)
