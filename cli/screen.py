"""What a terminal can show: colours, columns that hold Chinese, progress bars, sparklines."""

import codecs
import os
import shutil
import unicodedata
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TextIO

_BLOCKS = "▁▂▃▄▅▆▇█"
_COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "grey": 90, "bold": 1}
_BIDI = "\u202a\u202b\u202d\u202e\u2066\u2067\u2068"
_JOINER, _SELECTOR_EMOJI = "\u200d", "\ufe0f"


# Of what is drawn here, for terminals whose encoding has none of it; anything else becomes a question mark there.
_PLAINER = {"…": "...", "·": ".", "│": "|", "┊": ":", "✓": "+", "✗": "x", "■": "#", "→": "->", "–": "-", "×": "x"}
_PLAINER |= dict(zip(_BLOCKS, "__..--=#", strict=True)) | dict.fromkeys("▏▎▍▌▋▊▉", "#")
_BRAILLE = range(0x2800, 0x2900)


def survive(stream: TextIO) -> None:
    """Have a stream write something legible for every character that its encoding lacks, instead of failing.

    Halves of characters (names of files that are not UTF-8) are shown as the bytes they stand for.
    """
    codecs.register_error("trainyard", _plainer)
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="trainyard")  # type: ignore[attr-defined]


def _plainer(err: UnicodeError) -> tuple[str, int]:
    if not isinstance(err, UnicodeEncodeError):
        raise err
    return "".join(map(_plain_char, err.object[err.start : err.end])), err.end


def _plain_char(char: str) -> str:
    if "\udc80" <= char <= "\udcff":
        return f"\\x{ord(char) - 0xDC00:02x}"
    if ord(char) in _BRAILLE:
        return "." if ord(char) > _BRAILLE[0] else " "
    return _PLAINER.get(char, "?")


def is_live(stream: TextIO) -> bool:
    """True when lines on this stream can be drawn over: a terminal that understands it."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def has_colours(stream: TextIO) -> bool:
    """False where the stream is no terminal or NO_COLOR is set (no-color.org)."""
    return is_live(stream) and not os.environ.get("NO_COLOR")


def colour(text: str, name: str, stream: TextIO) -> str:
    """Colour a text where the stream has colours. name: one of a few, or "#rrggbb"."""
    if not has_colours(stream) or not text:
        return text
    code = _COLOURS.get(name) or "38;2;" + ";".join(str(int(name[i : i + 2], 16)) for i in (1, 3, 5))
    return f"\x1b[{code}m{text}\x1b[0m"


def columns(stream: TextIO) -> int | None:
    """Width of the terminal in columns; None where no terminal is: nothing is to be cut there."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def char_width(char: str) -> int:
    """Columns a character takes: 2 for Chinese, Japanese, Korean and most emoji, 0 for combining marks and controls."""
    if char in (_JOINER, _SELECTOR_EMOJI) or unicodedata.category(char) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def width(text: str) -> int:
    """Columns a text without line breaks takes."""
    return sum(map(char_width, text))


def cut(text: str, limit: int | None) -> str:
    """Shorten a text to at most `limit` columns, ending in … when something was left out. None: never."""
    if limit is None or width(text) <= limit:
        return text
    kept, used = [], 0
    for char in text:
        used += char_width(char)
        if used > limit - 1:
            break
        kept.append(char)
    return "".join(kept) + "…" if limit > 0 else ""


def pad(text: str, size: int) -> str:
    """Fill with spaces up to `size` columns; longer texts are cut."""
    text = cut(text, size)
    return text + " " * (size - width(text))


def plain(text: str) -> str:
    """Remove what could steer the terminal: control characters except line breaks and tabs, and bidi overrides."""
    return "".join(c for c in text if c in "\n\t" or (unicodedata.category(c) != "Cc" and c not in _BIDI))


def one_line(text: str) -> str:
    """A text fit for one line of a list."""
    return " ".join(plain(text).split())


def sparkline(values: Sequence[float], size: int) -> str:
    """Draw a curve in at most `size` columns. Values that share a column are averaged; NaN and infinity leave a gap."""
    finite = [v for v in values if v - v == 0]
    if not finite or size < 1:
        return ""
    count = min(size, len(values))
    scale = max(map(abs, finite)) or 1.0  # sums and differences of the largest floats would be infinite
    values = [v / scale for v in values]
    low, high = min(finite) / scale, max(finite) / scale
    drawn = []
    for i in range(count):
        part = [v for v in values[i * len(values) // count : (i + 1) * len(values) // count] if v - v == 0]
        if not part:
            drawn.append(" ")
            continue
        share = (sum(part) / len(part) - low) / (high - low) if high > low else 0.0
        drawn.append(_BLOCKS[min(int(share * len(_BLOCKS)), len(_BLOCKS) - 1)])
    return "".join(drawn)


def bar(share: float, size: int) -> str:
    """A progress bar of `size` columns; share from 0 to 1."""
    share = min(max(share, 0.0), 1.0)
    eighths = int(share * size * 8)
    full, rest = divmod(eighths, 8)
    partial = " ▏▎▍▌▋▊▉"[rest] if rest and full < size else ""
    return ("█" * full + partial).ljust(size, "·")


def seconds(value: float | None) -> str:
    """A length of time as people say it: 4.2 s, 3 min 05 s, 2 h 10 min, 3 d 4 h."""
    if value is None:
        return "?"
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def size(count: float) -> str:
    """Bytes as people say them, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def ago(at: str | None, now: datetime) -> str:
    """How long ago an RFC 3339 time was, in its largest unit: "12 s ago", "3 h ago"."""
    if not at:
        return ""
    passed = max((now - datetime.fromisoformat(at)).total_seconds(), 0)
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if passed >= length:
            return f"{int(passed // length)} {unit} ago"
    return f"{int(passed)} s ago"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], limit: int | None) -> str:
    """Columns under their headings, within `limit` columns; the last column is cut when the terminal is too narrow.

    limit None: for a program to read, separated by tabs, whole. "" when there are no rows.
    """
    if not rows:
        return ""
    rows = [[one_line(cell) for cell in row] for row in rows]
    if limit is None:
        return "\n".join("\t".join(line) for line in [list(head), *rows])
    sizes = [max(width(line[i]) for line in [list(head), *rows]) for i in range(len(head))]
    sizes[-1] = max(min(sizes[-1], limit - sum(sizes[:-1]) - 2 * (len(sizes) - 1)), 8)
    return "\n".join(aligned([list(head), *rows], sizes))


def aligned(rows: Sequence[Sequence[str]], sizes: Sequence[int], *, right: Collection[int] = ()) -> list[str]:
    """Rows as lines, each cell as wide as its column; right: numbers of the columns that end on one line."""
    lines = []
    for row in rows:
        cells = [
            " " * (n - width(cut(cell, n))) + cut(cell, n) if i in right else pad(cell, n)
            for i, (cell, n) in enumerate(zip(row, sizes, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def fitting(sizes: Sequence[int], limit: int, *, least: int = 4) -> list[int]:
    """Widths for columns that together, two apart, take at most `limit`: the widest give way first, none below `least`.

    Fewer than there are columns when even so they do not fit.
    """
    kept = [min(size, limit) for size in sizes]
    while kept and sum(min(size, least) for size in kept) + 2 * (len(kept) - 1) > limit:
        kept.pop()
    while kept and sum(kept) + 2 * (len(kept) - 1) > limit:
        widest = max(kept)
        kept[len(kept) - 1 - kept[::-1].index(widest)] = widest - 1
    return kept
