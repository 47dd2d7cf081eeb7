"""Finds out how the names in a zip are written where it does not say: UTF-8, Chinese, Japanese, Cyrillic or Western code pages.

Zip means code page 437 by it; Windows writes the code page of its country instead, Linux UTF-8. One program wrote all names of an
archive, so one encoding is taken for all of them: the one in which most of what is not ASCII looks as people write names.
"""

import re
import unicodedata
import zipfile
from collections.abc import Callable
from typing import NamedTuple

_UTF8_FLAG = 0x800
# Share of what is not ASCII that must look right. Tried on the names of tests/unit/test_zip_names.py: right ones reach 0.9 to 1,
# wrong ones up to 0.95, and the best is taken.
_ENOUGH = 0.6
_ODD = "^[]{}|~`@\\"  # often the second byte of a character, seldom in a name
_WESTERN = frozenset("äöüßéèêëàâáãåæøçñíìîïóòôõúùûýÿœ")
_WORD = re.compile(r"[^\W\d_]+")
_COMMON_BONUS = (
    0.01  # for each character among the very commonest: tells two Chinese encodings apart that both look right
)
_COMMON = (
    "的一是不了人我在有他这大来以个中上们到国和地子时道出而要年生這個來們國時大小白黑红黄蓝绿花草猫狗鸟鱼马牛羊好坏正负"
)


class Names(NamedTuple):
    """Names in the order of the entries. encoding: what was taken where the archive does not say, None where nothing had to be.

    sure: False where no encoding looked right. examples: a few of the names it was taken for.
    """

    names: list[str]
    encoding: str | None = None
    sure: bool = True
    examples: tuple[str, ...] = ()

    def note(self, archive: str) -> str | None:
        """What to tell the user."""
        if self.encoding is None:
            return None
        shown = ", ".join(self.examples)
        if self.sure:
            return f"{archive}: does not say how its names are written; read as {self.encoding} ({shown})"
        return (
            f"{archive}: cannot be told how its names are written; read as {self.encoding} ({shown}). If they are wrong, "
            "make the zip again with a program that writes UTF-8 (7-Zip: parameter cu=on)"
        )


def names_of(entries: list[zipfile.ZipInfo]) -> Names:
    """The entries' names, each as it was meant when the archive was made."""
    names = [entry.filename for entry in entries]
    plain = [i for i, entry in enumerate(entries) if not entry.flag_bits & _UTF8_FLAG and not names[i].isascii()]
    if not plain:
        return Names(names)
    try:
        raw = [names[i].encode("cp437") for i in plain]
    except UnicodeEncodeError:  # from elsewhere than zipfile
        return Names(names)
    decoded = _decoded(raw, "utf-8")
    encoding, sure = None, True
    if decoded is None:
        encoding, sure, decoded = _likeliest(raw)
    for i, name in zip(plain, decoded, strict=True):
        names[i] = name
    return Names(names, encoding, sure, _examples(decoded))


def _decoded(raw: list[bytes], codec: str) -> list[str] | None:
    try:
        return [name.decode(codec) for name in raw]
    except UnicodeDecodeError:
        return None


def _likeliest(raw: list[bytes]) -> tuple[str, bool, list[str]]:
    """(name of the encoding, whether it looks right, the names in it)."""
    best, encoding, names = 0.0, "", [""]
    distinct = list(dict.fromkeys(part for name in raw for part in name.split(b"/") if not part.isascii()))[:2000]
    for codec, shown, plausible in _CANDIDATES:
        whole, parts = _decoded(raw, codec), _decoded(distinct, codec)
        if whole is None or parts is None:
            continue
        score = plausible(parts)
        if score > best:
            best, encoding, names = score, shown, whole
    if best >= _ENOUGH:
        return encoding, True, names
    return "CP437", False, [name.decode("cp437") for name in raw]


def _examples(names: list[str]) -> tuple[str, ...]:
    folders = (part for name in names for part in name.split("/") if not part.isascii())
    return tuple(dict.fromkeys(part[:40] for part in folders))[:3]


