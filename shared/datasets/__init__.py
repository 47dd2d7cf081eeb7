"""Datasets: imported, checked, hashed inputs of trainings. A format per file; importer.py is the only writer.

text          one UTF-8 text; from .txt files or .jsonl with a "text" field per line
image_folder  pictures in class folders; from a zip
idx           MNIST's files; from a zip or as they are
"""

from shared.datasets.importer import FORMATS, Limits, import_dataset
from shared.datasets.manifest import DatasetManifest, delete_dataset, get_dataset, list_datasets

__all__ = [
    "FORMATS",
    "DatasetManifest",
    "Limits",
    "delete_dataset",
    "get_dataset",
    "import_dataset",
    "list_datasets",
]
