"""Where open weights come from: an upload's files, and what lies in the volume's folder imports/."""

import contextlib
import errno
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shared.bases.importer import ImportedBase, import_base
from shared.datasets.receiving import clean_name
from shared.errors import BaseInvalid, NotFound, TooLarge
from shared.volume.staging import full_is_said
from shared.volume.volume import Volume

_CHUNK = 1 << 20
_MOST_FILES = 1_000
Look = Callable[[int, int], None]  # bytes taken in so far, and all there will be


@dataclass(frozen=True)
class Sent:
    """An upload's files by name, on the volume for a while. folder: that they were sent with, "" where they were with none."""

    files: dict[str, Path]
    folder: str


@contextlib.contextmanager
def received(volume: Volume, files: Iterable[tuple[str, IO[bytes]]], *, max_bytes: int) -> Iterator[Sent]:
    """The files of an upload, gone afterwards. Raises BaseInvalid, TooLarge, VolumeFull."""
    volume.ensure()
    with volume.stage(volume.root / "bases") as stage:
        found: dict[str, Path] = {}
        folders = set()
        for given, stream in files:
            folders.add(_folder_of(given))
            shown = clean_name(given)
            if not shown or shown in found or len(found) >= _MOST_FILES:
                raise BaseInvalid(f"{given!r:.60} was sent twice, or has no name; send the files of one folder")
            found[shown] = stage.path / f"upload-{len(found)}"
            with full_is_said(), found[shown].open("wb") as out:
                while chunk := stream.read(_CHUNK):
                    max_bytes -= len(chunk)
                    if max_bytes < 0:
                        raise TooLarge("the upload is larger than a base model may be (TRAINYARD_MAX_BASE_BYTES)")
                    out.write(chunk)
        if not found:
            raise BaseInvalid("no file was sent: choose the files of a model's folder, or a GGUF file")
        yield Sent(found, folders.pop() if len(folders) == 1 else "")


def import_sent(
    volume: Volume, sent: Sent, *, name: str, owner: str, most_kept: int, look: Look = lambda done, of: None
) -> ImportedBase:
    """Import what was sent: the files of a folder, or one GGUF file. look: as import_base's. Raises BaseInvalid, VolumeFull."""
    packed = [each for each in sent.files if each.lower().endswith(".gguf")]
    called = name or sent.folder or min(packed, default="")
    source = _said(sent.folder or name, sent.files)
    return import_base(volume, sent.files, name=called, source=source, owner=owner, most_kept=most_kept, look=look)


def _folder_of(given: str) -> str:
    """The folder that a file was sent with, as browsers name those of a folder that was chosen; "" without."""
    parts = given.replace("\\", "/").split("/")
    return clean_name(parts[-2]) if len(parts) > 1 else ""


def import_laid(
    volume: Volume, path: str, *, name: str, owner: str, most_kept: int, look: Look = lambda done, of: None
) -> ImportedBase:
    """Import a folder or a GGUF file below imports/. Raises NotFound for what is not there or outside, BaseInvalid, VolumeFull."""
    volume.ensure()
    root = (volume.root / "imports").resolve()
    found = _below(root, path)
    if found is None:
        there = ", ".join(list_laid(volume)[:10]) or "nothing"
        raise NotFound(f"there is no {path!r:.60} in the volume's folder imports; there is {there}")
    files = {found.name: found} if found.is_file() else {each.name: each for each in _inside(found, root)}
    source = f"imports/{found.relative_to(root)}"
    called = name or found.name
    return import_base(volume, files, name=called, source=source, owner=owner, most_kept=most_kept, look=look)


def list_laid(volume: Volume) -> list[str]:
    """What lies in imports/, by name."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(path.name for path in (volume.root / "imports").iterdir() if not path.name.startswith("."))
    return []


def _below(root: Path, path: str) -> Path | None:
    """What lies at a path below root; None for what is not there, leads out, or is no path (a NUL, a name too long)."""
    try:
        found = (root / path).resolve()
        return found if found != root and found.is_relative_to(root) and found.exists() else None
    except ValueError:
        return None
    except OSError as err:
        if err.errno == errno.ENAMETOOLONG:
            return None
        raise


def _inside(folder: Path, root: Path) -> Iterator[Path]:
    """Files of a folder; links that lead out of imports/ are left out."""
    for each in sorted(folder.iterdir()):
        if each.is_file() and each.resolve().is_relative_to(root):
            yield each


def _said(folder: str, files: dict[str, Path]) -> str:
    """Where an upload came from: its one file, or the folder that its files are of."""
    if len(files) == 1:
        return f"upload: {min(files)}"
    return f"upload: the folder {folder}" if folder else f"upload: {len(files)} files"
