"""Uploaded files that params name: POST /files puts one here, a job that names it keeps it, alone it expires.

files/<id>/content, manifest.json      id = 32 hex digits of owner, name and content: the same upload is stored once
files/<id>/pins/<job id>               an empty file for each job that names it, as long as the job's files live

Their bytes count into what an owner's jobs keep (shared/jobs/disk_usage.py): unlike datasets they go by themselves.
"""

import contextlib
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ValidationError

from shared.errors import Conflict, NotFound, TooLarge
from shared.ids import is_id
from shared.volume.media_type import HEAD_BYTES, media_type
from shared.volume.volume import Volume, staging

ALONE_S = 86_400.0  # how long a file that no job names is kept
_CONTENT = "content"
_FILE_ID = re.compile(r"[0-9a-f]{32}")
_CHUNK_BYTES = 1 << 20
_ORPHAN_S = 3600.0  # a pin that is older and of no job that is known belongs to nobody
_MOST_NAME = 200


class FileInfo(BaseModel):
    """An uploaded file. media_type: told from its bytes, "application/octet-stream" where they tell nothing."""

    id: str
    name: str
    owner: str
    media_type: str
    bytes: int


def save_file(volume: Volume, name: str, stream: IO[bytes], *, owner: str, max_bytes: int) -> FileInfo:
    """Take a stream in. Raises TooLarge beyond max_bytes, VolumeFull; nothing is left behind then.

    The same bytes under the same name of the same owner are the same file, and young again.
    """
    parent = volume.root / "files"
    parent.mkdir(parents=True, exist_ok=True)
    name = _plain(name)
    with volume.stage(parent) as stage:
        owned, digest, size, head = hashlib.sha256(f"{owner}\n{name}\n".encode()), hashlib.sha256(), 0, b""
        with (stage.path / _CONTENT).open("wb") as file:
            while chunk := stream.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > max_bytes:
                    raise TooLarge(f"{name} is larger than {max_bytes:,} bytes, the most a file may have")
                head = head if len(head) >= HEAD_BYTES else (head + chunk)[:HEAD_BYTES]
                owned.update(chunk)
                digest.update(chunk)
                file.write(chunk)
        file_id = owned.hexdigest()[:32]
        info = FileInfo(id=file_id, name=name, owner=owner, media_type=media_type(head), bytes=size)
        if there := _renew(volume, file_id):
            return there
        try:
            stage.publish(parent / file_id, info.model_dump(), {_CONTENT: digest.hexdigest()})
        except Conflict:  # the same upload at the same moment was faster
            return get_file(volume, file_id)[0]
        return info


def get_file(volume: Volume, file_id: str) -> tuple[FileInfo, Path]:
    """(what is known of it, the path of its bytes). Raises NotFound."""
    folder = _folder(volume, file_id)
    manifest = staging.read_manifest(folder)
    if manifest is None:
        raise NotFound(f"no file {file_id!r:.60}")
    try:
        return FileInfo.model_validate(manifest), folder / _CONTENT
    except ValidationError as err:
        raise NotFound(f"the manifest of file {file_id} is damaged") from err


def pin_file(volume: Volume, file_id: str, job_id: str) -> None:
    """Keep a file for a job. Raises NotFound when it is gone, OSError."""
    path = _folder(volume, file_id) / "pins" / job_id
    try:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    except FileNotFoundError as err:
        raise NotFound(f"no file {file_id!r:.60}: one that no job uses goes after a day; send it again") from err
    try:
        get_file(volume, file_id)
    except NotFound:  # being taken away at this very moment
        unpin_file(volume, file_id, job_id)
        raise


def unpin_file(volume: Volume, file_id: str, job_id: str) -> None:
    """Take the pin away. Repeating is harmless."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, NotFound):
        (_folder(volume, file_id) / "pins" / job_id).unlink()


def bytes_by_owner(volume: Volume) -> Counter[str]:
    """How much room each owner's files take."""
    total: Counter[str] = Counter()
    for folder in _folders(volume):
        with contextlib.suppress(NotFound):
            info, _ = get_file(volume, folder.name)
            total[info.owner] += info.bytes
    return total


def drop_unneeded(volume: Volume, *, older_than_s: float, known: Callable[[list[str]], set[str]]) -> int:
    """Remove files that no job needs and that are older than this, by the volume's clock. Returns how many.

    known: those of some jobs that still have files or a record. The pins of others go, once they are old enough not to be of a
    job that is being submitted.
    """
    now, dropped = volume.now(), 0

    def needed(folder: Path) -> bool:
        return bool(_pins(folder)) or now - (folder / staging.MANIFEST).stat().st_mtime <= older_than_s

    for folder in _folders(volume):
        with contextlib.suppress(FileNotFoundError):  # another reaper was faster
            found = _pins(folder)
            still = known([path.name for path in found]) if found else set()
            for path in found:
                if path.name not in still and now - path.stat().st_mtime > _ORPHAN_S:
                    path.unlink()
            if not needed(folder):
                dropped += staging.remove(folder, unless=needed)
    return dropped


def _renew(volume: Volume, file_id: str) -> FileInfo | None:
    """A file that is there already, made young again so that it does not expire under who has just sent it; None when it is not.

    Touched first and read afterwards: who takes it away looks at its age once it is out of sight.
    """
    try:
        os.utime(_folder(volume, file_id) / staging.MANIFEST)
        return get_file(volume, file_id)[0]
    except (FileNotFoundError, NotFound):
        return None


def _folder(volume: Volume, file_id: str) -> Path:
    """Raises NotFound for what is no id, so that no path can leave the volume."""
    if not _FILE_ID.fullmatch(file_id):
        raise NotFound(f"no file {file_id!r:.60}")
    return volume.root / "files" / file_id


def _folders(volume: Volume) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError):
        yield from (
            volume.root / "files" / name for name in os.listdir(volume.root / "files") if _FILE_ID.fullmatch(name)
        )


def _pins(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return [folder / "pins" / name for name in os.listdir(folder / "pins") if is_id(name)]
    return []


def _plain(name: str) -> str:
    """A name as people may see it: no folders, no control characters, of a length to be shown."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable()).strip()[:_MOST_NAME] or "file"
