"""Finds out how an uploaded text is encoded: UTF-8, UTF-16 with a mark, or a Chinese encoding by name. Never guesses silently.

Bytes that are no text, or text in an encoding that cannot be told for sure, are refused by name. A file is read through in
pieces and never held whole: the web server takes many at once.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from shared.datasets.problems import refuse

_MAGIC = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"PK\x03\x04": "a ZIP archive (or a Word or Excel file)",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x7fELF": "a program (ELF)",
    b"MZ": "a Windows program",
    b"SQLite format 3": "an SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"\xd0\xcf\x11\xe0": "an old Word or Excel file",
    b"{\\rtf": "an RTF document",
    b"PAR1": "a Parquet file",
    b"\x80\x04\x95": "a Python pickle",
    b"\x93NUMPY": "a NumPy array",
}
CONTROLS = re.compile("[\\x00-\\x08\\x0b\\x0e-\\x1a\\x1c-\\x1f]")
END_MARK = "\x1a"  # Ctrl-Z: DOS ended its texts with it
_AFTER_END = END_MARK + " \t\r\n"
_CONTROL_BYTES = re.compile(CONTROLS.pattern.encode())
_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (b"\xff\xfe\0\0", "utf-32", "UTF-32"),
    (b"\0\0\xfe\xff", "utf-32", "UTF-32"),
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
    (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8"),
)
_HIGH = re.compile(rb"[\x80-\xff]+")
_WESTERN = frozenset("äöüßÄÖÜéèêëàâçîïôûùñáíóúÉÀÇÑãõåøæœÅØÆ€£°§«»“”‘’„–—…®©ªº¿¡²³½µ×".encode("cp1252"))
_PIECE = 1 << 20
_SAMPLE = 1_000_000  # wide characters looked at to tell two Chinese encodings apart

# The 500 or so commonest characters of modern Chinese text cover about three quarters of it; 40 of them about a quarter.
_COMMON = "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生會這個來們說國時為與無對"
_CHINESE = re.compile("[\u4e00-\u9fff，。、！？：；「」『』“”‘’（）《》—…　]+")
_WIDE = re.compile("[^\x00-\x7f]+")

# Measured: modern prose 0.24 to 0.31, Tang poems 0.09; the wrong one of the two encodings, or German, French, Russian, Japanese and
# Korean text in their own encodings: 0.
_ENOUGH = 0.03


@dataclass(frozen=True)
class Encoding:
    """codec: Python's name for reading the file; shown: the user's name; note: what to say of the conversion.

    ended: the old end-of-file mark stands at its end, END_MARK and nothing but white space behind it: a reader stops there.
    """

    codec: str
    shown: str
    note: str | None = None
    ended: bool = False


class _Broken(Exception):
    """A byte that the codec cannot read. at: its offset in the file."""

    def __init__(self, at: int):
        super().__init__(at)
        self.at = at


def recognise(path: Path, name: str, *, tables: bool = False) -> Encoding:
    """Read a file through and return its encoding; afterwards it can be read so without an error.

    name: as the user knows the file. tables: it is one of short cells, in which common words are rare: an encoding that is likely
    is taken and said. Raises DatasetInvalid naming what the bytes are and where they stop being text.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, codec, shown in _MARKS:
        if head.startswith(mark):
            note = None if shown == "UTF-8" else f"{name}: converted from {shown} to UTF-8"
            return _marked(path, name, Encoding(codec, shown, note))
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise refuse(f"is {what}, not a text file; upload plain text as UTF-8", file=name)
    try:
        ended = _refuse_controls(path, "utf-8", name)
    except _Broken as broken:
        return _other(path, name, broken.at, tables)
    return Encoding("utf-8", "UTF-8", ended=ended)


def _marked(path: Path, name: str, encoding: Encoding) -> Encoding:
    try:
        ended = _refuse_controls(path, encoding.codec, name)
    except _Broken as broken:
        raise refuse(
            f"is marked as {encoding.shown} and broken at byte {broken.at}: save it again as UTF-8", file=name
        ) from broken
    return replace(encoding, ended=ended)


def _pieces(path: Path, codec: str) -> Iterator[str]:
    """The text in pieces. Raises _Broken."""
    decoder = codecs.getincrementaldecoder(codec)()
    at = 0
    with path.open("rb") as file:
        while True:
            data = file.read(_PIECE)
            held = len(decoder.getstate()[0])  # bytes of a character begun in the piece before
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeDecodeError as err:
                raise _Broken(at - held + err.start) from err
            yield text
            if not data:
                return
            at += len(data)


def _refuse_controls(path: Path, codec: str, name: str) -> bool:
    """Raise DatasetInvalid for what no text holds. Returns whether the text ends with the old end-of-file mark."""
    line, ended = 1, False
    for text in _pieces(path, codec):
        if ended and text.strip(_AFTER_END):
            raise refuse("goes on behind the control character U+001A: is it a binary file?", file=name, line=line)
        bad = CONTROLS.search(text)
        if bad and bad.group() == END_MARK and not text[bad.start() :].strip(_AFTER_END):
            ended = True
        elif bad:
            line += text.count("\n", 0, bad.start())
            what = f"holds the control character U+{ord(bad.group()):04X}: is it a binary file?"
            if bad.group() == "\0" and _maybe_utf16(path):
                what = "looks like UTF-16 without a byte-order mark: save it as UTF-8"
            raise refuse(what, file=name, line=line)
        if "\x1b$" in text or "\x1b(" in text:
            line += text.count("\n", 0, text.index("\x1b"))
            raise refuse(
                "is ISO-2022 (an encoding of East Asian mail) or holds terminal codes: save it as plain UTF-8",
                file=name,
                line=line,
            )
        line += text.count("\n")
    return ended


