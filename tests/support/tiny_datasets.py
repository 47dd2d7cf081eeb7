"""Puts small datasets on a volume for tests, through the importer that uploads use."""

import io
import zipfile
from pathlib import Path

from shared.datasets import DatasetManifest, Limits, import_dataset
from shared.jobs.job import InputRef
from shared.volume.volume import Volume
from worker.context import Context
from worker.inputs import open_inputs
from worker.recipe import Inputs


def zipped(files: list[tuple[str, bytes]]) -> bytes:
    """Pack (path, bytes) pairs."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in files:
            archive.writestr(name, body)
    return out.getvalue()


def import_files(volume: Volume, files: list[tuple[str, bytes]], format: str, **options: str) -> DatasetManifest:
    """Import (name, bytes) pairs as an upload of the given format; pictures as one zip. options: of the format."""
    uploads = (
        [("pictures.zip", zipped(files))]
        if format in ("pictures", "picture_pairs", "boxes", "captioned_pictures")
        else files
    )
    opened = [(n, io.BytesIO(b)) for n, b in uploads]
    return import_dataset(volume, Limits(), opened, name="tiny", format=format, options=options)


def given(volume: Volume, dataset: DatasetManifest) -> Inputs:
    """The inputs of a job that was given this dataset."""
    return open_inputs({"data": InputRef(dataset_id=dataset.id)}, Context(volume=volume))


def imported(place: Path, files: list[tuple[str, bytes]], format: str) -> Inputs:
    """Import files onto a volume made at `place`, and open them as a job's inputs."""
    volume = Volume(place)
    volume.ensure()
    return given(volume, import_files(volume, files, format))
