"""A dataset's report and preview in the terminal: rows, columns, classes, parts, what was left out, what to mind."""

from typing import TYPE_CHECKING, Any, TextIO

from cli.client import Client
from cli.curves import short_place
from cli.outputs import in_folder, read, show
from cli.screen import colour, columns, cut, one_line, plain, size
from shared.outputs import Cell, Output, Score, Scores, Table

if TYPE_CHECKING:  # a seventh of the time that every command takes to start: what reads pictures comes with it
    from shared.datasets.report import ColumnReport, DatasetReport

_MOST_NAMED, _MOST_CLASSES, _MOST_COLUMNS = 20, 30, 100  # on a terminal


def show_report(dataset: dict[str, Any], out: TextIO, *, named: bool = True) -> None:
    """Write what is known of a dataset, as the API gives it. named: with its name, its size and the notes of its import."""
    from shared.datasets.report import DatasetReport

    report = DatasetReport.model_validate(dataset["report"])
    limit = columns(out)
    if named:
        out.write(f"{plain(dataset['name'])}: {dataset['format']}, {size(dataset['bytes'])}, id {dataset['id']}\n")
    notes = [f"note: {note}" for note in dataset.get("notes") or []] if named else []
    for line in (*_counts(report), *notes):
        out.write(f"  {plain(line)}\n")
    for place in report.dropped.named[: _MOST_NAMED if limit else None]:
        out.write(f"    {cut(_place(place), limit and limit - 4)}\n")
    hidden = len(report.dropped.named) - _MOST_NAMED if limit else 0
    if hidden > 0:
        out.write(f"    and {hidden} more; --json has them\n")
    outputs = [*_classes(report, limit), *_columns(report, limit)]
    if outputs:
        out.write("\n")
        show(outputs, out, lambda name: name)
    if report.warnings:
        out.write("\n")
    for warning in report.warnings:
        column = f"{warning.column}: " if warning.column and warning.column not in warning.message else ""
        out.write(f"{colour('!', 'yellow', out)} {one_line(column + warning.message)}\n")
    out.flush()


def show_preview(client: Client, dataset_id: str, out: TextIO) -> None:
    """Write a few rows of a dataset. Raises ApiError, Unreachable."""
    found = client.get(f"/datasets/{dataset_id}/preview")["outputs"]
    show(read(found), out, in_folder(client, f"/datasets/{dataset_id}/files"))


def units(number: int, unit: str) -> str:
    """A number with the word for what is counted, which reports give in the plural."""
    return f"{number:,} {unit.removesuffix('s') if number == 1 else unit}"


def _counts(report: "DatasetReport") -> list[str]:
    lines = [units(report.rows, report.unit)]
    if report.parts:
        lines[0] += f": {', '.join(f'{name} {count:,}' for name, count in report.parts.items())}"
    left_out = {name: getattr(report.dropped, name) for name in ("duplicate", "empty", "broken", "other")}
    said = ", ".join(f"{count:,} {name}" for name, count in left_out.items() if count)
    if said:
        lines.append(f"left out: {said}")
    lines += [f"in {pair}: the same {count:,}" for pair, count in report.leakage.items() if count]
    lines += [f"{name.replace('_', ' ')}: {_fact(value)}" for name, value in report.facts.items()]
    return lines


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_fact(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_fact, value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _place(named: dict[str, Any]) -> str:
    """One of the things left out: where it stands, its value and what is wrong with it."""
    where = [named.get("file"), named.get("line") and f"line {named['line']}", named.get("column")]
    value = f" {named['value']!r:.60}" if named.get("value") not in (None, "") else ""
    return one_line(f"{', '.join(str(part) for part in where if part)}:{value} {named.get('why', '')}".lstrip(": "))


def _classes(report: "DatasetReport", limit: int | None) -> list[Output]:
    total = sum(report.classes.values())
    if not total:
        return []
    shown = list(report.classes.items())[: _MOST_CLASSES if limit else None]
    items = [Score(name=name, value=count / total, note=f"{count:,}") for name, count in shown]
    more = f", the first {len(shown)} of them" if len(shown) < len(report.classes) else ""
    return [Scores(title=f"{len(report.classes):,} classes{more}", items=items)]


def _columns(report: "DatasetReport", limit: int | None) -> list[Output]:
    if not report.columns:
        return []
    shown = report.columns[:_MOST_COLUMNS]
    rows = [_column(column) for column in shown]
    head = ["column", "kind", "distinct", "missing", "range", "examples"]
    return [Table(title=f"{len(report.columns):,} columns", columns=head, rows=rows, count=len(report.columns))]


def _column(column: "ColumnReport") -> list[Cell]:
    distinct = f"{column.distinct:,}{'' if column.distinct_exact else '+'}"
    bounds = "" if column.low is None else f"{_bound(column.low)} to {_bound(column.high)}"
    return [column.name, column.kind, distinct, column.missing, bounds, ", ".join(column.examples[:3])]


def _bound(value: float | str | None) -> str:
    return short_place(value) if value is not None else ""
