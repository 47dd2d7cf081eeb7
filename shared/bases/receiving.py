"""Where open weights come from: an upload's files, and what lies in the volume's folder imports/."""

import contextlib
import errno
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from shared.bases.importer import ImportedBase, import_base
from shared.datasets.receiving import clean_name
from shared.errors import BaseInvalid, NotFound, TooLarge
from shared.volume.staging import full_is_said
from shared.volume.volume import Volume

_CHUNK = 1 << 20
_MOST_FILES = 1_000


def import_upload(
    volume: Volume, files: Iterable[tuple[str, IO[bytes]]], *, name: str, owner: str, max_bytes: int, most_kept: int
) -> ImportedBase:
    """Import what was sent: the files of a folder, or one GGUF file. Raises BaseInvalid, TooLarge, VolumeFull."""
    volume.ensure()
    with volume.stage(volume.root / "bases") as stage:
        received: dict[str, Path] = {}
        for given, stream in files:
            shown = clean_name(given)
            if not shown or shown in received or len(received) >= _MOST_FILES:
                raise BaseInvalid(f"{given!r:.60} was sent twice, or has no name; send the files of one folder")
            received[shown] = stage.path / f"upload-{len(received)}"
            with full_is_said(), received[shown].open("wb") as out:
                while chunk := stream.read(_CHUNK):
                    max_bytes -= len(chunk)
                    if max_bytes < 0:
                        raise TooLarge("the upload is larger than a base model may be (TRAINYARD_MAX_BASE_BYTES)")
                    out.write(chunk)
        if not received:
            raise BaseInvalid("no file was sent: choose the files of a model's folder, or a GGUF file")
        first = min(received)
        return import_base(
            volume, received, name=name or first, source=_said("upload", received), owner=owner, most_kept=most_kept
        )


def import_laid(volume: Volume, path: str, *, name: str, owner: str, most_kept: int) -> ImportedBase:
    """Import a folder or a GGUF file below imports/. Raises NotFound for what is not there or outside, BaseInvalid, VolumeFull."""
    volume.ensure()
    root = (volume.root / "imports").resolve()
    found = _below(root, path)
    if found is None:
        there = ", ".join(list_laid(volume)[:10]) or "nothing"
        raise NotFound(f"there is no {path!r:.60} in the volume's folder imports; there is {there}")
    files = {found.name: found} if found.is_file() else {each.name: each for each in _inside(found, root)}
    source = f"imports/{found.relative_to(root)}"
    return import_base(volume, files, name=name or found.name, source=source, owner=owner, most_kept=most_kept)


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


def _said(how: str, files: dict[str, Path]) -> str:
    names = sorted(files)
    return f"{how}: {names[0]}" + (f" and {len(names) - 1} more files" if len(names) > 1 else "")
