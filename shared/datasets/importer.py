"""Takes an upload in: recognise, check, hash, publish. Nothing is left behind when anything is wrong.

Called by the web (uploads) and by examples.py. The same content imported twice is stored once.
"""

import re
import shutil
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from shared import staging
from shared.datasets.archive import unpack
from shared.datasets.idx import check_idx, looks_like_idx
from shared.datasets.images import check_images, strip_common_folder
from shared.datasets.manifest import DatasetManifest, content_id, get_dataset
from shared.datasets.problems import refuse
from shared.datasets.text import import_text
from shared.errors import Conflict, DatasetInvalid, NotFound, TooLarge
from shared.job import utc_now
from shared.volume import Volume

FORMATS = {
    "text": 'text: .txt, or .jsonl with a "text" in each line',
    "image_folder": "pictures: a zip of class folders",
    "idx": "MNIST's IDX files, as they are or in a zip",
}
_CHUNK = 1 << 20


class HasLimits(Protocol):
    """What import_dataset asks of its limits: Settings has these, and Limits."""

    @property
    def max_upload_bytes(self) -> int: ...
    @property
    def max_unpacked_bytes(self) -> int: ...
    @property
    def max_files(self) -> int: ...


@dataclass(frozen=True)
class Limits:
    """Largest upload, largest unpacked size (both in bytes), most files."""

    max_upload_bytes: int = 2 * 1024**3
    max_unpacked_bytes: int = 8 * 1024**3
    max_files: int = 200_000


def import_dataset(
    volume: Volume,
    limits: HasLimits,
    files: Iterable[tuple[str, IO[bytes]]],
    *,
    name: str = "",
    owner: str = "local",
    format: str | None = None,
) -> DatasetManifest:
    """Import uploaded files and return the manifest, the earlier one if the same content is there already.

    files: (file name, readable stream) each. format: one of FORMATS; None: told from the names and contents.
    Raises DatasetInvalid naming every problem by file and line, TooLarge, VolumeFull.
    """
    if format is not None and format not in FORMATS:
        raise refuse(f"unknown format {format!r:.40}; known are {', '.join(FORMATS)}")
    volume.ensure()
    with volume.stage(volume.root / "datasets") as raw, volume.stage(volume.root / "datasets") as stage:
        received = _receive(files, raw.path, limits)
        format = format or _guess(received)
        target = stage.path / "files"
        target.mkdir()
        stats, notes, preview = _convert(format, received, target, limits)
        entries = [
            {"path": p.relative_to(target).as_posix(), "size": p.stat().st_size, "sha256": staging.sha256(p)}
            for p in staging.list_files(target)
        ]
        dataset_id = content_id(format, entries)
        try:
            return get_dataset(volume, dataset_id)
        except NotFound:
            pass
        manifest = {
            "id": dataset_id,
            "name": clean_name(name) or clean_name(received[0][0]),
            "format": format,
            "owner": owner,
            "created_at": utc_now().isoformat(),
            "bytes": sum(entry["size"] for entry in entries),
            "stats": stats,
            "notes": notes,
            "preview": preview,
        }
        try:
            stage.publish(volume.dataset_dir(dataset_id), manifest)
        except Conflict:  # somebody imported the same at the same moment
            return get_dataset(volume, dataset_id)
    return get_dataset(volume, dataset_id)


def clean_name(name: str) -> str:
    """A name fit for showing: no folders, no control characters, at most 120 characters."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    return re.sub(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]", "", name).strip()[:120]


def _receive(files: Iterable[tuple[str, IO[bytes]]], folder: Path, limits: HasLimits) -> list[tuple[str, Path]]:
    """Copy the streams to files of our own naming, within the limits."""
    received: list[tuple[str, Path]] = []
    left = limits.max_upload_bytes
    for name, stream in files:
        if len(received) >= min(limits.max_files, 1000):
            raise TooLarge("too many files at once; pack them into a zip")
        path = folder / f"upload-{len(received)}"
        with staging.full_is_said(), path.open("wb") as out:
            while chunk := stream.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise TooLarge(f"the upload is larger than {limits.max_upload_bytes} bytes")
                out.write(chunk)
        received.append((clean_name(name) or f"file {len(received) + 1}", path))
    if not received:
        raise refuse("no file was uploaded")
    if all(path.stat().st_size == 0 for _, path in received):
        raise refuse("is empty", file=received[0][0])
    return received


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def _guess(received: list[tuple[str, Path]]) -> str:
    names = [name for name, _ in received]
    if any(looks_like_idx(name) for name in names):
        return "idx"
    if all(name.lower().endswith((".txt", ".jsonl", ".text", ".md")) for name in names):
        return "text"
    if len(received) == 1 and _is_zip(received[0][1]):
        import zipfile

        try:
            with zipfile.ZipFile(received[0][1]) as archive:
                inner = archive.namelist()
        except (zipfile.BadZipFile, ValueError, OSError) as err:
            raise refuse(f"is no readable zip archive: {err}", file=names[0]) from err
        return "idx" if any(looks_like_idx(n) for n in inner) else "image_folder"
    known = "; ".join(FORMATS.values())
    raise refuse(f"cannot tell what kind of data this is. Accepted are {known}", file=names[0])


def _convert(
    format: str, received: list[tuple[str, Path]], target: Path, limits: HasLimits
) -> tuple[dict[str, Any], list[str], list[Any]]:
    """Check the received files and put what a recipe will read into target. Returns (stats, notes, preview)."""
    if format == "text":
        return import_text(received, target)
    notes: list[str] = []
    names: list[str] = []
    for name, path in received:
        if _is_zip(path):
            unpacked, said = unpack(path, name, target, max_bytes=limits.max_unpacked_bytes, max_files=limits.max_files)
            names += unpacked
            notes += said
        elif format == "idx":
            if (target / name).exists():
                raise refuse("was uploaded twice", file=name)
            shutil.move(path, target / name)
            names.append(name)
        else:
            raise refuse("pictures are uploaded as one zip of class folders", file=name)
    if not names:
        raise DatasetInvalid("the archive is empty", problems=refuse("the archive is empty").problems)
    if format == "idx":
        stats, said, preview = check_idx(target, names, max_bytes=limits.max_unpacked_bytes)
    else:
        stats, said, preview = check_images(target, strip_common_folder(target, names))
    return stats, notes + said, preview
