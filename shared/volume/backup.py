"""Copies a volume to a folder and back: `trainyard backup` and `trainyard restore`. Works while the service runs.

What is published never changes, so a copy of it is consistent whenever it is made; what is still being staged is left out;
what refers (keys, models, jobs) is copied before what is referred to, so that nothing copied points to what came later.
The cache is left out: it is made again.
The backup is a folder with the parts of the volume and a manifest of sizes and SHA-256 of every file, written last.
Redis is not copied: shared/volume/reindex.py makes its records from the volume again.
"""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from shared.errors import Conflict, NotFound
from shared.jobs.job import utc_now
from shared.volume.damage import Damage, find_damage
from shared.volume.schema import SCHEMA, require_volume
from shared.volume.volume import Volume, staging

PARTS = ("keys", "models", "jobs", "files", "bases", "datasets")  # in the order in which they are copied

_CHUNK_BYTES = 1 << 20
_SYNCED_AT_ONCE = 16
Tell = Callable[[int, int], None]  # files and bytes so far


@dataclass
class Copied:
    """What was copied. sha256: by path below the volume. damaged: copied as it is, and named."""

    files: int = 0
    bytes: int = 0
    sha256: dict[str, str] = field(default_factory=dict)
    damaged: list[Damage] = field(default_factory=list)


def back_up(volume: Volume, folder: Path, tell: Tell = lambda files, size: None) -> Copied:
    """Copy the volume to a folder that does not exist yet; it appears when it is complete, or not at all.

    Raises Conflict when there is something already, NotFound when the volume is none, SchemaMismatch, VolumeFull.
    """
    folder = folder.absolute()
    if not any((volume.root / part).is_dir() for part in PARTS):
        raise NotFound(f"{volume.root} is no volume: it holds none of {', '.join(PARTS)}")
    require_volume(volume)
    if folder.resolve().is_relative_to(volume.root.resolve()):
        raise Conflict(f"{folder} lies inside the volume; choose a folder outside, best on another disk")
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise Conflict(f"{folder} exists already and is not empty; every backup is a folder of its own")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with staging.staged(folder.parent) as stage:
        stage.path.chmod(0o700)  # it holds what everybody has uploaded
        copied = _copy_parts(volume.root, stage.path, tell)
        copied.damaged += find_damage(Volume(stage.path), _digest_of(copied, stage.path))
        stage.publish(folder, {"backup_of": "trainyard", "created_at": utc_now().isoformat()}, copied.sha256)
    return copied


def restore(folder: Path, volume: Volume, tell: Tell = lambda files, size: None) -> Copied:
    """Copy a backup, or any other copy of a volume, to where no volume is. Names everything that is damaged.

    The parts appear one after the other at the very end. Raises Conflict when the volume holds something, NotFound when
    the folder is no backup, SchemaMismatch when another version has made it, VolumeFull.
    """
    if not any((folder / part).is_dir() for part in ("jobs", "datasets")):
        raise NotFound(f"{folder} is no backup: it holds neither jobs nor datasets")
    require_volume(Volume(folder))
    for part in PARTS:
        if (volume.root / part).is_dir() and any((volume.root / part).iterdir()):
            raise Conflict(f"{volume.root / part} is not empty; a backup is restored to an empty volume")
    with staging.full_is_said():
        volume.root.mkdir(parents=True, exist_ok=True)
    with staging.staged(volume.root) as stage:
        stage.path.chmod(0o700)
        copied = _copy_parts(folder, stage.path, tell)
        damaged = list(find_damage(Volume(stage.path), _digest_of(copied, stage.path)))
        broken = tuple(f"{damage.path}/" for damage in damaged)
        damaged += [d for d in _unlike_manifest(folder, copied) if not d.path.startswith(broken)]
        copied.damaged += [d for d in damaged if d.path not in {other.path for other in copied.damaged}]
        _sync(stage.path)
        if (stage.path / SCHEMA).exists():  # before all that it speaks of
            (stage.path / SCHEMA).rename(volume.root / SCHEMA)
        for part in PARTS:
            if (stage.path / part).is_dir():
                with contextlib.suppress(FileNotFoundError):
                    (volume.root / part).rmdir()
                (stage.path / part).rename(volume.root / part)
        staging.sync_folder(volume.root)
    return copied


