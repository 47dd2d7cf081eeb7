"""Puts small datasets on a volume for tests, through the importer that uploads use."""

import io

from shared.datasets import import_dataset


def import_files(volume, files, format):
    """Import (name, bytes) pairs as an upload of the given format; returns the manifest."""
    streams = [(name, io.BytesIO(body)) for name, body in files]
    return import_dataset(volume, files=streams, name="tiny", owner="local", format=format)
