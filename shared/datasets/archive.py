"""Unpacks uploaded zip files without trusting them: names, sizes, counts, ratios, links and passwords are all checked."""

import contextlib
import errno
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from shared.datasets.marks import TOO_MANY, long_run
from shared.datasets.problems import Problems, refuse
from shared.datasets.zip_names import names_of
from shared.errors import TooLarge
from shared.volume.staging import full_is_said

MOST_LEVELS = 16  # folders within each other
MOST_FOLDERS = (
    10_000  # of one upload; a guess: each is made and synced by itself, 3 ms, and few pictures have so many classes
)
MOST_RATIO = 200  # unpacked to packed size of one file above 1 MiB; photographs have about 1, texts up to 20
_IGNORED = re.compile(
    r"(^|/)(__MACOSX/|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._)|(^|/)\.(?!\.?(/|$))[^/]+", re.IGNORECASE
)
# control characters, marks that turn the writing direction, halves of characters
UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_CHUNK = 1 << 20
_UNPACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_CLASHES = "clashes with another name in the archive: rename one of them and pack it again"


def unpack(
    path: Path, name: str, target: Path, *, max_bytes: int, max_files: int, max_folders: int = MOST_FOLDERS
) -> tuple[list[str], list[str]]:
    """Unpack into target. Returns (names written, notes). Raises DatasetInvalid, or TooLarge beyond a limit.

    Limits hold for what really comes out, not for what the archive's directory claims. Folders that are empty are made, too: to
    some formats they say something.
    """
    with opened(path, name, max_files=max_files) as archive:
        entries = [(e, e.filename) for e in archive.infolist()]
        hidden = [n for _, n in entries if _IGNORED.search(n) and not n.endswith("/")]
        wanted = [(e, n) for e, n in entries if not n.endswith("/") and not _IGNORED.search(n)]
        if len(wanted) > max_files:
            raise TooLarge(f"{name} holds {len(wanted)} files; {max_files} are allowed")
        if sum(e.file_size for e, _ in wanted) > max_bytes:
            raise TooLarge(
                f"{name} unpacks to more than {max_bytes:,} bytes, the most there may be (TRAINYARD_MAX_UNPACKED_BYTES)"
            )
        if (whole := sum(e.file_size for e, _ in wanted)) > 1 << 26 and whole > MOST_RATIO * path.stat().st_size:
            raise refuse(f"unpacks to more than {MOST_RATIO} times its size: refused as a zip bomb", file=name)
        _refuse_bad_entries(wanted, name)
        empty = _empty_folders(entries)
        if (
            folders := len(folders_of(inner for _, inner in wanted) | folders_of(f"{folder}/" for folder in empty))
        ) > max_folders:
            raise TooLarge(f"{name} holds {folders} folders; {max_folders} are allowed")
        left = max_bytes
        for entry, inner in wanted:
            left -= _extract(archive, entry, inner, name, target, left)
        for folder in empty:
            _make(target / folder, f"{name}/{folder}")
    notes = [f"{name}: {len(hidden)} hidden files ignored ({hidden[0]} ...)"] if hidden else []
    return [inner for _, inner in wanted], archive.notes + notes


def head_inside(path: Path, name: str, inner: str, size: int, *, max_files: int) -> bytes:
    """The first bytes of what an archive holds under a name; nothing of what unpack() refuses to unpack at all.

    Raises DatasetInvalid for a damaged archive, TooLarge for one with too many entries.
    """
    with opened(path, name, max_files=max_files) as archive:
        entry = next((entry for entry in archive.filelist if entry.filename == inner), None)
        if entry is None or entry.flag_bits & 1 or entry.compress_type not in _UNPACKED:
            return b""
        found = b""
        for chunk in _contents(archive, entry, f"{name}/{inner}"):
            found += chunk
            if len(found) >= size:
                break
        return found[:size]


def is_hidden(name: str) -> bool:
    """Whether a file in a zip is one that systems put there, such as .DS_Store: it is left out."""
    return _IGNORED.search(name) is not None


def folders_of(names: Iterable[str]) -> set[str]:
    """Every folder that files of these names lie in, at any depth."""
    found: set[str] = set()
    for name in names:
        folder = name.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


class _Directory(io.FileIO):
    """A zip file that refuses to hand out a directory of too many entries: zipfile would hold them all in memory.

    Measured: 2 million entries in 94 MB took zipfile 63 s and 1 GB.
    """

    most: int | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        if self.most is not None and size is not None and size > 1000 * self.most + (1 << 20):
            raise TooLarge(f"the directory of the archive has {size} bytes; {self.most} entries are allowed")
        data = super().read(size) or b""
        if self.most is not None and data.count(b"PK\x01\x02") > self.most:
            raise TooLarge(f"the archive holds more than {self.most} entries")
        return data


