"""Sends what lies on this machine: datasets (files, folders, pipes) and single files for params, with a bar."""

import contextlib
import shutil
import stat
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.client import Client
from cli.multipart import refuse_unfit
from cli.screen import bar, is_live, plain, size
from shared.errors import ClientError, NotFound


class NoFile(ClientError):
    """A path that can be read, but is nothing with an end: a device, a socket."""

    code = "no_file"


def upload_dataset(
    client: Client, paths: Sequence[Path], *, name: str = "", format: str = "", options: str = ""
) -> dict[str, Any]:
    """Upload with a progress bar, and say what the server noted. options: of the format, as JSON.

    A folder is sent as a zip of its files, a pipe is read to its end. Raises ApiError, ClientError, OSError.
    """
    _refuse_missing(paths)
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(_as_file(path, name)) for path in paths]
        fields = {"name": name or paths[0].resolve().name, "format": format, "options": options}
        dataset = client.upload(files, fields, progress=progress())
    print(
        f"dataset {dataset['id']}: {plain(dataset['name'])}, {dataset['format']}, {size(dataset['bytes'])}", flush=True
    )
    for note in dataset.get("notes", []):
        print(f"  {plain(note)}")
    return dataset


def upload_file(client: Client, path: Path) -> dict[str, Any]:
    """Upload one file for a param: its id, name, media_type and bytes. Raises ApiError, ClientError, OSError."""
    _refuse_missing([path])
    if path.is_dir():
        raise NoFile(f"{path} is a folder; a param takes single files")
    with _as_file(path) as file:
        return client.upload([file], {}, to="/files", progress=progress())


def _refuse_missing(paths: Sequence[Path]) -> None:
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise NotFound(f"no such file: {', '.join(missing)}")


def progress(done: str = "") -> Callable[[int, int], None]:
    """A bar on the terminal, as Client.upload calls it. done: a word for what has been done with so many bytes."""
    live = is_live(sys.stderr)

    def drawn(sent: int, total: int) -> None:
        if live and total:
            line = f"\r{bar(sent / total, 30)} {f'{done} ' if done else ''}{size(sent)} of {size(total)}"
            print(line, end="\r\x1b[K" if sent == total else "", file=sys.stderr, flush=True)

    return drawn


@contextlib.contextmanager
def _as_file(path: Path, name: str = "") -> Iterator[tuple[str, Path]]:
    """(name, file) of a path: a file as it is; a folder as a zip; a pipe as what comes out of it. Raises NoFile, NameUnfit.

    name: of what comes out of a pipe, which has none that says anything.
    """
    mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        yield path.name, path
        return
    if not (stat.S_ISDIR(mode) or stat.S_ISFIFO(mode)):
        raise NoFile(f"{path} is a device or a socket, not a file")
    with tempfile.TemporaryDirectory(prefix="trainyard-") as folder:
        if stat.S_ISDIR(mode):
            packed = Path(folder) / "folder.zip"
            _pack(path, packed)
            yield f"{path.resolve().name}.zip", packed
        else:
            copy = Path(folder) / "pipe"
            with path.open("rb") as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target)
            yield name or path.name, copy


def _pack(folder: Path, target: Path) -> None:
    """Write all files of a folder into a zip, uncompressed; hidden ones are left out. Raises NameUnfit, NoFile."""
    with zipfile.ZipFile(
        target, "w", strict_timestamps=False
    ) as archive:  # files older than 1980 have their year moved
        for file in sorted(folder.rglob("*")):
            inside = file.relative_to(folder)
            if file.is_file() and not any(part.startswith(".") for part in inside.parts):
                refuse_unfit(str(inside))
                archive.write(file, inside)


def options_json(pairs: Sequence[str]) -> Mapping[str, str]:
    """--option NAME=VALUE pairs as a mapping. Raises ClientError for one that is no pair."""
    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise ClientError(f"{pair!r:.60} is no option; write --option NAME=VALUE")
        found[name.strip().replace("-", "_")] = value
    return found
