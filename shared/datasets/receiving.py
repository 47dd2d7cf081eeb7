"""Takes the files of an upload onto the volume and puts them where a format wants them. Nothing in here knows a format.

Called by importer.py (receive, Look) and by the formats whose upload may be a zip (put_all).
"""

import gzip
import shutil
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shared.datasets.archive import MOST_FOLDERS, MOST_RATIO, UNFIT, folders_of, head_inside, opened, unpack
from shared.datasets.formats.base import HasLimits, Received
from shared.datasets.problems import refuse
from shared.errors import TooLarge
from shared.volume.staging import full_is_said

_CHUNK = 1 << 20
_MOST_UPLOADS = 1000  # files of one upload that are no zip
_LONGEST_NAME = 1000  # characters looked at: composing very many marks takes for ever (shared/datasets/marks.py)
_LONGEST_FILE_NAME = 200  # bytes; file systems take 255


def clean_name(name: str) -> str:
    """A name fit for showing: no folders, no control characters, at most 120 characters."""
    last = name.replace("\\", "/").rpartition("/")[2][:_LONGEST_NAME]
    return UNFIT.sub("", unicodedata.normalize("NFC", last)).strip()[:120]


def receive(files: Iterable[tuple[str, IO[bytes]]], folder: Path, limits: HasLimits) -> list[Received]:
    """Copy streams to files of our own naming. Raises TooLarge, VolumeFull, DatasetInvalid when there is nothing."""
    received: list[Received] = []
    left = limits.max_upload_bytes
    for name, stream in files:
        if len(received) >= min(limits.max_files, _MOST_UPLOADS):
            raise TooLarge("too many files at once; pack them into a zip")
        path = folder / f"upload-{len(received)}"
        with full_is_said(), path.open("wb") as out:
            while chunk := stream.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise TooLarge(
                        f"the upload is larger than {limits.max_upload_bytes:,} bytes, the most one may have "
                        "(TRAINYARD_MAX_UPLOAD_BYTES)"
                    )
                out.write(chunk)
        received.append(Received(clean_name(name) or f"file {len(received) + 1}", path))
    if not received:
        raise refuse("no file was uploaded: choose one")
    if all(one.path.stat().st_size == 0 for one in received):
        raise refuse("is empty", file=received[0].name)
    return received


def is_zip(path: Path) -> bool:
    """True for what begins like a zip archive; Word and Excel files do, too."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


class Look:
    """A look into an upload before it is arranged (formats/base.py, Peek)."""

    def __init__(self, received: Sequence[Received], limits: HasLimits):
        self._paths = {one.name: one.path for one in received}
        self._names = [one.name for one in received]
        self._limits = limits
        self._inside: dict[str, list[str] | None] = {}

    def head(self, name: str, size: int = 4096, *, inner: str | None = None) -> bytes:
        """Raises DatasetInvalid for a damaged zip."""
        if inner is not None:
            return head_inside(self._paths[name], name, inner, size, max_files=self._limits.max_files)
        with self._paths[name].open("rb") as file:
            return file.read(size)

    def inside(self, name: str) -> list[str] | None:
        """Names in an uploaded zip; None for what is none. Raises DatasetInvalid for a damaged one, TooLarge."""
        if name not in self._inside:
            self._inside[name] = None
            if is_zip(self._paths[name]):
                with opened(self._paths[name], name, max_files=self._limits.max_files) as archive:
                    self._inside[name] = archive.namelist()
        return self._inside[name]

    def all_names(self) -> list[str]:
        """The names of all files that come out: those in zips, and those uploaded as they are."""
        found: list[str] = []
        for name in self._names:
            inside = self.inside(name)
            found += [name] if inside is None else [inner for inner in inside if not inner.endswith("/")]
        return found


@dataclass
class Put:
    """What put_all() laid down. names: below the target, as in the upload. notes: what was left out, for the user."""

    names: list[str]
    notes: list[str]


def put_all(received: Sequence[Received], target: Path, limits: HasLimits) -> Put:
    """Unpack every zip of an upload into target and move the other files there, under their own names.

    The limits hold for all zips together. Raises DatasetInvalid naming what cannot be unpacked or comes twice, TooLarge,
    VolumeFull.
    """
    put = Put([], [])
    folders: set[str] = set()
    left_bytes, left_files = limits.max_unpacked_bytes, limits.max_files
    for one in received:
        if is_zip(one.path):
            unpacked, said = unpack(
                one.path,
                one.name,
                target,
                max_bytes=left_bytes,
                max_files=left_files,
                max_folders=MOST_FOLDERS - len(folders),
            )
            folders |= folders_of(unpacked)
            put.notes += said
        else:
            unpacked = [_moved(one, target)]
        put.names += unpacked
        left_files -= len(unpacked)
        left_bytes -= sum((target / name).stat().st_size for name in unpacked)
    if not put.names:
        raise refuse("the archive is empty", file=received[0].name)
    return put


def _moved(one: Received, target: Path) -> str:
    if one.name in (".", "..") or len(one.name.encode()) > _LONGEST_FILE_NAME:
        raise refuse("has a name that no file can have here: give it a shorter, plain one", file=one.name)
    if (target / one.name).exists():
        raise refuse("was uploaded twice", file=one.name)
    shutil.move(one.path, target / one.name)
    return one.name


def unzipped(received: Sequence[Received], limits: HasLimits) -> tuple[list[Received], list[str]]:
    """(the files of an upload, those in its zips among them; notes). Zips, and single files gzipped as .gz, are unpacked.

    For formats that rewrite what they are given: nothing of it stays on the volume. Raises as put_all() does.
    """
    found: list[Received] = []
    notes: list[str] = []
    for number, one in enumerate(received):
        if one.name.lower().endswith(".gz"):
            found.append(_ungzipped(one, limits))
            continue
        if not is_zip(one.path):
            found.append(one)
            continue
        folder = one.path.with_name(f"unpacked-{number}")
        folder.mkdir()
        left = limits.max_unpacked_bytes - sum(other.path.stat().st_size for other in found)
        names, said = unpack(one.path, one.name, folder, max_bytes=left, max_files=limits.max_files - len(found))
        found += [Received(name, folder / name) for name in sorted(names)]
        notes += said
        one.path.unlink()
    if not found:
        raise refuse("the archive is empty", file=received[0].name)
    return found, notes


def _ungzipped(one: Received, limits: HasLimits) -> Received:
    """A single gzipped file, unpacked beside itself. Raises DatasetInvalid, TooLarge, VolumeFull."""
    name, path = one.name[: -len(".gz")], one.path.with_suffix(".unpacked")
    most = min(limits.max_unpacked_bytes, max(1 << 26, MOST_RATIO * one.path.stat().st_size))
    size = 0
    try:
        with full_is_said(), path.open("wb") as out, gzip.open(one.path) as packed:
            while chunk := packed.read(_CHUNK):
                size += len(chunk)
                if size > most:
                    raise TooLarge(f"{one.name} unpacks to more than {most:,} bytes")
                out.write(chunk)
    except (gzip.BadGzipFile, EOFError, zlib.error) as err:
        raise refuse(f"cannot be unpacked: {err}", file=one.name) from err
    one.path.unlink()
    return Received(name or one.name, path)
