"""Moments as people give them: one without a time zone is UTC, as everything here is."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator


def in_utc(value: datetime) -> datetime:
    """The same moment in UTC; what lies beyond the calendar there becomes its end."""
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:  # within a day of the calendar's ends
        return (datetime.max if value.year > 1 else datetime.min).replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(in_utc)]
