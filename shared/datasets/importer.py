"""Takes an upload in: recognise, arrange, hash, look, publish. Nothing is left behind when anything is wrong.

Called by the web (uploads) and by examples.py. The same content imported twice by an owner is stored once. What differs from
format to format is the format's own (shared/datasets/formats).
"""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import Field, ValidationError

from shared.datasets.allowance import alone, refuse_beyond
from shared.datasets.formats import FORMATS
from shared.datasets.formats.base import Format, HasLimits, Options, Received
from shared.datasets.manifest import DatasetManifest, content_id, get_dataset
from shared.datasets.problems import refuse
from shared.datasets.receiving import Look, clean_name, receive
from shared.errors import Conflict, InvalidParams, Problem
from shared.jobs.job import utc_now
from shared.volume.volume import Volume, staging


@dataclass(frozen=True)
class Limits:
    """Largest upload, largest unpacked size, most an owner may keep (all in bytes), most files."""

    max_upload_bytes: int = 2 * 1024**3
    max_unpacked_bytes: int = 8 * 1024**3
    max_files: int = 200_000
    max_dataset_bytes_per_owner: int = 100 * 1024**3


class Imported(DatasetManifest):
    """A dataset as an import leaves it. new: False when the same content was there already, under the name it got then."""

    new: bool = Field(default=True, exclude=True)


def import_dataset(
    volume: Volume,
    limits: HasLimits,
    files: Iterable[tuple[str, IO[bytes]]],
    *,
    name: str = "",
    owner: str = "local",
    format: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Imported:
    """Import uploaded files and return the manifest, the earlier one if the same content is there already.

    files: (file name, readable stream) each. format: one of FORMATS; None: told from the names and contents. options: of that
    format. Raises DatasetInvalid naming every problem by file and line, InvalidParams for options, TooLarge, VolumeFull.
    """
    if format is not None and format not in FORMATS:
        raise InvalidParams(
            [Problem(field="format", message=f"unknown {format!r:.40}; known are {', '.join(FORMATS)}")]
        )
    volume.ensure()
    with volume.stage(volume.root / "datasets") as raw, volume.stage(volume.root / "datasets") as stage:
        received = receive(files, raw.path, limits)
        chosen = FORMATS[format] if format is not None else recognise(received, limits)
        wanted = checked_options(chosen, options or {})
        target = stage.path / "files"
        target.mkdir()
        arranged = chosen.arrange(received, target, limits, wanted)
        entries = _entries(target, arranged.digests)
        dataset_id = content_id(owner, chosen.name, entries)
        if there := staging.intact(volume.dataset_dir(dataset_id), lambda: get_dataset(volume, dataset_id)):
            return _told(there, new=False)  # was looked at when it came first
        size = sum(entry["size"] for entry in entries)
        refuse_beyond(volume, owner, dataset_id, size, limits.max_dataset_bytes_per_owner)  # before anything is decoded
        report = chosen.look(target, arranged.kept)
        manifest = {
            "id": dataset_id,
            "name": clean_name(name) or clean_name(received[0].name),
            "format": chosen.name,
            "owner": owner,
            "created_at": utc_now().isoformat(),
            "bytes": size,
            "report": report.model_dump(mode="json"),
            "notes": arranged.notes,
            "options": wanted.model_dump(mode="json"),
            "kept": arranged.kept,
        }
        known = {f"files/{entry['path']}": entry["sha256"] for entry in entries}
        new = False
        with alone(volume, owner), contextlib.suppress(Conflict):  # somebody imported the same at the same moment
            refuse_beyond(volume, owner, dataset_id, size, limits.max_dataset_bytes_per_owner)
            stage.publish(volume.dataset_dir(dataset_id), manifest, known)
            new = True
    return _told(get_dataset(volume, dataset_id), new=new)


def recognise(received: Sequence[Received], limits: HasLimits) -> Format:
    """The format that is surest of an upload. Raises DatasetInvalid naming what is accepted when none knows it."""
    names, look = [one.name for one in received], Look(received, limits)
    sure = {name: format.recognises(names, look) for name, format in FORMATS.items()}
    best = max(sure, key=sure.__getitem__)
    if not sure[best]:
        accepted = "; ".join(f"{format.title}: {format.help}" for format in FORMATS.values())
        raise refuse(f"cannot tell what kind of data this is. Accepted are {accepted}", file=names[0])
    return FORMATS[best]


def checked_options(format: Format, options: Mapping[str, Any]) -> Options:
    """The options of a format, validated. Raises InvalidParams naming each as "options.<name>"."""
    try:
        return format.options.model_validate(dict(options))
    except ValidationError as err:
        problems = []
        for found in err.errors():
            name = ".".join(str(part) for part in found["loc"])
            known = ", ".join(format.options.model_fields) or "none"
            message = f"{found['msg'].removeprefix('Value error, ')}; got {found['input']!r:.60}"
            if found["type"] == "extra_forbidden":
                message = f"no option of the format {format.name}; known are {known}"
            problems.append(Problem(field=f"options.{name}" if name else "options", message=message))
        raise InvalidParams(problems) from err


def _told(dataset: DatasetManifest, *, new: bool) -> Imported:
    return Imported(**dict(dataset), new=new)


def _entries(target: Path, digests: dict[str, str]) -> list[dict[str, Any]]:
    """Path, size and SHA-256 of every file; digests: those known already."""
    found = []
    for path in staging.list_files(target):
        name = path.relative_to(target).as_posix()
        found.append({"path": name, "size": path.stat().st_size, "sha256": digests.get(name) or staging.sha256(path)})
    return found
