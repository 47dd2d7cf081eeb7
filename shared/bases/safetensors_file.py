"""Reads the header of a safetensors file as an enemy might have written it.

Format: 8 bytes, little-endian, length of the header; the header, a JSON object name -> {dtype, shape, data_offsets}; the data,
without gaps.
Source: https://github.com/huggingface/safetensors#format
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

from shared.bases.tensor_source import DTYPES, SourceTensor, count_of, pieces_of_file
from shared.errors import Problem

_MOST_HEADER = 100_000_000  # bytes; the format's own limit
_MOST_TENSORS = 1_000_000
_OTHERS = ("F64", "I64", "I32", "I16", "I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "U16", "U32", "U64")


def read_header(path: Path, problems: list[Problem], buffers: tuple[str, ...] = ()) -> dict[str, SourceTensor]:
    """Tensors by name. Whatever is wrong with the file goes to problems, by name of the tensor; then {} is returned.

    buffers: last parts of the names of tensors that hold no weights; of another type than weights they are passed over.
    """
    file, before = path.name, len(problems)

    def note(message: str, field: str = "") -> None:
        problems.append(Problem(field=field, message=message, file=file))

    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > size - 8:
            note(f"is cut off, or no safetensors file: its header is to have {length:,} bytes, the file has {size:,}")
            return {}
        if length > _MOST_HEADER:
            note(f"has a header of {length:,} bytes; at most {_MOST_HEADER:,} are read")
            return {}
        try:
            header = json.loads(stream.read(length), object_pairs_hook=_once)
        except (ValueError, RecursionError) as err:
            note(f"is no safetensors file: its header is no JSON object of names, each once ({err})"[:300])
            return {}
    if not isinstance(header, dict) or len(header) > _MOST_TENSORS:
        note("is no safetensors file: its header is no JSON object of tensors")
        return {}
    header.pop("__metadata__", None)
    start, found = 8 + length, {}
    stretches: list[tuple[int, int, str]] = []
    for name, entry in header.items():
        dtype, shape, offsets = _entry(entry)
        if dtype is None:
            note("its entry in the header needs dtype, shape and data_offsets", name)
        elif dtype in _OTHERS and buffers and name.endswith(buffers):
            pass
        elif dtype not in DTYPES:
            known = dtype in _OTHERS
            note(f"is of type {dtype:.20}; {'weights' if known else 'known'} are {', '.join(DTYPES)}", name)
        elif offsets[1] - offsets[0] != count_of(shape) * DTYPES[dtype]:
            note(f"of shape {list(shape)} and type {dtype} has {offsets[1] - offsets[0]:,} bytes", name)
        else:
            read = partial(pieces_of_file, path, start + offsets[0], offsets[1] - offsets[0])
            found[name] = SourceTensor(name, file, dtype, shape, read)
        if dtype is not None:
            stretches.append((*offsets, name))
    end = 0
    for first, last, name in sorted(stretches):
        if first < end:
            note("overlaps the tensor before it", name)
        elif first > end:
            note(f"begins {first - end:,} bytes after the tensor before it: nothing may lie between", name)
        end = max(end, last)
    if stretches and start + end != size:
        short = start + end - size
        note(f"is cut off: {short:,} bytes are missing" if short > 0 else f"has {-short:,} bytes after its tensors")
    return found if len(problems) == before else {}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _entry(entry: Any) -> tuple[Any, tuple[int, ...], tuple[int, int]]:
    """(dtype, shape, offsets); dtype is None where it is no entry."""
    given = entry if isinstance(entry, dict) else {}
    dtype, shape, offsets = given.get("dtype"), _wholes(given.get("shape"), 8), _wholes(given.get("data_offsets"), 2)
    if not isinstance(dtype, str) or shape is None or offsets is None or len(offsets) != 2 or offsets[0] > offsets[1]:
        return None, (), (0, 0)
    return dtype, shape, (offsets[0], offsets[1])


def _wholes(value: Any, most: int) -> tuple[int, ...] | None:
    """A list of at most so many whole numbers that no file can be beyond; None for anything else."""
    if not isinstance(value, list) or len(value) > most or not all(type(n) is int and 0 <= n < 2**50 for n in value):
        return None
    return tuple(value)
