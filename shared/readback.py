"""Reads what attempts have written: curves, logs, samples, artifacts. Used by the web layer; writes nothing.

An attempt may be writing at the same moment, or have been killed in the middle of a line: a half line is not read.
"""

import json
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from shared import staging
from shared.errors import NotFound
from shared.volume import Volume


class LogPart(BaseModel):
    """A piece of a log. next_offset: where to go on reading; size: of the whole file, in bytes."""

    attempt: int
    text: str
    offset: int
    next_offset: int
    size: int


class SampleInfo(BaseModel):
    """A sample drawn while training. file: its name below samples/; text: for text samples."""

    attempt: int
    step: int
    file: str
    text: str | None = None


class ArtifactInfo(BaseModel):
    """An immutable output."""

    name: str
    attempt: int
    size: int
    sha256: str


def series(volume: Volume, job_id: str, *, max_points: int | None = None) -> list[dict[str, Any]]:
    """Logged rows by step over all attempts.

    Rows of an attempt beyond the step from which the next one resumed are dropped: in effect they did not happen.
    max_points: thin out evenly to about that many, keeping first, last, every row with a validation value, and in each
    gap the rows with the lowest and highest loss.
    """
    rows: list[dict[str, Any]] = []
    for attempt in volume.attempts(job_id):
        own = _read_lines(volume.attempt_dir(job_id, attempt) / "series.jsonl")
        if not own:
            continue
        start = own[0].get("resumed_from_step") if "attempt" in own[0] else None
        rows = [row for row in rows if start is not None and row["step"] <= start]
        rows += [row for row in own if "step" in row]
    return rows if max_points is None else _thin(rows, max_points)


def _read_lines(path: Path) -> list[dict[str, Any]]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    rows = []
    for line in data[: data.rfind(b"\n") + 1].splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue  # torn by a full disk; the rest is still good
        if isinstance(row, dict):
            rows.append(row)
    return rows


def _thin(rows: list[dict[str, Any]], max_points: int) -> list[dict[str, Any]]:
    if len(rows) <= max_points:
        return rows
    keep = {0, len(rows) - 1} | {i for i, row in enumerate(rows) if any(name.startswith("val_") for name in row)}
    buckets = max(1, (max_points - len(keep)) // 2)
    for b in range(buckets):
        lo, hi = len(rows) * b // buckets, len(rows) * (b + 1) // buckets
        by_loss = [i for i in range(lo, hi) if isinstance(rows[i].get("loss"), int | float)]
        if by_loss:
            keep |= {min(by_loss, key=lambda i: rows[i]["loss"]), max(by_loss, key=lambda i: rows[i]["loss"])}
    return [rows[i] for i in sorted(keep)]


def log(volume: Volume, job_id: str, attempt: int, *, offset: int | None = None, tail_bytes: int = 65_536) -> LogPart:
    """Read from offset, or the last tail_bytes. At most 1 MiB; cut at whole lines. Raises NotFound for an unknown attempt."""
    path = volume.attempt_dir(job_id, attempt) / "log.txt"
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = max(0, size - tail_bytes) if offset is None else min(max(0, offset), size)
            file.seek(start)
            data = file.read(1 << 20)
    except FileNotFoundError as err:
        if volume.attempt_dir(job_id, attempt).is_dir():
            return LogPart(attempt=attempt, text="", offset=0, next_offset=0, size=0)
        raise NotFound(f"job {job_id} has no attempt {attempt}") from err
    if offset is None and start > 0:  # the tail begins in the middle of a line, maybe of a character
        cut = data.find(b"\n") + 1
        data, start = data[cut:], start + cut
    end = data.rfind(b"\n") + 1
    if end or start + len(data) < size:  # leave a line that is still being written for the next read
        data = data[:end] if end else data
    return LogPart(
        attempt=attempt, text=data.decode(errors="replace"), offset=start, next_offset=start + len(data), size=size
    )


def samples(volume: Volume, job_id: str) -> list[SampleInfo]:
    """All samples of all attempts by step; texts are included up to 20,000 characters."""
    found = []
    for attempt in volume.attempts(job_id):
        folder = volume.attempt_dir(job_id, attempt) / "samples"
        for path in sorted(folder.glob("[0-9]*")) if folder.is_dir() else []:
            step = path.stem.partition("-")[0]
            if step.isdigit() and path.suffix in (".txt", ".png"):
                text = path.read_text(encoding="utf-8", errors="replace")[:20_000] if path.suffix == ".txt" else None
                found.append(SampleInfo(attempt=attempt, step=int(step), file=path.name, text=text))
    return sorted(found, key=lambda s: (s.step, s.attempt, s.file))


def sample_path(volume: Volume, job_id: str, attempt: int, file: str) -> Path:
    """The file of a sample. Raises NotFound for anything that samples() does not list."""
    if not any(s.file == file and s.attempt == attempt for s in samples(volume, job_id)):
        raise NotFound(f"job {job_id} has no sample {file!r:.60} in attempt {attempt}")
    return volume.attempt_dir(job_id, attempt) / "samples" / file


def artifacts(volume: Volume, job_id: str) -> list[ArtifactInfo]:
    """Outputs of the highest attempt that has published any, as its manifest lists them."""
    for attempt in reversed(volume.attempts(job_id)):
        manifest = staging.read_manifest(volume.attempt_dir(job_id, attempt) / "artifacts")
        if manifest is not None:
            return [
                ArtifactInfo(name=entry["path"], attempt=attempt, size=entry["size"], sha256=entry["sha256"])
                for entry in manifest["files"]
            ]
    return []


def artifact_path(volume: Volume, job_id: str, name: str) -> Path:
    """The file of an artifact. Only names in the manifest exist, so no path can leave the folder. Raises NotFound."""
    for info in artifacts(volume, job_id):
        if info.name == name:
            path = volume.attempt_dir(job_id, info.attempt) / "artifacts" / name
            if path.is_file() and not path.is_symlink():
                return path
    raise NotFound(f"job {job_id} has no artifact {name!r:.60}")
