"""ROUGE: how much of a summary's words, pairs of words and longest common row of words are those of the true one.

Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries". Figures of texts in Latin letters are those of
rouge-score 0.1.2 without stemming, which knows no other scripts; here a word is any letters and digits in a row, and a
character of Chinese and its like.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from worker.families.scripts import UNPARTED

NAMES = ("rouge_1", "rouge_2", "rouge_l")
_WORD = re.compile(rf"[^\W_{UNPARTED}]+|[{UNPARTED}]")


def words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def rouge(said: str, truths: Sequence[str]) -> tuple[float, float, float]:
    """F1 of words, of pairs, and of the longest common subsequence; of several truths each the best. 0 to 1."""
    own = words(said)
    each = [(_overlap(own, true, 1), _overlap(own, true, 2), _subsequence(own, true)) for true in map(words, truths)]
    first, second, longest = (max(column) for column in zip(*each, strict=True))
    return first, second, longest


def _overlap(said: list[str], true: list[str], n: int) -> float:
    a, b = (Counter(zip(*(text[i:] for i in range(n)), strict=False)) for text in (said, true))
    return _f1(sum((a & b).values()), a.total(), b.total())


def _subsequence(said: list[str], true: list[str]) -> float:
    """By rows of the table of longest common subsequences, whole rows at once: new[j] = max(old[j], old[j-1] + equal, new[j-1])."""
    numbers = {word: number for number, word in enumerate(dict.fromkeys([*said, *true]))}
    b = np.array([numbers[word] for word in true], np.int64)
    row = np.zeros(len(true) + 1, np.int64)
    for word in said:
        row[1:] = np.maximum(row[1:], row[:-1] + (b == numbers[word]))
        row = np.maximum.accumulate(row)
    return _f1(int(row[-1]), len(said), len(true))


def _f1(common: int, said: int, true: int) -> float:
    return 2 * common / (said + true) if common else 0.0
