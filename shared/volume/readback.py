"""Reads what attempts have written: curves, logs, samples, outputs, artifacts. Used by the web layer; writes nothing.

An attempt may be writing at the same moment, or have been killed in the middle of a line: a half line is not read.
"""

import contextlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from shared.errors import NotFound
from shared.outputs import OUTPUTS, Output, load_outputs
from shared.volume.volume import Volume, staging

_MOST_LOG = 1 << 20
_AXES = {"step", "epoch"}  # what rows are placed by; all else in them is measured
_STEP = re.compile(r"[0-9]{1,12}", re.ASCII)


class LogPart(BaseModel):
    """A piece of a log. next_offset: where to go on reading; size: of the whole file, in bytes."""

    attempt: int
    text: str
    offset: int
    next_offset: int
    size: int


class SampleInfo(BaseModel):
    """What was drawn at one step of a training. Files that outputs name: see sample_path()."""

    attempt: int
    step: int
    outputs: list[Output]


class ArtifactInfo(BaseModel):
    """An immutable output."""

    name: str
    attempt: int
    size: int
    sha256: str


def series(volume: Volume, job_id: str, *, max_points: int | None = None) -> list[dict[str, Any]]:
    """Logged rows by step over all attempts.

    Rows of an attempt beyond the step from which the next one resumed are dropped: in effect they did not happen.
    max_points: thin out evenly to about that many, keeping first, last, all rows of what is measured now and then (evaluations;
    of more than a quarter of max_points their extremes), and in each stretch the lowest and highest of every series.
    """
    rows: list[dict[str, Any]] = []
    for attempt in volume.attempts(job_id):
        own = _read_lines(volume.attempt_dir(job_id, attempt) / "series.jsonl")
        if not own:
            continue
        head = own[0] if "attempt" in own[0] else {}
        first = next((row["step"] for row in own if "step" in row), 0)
        start = head.get("resumed_from_step") if head else first - 1  # the head was torn by a full disk
        rows = [row for row in rows if start is not None and row["step"] <= start]
        rows += [row for row in own if "step" in row]
    return rows if max_points is None else _thin(rows, max_points)


