"""Gemma 2 and Gemma 3 (text): norms before and after each part with an offset of 1, GeGLU, scaled embeddings, layers with a window.

2 caps scores and logits; 3 norms queries and keys, and layers with a window turn by wavelengths of their own.
Sources: Gemma Team 2024, arXiv:2408.00118; 2025, arXiv:2503.19786; Transformers, models/gemma2, models/gemma3.
"""

from typing import Any

from shared.bases.decoder import DecoderConfig, Rotary
from shared.bases.families.base import ACTIVATIONS, Family, Taken
from shared.bases.families.llama import _BLOCK, named_like_llama, sizes
from shared.bases.keys import Keys

_GEMMA_BLOCK = {
    **_BLOCK,
    "after_1.gamma": "post_attention_layernorm.weight",
    "norm_2.gamma": "pre_feedforward_layernorm.weight",
    "after_2.gamma": "post_feedforward_layernorm.weight",
}


def _tensors(config: DecoderConfig) -> dict[str, Taken]:
    return named_like_llama(config, _GEMMA_BLOCK)


def _gemma(keys: Keys) -> dict[str, Any]:
    found = sizes(keys, head_size=256)
    keys.only("use_bidirectional_attention", False)
    if "tie_word_embeddings" not in keys.values:
        found["tied"] = True
    bias = keys.flag("attention_bias", False)
    keys.only("hidden_act", *ACTIVATIONS)  # older files have both; hidden_activation counts
    return {
        **found,
        "norm_offset": 1.0,
        "norm_after": True,
        "activation": keys.word("hidden_activation", "gelu_pytorch_tanh", ACTIVATIONS),
        "qkv_bias": bias,
        "out_bias": bias,
        "scale": keys.number("query_pre_attn_scalar", 256.0) ** -0.5,
        "attention_cap": keys.cap(
            "attn_logit_softcapping", 50.0 if keys.values.get("model_type") == "gemma2" else None
        ),
        "logit_cap": keys.cap("final_logit_softcapping", 30.0 if keys.values.get("model_type") == "gemma2" else None),
        "embedding_scale": found["width"] ** 0.5,
    }


def _gemma2(keys: Keys) -> DecoderConfig:
    found = _gemma(keys)
    layers = found["layers"]
    window = keys.whole("sliding_window", 4096)
    windows = keys.windows(layers, window, [i % 2 == 0 for i in range(layers)])
    return DecoderConfig(**found, rotary=keys.rotary(10_000.0), windows=windows)


def _gemma3(keys: Keys) -> DecoderConfig:
    found = _gemma(keys)
    layers = found["layers"]
    every = keys.whole("sliding_window_pattern", keys.whole("_sliding_window_pattern", 6))
    windows = keys.windows(layers, keys.whole("sliding_window", 4096), [(i + 1) % every != 0 for i in range(layers)])
    local = keys.number("rope_local_base_freq", 10_000.0)
    parameters = keys.get("rope_parameters")
    if isinstance(parameters, dict) and "sliding_attention" in parameters:
        return DecoderConfig(
            **found,
            qk_norm=True,
            rotary=keys.rotary(1_000_000.0, "full_attention"),
            local_rotary=keys.rotary(local, "sliding_attention"),
            windows=windows,
        )
    return DecoderConfig(
        **found, qk_norm=True, rotary=keys.rotary(1_000_000.0), local_rotary=Rotary(theta=local), windows=windows
    )


GEMMA2 = Family("gemma2", "Gemma 2", "gemma2", ("Gemma2ForCausalLM",), _gemma2, _tensors, "model.", (), "gemma2")
GEMMA3 = Family("gemma3", "Gemma 3", "gemma3_text", ("Gemma3ForCausalLM",), _gemma3, _tensors, "model.", (), "gemma3")
