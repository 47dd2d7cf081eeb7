"""Rotary positions: angles by place, and the turning of queries and keys."""

from typing import Any

import keras
import numpy as np

from shared.bases.decoder import Rotary

ops: Any = keras.ops  # its declared types say None where there is none


def frequencies(rotary: Rotary, head_size: int) -> np.ndarray:
    """float32 (head_size / 2,): radians per place, fastest first. In float32 as Transformers has it."""
    exponent = np.arange(0, head_size, 2, dtype=np.float32) / np.float32(head_size)
    found = (np.float32(1) / np.float32(rotary.theta) ** exponent).astype(np.float32)
    if rotary.scaling == "linear":
        return found / np.float32(rotary.factor)
    if rotary.scaling == "llama3":
        turns = np.float32(rotary.original) * found / np.float32(2 * np.pi)  # turns within the original context
        kept = np.clip((turns - rotary.low) / (rotary.high - rotary.low), 0, 1).astype(np.float32)
        return ((1 - kept) * found / np.float32(rotary.factor) + kept * found).astype(np.float32)
    return found


def angles(rotary: Rotary, head_size: int, places: Any) -> tuple[Any, Any]:
    """(cosines, sines), float32 (..., head_size), the second half as the first. places: int32 (...)."""
    turned = ops.expand_dims(ops.cast(places, "float32"), -1) * frequencies(rotary, head_size)
    both = ops.concatenate([turned, turned], -1)
    return ops.cos(both), ops.sin(both)


def turn(x: Any, cosines: Any, sines: Any) -> Any:
    """Turn pairs (i, i + half) of the last axis. x: (..., head_size); cosines and sines broadcast to it."""
    first, second = ops.split(x, 2, -1)
    half = ops.concatenate([-second, first], -1)
    return x * ops.cast(cosines, x.dtype) + half * ops.cast(sines, x.dtype)
