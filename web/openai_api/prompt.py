"""Which class of a model a prompt names."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_BETWEEN = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")
# Scripts whose words stand without spaces, as the beginnings of Unicode's names of their characters.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")


def classes_named(prompt: str, classes: Sequence[str]) -> list[str]:
    """The classes that a prompt names: the one it is, or else all that occur in it as words.

    Case does not count, nor what stands between words: golden_retriever is "a golden retriever". Scripts without spaces have no
    borders of words. A name within a longer one that occurs, as 猫 in 熊猫, is not named by it.
    """
    if prompt in classes:
        return [prompt]
    text = _plain(prompt)
    numbers: dict[str, list[int]] = {}
    for number, name in enumerate(classes):
        if said := _plain(name):
            numbers.setdefault(said, []).append(number)
    found, reach = numbers.get(text, []), 0
    if not found:
        lengths = sorted({len(said) for said in numbers}, reverse=True)
        for start in range(len(text)):
            ends = (start + length for length in lengths if reach < start + length <= len(text))
            end = next((end for end in ends if text[start:end] in numbers and _is_word(text, start, end)), None)
            if end:
                found, reach = [*found, *numbers[text[start:end]]], end
    return [classes[number] for number in sorted(set(found))]


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return _BETWEEN.sub(" ", text).strip()


def _is_word(text: str, start: int, end: int) -> bool:
    """Whether a stretch of a text neither begins nor ends within a word."""
    begins = start == 0 or not _one_word(text[start - 1], text[start])
    return begins and (end == len(text) or not _one_word(text[end - 1], text[end]))


def _one_word(left: str, right: str) -> bool:
    """Whether two neighbours belong to one word."""
    return _spaced(left) and _spaced(right)


@lru_cache(10_000)
def _spaced(character: str) -> bool:
    """Whether it is of a word that is parted from others by spaces."""
    if not (character.isalnum() or character == "_" or unicodedata.combining(character)):
        return False
    return not unicodedata.name(character, "").startswith(_UNSPACED)
