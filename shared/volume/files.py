"""Uploaded files that params name: POST /files puts one here, a job that names it keeps it, alone it expires.

files/<id>/content, manifest.json      id = 32 hex digits of owner and content: the same upload is stored once per owner
files/<id>/pins/<job id>               an empty file for each job that names it, as long as the job's files live
"""

from pathlib import Path
from typing import IO

from pydantic import BaseModel

from shared.volume.volume import Volume


class FileInfo(BaseModel):
    """An uploaded file. media_type: told from its bytes, "application/octet-stream" where they tell nothing."""

    id: str
    name: str
    owner: str
    media_type: str
    bytes: int


def save_file(volume: Volume, name: str, stream: IO[bytes], *, owner: str, max_bytes: int) -> FileInfo:
    """Take a stream in. Raises TooLarge beyond max_bytes, VolumeFull; nothing is left behind then."""
    raise NotImplementedError


def get_file(volume: Volume, file_id: str) -> tuple[FileInfo, Path]:
    """(what is known of it, the path of its bytes). Raises NotFound."""
    raise NotImplementedError


def pin_file(volume: Volume, file_id: str, job_id: str) -> None:
    """Keep a file for a job. Raises NotFound when it is gone, OSError."""
    raise NotImplementedError


def unpin_file(volume: Volume, file_id: str, job_id: str) -> None:
    """Take the pin away. Repeating is harmless."""
    raise NotImplementedError


def drop_unneeded(volume: Volume, *, older_than_s: float, known: "set[str]") -> int:
    """Remove files that no job needs and that are older than this. known: jobs that still have files or a record."""
    raise NotImplementedError
