"""Tables of numbers as the test-only recipes have them: put on a volume by hand, read back with every problem named."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from shared.datasets.manifest import DatasetManifest, content_id
from shared.errors import DatasetInvalid, Problem
from shared.volume.volume import Volume, staging

FILE = "rows.csv"


def put_table(volume: Volume, rows: str, *, owner: str = "local") -> DatasetManifest:
    """Put rows of numbers, separated by commas, on the volume as a dataset. The same rows twice are one dataset."""
    with staging.staged(volume.root / "datasets") as stage:
        (stage.path / "files").mkdir()
        path = stage.path / "files" / FILE
        path.write_text(rows)
        entry = {"path": f"files/{FILE}", "size": path.stat().st_size, "sha256": staging.sha256(path)}
        dataset_id = content_id(owner, "table", [entry])
        manifest = DatasetManifest.model_validate(
            {"id": dataset_id, "name": "tiny", "format": "table", "owner": owner, "bytes": entry["size"]}
            | {"created_at": datetime.now(UTC), "files": [entry]}
        )
        final = volume.dataset_dir(dataset_id)
        if not final.exists():
            stage.publish(final, manifest.model_dump(mode="json", exclude={"files"}))
    return manifest


def read_table(folder: Path, columns: int, least: int) -> np.ndarray:
    """Read float64 (rows, columns). columns 0: as many as the first row has. Raises DatasetInvalid naming every bad line."""
    rows, problems = [], []
    for number, line in enumerate((folder / "files" / FILE).read_text().splitlines(), 1):
        cells = line.split(",")
        columns = columns or len(cells)
        try:
            if len(cells) != columns:
                raise ValueError(f"has {len(cells)} cells, should have {columns}")
            rows.append([float(cell) for cell in cells])
        except ValueError as err:
            problems.append(Problem(field="inputs.data", message=f"{line!r:.40} {err}", file=FILE, line=number))
    if problems:
        raise DatasetInvalid(f"{len(problems)} of {len(rows) + len(problems)} rows cannot be read", problems=problems)
    if len(rows) < least:
        raise DatasetInvalid(f"the table has {len(rows)} rows, {least} are needed")
    return np.array(rows)
