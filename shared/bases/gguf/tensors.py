"""Tensors of a GGUF file as float32, float16 or bfloat16: packed ones are unpacked by the library gguf, some rows at a time."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

from shared.bases.gguf.header import Place
from shared.bases.tensor_source import PIECE, SourceTensor, count_of, pieces_of_file
from shared.errors import BaseInvalid

_PLAIN = {"F32": "F32", "F16": "F16", "BF16": "BF16"}
_PACKED = ("Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q5_K", "Q6_K")


def _type(kind: int) -> GGMLQuantizationType:
    """Raises BaseInvalid for a type that is not read."""
    try:
        found = GGMLQuantizationType(kind)
    except ValueError:
        found = None
    if found is None or found.name not in (*_PLAIN, *_PACKED):
        name = found.name if found else f"number {kind}"
        known = ", ".join((*_PLAIN, *_PACKED))
        raise BaseInvalid(f"its tensors are of type {name}, which is not read; read are {known}: choose such a file")
    return found


def bytes_of(kind: int, shape: tuple[int, ...]) -> int:
    """What a tensor takes in the file. Raises BaseInvalid for a type that is not read, or rows that are no whole blocks."""
    found = _type(kind)
    block, size = GGML_QUANT_SIZES[found]
    if not shape or shape[-1] % block:
        raise BaseInvalid(f"a tensor of type {found.name} has rows of {shape[-1:]} numbers: they come by {block}")
    return count_of(shape) // block * size


def source_tensor(path: Path, file: str, place: Place) -> SourceTensor:
    """A tensor that can be read: packed ones as F32."""
    kind = _type(place.kind)
    size = bytes_of(place.kind, place.shape)
    if kind.name in _PLAIN:
        read = partial(pieces_of_file, path, place.start, size)
        return SourceTensor(place.name, file, _PLAIN[kind.name], place.shape, read)
    return SourceTensor(place.name, file, "F32", place.shape, partial(_unpacked, path, place, kind))


def _unpacked(path: Path, place: Place, kind: Any) -> Iterator[bytes]:
    """float32 numbers, whole rows at a time."""
    block, size = GGML_QUANT_SIZES[kind]
    row = place.shape[-1] // block * size
    rows = count_of(place.shape[:-1])
    at_once = max(PIECE // (4 * place.shape[-1]), 1)
    with path.open("rb") as file:
        file.seek(place.start)
        for first in range(0, rows, at_once):
            count = min(at_once, rows - first)
            packed = pa.Array.from_buffers(pa.uint8(), count * row, [None, pa.py_buffer(file.read(count * row))])
            yield dequantize(packed.to_numpy(zero_copy_only=True).reshape(count, row), kind).tobytes()