# --- how much looks right, 0 to 1 ---------------------------------------------------------------------------------


def _east_asian(fits: Callable[[str], float]) -> Callable[[list[str]], float]:
    """The mean over all characters that are not ASCII; one beside a small Latin letter ("K僕n") is no part of such a name."""

    def score(names: list[str]) -> float:
        total, count, common = 0.0, 0, 0
        for name in names:
            for at, character in enumerate(name):
                if character.isascii():
                    continue
                beside = name[max(0, at - 1) : at] + name[at + 1 : at + 2]
                lone = any("a" <= neighbour <= "z" for neighbour in beside)
                count += 1
                total += 0.0 if lone else fits(character)
                common += character in _COMMON
        return total / count + _COMMON_BONUS * min(common, 9) if count and total else 0.0

    return score


def _simplified(character: str) -> float:
    """GB 2312 orders its 6,763 characters by how common they are: row 16 to 55 the common, 56 to 87 the others."""
    try:
        lead = character.encode("gb2312")[0]
    except UnicodeEncodeError:
        return 0.0
    return 1.0 if 0xB0 <= lead <= 0xD7 else 0.5 if lead > 0xD7 else 0.7 if lead in (0xA1, 0xA3) else 0.0


def _traditional(character: str) -> float:
    """Big5 has 5,401 common characters from 0xA4 to 0xC6."""
    try:
        lead = character.encode("big5")[0]
    except UnicodeEncodeError:
        return 0.0
    return 0.95 if 0xA4 <= lead <= 0xC6 else 0.3 if lead > 0xC6 else 0.7


def _japanese(character: str) -> float:
    """Kana, and the 2,965 common characters of JIS level 1 (0x88 to 0x98)."""
    if "\u3041" <= character <= "\u30fe":
        return 1.0
    try:
        encoded = character.encode("cp932")
    except UnicodeEncodeError:
        return 0.0
    if len(encoded) == 1:  # half-width kana: what Chinese looks like if read so
        return 0.0
    return 0.9 if 0x88 <= encoded[0] <= 0x98 else 0.3 if encoded[0] > 0x98 else 0.0


def _words(fits: Callable[[str], bool]) -> Callable[[list[str]], float]:
    """The share of the words with letters beyond ASCII that fit; a sign that no name has (a box, a fraction, ^) is a wrong word."""

    def score(names: list[str]) -> float:
        right = count = 0
        for name in names:
            words = [word for word in _WORD.findall(name) if not word.isascii()]
            signs = sum(1 for c in name if c in _ODD or (not c.isascii() and not c.isalpha()))
            count += len(words) + signs
            right += sum(fits(word) for word in words)
        return right / count if count else 0.0

    return score


def _usual_case(word: str) -> bool:
    return word.islower() or word.isupper() or (word[0].isupper() and (len(word) == 1 or word[1:].islower()))


def _western(word: str) -> bool:
    """ "Köln", "été", "Ål": half of its letters are plain ones."""
    beyond = sum(1 for c in word if not c.isascii())
    known = all(c.isascii() or c.lower() in _WESTERN for c in word)
    return known and _usual_case(word) and (2 * beyond <= len(word) or (len(word) <= 3 and beyond < len(word)))


def _cyrillic(word: str) -> bool:
    return all("CYRILLIC" in unicodedata.name(c, "") for c in word) and _usual_case(word)


_CANDIDATES: tuple[tuple[str, str, Callable[[list[str]], float]], ...] = (
    ("cp437", "CP437", _words(_western)),
    ("cp850", "CP850", _words(_western)),
    ("cp1252", "Windows-1252", _words(_western)),
    ("gb18030", "GB18030", _east_asian(_simplified)),
    ("cp950", "Big5", _east_asian(_traditional)),
    ("cp932", "Shift-JIS", _east_asian(_japanese)),
    ("cp866", "CP866", _words(_cyrillic)),
    ("cp1251", "Windows-1251", _words(_cyrillic)),
)
