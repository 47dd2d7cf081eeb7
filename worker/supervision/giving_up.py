"""Gives up a job whose process has died twice at the same place without getting on, and says what is known.

Called by worker/supervision/supervisor.py before an ending is settled. Pure.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shared.jobs.job import Job
from worker.supervision.attempt import Ending

_MOST_SHOWN = 4  # differences
_MOST_CHARACTERS = 40  # of a value worth comparing


def died_there_before(job: Job, ending: Ending) -> bool:
    """Whether this attempt died where the one before had, without a newer checkpoint in between."""
    if not ending.place or ending.got_on:
        return False
    before = [attempt for attempt in job.attempts if attempt.number < job.attempt]
    return bool(before) and before[-1].cause == ending.cause and ending.place in (before[-1].message or "")


def given_up(job: Job, ending: Ending, worked: Sequence[Job]) -> Ending:
    """The ending of a job that would only die there again: no retry, as for what its owner has to change.

    worked: jobs of the same recipe and owner that succeeded.
    """
    message = f"the process died twice at the same place and is not tried again: {ending.message}. {_differences(job, worked)}"
    return replace(ending, cause="user_error", message=message)


def _differences(job: Job, worked: Sequence[Job]) -> str:
    if not worked:
        return "No job of yours of this recipe has succeeded yet, so there is none to compare it with"
    found = []
    for name, value in job.params.items():
        theirs = [other.params[name] for other in worked if name in other.params]
        if _comparable(value) and theirs and value not in theirs:
            found.append(f"{name} {value} (they: {_range(theirs)})")
    if set(job.dataset_ids) - {dataset_id for other in worked for dataset_id in other.dataset_ids}:
        found.append("its dataset (none of theirs)")
    many = (
        f"the {len(worked)} newest jobs of yours of this recipe that succeeded"
        if len(worked) > 1
        else "the one that succeeded"
    )
    if not found:
        return f"Its params and data are also those of {many}: the machine or an update may be at fault"
    more = f" and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
    return f"From {many} it differs by {', '.join(found[:_MOST_SHOWN])}{more}"


def _comparable(value: Any) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= _MOST_CHARACTERS)


def _range(values: list[Any]) -> str:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        low, high = min(values), max(values)
        return f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return ", ".join(sorted({str(value)[:_MOST_CHARACTERS] for value in values})[:3])
