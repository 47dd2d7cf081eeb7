"""Imports tables for tests and reads them back."""

from typing import Any

import pytest

from shared.datasets import Imported
from shared.datasets.report import ColumnReport
from shared.datasets.tables.reading import open_table
from shared.errors import DatasetInvalid
from shared.volume.volume import Volume
from tests.support.uploads import load


def table(volume: Volume, written: str | bytes, name: str = "t.csv", **options: str) -> Imported:
    """Import one file as a table with these options."""
    data = written.encode() if isinstance(written, str) else written
    return load(volume, (name, data), format="table", options=options)


def rows_of(volume: Volume, dataset: Imported) -> list[dict[str, Any]]:
    with open_table(volume.dataset_dir(dataset.id)) as reader:
        return reader.rows()


def column_of(volume: Volume, dataset: Imported, name: str) -> list[Any]:
    with open_table(volume.dataset_dir(dataset.id)) as reader:
        return reader.column(name)


def described(dataset: Imported, name: str) -> ColumnReport:
    """What the report says of a column."""
    found = dataset.report.column(name)
    assert found is not None
    return found


def kinds_of(dataset: Imported) -> dict[str, str]:
    return {column.name: column.kind for column in dataset.report.columns}


def warned(dataset: Imported) -> dict[str, list[str]]:
    """Columns by code of warning."""
    found: dict[str, list[str]] = {}
    for warning in dataset.report.warnings:
        found.setdefault(warning.code, []).append(warning.column)
    return found


def refused(volume: Volume, written: str | bytes, name: str = "t.csv", **options: str) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as refusal:
        table(volume, written, name, **options)
    return refusal.value
