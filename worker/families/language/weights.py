"""An imported base's weights into the network, tensor by tensor: no second copy of the model is ever in memory."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  teaches NumPy bfloat16, which tensors may be in
import numpy as np
from safetensors import safe_open

from worker.families.language.encoder import Encoder, EncoderBlock
from worker.families.language.network import Block, Decoder

WEIGHTS = "weights.safetensors"
_PARTS = ("norm_1", "q", "k", "v", "q_norm", "k_norm", "o", "after_1", "norm_2", "gate", "up", "down", "after_2")


_ENCODER_PARTS = ("q", "k", "v", "o", "norm_1", "up", "down", "norm_2")


def variables_by_name(model: Decoder | Encoder) -> dict[str, Any]:
    """Every variable by the name its tensor has on the volume (tensors() of its config), in that order.

    Variables that a recipe's own matrices have besides kernel and bias (adapters) are not among them.
    """
    return _of_encoder(model) if isinstance(model, Encoder) else _of_decoder(model)


def _of_encoder(model: Encoder) -> dict[str, Any]:
    tables = {"tokens": model.tokens, "places": model.places, "types": model.types}
    found = {f"{name}.table": table.embeddings for name, table in tables.items() if table is not None}
    found |= {f"norm.{name}": variable for name, variable in _of_layer(model.norm)}
    for i, block in enumerate(model.blocks):
        found |= {f"blocks.{i}.{name}": variable for name, variable in _of_block(block, _ENCODER_PARTS)}
    return found


def _of_decoder(model: Decoder) -> dict[str, Any]:
    found = {"tokens.table": model.tokens.embeddings}
    if model.places is not None:
        found["places.table"] = model.places.embeddings
    for i, block in enumerate(model.blocks):
        found |= {f"blocks.{i}.{name}": variable for name, variable in _of_block(block, _PARTS)}
    found |= {f"norm.{name}": variable for name, variable in _of_layer(model.norm)}
    if model.head is not None:
        found["head.kernel"] = model.head.kernel
    return found


def _of_block(block: Block | EncoderBlock, parts: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for part in parts:
        if (layer := getattr(block, part)) is not None:
            yield from ((f"{part}.{name}", variable) for name, variable in _of_layer(layer))


def _of_layer(layer: Any) -> Iterator[tuple[str, Any]]:
    for name in ("gamma", "beta", "kernel", "bias"):
        if (variable := getattr(layer, name, None)) is not None:
            yield name, variable


def assign_base(model: Decoder | Encoder, folder: Path, look: Callable[[], None] = lambda: None) -> None:
    """Fill a built model with the weights of the base in `folder`, in whatever precision its variables have.

    look: called after each tensor; may raise. The caller has verified the folder against its manifest.
    """
    with safe_open(folder / WEIGHTS, framework="numpy") as file:
        for name, variable in variables_by_name(model).items():
            variable.assign(tensor(file, name))
            look()


def tensor(file: Any, name: str) -> np.ndarray:
    """One tensor as the network has it: float16, bfloat16 or float32; kernels (inputs, outputs)."""
    array = file.get_tensor(name)
    return array.T if name.endswith(".kernel") else array
