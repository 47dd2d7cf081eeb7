"""How values are written on the pages: times, durations, sizes, numbers. Pure; registered as template filters."""

from datetime import UTC, datetime

from markupsafe import Markup, escape

from shared.clock.estimate import Estimate
from shared.clock.words import basis_said, done_by, estimate_said, left_said, moment_said, phase_said

_SIZES = ("B", "kB", "MB", "GB", "TB")


def duration(seconds: float | None) -> str:
    """Write a length of time with its two largest units: "45 s", "3 min 20 s", "2 h 5 min"; "" for None."""
    if seconds is None:
        return ""
    if seconds < 0.95:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    parts = [(whole // 86_400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    first = next(i for i, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)


def relative(at: datetime, now: datetime) -> str:
    """Write a moment as seen from now: "just now", "5 min ago", "in 2 h"."""
    seconds = (now - at).total_seconds()
    size = abs(seconds)
    if size < 5:
        return "just now"
    for limit, unit, name in ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (float("inf"), 86_400, "d")):
        if size < limit:
            count = f"{size // unit:.0f} {name}"
            return f"{count} ago" if seconds > 0 else f"in {count}"
    raise AssertionError("the last limit is infinite")


def exact(at: datetime) -> str:
    return _utc(at).strftime("%Y-%m-%d %H:%M:%S UTC")


def _utc(at: datetime) -> datetime:
    """The moment in UTC; within a day of the calendar's ends, where UTC may be beyond them, that end."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return (datetime.max if at.year > 1 else datetime.min).replace(tzinfo=UTC)


def ago(at: datetime | None) -> Markup:
    """A <time> element: relative text that web/static/app.js keeps true, the exact UTC time as its title."""
    if at is None:
        return Markup("")
    text = relative(at, datetime.now(UTC))
    iso = _utc(at).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Markup('<time class="nowrap" data-ago datetime="{}" title="{}">{}</time>').format(iso, exact(at), text)


def size(count: int | float | None) -> str:
    """Write a number of bytes in decimal units: "1.4 MB"."""
    value = float(count or 0)
    for unit in _SIZES:
        if value < 999.5 or unit == _SIZES[-1]:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("the last unit takes any value")


def count(value: int | float | None) -> str:
    """Write a whole number with thousands separators."""
    return "" if value is None else f"{value:,.0f}"


def short_count(value: int) -> str:
    """Write a large count with three digits: "135 M", "1.24 B"."""
    for unit, name in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return str(value)


def metric(value: float | int | None) -> str:
    """Write a measured value with four significant digits, as scientists read it: 1.923, 0.0002, 12,345."""
    if value is None:
        return ""
    if value and (abs(value) >= 10_000 or abs(value) < 1e-4):
        return f"{value:,.0f}" if 10_000 <= abs(value) < 1e9 else f"{value:.3g}"
    text = f"{value:.4g}"
    return text if "e" not in text else f"{value:.6f}".rstrip("0")


def percent(share: float | None) -> str:
    """A share in per cent; of one that is neither none nor all it is never said that it is."""
    if share is None:
        return ""
    said = f"{share * 100:.1f}"
    if 0 < share < 1 and said in ("0.0", "100.0"):
        said = "<0.1" if said == "0.0" else ">99.9"
    return f"{said} %"


def plural(number: int, word: str, many: str = "") -> str:
    """Count things: plural(1, "job") -> "1 job", plural(2, "job") -> "2 jobs"."""
    return f"{number:,} {word if number == 1 else many or word + 's'}"


def clip(text: str, css: str = "") -> Markup:
    """Text on one line, cut with an ellipsis where it does not fit; the whole text is the title."""
    return Markup('<span class="clip {}" title="{}">{}</span>').format(css, text, escape(text))


def left(told: Estimate) -> Markup:
    """What is left of a job, what that is known from as its title."""
    return Markup('<span class="eta" title="{}">{}</span>').format(basis_said(told) or "", left_said(told))


def whole(told: Estimate) -> Markup:
    """What a job that is not submitted yet will take, and until when."""
    said = ", ".join(filter(None, [estimate_said(told), basis_said(told)]))
    return Markup("{}; done by {}").format(said, done(told))


def done(told: Estimate) -> Markup:
    """A <time> element: until when something has happened; web/static/app.js writes it in the reader's time zone."""
    now = datetime.now(UTC)
    at = done_by(told, now)
    iso = at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return Markup('<time class="nowrap" data-clock datetime="{}" title="{}">{}</time>').format(
        iso, exact(at), moment_said(at, now)
    )


FILTERS = {
    "left": left,
    "whole": whole,
    "done": done,
    "estimate": estimate_said,
    "basis": basis_said,
    "phase": phase_said,
    "ago": ago,
    "exact": exact,
    "duration": duration,
    "size": size,
    "count": count,
    "short_count": short_count,
    "metric": metric,
    "percent": percent,
    "plural": plural,
    "clip": clip,
}
