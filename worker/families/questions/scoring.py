"""How right an answer is, by the rules of SQuAD and of CMRC 2018: the one place where they are written.

Exact match is 0 or 1, F1 between them; of several right answers the best counts. A question without an answer is right when none is
given. SQuAD: no case, no ASCII punctuation, no articles; F1 over words. CMRC, for what is written without spaces between words: no
case, none of its marks; F1 over the longest run of characters that both have. Chinese, Japanese and Korean characters stand by
themselves, between them words.

Source: Rajpurkar et al. 2016, arXiv:1606.05250, and 2018, arXiv:1806.03822; Cui et al. 2019, arXiv:1810.07366. CMRC's script leaves
words between characters to NLTK; here they are letters and digits in a row, and every other mark by itself. Its rule is of Chinese
characters alone; here it is of kana and Hangul too.
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

from worker.families.scripts import UNPARTED

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_CMRC_MARKS = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
_ALONE = re.compile(f"[{UNPARTED}]")
_PIECES = re.compile(r"\w+|[^\w\s]")


def plain(text: str) -> str:
    """A text as SQuAD compares it."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def squad_scores(said: str, right: Sequence[str]) -> tuple[float, float]:
    """(exact match, F1). said: "" for no answer. right: [] where there is none."""
    return _best(said, [one for one in right if plain(one)], _squad)


def cmrc_scores(said: str, right: Sequence[str]) -> tuple[float, float]:
    """(exact match, F1) by CMRC's rules."""
    return _best(said, right, _cmrc)


def scores(said: str, right: Sequence[str], *, unparted: bool) -> tuple[float, float]:
    """(exact match, F1) by the rules of the language. unparted: whether it is written without spaces between words."""
    return (cmrc_scores if unparted else squad_scores)(said, right)


def _best(said: str, right: Sequence[str], by: Callable[[str, str], tuple[float, float]]) -> tuple[float, float]:
    found = [by(said, one) for one in right or [""]]
    return max(exact for exact, _ in found), max(f1 for _, f1 in found)


def _squad(said: str, right: str) -> tuple[float, float]:
    said, right = plain(said), plain(right)
    words, wanted = said.split(), right.split()
    if not words or not wanted:
        same = float(words == wanted)
        return same, same
    both = sum((Counter(words) & Counter(wanted)).values())
    return float(said == right), 2 * both / (len(words) + len(wanted))


def _cmrc(said: str, right: str) -> tuple[float, float]:
    exact = float(_without_marks(said) == _without_marks(right))
    one, other = pieces(said), pieces(right)
    if not one or not other:
        return exact, float(one == other)
    return exact, 2 * _longest_run(one, other) / (len(one) + len(other))


def _without_marks(text: str) -> str:
    return "".join(c for c in text.lower().strip() if c not in _CMRC_MARKS)


def pieces(text: str) -> list[str]:
    """Characters of scripts without spaces, and words between them; none of CMRC's marks."""
    found: list[str] = []
    words = ""
    for c in text.lower().strip():
        if c in _CMRC_MARKS:
            continue
        if _ALONE.match(c):
            found += [*_PIECES.findall(words), c]
            words = ""
        else:
            words += c
    return [*found, *_PIECES.findall(words)]


def _longest_run(one: Sequence[str], other: Sequence[str]) -> int:
    """Of pieces that stand in both in a row."""
    longest = 0
    before = [0] * (len(other) + 1)
    for piece in one:
        now = [0] * (len(other) + 1)
        for at, wanted in enumerate(other):
            if piece == wanted:
                now[at + 1] = before[at] + 1
        longest, before = max(longest, *now), now
    return longest
