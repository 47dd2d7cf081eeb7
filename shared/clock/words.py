"""Estimates in words: the one renderer of pages, terminal and whoever else reads what is told. Pure."""

from datetime import UTC, datetime, timedelta

from shared.clock.estimate import Estimate

# Phases as people read them; others stand for themselves.
_PHASES = {
    "baselines": "measuring simple answers beside it",
    "reporting": "measuring the finished model",
    "sampling": "making a sample",
}
_MOMENT_S = 2.0


def phase_said(phase: str) -> str:
    """What a job is doing."""
    return _PHASES.get(phase, phase)


def length_said(seconds: float) -> str:
    """About how long: "a moment", "8 s", "40 s", "1 min 20 s", "12 min", "2 h 10 min", "3 d 4 h". Never zero."""
    if seconds < _MOMENT_S:
        return "a moment"
    count, unit = _rounded(seconds)
    if unit == "s" and count >= 60:
        return _two(int(count) // 60, "min", int(count) % 60, "s")
    if unit == "min" and count >= 60:
        return _two(int(count) // 60, "h", int(count) % 60, "min")
    if unit == "h" and count >= 24:
        return _two(int(count) // 24, "d", int(count) % 24, "h")
    return f"{count} {unit}"


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first} {unit} {second} {smaller}" if second else f"{first} {unit}"


def _rounded(seconds: float) -> tuple[int, str]:
    """As coarsely as an estimate is: to about a twentieth."""
    for below, unit, length, step in (
        (20, "s", 1, 1), (100, "s", 1, 5), (295, "s", 1, 10), (1_770, "min", 60, 1), (5_700, "min", 60, 5),
        (41_000, "min", 60, 10), (165_000, "h", 3_600, 1), (float("inf"), "h", 3_600, 6),
    ):  # fmt: skip
        if seconds < below:
            return max(round(seconds / length / step) * step, step), unit
    raise AssertionError("the last limit is infinite")


def range_said(low_s: float, high_s: float) -> str:
    """From when to when: "25-70 min", "50 s to 2 min", "up to 5 s"; "" where both read the same."""
    low, high = length_said(low_s), length_said(high_s)
    if low == high:
        return ""
    if low_s < _MOMENT_S:
        return f"up to {high}"
    low_parts, high_parts = low.split(), high.split()
    if len(low_parts) == len(high_parts) == 2 and low_parts[1] == high_parts[1]:
        return f"{low_parts[0]}-{high}"
    return f"{low} to {high}"


def estimate_said(told: Estimate) -> str:
    """Median and range: "about 40 min (25-70 min)"."""
    median, span = length_said(told.median_s), range_said(told.low_s, told.high_s)
    about = median if told.median_s < _MOMENT_S else f"about {median}"
    return f"{about} ({span})" if span else about


def basis_said(told: Estimate) -> str:
    """What it is known from: "from 6 like it", "by its own pace and 6 like it, a part guessed"."""
    parts = ["its own pace"] if told.own_s >= 1 else []
    parts += [f"{told.jobs} like it"] if told.jobs else []
    lead = "by" if told.own_s >= 1 else "from"
    said = f"{lead} {' and '.join(parts)}" if parts else ""
    guessed = "a part guessed" if told.guessed else ""
    return ", ".join(filter(None, [said, guessed]))


def left_said(told: Estimate) -> str:
    """Of a running job: "about 40 s left (30-60 s)"."""
    median, span = length_said(told.median_s), range_said(told.low_s, told.high_s)
    about = median if told.median_s < _MOMENT_S else f"about {median}"
    return f"{about} left ({span})" if span else f"{about} left"


def done_by(told: Estimate, now: datetime) -> datetime:
    """When it will have ended, as far as that can be told: the late end of the range."""
    return now + timedelta(seconds=told.high_s)


def moment_said(at: datetime, now: datetime) -> str:
    """A moment to come, in the time zone of `now`: "07:40", "07:40 tomorrow", "07:40 on 3 December"; UTC is said."""
    at = at.astimezone(now.tzinfo)
    days = (at.date() - now.date()).days
    day = "" if days == 0 else " tomorrow" if days == 1 else f" on {at.day} {at:%B}"
    return f"{at:%H:%M}{' UTC' if now.tzinfo == UTC else ''}{day}"


def whole_said(told: Estimate, now: datetime) -> str:
    """Before it is submitted: "about 40 min (25-70 min), from 6 like it; done by 07:40"."""
    parts = [estimate_said(told), basis_said(told)]
    return f"{', '.join(filter(None, parts))}; done by {moment_said(done_by(told, now), now)}"


def standing_said(
    state: str, starts_in: Estimate | None, eta: Estimate | None, unknown: str, now: datetime
) -> list[str]:
    """When a job starts and ends, as parts of a sentence; [] where there is nothing to say."""
    said = [f"starts in {estimate_said(starts_in)}"] if starts_in else []
    if eta is None:
        return [*said, f"time not yet known: {unknown}"] if unknown else said
    if state == "paused":
        return [f"{estimate_said(eta)} of work left"]
    lead = left_said(eta) if state == "running" else f"done in {estimate_said(eta)}"
    basis = basis_said(eta)
    return [*said, f"{lead}{f', {basis}' if basis else ''}", f"done by {moment_said(done_by(eta, now), now)}"]
