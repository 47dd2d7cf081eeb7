"""Puts small datasets on a volume for tests, through the importer that uploads use."""

import io
import zipfile

from shared.datasets import DatasetManifest, Limits, import_dataset
from shared.volume.volume import Volume


def zipped(files: list[tuple[str, bytes]]) -> bytes:
    """Pack (path, bytes) pairs."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in files:
            archive.writestr(name, body)
    return out.getvalue()


def import_files(volume: Volume, files: list[tuple[str, bytes]], format: str) -> DatasetManifest:
    """Import (name, bytes) pairs as an upload of the given format; pictures go as one zip. Returns the manifest."""
    uploads = [("pictures.zip", zipped(files))] if format == "image_folder" else files
    return import_dataset(volume, Limits(), [(n, io.BytesIO(b)) for n, b in uploads], name="tiny", format=format)