def last_step(volume: Volume, job_id: str, attempt: int) -> int | None:
    """The highest step an attempt has written a row or a checkpoint of."""
    folder = volume.attempt_dir(job_id, attempt)
    steps = [row["step"] for row in _read_lines(folder / "series.jsonl")[-1:] if "step" in row]
    steps += [info.ref.step for info in volume.checkpoints(job_id) if info.ref.attempt == attempt]
    return max(steps, default=None)


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
    measured: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        for name, value in row.items():
            if name not in _AXES and isinstance(value, int | float) and not isinstance(value, bool):
                measured.setdefault(name, []).append(i)
    often = [name for name, places in measured.items() if 2 * len(places) >= len(rows)]
    seldom = [name for name in measured if name not in often]
    keep = {0, len(rows) - 1}
    for name in seldom:
        keep |= _extremes(rows, measured[name], name, max(2, max_points // 4 // len(seldom)))
    room = max_points - len(keep)
    for name in often:
        keep |= _extremes(rows, measured[name], name, max(2, room // len(often)))
    return [rows[i] for i in sorted(keep)]


def _extremes(rows: list[dict[str, Any]], among: Sequence[int], name: str, most: int) -> set[int]:
    """At most `most` of the indices `among`: all when they are few, else of each stretch the lowest and the highest."""
    if len(among) <= most:
        return set(among)
    keep: set[int] = set()
    stretches = max(1, most // 2)
    for s in range(stretches):
        part = among[len(among) * s // stretches : len(among) * (s + 1) // stretches]
        valued = [i for i in part if isinstance(rows[i].get(name), int | float)]
        if valued:
            keep |= {min(valued, key=lambda i: rows[i][name]), max(valued, key=lambda i: rows[i][name])}
    return keep


def log(volume: Volume, job_id: str, attempt: int, *, offset: int | None = None, tail_bytes: int = 65_536) -> LogPart:
    """Read from offset, or the last tail_bytes. At most 1 MiB; cut at whole lines, in a longer line at a whole character.

    Raises NotFound for an unknown attempt.
    """
    path = volume.attempt_dir(job_id, attempt) / "log.txt"
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = max(0, size - min(tail_bytes, _MOST_LOG)) if offset is None else min(max(0, offset), size)
            file.seek(start)
            data = file.read(_MOST_LOG)
    except FileNotFoundError as err:
        if volume.attempt_dir(job_id, attempt).is_dir():
            return LogPart(attempt=attempt, text="", offset=0, next_offset=0, size=0)
        raise NotFound(f"job {job_id} has no attempt {attempt}") from err
    if offset is None and start > 0:  # the tail begins in the middle of a line, maybe of a character
        cut = data.find(b"\n") + 1
        data, start = data[cut:], start + cut
    whole = data.rfind(b"\n") + 1 or _whole_characters(data)  # a line still being written is left for the next read
    data = data[:whole]
    return LogPart(
        attempt=attempt, text=data.decode(errors="replace"), offset=start, next_offset=start + len(data), size=size
    )


def _whole_characters(data: bytes) -> int:
    """How many bytes are left when a UTF-8 character cut off at the end is left out."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:  # the first byte of a character of 2, 3 or 4
            return len(data) - back if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else len(data)
        if byte < 0x80:
            break
    return len(data)


def samples(volume: Volume, job_id: str, *, newest: int | None = None) -> list[SampleInfo]:
    """Samples of all attempts by step; newest: only so many of the last. Damaged ones are left out."""
    places = []
    for attempt in volume.attempts(job_id):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            folder = volume.attempt_dir(job_id, attempt) / "samples"
            places += [(int(name), attempt, folder / name) for name in os.listdir(folder) if _STEP.fullmatch(name)]
    places.sort()
    found = []
    for step, attempt, folder in places if newest is None else places[max(len(places) - newest, 0) :]:
        try:
            found.append(SampleInfo(attempt=attempt, step=step, outputs=_outputs_in(folder)))
        except NotFound:
            continue
    return found


def sample_path(volume: Volume, job_id: str, attempt: int, step: int, name: str) -> Path:
    """A file that a sample's outputs name. Only names in its manifest exist. Raises NotFound."""
    folder = volume.attempt_dir(job_id, attempt) / "samples" / f"{int(step):08d}"
    path = _published_file(folder, name)
    if path is None:
        raise NotFound(f"job {job_id} has no file {name!r:.60} in the sample of step {step}, attempt {attempt}")
    return path


def outputs(volume: Volume, job_id: str) -> list[Output]:
    """What a job shows: outputs.json of the highest attempt that has published any; [] when none has.

    Files that outputs name: see artifact_path(). Raises NotFound when they are damaged.
    """
    folder = _artifacts_dir(volume, job_id)
    return _outputs_in(folder) if folder else []


def outputs_bytes(volume: Volume, job_id: str) -> int:
    """How large outputs.json is, without reading it; 0 when there is none."""
    return next((info.size for info in artifacts(volume, job_id) if info.name == OUTPUTS), 0)


def _outputs_in(folder: Path) -> list[Output]:
    """Raises NotFound."""
    path = _published_file(folder, OUTPUTS)
    if path is None:
        raise NotFound(f"{folder.name} holds no outputs")
    try:
        return load_outputs(path.read_bytes())
    except (OSError, ValueError) as err:  # a ValidationError is one
        raise NotFound(f"the outputs in {folder.parent.name}/{folder.name} are damaged") from err


def _artifacts_dir(volume: Volume, job_id: str) -> Path | None:
    """The artifacts of the highest attempt that has published any."""
    for attempt in reversed(volume.attempts(job_id)):
        folder = volume.attempt_dir(job_id, attempt) / "artifacts"
        if staging.read_manifest(folder) is not None:
            return folder
    return None


def _published_file(folder: Path, name: str) -> Path | None:
    """A file of a published folder. Only names in its manifest exist, so no path can leave it; no link on the way is followed."""
    manifest = staging.read_manifest(folder)
    if manifest is None or all(entry["path"] != name for entry in manifest["files"]):
        return None
    path = folder.resolve() / name
    return path if path.is_file() and path.resolve() == path else None


def artifacts(volume: Volume, job_id: str) -> list[ArtifactInfo]:
    """Files of the highest attempt that has published any, as its manifest lists them, outputs.json among them."""
    folder = _artifacts_dir(volume, job_id)
    manifest = staging.read_manifest(folder) if folder else None
    if folder is None or manifest is None:
        return []
    attempt = int(folder.parent.name.removeprefix("attempt-"))
    return [
        ArtifactInfo(name=entry["path"], attempt=attempt, size=entry["size"], sha256=entry["sha256"])
        for entry in manifest["files"]
    ]


def artifact_path(volume: Volume, job_id: str, name: str) -> Path:
    """The file of an artifact. Only names in the manifest exist. Raises NotFound."""
    folder = _artifacts_dir(volume, job_id)
    path = _published_file(folder, name) if folder else None
    if path is None:
        raise NotFound(f"job {job_id} has no artifact {name!r:.60}")
    return path
