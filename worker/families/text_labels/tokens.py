"""Tokens of many texts on disk or in memory, read in windows of equal length.

A text is read in as many windows as hold it, spread evenly over it: the first begins at its beginning, the last ends at its end. Of
very long texts the windows leave gaps.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shared.datasets.tables.reading import open_table
from shared.volume.staging import full_is_said
from worker.context import Context
from worker.families.going import Going
from worker.families.kept import kept
from worker.families.rows import RowFile
from worker.families.text.tokens import LEARNT_FROM
from worker.families.text_labels.rows import each_text
from worker.families.text_labels.tokenizer import PAD, TextTokenizer, learn_tokenizer
from worker.recipe import OpenInput

MOST_WINDOWS = 16  # of one text
_EIGHT = 8  # few lengths are ever traced
FILE, LENGTHS = "tokens.bin", "lengths.i8"
_HELD_BYTES = 64 << 20  # of a file that is read into memory as a whole
_AT_ONCE = 1_024  # texts cut into tokens
_SORTED_BATCHES = 32  # whose texts are put in order of their lengths: batches of short ones cost little
_VERSION = 1  # raised when the bytes of the same texts change


def window_counts(lengths: np.ndarray, length: int) -> np.ndarray:
    """How many windows each text is read in: int64 (n,), 1 to MOST_WINDOWS. lengths: int (n,) in tokens."""
    return np.clip(-(-lengths // length), 1, MOST_WINDOWS).astype(np.int64)


def window_starts(lengths: np.ndarray, numbers: np.ndarray, length: int) -> np.ndarray:
    """Where the window of this number begins in each text: int64 (n,). numbers: int (n,), below its count."""
    gaps = np.maximum(window_counts(lengths, length) - 1, 1)
    return (2 * numbers * np.maximum(lengths - length, 0) + gaps) // (2 * gaps)


def trimmed(windows: np.ndarray) -> np.ndarray:
    """Windows without the columns in which no text has a token: int32 (n, a multiple of 8, or as it was)."""
    used = int((windows != PAD).any(axis=0).sum())
    return windows[:, : max(_EIGHT, -(-used // _EIGHT) * _EIGHT)]


class Tokens:
    """Tokens of texts by place. lengths: int64 (n,). flat: all of them, one text after the other."""

    def __init__(self, flat: np.ndarray | RowFile, lengths: np.ndarray):
        self._flat, self.lengths = flat, lengths.astype(np.int64)
        self._begins = np.cumsum(self.lengths) - self.lengths

    @classmethod
    def of(cls, texts: Sequence[np.ndarray]) -> "Tokens":
        """Tokens of a few texts, int (tokens,) each."""
        return cls(np.concatenate([*texts, np.zeros(0, np.int32)]), np.array([len(text) for text in texts], np.int64))

    def __len__(self) -> int:
        return len(self.lengths)

    def text(self, place: int) -> np.ndarray:
        """int32 (tokens,) of one text as a whole."""
        return self._read(int(self._begins[place]), int(self.lengths[place]))

    def stretch(self, place: int, start: int, count: int) -> np.ndarray:
        """int32 (at most count,), tokens of one text from `start` on."""
        left = int(self.lengths[place]) - start
        return self._read(int(self._begins[place]) + start, min(count, left))

    def windows(self, places: np.ndarray, numbers: np.ndarray, length: int) -> np.ndarray:
        """int32 (m, length): of each place the window of this number, filled up with PAD."""
        found = np.full((len(places), length), PAD, np.int32)
        lengths = self.lengths[places]
        starts = self._begins[places] + window_starts(lengths, numbers, length)
        for row, (start, size) in enumerate(zip(starts.tolist(), np.minimum(lengths, length).tolist(), strict=True)):
            found[row, :size] = self._read(start, size)
        return found

    def _read(self, start: int, count: int) -> np.ndarray:
        if isinstance(self._flat, RowFile):
            return self._flat.read(start, count).astype(np.int32)
        return self._flat[start : start + count].astype(np.int32)


def cut_texts(
    opened: OpenInput, columns: Sequence[str], rows: np.ndarray, tokenizer: TextTokenizer, context: Context
) -> Tokens:
    """The tokens of the texts of these rows, or those that an earlier training has left. rows: int64 (n,), rising."""
    dtype = np.dtype(np.uint16 if tokenizer.size <= 1 << 16 else np.uint32)
    digest = hashlib.sha256(rows.tobytes()).hexdigest()
    depends = {"columns": list(columns), "rows": digest, "tokenizer": tokenizer.definition, "version": _VERSION}

    def make(folder: Path) -> dict[str, Any]:
        going = Going(context, "loading", len(rows))
        with full_is_said(), (folder / FILE).open("wb") as flat, (folder / LENGTHS).open("wb") as lengths:
            for texts in _some(opened, columns, rows):
                found = tokenizer.encode(texts)
                flat.write(np.concatenate(found).astype(dtype).tobytes())
                lengths.write(np.array([len(one) for one in found], np.int64).tobytes())
                going.done(len(texts))
        going.end()
        return {"dtype": dtype.name}

    with kept(context, "cut_texts", opened, depends, make) as (folder, _):
        return Tokens(held(folder / FILE, dtype), np.fromfile(folder / LENGTHS, np.int64))


def held(path: Path, dtype: np.dtype, shape: tuple[int, ...] = ()) -> np.ndarray | RowFile:
    """Rows of a file: in memory where they are few, else read as they are needed."""
    file = RowFile(path, dtype, shape)
    small = path.stat().st_size <= _HELD_BYTES
    return file.read(0, len(file)) if small else file


def alike_in_length(places: np.ndarray, lengths: np.ndarray, batch: int, rng: np.random.Generator) -> np.ndarray:
    """Places in an order in which those of a batch are of like length: some batches together sorted, and all batches drawn anew.

    places: int (n,), already drawn. lengths: int, by place. Returns as many as fill whole batches.
    """
    whole = places[: len(places) // batch * batch]
    found = []
    for start in range(0, len(whole), _SORTED_BATCHES * batch):
        some = whole[start : start + _SORTED_BATCHES * batch]
        found.append(some[np.argsort(lengths[some], kind="stable")])
    return rng.permutation(np.concatenate(found).reshape(-1, batch)).reshape(-1)


def learn_tokens(
    opened: OpenInput, columns: Sequence[str], rows: np.ndarray, kind: str, size: int, context: Context
) -> str:
    """Learn a tokenizer from the texts of these rows."""
    return learnt_from(opened, columns, rows, context, lambda texts, count: learn_tokenizer(kind, texts, count, size))


def learnt_from(
    opened: OpenInput,
    columns: Sequence[str],
    rows: np.ndarray,
    context: Context,
    learn: Callable[[Iterator[str], int], str],
) -> str:
    """What is learnt from the texts of these rows, or of a sample spread over them where they are very long. learn: (texts,
    count)."""
    with open_table(opened.folder) as table:
        characters = sum(len(text) for _, text in _checked(each_text(table, columns, rows), context))
        every = max(1, -(-characters // LEARNT_FROM))
        sample = rows[::every]
        return learn((text for _, text in _checked(each_text(table, columns, sample), context)), len(sample))


def _checked(texts: Iterator[tuple[int, str]], context: Context) -> Iterator[tuple[int, str]]:
    for index, text in texts:
        if index % _AT_ONCE == 0:
            context.check()
        yield index, text


def _some(opened: OpenInput, columns: Sequence[str], rows: np.ndarray) -> Iterator[list[str]]:
    held: list[str] = []
    with open_table(opened.folder) as table:
        for _, text in each_text(table, columns, rows):
            held.append(text)
            if len(held) == _AT_ONCE:
                yield held
                held = []
    if held:
        yield held
