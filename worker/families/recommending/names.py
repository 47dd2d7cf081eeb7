"""Ids of people and items: made of cells of any type, and kept as arrays, of which a model may have millions."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from worker.families.tables.cells import as_array, as_category, pc

_WHOLE = re.compile(r"-?\d+\.0+")


def as_id(value: Any) -> str:
    """A cell as an id: 12, 12.0 and "12.0" are "12", as spreadsheets write ids."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    text = as_category(value)
    return text.partition(".")[0] if _WHOLE.fullmatch(text) else text


class Coder:
    """Numbers ids as they come. ids: in order. mended: cells such as "12.0" that were read as 12."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.mended = 0
        self._places: dict[str, int] = {}

    def codes(self, cells: Any) -> np.ndarray:
        """int32 (rows,), -1 where missing or blank."""
        coded = as_array(cells).dictionary_encode()
        places = np.array([*(self._place(value) for value in coded.dictionary.to_pylist()), -1], np.int32)
        return places[pc.fill_null(coded.indices, len(places) - 1).to_numpy(zero_copy_only=False)]

    def _place(self, value: Any) -> int:
        name = as_id(value)
        self.mended += isinstance(value, str) and name != value.strip()
        if not name:
            return -1
        place = self._places.setdefault(name, len(self.ids))
        if place == len(self.ids):
            self.ids.append(name)
        return place


def packed(names: Sequence[str], kind: str) -> dict[str, np.ndarray]:
    """Texts as two arrays: uint8 of all one after another in UTF-8, int64 of where each ends."""
    parts = [name.encode() for name in names]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64) if parts else np.zeros(0, np.int64)
    return {f"{kind}_text": np.frombuffer(b"".join(parts), np.uint8).copy(), f"{kind}_ends": ends}


def name_at(arrays: Any, kind: str, place: int) -> str:
    """One of the texts that packed() was given."""
    ends = arrays[f"{kind}_ends"]
    return arrays[f"{kind}_text"][int(ends[place - 1]) if place else 0 : int(ends[place])].tobytes().decode()


def unpacked(arrays: Any, kind: str) -> list[str]:
    """The texts that packed() was given."""
    text, ends = arrays[f"{kind}_text"].tobytes(), [0, *arrays[f"{kind}_ends"].tolist()]
    return [text[start:end].decode() for start, end in pairwise(ends)]
