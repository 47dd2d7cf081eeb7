"""A dataset's report in words and bars: for its page, and for the form of a training before it is submitted. Pure."""

from dataclasses import dataclass, field
from typing import Any

from shared.datasets.manifest import DatasetManifest
from shared.datasets.report import ColumnReport, DatasetReport, Warned
from shared.outputs import Score, Scores
from web.pages.formatting import count, metric, percent, plural, size
from web.pages.outputs.shown import Bars, bars

_MOST_NAMED = 20  # rows left out that are named one by one on the page
_OF_WORDS = ("text", "category", "id")  # kinds whose range is that of their lengths, of ids where they are no numbers
_EXAMPLE = 40  # characters of an example of a column


@dataclass(frozen=True)
class ColumnRow:
    """A column as a line of the table."""

    name: str
    kind: str
    missing: str
    distinct: str
    span: str
    examples: str
    warned: bool


@dataclass
class ReportView:
    """A report as the page shows it. held: how much there is, in a few words; left_out: a sentence, "" when nothing was."""

    held: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    left_out: str = ""
    named: list[str] = field(default_factory=list)
    columns: list[ColumnRow] = field(default_factory=list)
    classes: Bars = field(default_factory=lambda: Bars([]))
    parts: Bars = field(default_factory=lambda: Bars([]))
    leakage: list[tuple[str, int]] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)


def holds(dataset: DatasetManifest) -> str:
    """How much a dataset holds, in its own measure: "12,345 rows, 14 columns", "600 pictures, 3 classes"."""
    report = dataset.report
    said = [units(report.rows, report.unit)] if report.rows else []
    said += [plural(len(report.columns), "column")] if report.columns else []
    said += [plural(len(report.classes), "class", "classes")] if report.classes else []
    return ", ".join(said) or size(dataset.bytes)


def units(number: int, unit: str) -> str:
    """A number with the word for what is counted, which reports give in the plural."""
    return f"{number:,} {unit.removesuffix('s') if number == 1 else unit}"


def report_view(dataset: DatasetManifest) -> ReportView:
    """All a report says."""
    report = dataset.report
    warned = {warning.column for warning in report.warnings if warning.column}
    return ReportView(
        held=holds(dataset),
        facts=[(_label(name), _fact(value)) for name, value in report.facts.items() if value not in (None, "", [], {})],
        left_out=_left_out(report),
        named=[_broken(row) for row in report.dropped.named[:_MOST_NAMED]],
        columns=[_column(column, report.rows, column.name in warned) for column in report.columns],
        classes=_bars(report.classes),
        parts=_bars(report.parts),
        leakage=list(report.leakage.items()),
        warnings=report.warnings,
    )


def _label(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_fact(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        said = list(dict.fromkeys(_fact(part) for part in value))
        return (" to " if len(value) == 2 else ", ").join(said)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    return metric(value) if isinstance(value, float) else str(value)


def _left_out(report: DatasetReport) -> str:
    """What import left out, as the end of "Left out: "."""
    dropped = report.dropped
    reasons = (
        (dropped.duplicate, "there twice"),
        (dropped.empty, "empty"),
        (dropped.broken, "broken"),
        (dropped.other, "for other reasons"),
    )
    return ", ".join(f"{n:,} {why}" for n, why in reasons if n)


def _broken(row: dict[str, Any]) -> str:
    """One of the rows left out: where it stood, what it held, and why it could not be used."""
    where = [str(row["file"])] if row.get("file") else []
    where += [f"line {row['line']:,}"] if isinstance(row.get("line"), int) else []
    where += [f"column {row['column']}"] if row.get("column") else []
    value = f" “{str(row['value'])[:80]}”" if row.get("value") not in (None, "") else ""
    return f"{', '.join(where)}{':' if where else ''}{value} {row.get('why', '')}".strip()


def _column(column: ColumnReport, rows: int, warned: bool) -> ColumnRow:
    missing = f"{column.missing:,} ({percent(column.missing / rows)})" if column.missing and rows else ""
    distinct = f"{'' if column.distinct_exact else 'over '}{column.distinct:,}"
    span = ""
    if column.low is not None and column.high is not None and column.kind not in ("boolean", "constant"):
        low, high = (_end(v) for v in (column.low, column.high))
        span = low if low == high else f"{low} to {high}"
        if column.kind in _OF_WORDS and isinstance(column.low, int | float) and column.mean is None:
            span += " character" if span == "1" else " characters"
    examples = ", ".join(e if len(e) <= _EXAMPLE else f"{e[: _EXAMPLE - 1]}…" for e in column.examples)
    return ColumnRow(column.name, column.kind, missing, distinct, span, examples, warned)


def _end(value: float | str) -> str:
    """An end of a range: a number, or a moment without what is zero of it."""
    if isinstance(value, int | float):
        return metric(value)
    return value.removesuffix("Z").removesuffix("T00:00:00").replace("T", " ")[:19]


def _bars(counts: dict[str, int]) -> Bars:
    """Counts as bars, each with its share as a note."""
    whole = sum(counts.values()) or 1
    items = [Score(name=name, value=n, note=percent(n / whole)) for name, n in counts.items()]
    return bars(Scores(unit="number", items=items))
