"""Fetches files of a job to this machine."""

from pathlib import Path

from cli.client import Client


def fetch(client: Client, source: str, target: Path) -> int:
    """Download beside the final name, then rename: an unfinished file never looks like a finished one. Returns its bytes.

    source: the API's path. Raises ApiError, Unreachable, OSError.
    """
    partial = target.with_name(f"{target.name}.part")
    try:
        with partial.open("wb") as out:
            count = client.download(source, out)
        partial.rename(target)
        return count
    finally:
        partial.unlink(missing_ok=True)
