"""How anything lasting gets onto the volume: staging folder, fsync, manifest of sizes and SHA-256 last, rename.

Used by shared/volume/volume.py and shared/datasets. A folder without a manifest does not exist for a reader.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from shared.errors import Conflict, NotFound, VolumeFull
from shared.ids import new_id

Found = TypeVar("Found")

MANIFEST = "manifest.json"
STAGING_PREFIX = ".tmp-"
TRASH_PREFIX = ".trash-"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PIECE = 1 << 18  # bytes
_AT_ONCE = 16  # files synced at a time: each waits for the disk or the file server, not for the processor


@contextlib.contextmanager
def full_is_said() -> Iterator[None]:
    """Turn "no space left" and "quota exceeded" into VolumeFull."""
    try:
        yield
    except OSError as err:
        if err.errno in _FULL:
            raise VolumeFull(f"the volume is full: {err.strerror} ({err.filename or 'while writing'})") from err
        raise


def sync_folder(path: Path) -> None:
    """fsync a folder, so that the names in it survive a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file(path: Path) -> None:
    """fsync a file already written. Errors that a network file system held back appear here."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sha256(path: Path, look: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of a file, in hex. look: called after every piece, a few milliseconds each; may raise."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            look()
    return digest.hexdigest()


def write_json(path: Path, value: Any, *, mode: int = 0o666) -> None:
    """Write a JSON file whole or not at all: staging name, fsync, rename, fsync of the folder. mode: less the umask."""
    staging = path.parent / f"{STAGING_PREFIX}{new_id()}"
    text = _json_text(value)
    with full_is_said():
        try:
            _write_text(staging, text, mode)
            os.replace(staging, path)
        finally:
            with contextlib.suppress(OSError):
                staging.unlink(missing_ok=True)
        sync_folder(path.parent)


def _json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _write_text(path: Path, text: str, mode: int = 0o666) -> None:
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _each(work: Callable[[Path], Any], paths: list[Path]) -> list[Any]:
    """work of every path, some at a time. One alone needs no threads."""
    if len(paths) < 2:
        return [work(path) for path in paths]
    with ThreadPoolExecutor(min(_AT_ONCE, len(paths))) as pool:
        return list(pool.map(work, paths))


def read_json(path: Path) -> Any | None:
    """Read a JSON file; None when it is missing or no JSON (a reader on NFS may meet a file that is being replaced)."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def list_files(folder: Path) -> list[Path]:
    """Regular files below a folder, sorted, without the manifest. Links are not followed and not listed."""
    found = [p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()]
    return sorted(p for p in found if p != folder / MANIFEST)


class Stage:
    """A staging folder beside its destination. Made by staged()."""

    def __init__(self, path: Path):
        self.path = path
        self.published = False

    def publish(self, final: Path, meta: dict[str, Any], known: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Sync every file, write the manifest last, rename to `final`. Returns the manifest.

        meta: further keys of the manifest. known: SHA-256 by path, of files the caller has hashed already.
        Raises Conflict when `final` exists with other content, VolumeFull.
        """
        known = known or {}

        def entry(path: Path) -> dict[str, Any]:
            name = path.relative_to(self.path).as_posix()
            digest = known.get(name) or sha256(path)
            sync_file(path)
            return {"path": name, "size": path.stat().st_size, "sha256": digest}

        with full_is_said():
            manifest = {"id": new_id(), **meta, "files": _each(entry, list_files(self.path))}
            # Readers find no folder before the rename: the manifest needs no name of its own to be written under.
            _write_text(self.path / MANIFEST, _json_text(manifest))
            for folder, _, _ in os.walk(self.path, topdown=False):
                sync_folder(Path(folder))
            try:
                os.rename(self.path, final)
            except OSError as err:
                # A rename retransmitted over NFS may answer "exists" or "gone" although it was done: then nothing is left here.
                there = read_json(final / MANIFEST)
                if self.path.exists() or not (there and there.get("id") == manifest["id"]):
                    if err.errno in (errno.EEXIST, errno.ENOTEMPTY):
                        raise Conflict(f"{final.name} exists already") from err
                    raise
            self.published = True
            sync_folder(final.parent)
        return manifest


@contextlib.contextmanager
def staged(parent: Path) -> Iterator[Stage]:
    """Make a staging folder in `parent`; whatever was not published is removed again. Raises VolumeFull."""
    path = parent / f"{STAGING_PREFIX}{new_id()}"
    with full_is_said():
        path.mkdir()
    stage = Stage(path)
    try:
        with full_is_said():
            yield stage
    finally:
        if not stage.published:
            shutil.rmtree(path, ignore_errors=True)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a published folder, None where there is none."""
    manifest = read_json(folder / MANIFEST)
    files = manifest.get("files") if isinstance(manifest, dict) else None
    return manifest if isinstance(files, list) and all(_is_entry(entry) for entry in files) else None


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("path"), str)
        and isinstance(entry.get("size"), int)
        and isinstance(entry.get("sha256"), str)
        and not entry["path"].startswith("/")
        and ".." not in entry["path"].split("/")
    )


def verify(folder: Path, look: Callable[[], None] = lambda: None) -> bool:
    """True when every file of the manifest is there with its size and SHA-256. look: called all along; may raise."""
    manifest = read_manifest(folder)
    if manifest is None:
        return False
    try:
        return all(
            (folder / entry["path"]).stat().st_size == entry["size"]
            and sha256(folder / entry["path"], look) == entry["sha256"]
            for entry in manifest["files"]
        )
    except (OSError, ValueError):  # ValueError: a NUL in a damaged manifest's path
        return False


def intact(folder: Path, read: Callable[[], Found]) -> Found | None:
    """What is published in a folder, if it is there and whole. What is damaged is taken away: who asks publishes it anew.

    read: gives it, or raises NotFound.
    """
    try:
        found = read()
        if verify(folder):
            return found
    except NotFound:
        pass
    with contextlib.suppress(FileNotFoundError):
        remove(folder)
    return None


def remove(folder: Path, *, unless: Callable[[Path], bool] = lambda aside: False) -> bool:
    """Take a folder away in one step (rename), then delete it. What cannot be deleted now, sweep() deletes later.

    unless: asked once it is out of sight, with where it is now; True puts it back. Returns whether it is gone. Raises
    FileNotFoundError when there is none.
    """
    trash = folder.parent / f"{TRASH_PREFIX}{new_id()}"
    os.rename(folder, trash)
    if unless(trash):
        _put_back(trash, folder)
        return False
    shutil.rmtree(trash, ignore_errors=True)
    return True


def _put_back(trash: Path, folder: Path) -> None:
    """Undo the taking away. Where the same has been published anew meanwhile, that gets only what it lacks (pins)."""
    try:
        os.rename(trash, folder)
    except OSError as err:
        if err.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        for path in list_files(trash):
            there = folder / path.relative_to(trash)
            if not there.exists():
                there.parent.mkdir(parents=True, exist_ok=True)
                os.rename(path, there)
        shutil.rmtree(trash, ignore_errors=True)
