"""Writes weights.safetensors of a base, tensor by tensor as they are read: a piece is in memory, never the model."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from shared.bases.refusing import stop
from shared.bases.tensor_source import DTYPES, count_of
from shared.errors import Problem
from shared.volume.staging import full_is_said

WEIGHTS = "weights.safetensors"
_EXPONENTS = {"F32": (pa.uint32(), 0x7F800000), "F16": (pa.uint16(), 0x7C00), "BF16": (pa.uint16(), 0x7F80)}


@dataclass(frozen=True)
class Written:
    """A tensor to be written. source: its name where it comes from, for problems."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    pieces: Callable[[], Iterator[bytes]]
    source: str
    file: str


def write_weights(path: Path, tensors: list[Written], look: Callable[[int], None] = lambda done: None) -> str:
    """Write a safetensors file of these tensors in this order, and return its SHA-256.

    look: called with the bytes written so far after each piece; may raise. Raises BaseInvalid naming every tensor that holds NaN or
    infinity, or has not the bytes its shape says; VolumeFull.
    """
    header, end, problems = {}, 0, []
    for tensor in tensors:
        size = count_of(tensor.shape) * DTYPES[tensor.dtype]
        header[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [end, end + size]}
        end += size
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    digest, done = hashlib.sha256(), 0
    with full_is_said(), path.open("wb") as out:
        for piece in (len(head).to_bytes(8, "little"), head):
            out.write(piece)
            digest.update(piece)
        for tensor in tensors:
            size, finite = 0, True
            for piece in tensor.pieces():
                out.write(piece)
                digest.update(piece)
                finite = finite and is_finite(piece, tensor.dtype)
                size, done = size + len(piece), done + len(piece)
                look(done)
            if not finite:
                message = "holds NaN or infinity: the file is damaged, or a training that failed has written it"
                problems.append(Problem(field=tensor.source, message=message, file=tensor.file))
            if size != count_of(tensor.shape) * DTYPES[tensor.dtype]:
                problems.append(
                    Problem(field=tensor.source, message="has not the bytes of its shape", file=tensor.file)
                )
    stop(problems)
    return digest.hexdigest()


def is_finite(piece: bytes, dtype: str) -> bool:
    """True when no number of whole ones in these bytes is NaN or infinite: none has all bits of its exponent set."""
    kind, exponent = _EXPONENTS[dtype]
    bits = pa.Array.from_buffers(kind, len(piece) // DTYPES[dtype], [None, pa.py_buffer(piece)])
    mask = pa.scalar(exponent, kind)
    return not pc.any(pc.equal(pc.bit_wise_and(bits, mask), mask)).as_py()  # type: ignore[attr-defined]
