"""A tuned model as GGUF files, which llama.cpp and its like answer with: F16 and Q8_0, written by the library gguf.

Norms and biases stay float32, as llama.cpp's converter leaves them; so do numbers that float16 cannot hold.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import quantize

from shared.bases.decoder import DecoderConfig
from shared.bases.families import FAMILIES
from shared.bases.families.base import Taken
from shared.bases.gguf.naming import FREQUENCIES, tensors_of
from shared.volume.staging import full_is_said
from worker.families.tuning.gguf_keys import frequencies
from worker.families.tuning.huggingface import Value

_MOST_F16 = 65504.0
_FILE_TYPES = {"F16": 1, "Q8_0": 7}  # llama.cpp's numbers for "mostly" of a type
_PLACES = "position_embd.weight"  # is read as float32 alone


def write_gguf(
    path: Path, packed: str, family: str, config: DecoderConfig, values: Mapping[str, Value], keys: Mapping[str, Any]
) -> None:
    """Write one file, tensor by tensor. packed: "F16" or "Q8_0". values: by our names. keys: of its head. Raises VolumeFull."""
    writer = GGUFWriter(None, keys["general.architecture"])
    for key, value in keys.items():
        if key != "general.architecture":
            _add(writer, key, value)
    writer.add_file_type(_FILE_TYPES[packed])
    writer.add_quantization_version(2)
    wanted = list(_tensors(family, config, values))
    kinds = [_kind(name, value, packed) for name, value in wanted]
    for (name, value), kind in zip(wanted, kinds, strict=True):
        shape = value().shape
        block, size = GGML_QUANT_SIZES[kind]
        count = int(np.prod(shape)) // block * size
        writer.add_tensor_info(name, shape, np.dtype(np.float32), count, raw_dtype=kind)
    with full_is_said():
        try:
            writer.write_header_to_file(path)
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            for (_, value), kind in zip(wanted, kinds, strict=True):
                writer.write_tensor_data(quantize(value(), kind))
        finally:
            writer.close()


def _add(writer: GGUFWriter, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def _kind(name: str, value: Value, packed: str) -> GGMLQuantizationType:
    array = value()
    if array.ndim < 2 or name == _PLACES:
        return GGMLQuantizationType.F32
    if packed == "Q8_0" and array.shape[-1] % GGML_QUANT_SIZES[GGMLQuantizationType.Q8_0][0] == 0:
        return GGMLQuantizationType.Q8_0
    return GGMLQuantizationType.F32 if np.abs(array).max() > _MOST_F16 else GGMLQuantizationType.F16


def _tensors(
    family: str, config: DecoderConfig, values: Mapping[str, Value]
) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """(name, maker) of each tensor of the file."""
    wanted = tensors_of(FAMILIES[family], config)
    together: dict[str, list[str]] = {}
    for name in config.tensors():
        together.setdefault(wanted[name].name, []).append(name)
    for theirs, ours in together.items():
        yield theirs, lambda ours=ours: np.concatenate([_converted(values[name](), wanted[name]) for name in ours])
    if divisors := frequencies(config):
        yield FREQUENCIES, lambda: np.array(divisors, np.float32)


def _converted(array: np.ndarray, taken: Taken) -> np.ndarray:
    """What reading a file undoes: rotary pairs beside each other, an offset in the norms."""
    if taken.pairs:
        halves = array.reshape(taken.pairs, 2, array.shape[0] // taken.pairs // 2, *array.shape[1:])
        array = np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(array.shape)
    return np.ascontiguousarray(array + np.float32(taken.less) if taken.less else array, np.float32)