def _maybe_utf16(path: Path) -> bool:
    """True when a file without a mark reads as UTF-16: half of it ASCII, or common Chinese characters among it."""
    with path.open("rb") as file:
        head = file.read(4096)
    for codec in ("utf-16-le", "utf-16-be"):
        text = head[: len(head) // 2 * 2].decode(codec, errors="replace")
        plain = _characters(re.compile("[\t\n\r -~]+"), text)
        if plain > 0.5 * len(text) or _common(text) > _ENOUGH * len(text):
            return True
    return False


def _other(path: Path, name: str, at: int, tables: bool) -> Encoding:
    line, byte, binary = _around(path, at)
    found = f"is not UTF-8 (byte 0x{byte:02X} at offset {at})"
    if binary:
        what = "looks like UTF-16 without a byte-order mark: save it as UTF-8"
        if not _maybe_utf16(path):
            what = f"{found} and holds control bytes: a binary file, not a text"
        raise refuse(what, file=name, line=line)
    shares = {"gb18030": _chinese_share(path, "gb18030"), "cp950": _chinese_share(path, "cp950")}
    best, other = sorted(shares, key=shares.__getitem__, reverse=True)
    shown = {"gb18030": "GB18030", "cp950": "Big5"}
    if shares[best] >= _ENOUGH and shares[best] > 3 * shares[other]:
        note = f"{name}: recognised as {shown[best]} and converted to UTF-8"
        return Encoding(best, shown[best], note, ended=_refuse_controls(path, best, name))
    if tables and (likely := _likely(path)):
        shown_likely = shown.get(likely, "Windows-1252")
        note = f"{name}: taken for {shown_likely} and converted to UTF-8; where letters look wrong, save it as UTF-8"
        return Encoding(likely, shown_likely, note, ended=_refuse_controls(path, likely, name))
    maybe = " or ".join(shown[codec] for codec, share in shares.items() if share > 0)
    hint = f"it may be {maybe or 'Latin-1, Windows-1252 or another 8-bit encoding'}"
    raise refuse(f"{found}; {hint}, which cannot be told for sure: save it as UTF-8", file=name, line=line)


def _likely(path: Path) -> str | None:
    """The encoding that the bytes above 127 look like: "gb18030", "cp1252" or None. Looks at the first million of them.

    Western letters stand alone among ASCII ones. Chinese ones are pairs, nearly all of GB 2312's first level (B0-D7, A1-FE);
    Korean ones as well, but those lie below C9.
    """
    runs: list[bytes] = []
    with path.open("rb") as file:
        while (data := file.read(_PIECE)) and sum(map(len, runs)) < _SAMPLE:
            runs += _HIGH.findall(data)
    high = sum(map(len, runs))
    pairs = [run[at : at + 2] for run in runs for at in range(0, len(run) - 1, 2)]
    if 2 * len(pairs) > 0.9 * high:
        level = [pair for pair in pairs if 0xB0 <= pair[0] <= 0xD7 and pair[1] >= 0xA1]
        beyond = sum(1 for pair in level if pair[0] > 0xC8)
        if len(level) > 0.8 * len(pairs) and beyond > 0.15 * len(pairs) and _reads(path, "gb18030"):
            return "gb18030"
    alone = sum(1 for run in runs if len(run) == 1)
    western = sum(1 for run in runs for byte in run if byte in _WESTERN)
    if alone > 0.8 * len(runs) and western > 0.9 * high and _reads(path, "cp1252"):
        return "cp1252"
    return None


def _reads(path: Path, codec: str) -> bool:
    try:
        for _ in _pieces(path, codec):
            pass
    except _Broken:
        return False
    return True


def _around(path: Path, at: int) -> tuple[int, int, bool]:
    """(line of the byte at an offset, that byte, whether control bytes occur anywhere)."""
    line, byte, binary, start = 1, 0, False, 0
    with path.open("rb") as file:
        while data := file.read(_PIECE):
            text = data if len(data) == _PIECE else data.rstrip(_AFTER_END.encode())
            binary = binary or _CONTROL_BYTES.search(text) is not None
            line += data.count(b"\n", 0, max(0, at - start))
            if start <= at < start + len(data):
                byte = data[at - start]
            start += len(data)
    return line, byte, binary


def _chinese_share(path: Path, codec: str) -> float:
    """Share of the very commonest Chinese characters among the non-ASCII ones if read so; 0 if it cannot be read so."""
    wide = chinese = common = 0
    try:
        for text in _pieces(path, codec):
            if wide < _SAMPLE:
                wide += _characters(_WIDE, text)
                chinese += _characters(_CHINESE, text)
                common += _common(text)
    except _Broken:
        return 0.0
    return common / wide if wide and chinese >= 0.9 * wide else 0.0


def _characters(runs: re.Pattern[str], text: str) -> int:
    return sum(len(run) for run in runs.findall(text))


def _common(text: str) -> int:
    return sum(text.count(character) for character in _COMMON)