def _unlike_manifest(folder: Path, copied: Copied) -> list[Damage]:
    """What differs from the backup's own manifest; nothing when it has none, being a copy made by other means."""
    if not (folder / staging.MANIFEST).exists():
        return []
    manifest = staging.read_manifest(folder)
    if manifest is None:
        return [Damage(staging.MANIFEST, "cannot be read; logs, curves and records could not be compared with it")]
    found = []
    for entry in manifest["files"]:
        there = copied.sha256.get(entry["path"])
        if there is None:
            found.append(Damage(entry["path"], "is missing from the backup"))
        elif there != entry["sha256"]:
            found.append(Damage(entry["path"], "is not what was backed up: its SHA-256 is not the manifest's"))
    return found


def _digest_of(copied: Copied, root: Path) -> Callable[[Path], str]:
    """The SHA-256 taken while copying, so that nothing is read twice."""
    return lambda path: copied.sha256.get(path.relative_to(root).as_posix(), "")


# --- copying -----------------------------------------------------------------------------------------------------------


def _copy_parts(source: Path, target: Path, tell: Tell) -> Copied:
    copied = Copied()
    _copy_file(source, target, SCHEMA, copied)
    for part in PARTS:
        if (source / part).is_dir():
            _copy_folder(source, target, part, copied, tell)
    return copied


def _copy_folder(source: Path, target: Path, name: str, copied: Copied, tell: Tell) -> None:
    """Copy a folder without staging, trash and links. One that is taken away meanwhile is not copied at all."""
    here, there = source / name, target / name
    try:
        entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        there.mkdir()
        for entry in entries:
            path = f"{name}/{entry.name}"
            if entry.name.startswith((staging.STAGING_PREFIX, staging.TRASH_PREFIX)) or entry.is_symlink():
                continue
            if entry.is_dir():
                _copy_folder(source, target, path, copied, tell)
            elif entry.is_file():
                _copy_file(source, target, path, copied)
                tell(copied.files, copied.bytes)
        shutil.copystat(here, there)  # its time is when a checkpoint was written. Fails when the folder is gone
    except FileNotFoundError:
        if here.exists():
            raise
        shutil.rmtree(there, ignore_errors=True)
        for path in [path for path in copied.sha256 if path.startswith(f"{name}/")]:
            del copied.sha256[path]


def _copy_file(source: Path, target: Path, name: str, copied: Copied) -> None:
    """Copy a file with its mode and times, taking its SHA-256 on the way. One that cannot be read is named."""
    digest = hashlib.sha256()
    try:
        reader = (source / name).open("rb", buffering=0)
    except FileNotFoundError:
        return  # taken away meanwhile; with its folder, as the folder's copying will find
    with reader, (target / name).open("xb") as writer:
        while chunk := _read(reader, name, copied):
            digest.update(chunk)
            writer.write(chunk)
            copied.bytes += len(chunk)
        os.fchmod(writer.fileno(), os.fstat(reader.fileno()).st_mode & 0o777)
        times = os.fstat(reader.fileno())
        writer.flush()
        os.utime(writer.fileno(), ns=(times.st_atime_ns, times.st_mtime_ns))
    copied.sha256[name] = digest.hexdigest()
    copied.files += 1


def _read(reader: FileIO, name: str, copied: Copied) -> bytes:
    try:
        return reader.read(_CHUNK_BYTES)
    except OSError as err:
        if err.errno not in (errno.EIO, errno.EBADMSG, errno.EUCLEAN):
            raise
        copied.damaged.append(Damage(name, f"cannot be read to its end: {err.strerror}"))
        return b""


def _sync(root: Path) -> None:
    """fsync every file and folder below."""
    files = [Path(folder) / name for folder, _, names in os.walk(root) for name in names]
    with ThreadPoolExecutor(_SYNCED_AT_ONCE) as pool:
        list(pool.map(staging.sync_file, files))
    for folder, _, _ in os.walk(root, topdown=False):
        staging.sync_folder(Path(folder))
