"""Scripts of texts. In some of them words are not parted by spaces: there a character does what a word does elsewhere."""

import unicodedata
from collections import Counter
from functools import lru_cache

UNPARTED = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # kana, Han, Hangul; inside a [] of a regular expression
_LOOKED_AT = 200  # characters of a text
_KANA, _HAN = ("HIRAGANA", "KATAKANA"), "CJK"
WITHOUT_SPACES = ("CJK", "JAPANESE", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")


@lru_cache(maxsize=65_536)
def _script(character: str) -> str:
    """The script of a letter as Unicode's names tell it ("LATIN", "CJK", "CYRILLIC"), "" of what is no letter."""
    return unicodedata.name(character, "").split(" ", 1)[0] if character.isalpha() else ""


def script_of(text: str) -> str:
    """The script of most letters at a text's beginning; "JAPANESE" where kana stand among Han, "" without any letter."""
    counts = Counter(_script(character) for character in text[:_LOOKED_AT])
    del counts[""]
    kana = sum(counts[name] for name in _KANA)
    if (
        kana * 5 >= counts[_HAN] and kana
    ):  # Chinese texts hold a kana now and then, Japanese ones hardly less than a fifth
        counts["JAPANESE"] = kana + counts[_HAN]
    return max(counts, key=lambda name: (counts[name], name)) if counts else ""
