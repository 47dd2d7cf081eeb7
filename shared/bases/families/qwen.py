"""Qwen 2 (2.5 too) and Qwen 3: Llama's shape; 2 has biases of queries, keys and values, 3 norms queries and keys.

Sources: Yang et al. 2024, arXiv:2407.10671; 2025, arXiv:2505.09388; Transformers, models/qwen2, models/qwen3.
"""

from shared.bases.decoder import DecoderConfig
from shared.bases.families.base import ACTIVATIONS, Family
from shared.bases.families.llama import llama_tensors, sizes
from shared.bases.keys import Keys


def _windows(keys: Keys, layers: int) -> tuple[int, ...]:
    """Layers from max_window_layers on have a window, where windows are used at all."""
    used = keys.flag("use_sliding_window", False)
    window = keys.whole("sliding_window", 4096) if used else None
    keys.get("sliding_window")
    first = keys.get("max_window_layers")
    first = first if isinstance(first, int) else 28
    return keys.windows(layers, window, [bool(window) and i >= first for i in range(layers)])


def _qwen2(keys: Keys) -> DecoderConfig:
    found = sizes(keys)
    return DecoderConfig(
        **found,
        rotary=keys.rotary(10_000.0),
        activation=keys.word("hidden_act", "silu", ACTIVATIONS),
        qkv_bias=True,
        scale=found["head_size"] ** -0.5,
        windows=_windows(keys, found["layers"]),
    )


def _qwen3(keys: Keys) -> DecoderConfig:
    found = sizes(keys, head_size=128)
    bias = keys.flag("attention_bias", False)
    return DecoderConfig(
        **found,
        rotary=keys.rotary(10_000.0),
        activation=keys.word("hidden_act", "silu", ACTIVATIONS),
        qkv_bias=bias,
        out_bias=bias,
        qk_norm=True,
        scale=found["head_size"] ** -0.5,
        windows=_windows(keys, found["layers"]),
    )


QWEN2 = Family("qwen2", "Qwen 2", "qwen2", ("Qwen2ForCausalLM",), _qwen2, llama_tensors, "model.", (), "qwen2")
QWEN3 = Family("qwen3", "Qwen 3", "qwen3", ("Qwen3ForCausalLM",), _qwen3, llama_tensors, "model.", (), "qwen3")
