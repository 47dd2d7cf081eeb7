"""Takes an upload in: recognise, check, hash, publish. Nothing is left behind when anything is wrong.

Called by the web (uploads) and by examples.py. The same content imported twice by an owner is stored once.
"""

import contextlib
import shutil
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from shared.datasets.allowance import alone, refuse_beyond
from shared.datasets.archive import MOST_FOLDERS, UNFIT, folders_of, opened, unpack
from shared.datasets.idx import check_idx, looks_like_idx
from shared.datasets.images import arrange_images, check_images
from shared.datasets.manifest import DatasetManifest, content_id, get_dataset
from shared.datasets.problems import refuse
from shared.datasets.text import import_text
from shared.errors import Conflict, NotFound, TooLarge
from shared.jobs.job import utc_now
from shared.volume.volume import Volume, staging

FORMATS = {
    "text": 'text: .txt, or .jsonl with a "text" in each line',
    "image_folder": "pictures: a zip of class folders",
    "idx": "MNIST's IDX files, as they are or in a zip",
}
_CHUNK = 1 << 20
_LONGEST_NAME = 1000  # characters looked at: composing very many marks takes for ever (shared/datasets/marks.py)


class HasLimits(Protocol):
    """What import_dataset asks of its limits: Settings has these, and Limits."""

    @property
    def max_upload_bytes(self) -> int: ...
    @property
    def max_unpacked_bytes(self) -> int: ...
    @property
    def max_files(self) -> int: ...
    @property
    def max_dataset_bytes_per_owner(self) -> int: ...


@dataclass(frozen=True)
class Limits:
    """Largest upload, largest unpacked size, most an owner may keep (all in bytes), most files."""

    max_upload_bytes: int = 2 * 1024**3
    max_unpacked_bytes: int = 8 * 1024**3
    max_files: int = 200_000
    max_dataset_bytes_per_owner: int = 100 * 1024**3


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
        format = format or _guess(received, limits)
        target = stage.path / "files"
        target.mkdir()
        notes, names = _unpacked(format, received, target, limits)
        arranged = None
        checked: tuple[dict[str, Any], list[str], list[Any]] = ({}, [], [])
        if format == "text":
            checked = import_text(received, target)
        elif format == "idx":
            checked = check_idx(target, names, max_bytes=limits.max_unpacked_bytes)
        else:
            arranged = arrange_images(target, names)
        entries = _entries(target, arranged.digests if arranged else {})
        dataset_id = content_id(owner, format, entries)
        if (arranged is None or not arranged.problems.count) and (there := _intact(volume, dataset_id)):
            return there  # was checked when it came first: nothing is decoded again
        size = sum(entry["size"] for entry in entries)
        refuse_beyond(volume, owner, dataset_id, size, limits.max_dataset_bytes_per_owner)  # before anything is decoded
        if arranged is not None:
            checked = check_images(target, arranged)
        stats, said, preview = checked or ({}, [], [])
        manifest = {
            "id": dataset_id,
            "name": clean_name(name) or clean_name(received[0][0]),
            "format": format,
            "owner": owner,
            "created_at": utc_now().isoformat(),
            "bytes": size,
            "stats": stats,
            "notes": notes + said,
            "preview": preview,
        }
        known = {f"files/{entry['path']}": entry["sha256"] for entry in entries}
        with alone(volume, owner), contextlib.suppress(Conflict):  # somebody imported the same at the same moment
            refuse_beyond(volume, owner, dataset_id, size, limits.max_dataset_bytes_per_owner)
            stage.publish(volume.dataset_dir(dataset_id), manifest, known)
    return get_dataset(volume, dataset_id)


def _intact(volume: Volume, dataset_id: str) -> DatasetManifest | None:
    """The dataset if it is there, whole. A damaged one is taken away: the upload replaces it."""
    folder = volume.dataset_dir(dataset_id)
    try:
        found = get_dataset(volume, dataset_id)
        if staging.verify(folder):
            return found
    except NotFound:
        pass
    with contextlib.suppress(FileNotFoundError):
        staging.remove(folder)
    return None


def _entries(target: Path, digests: dict[str, str]) -> list[dict[str, Any]]:
    """Path, size and SHA-256 of every file; digests: those known already."""
    found = []
    for path in staging.list_files(target):
        name = path.relative_to(target).as_posix()
        found.append({"path": name, "size": path.stat().st_size, "sha256": digests.get(name) or staging.sha256(path)})
    return found


def clean_name(name: str) -> str:
    """A name fit for showing: no folders, no control characters, at most 120 characters."""
    last = name.replace("\\", "/").rpartition("/")[2][:_LONGEST_NAME]
    return UNFIT.sub("", unicodedata.normalize("NFC", last)).strip()[:120]


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


def _guess(received: list[tuple[str, Path]], limits: HasLimits) -> str:
    names = [name for name, _ in received]
    if any(looks_like_idx(name) for name in names):
        return "idx"
    if all(name.lower().endswith((".txt", ".jsonl", ".text", ".md")) for name in names):
        return "text"
    if len(received) == 1 and _is_zip(received[0][1]):
        with opened(received[0][1], names[0], max_files=limits.max_files) as archive:
            return "idx" if any(looks_like_idx(n) for n in archive.namelist()) else "image_folder"
    known = "; ".join(FORMATS.values())
    raise refuse(f"cannot tell what kind of data this is. Accepted are {known}", file=names[0])


def _unpacked(
    format: str, received: list[tuple[str, Path]], target: Path, limits: HasLimits
) -> tuple[list[str], list[str]]:
    """Put the files of pictures into target. Returns (notes, names). Texts are left where they are."""
    notes: list[str] = []
    names: list[str] = []
    folders: set[str] = set()
    if format == "text":
        return notes, names
    left_bytes, left_files = limits.max_unpacked_bytes, limits.max_files
    for name, path in received:
        if _is_zip(path):
            left_folders = MOST_FOLDERS - len(folders)
            unpacked, said = unpack(
                path, name, target, max_bytes=left_bytes, max_files=left_files, max_folders=left_folders
            )
            folders |= folders_of(unpacked)
            notes += said
        elif format == "idx":
            unpacked = [_put(name, path, target)]
        else:
            raise refuse("pictures are uploaded as one zip of class folders", file=name)
        names += unpacked
        left_files -= len(unpacked)
        left_bytes -= sum((target / inner).stat().st_size for inner in unpacked)
    if not names:
        raise refuse("the archive is empty", file=received[0][0])
    return notes, names


def _put(name: str, path: Path, target: Path) -> str:
    """Move an IDX file, uploaded as it is, to its place."""
    if not looks_like_idx(name) or len(name.encode()) > 200:
        raise refuse("is no IDX file; names are like train-images-idx3-ubyte.gz", file=name)
    if (target / name).exists():
        raise refuse("was uploaded twice", file=name)
    shutil.move(path, target / name)
    return name
