"""Which parts of a source each part of an answer looks at: words, or characters where words are not parted by spaces."""

from typing import Any

import numpy as np

from shared.outputs import MOST_ROWS, Cell, Table
from worker.families.scripts import WITHOUT_SPACES, script_of
from worker.families.translating.answering import Answering
from worker.families.translating.data import filled
from worker.families.translating.pieces import Pieces, clean

_ALSO, _LEAST = 2, 0.1  # further parts that are told, of at least this share


def units(text: str, spans: list[tuple[int, int]], *, spaced: bool) -> list[tuple[str, list[int]]]:
    """(word, numbers of its pieces) of a text whose pieces stand at these spans, [start, end) in characters."""
    found: list[tuple[int, int, list[int]]] = []
    for number, (start, end) in enumerate(spans):
        begin = start + len(text[start:end]) - len(text[start:end].lstrip())
        if found and (begin >= end or begin < found[-1][1] or (spaced and begin == start == found[-1][1])):
            first, last, numbers = found[-1]
            found[-1] = (first, max(last, end), [*numbers, number])
        else:
            found.append((begin, end, [number]))
    return [(text[start:end], numbers) for start, end, numbers in found]


def aligned(answering: Answering, source: str, answer: str) -> Table:
    """A row for each part of the answer: the part of the source that it looks at most, its share, and what else it looks at."""
    source, answer = clean(source), clean(answer)
    sides = [
        _side(source, answering.source, answering.most_source),
        _side(answer, answering.target, answering.most_target),
    ]
    (read, tokens), (written, said) = sides
    x = {"source": filled([tokens], ends=True), "target": filled([said], begins=True)}
    looks = np.asarray(answering.model.looks(x))[0]
    rows: list[list[Cell]] = []
    for word, numbers in written:
        shares = np.array([looks[np.ix_(numbers, places)].sum(1).mean() for _, places in read])
        order = np.argsort(-shares, kind="stable").tolist()
        also = [f"{read[place][0]} {shares[place]:.0%}" for place in order[1 : 1 + _ALSO] if shares[place] >= _LEAST]
        rows.append([word, read[order[0]][0], round(float(shares[order[0]]), 3), ", ".join(also)])
    title = "What each part of the answer looks at"
    return Table(title=title, columns=["written", "looks at", "share", "also"], rows=rows[:MOST_ROWS], count=len(rows))


def _side(text: str, vocabulary: Pieces, most: int) -> tuple[list[tuple[str, list[int]]], np.ndarray]:
    tokens: Any = vocabulary.encode([text])[0][:most]
    spaced = script_of(text) not in WITHOUT_SPACES
    return units(text, vocabulary.spans(text)[: len(tokens)], spaced=spaced), tokens
