"""Turns a source's tensor into one of ours: a part of its rows, turned, its rotary pairs put half by half.

Standard library alone: shared code loads no arrays. A tensor whose axes change places is in memory once, all others a piece at a
time.
"""

from array import array
from collections.abc import Iterator
from itertools import product

from shared.bases.families.base import Taken
from shared.bases.tensor_source import DTYPES, SourceTensor

_CODES = {2: "H", 4: "I"}  # numbers are moved as they are, whatever they mean


def shape_of(tensor: SourceTensor, taken: Taken) -> tuple[int, ...]:
    """The shape that `pieces_as` gives; () where the tensor cannot be parted so."""
    if taken.axes:
        return tuple(tensor.shape[axis] for axis in taken.axes) if len(tensor.shape) == len(taken.axes) else ()
    shape = tensor.shape[::-1] if taken.turned else tensor.shape
    if not shape or shape[0] % taken.parts:
        return ()
    return (shape[0] // taken.parts, *shape[1:])


def pieces_as(tensor: SourceTensor, taken: Taken) -> Iterator[bytes]:
    """The bytes of ours, in order."""
    if taken.axes:
        yield from _permuted(tensor, taken.axes)
    elif taken.turned:
        yield from _turned(tensor, taken)
    elif taken.pairs:
        yield _halved(b"".join(tensor.pieces()), tensor, taken.pairs)
    elif taken.less:
        yield _less(b"".join(tensor.pieces()), taken.less)
    elif taken.parts > 1:
        whole = b"".join(tensor.pieces())
        size = len(whole) // taken.parts
        yield whole[taken.part * size : (taken.part + 1) * size]
    else:
        yield from tensor.pieces()


def _turned(tensor: SourceTensor, taken: Taken) -> Iterator[bytes]:
    """Columns of a matrix (inputs, outputs) as rows, those of its part."""
    columns = tensor.shape[1]
    numbers = array(_CODES[DTYPES[tensor.dtype]], b"".join(tensor.pieces()))
    size = columns // taken.parts
    for column in range(taken.part * size, (taken.part + 1) * size):
        yield numbers[column::columns].tobytes()


def _permuted(tensor: SourceTensor, axes: tuple[int, ...]) -> Iterator[bytes]:
    """Its numbers with its axes in this order. Axes that lie one within the other in both are taken as one."""
    strides = [1]
    for size in tensor.shape[:0:-1]:
        strides.insert(0, strides[0] * size)
    runs: list[tuple[int, int]] = []  # (size, stride in the source) of each axis of ours
    for size, stride in ((tensor.shape[axis], strides[axis]) for axis in axes):
        if size == 1:
            continue
        if runs and runs[-1][1] == stride * size:
            runs[-1] = (runs[-1][0] * size, stride)
        else:
            runs.append((size, stride))
    numbers = array(_CODES[DTYPES[tensor.dtype]], b"".join(tensor.pieces()))
    *outer, (size, stride) = runs or [(1, 1)]
    for places in product(*(range(0, count * step, step) for count, step in outer)):
        first = sum(places)
        yield numbers[first : first + size * stride : stride].tobytes()


def _halved(whole: bytes, tensor: SourceTensor, heads: int) -> bytes:
    """Rows of each head: pair by pair (0, 0', 1, 1' ...) to half by half (0, 1 ... 0', 1' ...).

    Source: LlamaModel.permute of llama.cpp's convert_hf_to_gguf.py, undone.
    """
    row = len(whole) // tensor.shape[0]
    of_head = tensor.shape[0] // heads
    order = [head * of_head + i for head in range(heads) for i in (*range(0, of_head, 2), *range(1, of_head, 2))]
    return b"".join(whole[i * row : (i + 1) * row] for i in order)


def _less(whole: bytes, less: float) -> bytes:
    """float32 numbers, each less by so much."""
    return array("f", [number - less for number in array("f", whole)]).tobytes()
