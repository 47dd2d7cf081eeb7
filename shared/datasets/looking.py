"""What there is to see of a dataset: its report, a preview, and the files a preview names. Called by the web.

A report is made on import. When a later release looks closer (REPORT_VERSION), it is made anew once and kept beside the manifest,
datasets/<id>/report.json, which no manifest lists: the dataset itself stays as it was hashed.
"""

import contextlib
from typing import IO

from pydantic import ValidationError

from shared.datasets.formats import get_format
from shared.datasets.manifest import DatasetManifest
from shared.datasets.report import REPORT_VERSION, DatasetReport
from shared.errors import NotFound, VolumeFull
from shared.outputs import Output
from shared.volume.volume import Volume, staging

_REPORT = "report.json"
_MOST = 20  # rows or pictures of a preview


def get_report(volume: Volume, dataset: DatasetManifest) -> DatasetReport:
    """The report as this release makes it. Raises NotFound for a dataset that is gone, DatasetInvalid for a damaged one."""
    if dataset.report.version == REPORT_VERSION:
        return dataset.report
    folder = volume.dataset_dir(dataset.id)
    with contextlib.suppress(ValidationError):
        kept = DatasetReport.model_validate(staging.read_json(folder / _REPORT))
        if kept.version == REPORT_VERSION:
            return kept
    try:
        report = get_format(dataset.format).look(folder / "files", dataset.kept)
        with contextlib.suppress(VolumeFull):  # then it is made anew the next time
            staging.write_json(folder / _REPORT, report.model_dump(mode="json"))
    except FileNotFoundError as err:
        raise NotFound(f"no dataset {dataset.id!r:.60}") from err
    return report


def get_preview(volume: Volume, dataset: DatasetManifest, *, most: int = _MOST) -> list[Output]:
    """A few rows, pictures or lines. Raises NotFound for a dataset that is gone, DatasetInvalid for a damaged one."""
    try:
        folder = volume.dataset_dir(dataset.id)
        return get_format(dataset.format).preview(folder, get_report(volume, dataset), most)
    except FileNotFoundError as err:
        raise NotFound(f"no dataset {dataset.id!r:.60}") from err


def open_preview_file(volume: Volume, dataset: DatasetManifest, name: str) -> tuple[IO[bytes], str]:
    """A file that get_preview() names, with its media type. Raises NotFound for every other name."""
    with contextlib.suppress(FileNotFoundError):
        if found := get_format(dataset.format).open_file(volume.dataset_dir(dataset.id), name):
            return found
    raise NotFound(f"no file {name!r:.80} in the dataset {dataset.id}")
