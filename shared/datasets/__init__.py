"""Datasets: imported, checked, hashed inputs of trainings. A format per file in formats/; importer.py is the only writer."""

from shared.datasets.formats import FORMATS
from shared.datasets.importer import Imported, Limits, import_dataset
from shared.datasets.looking import get_preview, get_report, open_preview_file
from shared.datasets.manifest import DatasetManifest, delete_dataset, get_dataset, list_datasets

__all__ = [
    "FORMATS",
    "DatasetManifest",
    "Imported",
    "Limits",
    "delete_dataset",
    "get_dataset",
    "get_preview",
    "get_report",
    "import_dataset",
    "list_datasets",
    "open_preview_file",
]
