"""Lays an uploaded IDX file down without its gzip, so that any picture of it can be read by itself. Checks it on the way."""

import gzip
import zlib
from pathlib import Path

from shared.datasets.archive import MOST_RATIO
from shared.datasets.pictures.idx import Head, parse_head
from shared.datasets.pictures.kinds import MOST_PIXELS
from shared.datasets.problems import Problems
from shared.volume.staging import full_is_said

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"


def unpack_idx(path: Path, name: str, target: Path, problems: Problems, most_bytes: int) -> Head | None:
    """Unpack into target and return the head. None, with a problem added and nothing written, for what cannot be used.

    name: as the user knows the file. Holds none of it; stops where it goes on beyond what its head says.
    """
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    try:
        with gzip.open(path) if packed else path.open("rb") as source:
            start = source.read(16)
            head = parse_head(start)
            wrong = _wrong_head(start, head, path.stat().st_size, most_bytes)
            if head is None or wrong:
                problems.add(wrong or "is no IDX file", file=name)
                return None
            size = len(start) - head.start
            with full_is_said(), target.open("xb") as out:
                out.write(start)
                while size <= head.size and (piece := source.read(_CHUNK)):
                    size += len(piece)
                    out.write(piece)
    except (gzip.BadGzipFile, EOFError, zlib.error) as err:
        target.unlink(missing_ok=True)
        problems.add(f"cannot be unpacked: {err}", file=name)
        return None
    if size != head.size:
        target.unlink()
        more = "more than " if size > head.size else ""
        holds = f"holds {more}{min(size, head.size)} bytes of data, its head says {head.size}"
        problems.add(holds, file=name)
        return None
    return head


def _wrong_head(start: bytes, head: Head | None, stored: int, most_bytes: int) -> str | None:
    if start[:3] != b"\0\0\x08" or start[3:4] not in (b"\1", b"\3"):
        return "is no IDX file of bytes (its head should begin 00 00 08 01 or 00 00 08 03)"
    if head is None:
        return "ends within its head"
    shape = " x ".join(map(str, head.axes))
    if not 0 < head.size <= most_bytes:
        return f"says it holds {shape} bytes; 1 to {most_bytes} are allowed"
    if len(head.axes) == 3 and head.axes[1] * head.axes[2] > MOST_PIXELS:
        return f"has pictures of {head.axes[1]} x {head.axes[2]} pixels; {MOST_PIXELS} are allowed"
    if head.size > 1 << 20 and head.size > MOST_RATIO * stored:  # never of one that is not gzipped
        return f"unpacks to more than {MOST_RATIO} times its packed size: refused as a gzip bomb; upload it unpacked"
    return None
