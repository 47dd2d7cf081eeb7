"""Unpacks uploaded zip files without trusting them: names, sizes, counts, ratios, links and passwords are all checked."""

import re
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from shared.datasets.problems import Problems, refuse
from shared.errors import TooLarge
from shared.staging import full_is_said

MOST_RATIO = 200  # unpacked to packed size of one file above 1 MiB; photographs have about 1, texts up to 20
_IGNORED = re.compile(
    r"(^|/)(__MACOSX/|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._)|(^|/)\.(?!\.?(/|$))[^/]+", re.IGNORECASE
)
_CHUNK = 1 << 20


def unpack(path: Path, name: str, target: Path, *, max_bytes: int, max_files: int) -> tuple[list[str], list[str]]:
    """Unpack into target. Returns (names written, notes). Raises DatasetInvalid, or TooLarge beyond a limit.

    Limits hold for what really comes out, not for what the archive's directory claims.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as err:
        raise refuse(f"is no readable zip archive: {err}", file=name) from err
    with archive:
        entries = [e for e in archive.infolist() if not e.is_dir()]
        wanted = list(zip(entries, _names(entries), strict=True))
        hidden = [n for _, n in wanted if _IGNORED.search(n)]
        wanted = [(e, n) for e, n in wanted if not _IGNORED.search(n)]
        if len(wanted) > max_files:
            raise TooLarge(f"{name} holds {len(wanted)} files; {max_files} are allowed")
        if sum(e.file_size for e, _ in wanted) > max_bytes:
            raise TooLarge(f"{name} unpacks to more than {max_bytes} bytes")
        _refuse_bad_entries(wanted, name)
        left = max_bytes
        for entry, inner in wanted:
            left -= _extract(archive, entry, inner, name, target, left)
    notes = [f"{name}: {len(hidden)} hidden files ignored ({hidden[0]} ...)"] if hidden else []
    return [inner for _, inner in wanted], notes


def _names(entries: list[zipfile.ZipInfo]) -> list[str]:
    """The entries' names. Without the UTF-8 flag zip means code page 437; Chinese Windows writes GBK, Linux UTF-8 instead.

    One program wrote them all, so the first encoding that fits every unflagged name is taken.
    """
    names = [e.filename for e in entries]
    plain = [i for i, e in enumerate(entries) if not e.flag_bits & 0x800]
    try:
        raw = [names[i].encode("cp437") for i in plain]
    except UnicodeEncodeError:
        return names
    for encoding in ("utf-8", "gb18030"):
        try:
            decoded = [name.decode(encoding) for name in raw]
        except UnicodeDecodeError:
            continue
        for i, name in zip(plain, decoded, strict=True):
            names[i] = name
        return names
    return names


def _refuse_bad_entries(wanted: list[tuple[zipfile.ZipInfo, str]], archive: str) -> None:
    problems, seen = Problems(), set()
    for entry, inner in wanted:
        parts = PurePosixPath(inner).parts
        where = f"{archive}/{inner}"
        if inner.startswith("/") or "\\" in inner or re.match(r"^[A-Za-z]:", inner) or ".." in parts:
            problems.add("the name leads out of the archive; only plain relative names are accepted", file=where)
        elif any(ord(c) < 32 or ord(c) == 127 for c in inner):
            problems.add("the name holds control characters", file=where)
        elif any(len(part.encode()) > 255 for part in parts) or len(inner.encode()) > 1000:
            problems.add("the name is too long for a file system", file=where[:200])
        elif (entry.external_attr >> 16) & 0o170000 not in (0, 0o100000):
            problems.add("is a link or device, not a file", file=where)
        elif entry.flag_bits & 1:
            problems.add("is encrypted; upload it without a password", file=where)
        elif inner in seen:
            problems.add("appears twice in the archive", file=where)
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
            with archive.open(entry) as source, path.open("xb") as out:
                while chunk := source.read(_CHUNK):
                    written += len(chunk)
                    if written > left or written > entry.file_size:
                        raise TooLarge(f"{name}/{inner} unpacks to more than it says or than is allowed")
                    out.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as err:
        raise refuse(f"cannot be unpacked: {err}", file=f"{name}/{inner}") from err
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as err:
        raise refuse("clashes with another name in the archive", file=f"{name}/{inner}") from err
    return written