class _Archive(zipfile.ZipFile):
    """A zip whose entries have the names that were meant. notes: what had to be found out about them."""

    notes: list[str]

    def mend_names(self, shown: str) -> None:
        """Names in their encoding, composed (NFC: a Mac writes é as two characters), folders set apart by "/".

        Those that will be refused are left uncomposed.
        """
        found = names_of(self.filelist)
        note = found.note(shown)
        self.notes = [note] if note else []
        if turned := sum("\\" in name for name in found.names):
            self.notes.append(f"{shown}: {turned} names with \\ between folders, read as /")
        for entry, name in zip(self.filelist, found.names, strict=True):
            name = name.replace("\\", "/")
            entry.filename = name if long_run(name) is not None else unicodedata.normalize("NFC", name)


@contextlib.contextmanager
def opened(path: Path, name: str, *, max_files: int) -> Iterator[_Archive]:
    """Open an archive for reading; its entries have the names that were meant.

    Raises DatasetInvalid for what is none, TooLarge for one with too many entries.
    """
    with _Directory(path) as file:
        try:
            file.most = 2 * max_files + 1000  # folders and what a Mac adds count among the entries
            archive = _Archive(file)
            file.most = None
        except (zipfile.BadZipFile, ValueError, OverflowError, OSError, NotImplementedError) as err:
            raise refuse(f"is no readable zip archive: {err}", file=name) from err
        with archive:
            archive.mend_names(name)
            yield archive


def _empty_folders(entries: list[tuple[zipfile.ZipInfo, str]]) -> list[str]:
    """Folders that the archive lists and that hold nothing. Those with a name that no file may have are none."""
    full = folders_of(name.removesuffix("/") for _, name in entries)
    names = (name[:-1] for _, name in entries if name.endswith("/") and not _IGNORED.search(name))
    plain = (name for name in names if name not in full and PurePosixPath(name).parts and _unfit(name) is None)
    return list(dict.fromkeys(plain))


def _make(folder: Path, where: str) -> None:
    try:
        with full_is_said():
            folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as err:
        raise refuse(_CLASHES, file=where) from err


def _unfit(inner: str) -> str | None:
    """What is wrong with a name in an archive; None for nothing."""
    parts = PurePosixPath(inner).parts
    if inner.startswith("/") or re.match(r"^[A-Za-z]:", inner) or ".." in parts:
        return "the name leads out of the archive; only plain relative names are accepted"
    if UNFIT.search(inner):
        return "the name holds control characters"
    if long_run(inner) is not None:
        return f"the name {TOO_MANY}"
    if any(len(part.encode()) > 255 for part in parts) or len(inner.encode()) > 1000:
        return "the name is too long for a file system"
    if len(parts) - 1 > MOST_LEVELS:
        return f"lies {len(parts) - 1} folders deep; {MOST_LEVELS} are allowed"
    return None


def _refuse_bad_entries(wanted: list[tuple[zipfile.ZipInfo, str]], archive: str) -> None:
    problems, seen = Problems(), set()
    for entry, inner in wanted:
        where = f"{archive}/{inner}"
        if not PurePosixPath(inner).parts:
            problems.add("has an entry without a name: pack it again", file=archive)
        elif unfit := _unfit(inner):
            problems.add(unfit, file=UNFIT.sub("?", where[:200]))
        elif (entry.external_attr >> 16) & 0o170000 not in (0, 0o100000):
            problems.add("is a link or device, not a file: pack the file it stands for", file=where)
        elif entry.flag_bits & 1:
            problems.add("is encrypted; upload it without a password", file=where)
        elif entry.compress_type not in _UNPACKED:
            problems.add("is packed by an unusual method; pack it again as an ordinary zip (deflate)", file=where)
        elif inner in seen:
            problems.add("appears twice in the archive: take one of them out", file=where)
        elif entry.file_size > 1 << 20 and entry.file_size > MOST_RATIO * max(entry.compress_size, 1):
            problems.add(f"unpacks to more than {MOST_RATIO} times its packed size: refused as a zip bomb", file=where)
        seen.add(inner)
    problems.raise_if_any()


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, inner: str, name: str, target: Path, left: int) -> int:
    path = target / inner
    written = 0
    try:
        with full_is_said():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as out:
                for chunk in _contents(archive, entry, f"{name}/{inner}"):
                    written += len(chunk)
                    if written > left or written > entry.file_size:
                        raise TooLarge(f"{name}/{inner} unpacks to more than it says or than is allowed")
                    out.write(chunk)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as err:
        raise refuse(_CLASHES, file=f"{name}/{inner}") from err
    return written


def _contents(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, where: str) -> Iterator[bytes]:
    """What an entry unpacks to, in pieces. Raises DatasetInvalid for whatever a damaged entry makes zipfile raise."""
    try:
        with archive.open(entry) as source:
            while chunk := source.read(_CHUNK):
                yield chunk
    except (OSError, OverflowError) as err:
        if isinstance(err, OSError) and err.errno != errno.EINVAL:
            raise  # the disk's fault; the others are a seek to where no file can be
        raise refuse("cannot be unpacked: its place lies outside the archive; pack it again", file=where) from err
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as err:
        raise refuse(f"cannot be unpacked: {err}", file=where) from err
