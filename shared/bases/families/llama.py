"""Llama (SmolLM and TinyLlama too) and Mistral: RMS norm, rotary positions, SwiGLU, grouped keys and values.

Sources: Touvron et al. 2023, arXiv:2302.13971; Jiang et al. 2023, arXiv:2310.06825; Transformers, models/llama, models/mistral.
"""

from typing import Any

from shared.bases.decoder import DecoderConfig
from shared.bases.families.base import ACTIVATIONS, Family, Taken
from shared.bases.keys import Keys

_BLOCK = {  # our name: theirs, in model.layers.<i>
    "norm_1.gamma": "input_layernorm.weight",
    "norm_2.gamma": "post_attention_layernorm.weight",
    "q_norm.gamma": "self_attn.q_norm.weight",
    "k_norm.gamma": "self_attn.k_norm.weight",
    **{f"{part}.kernel": f"self_attn.{part}_proj.weight" for part in "qkvo"},
    **{f"{part}.bias": f"self_attn.{part}_proj.bias" for part in "qkvo"},
    **{f"{part}.kernel": f"mlp.{part}_proj.weight" for part in ("gate", "up", "down")},
    **{f"{part}.bias": f"mlp.{part}_proj.bias" for part in ("gate", "up", "down")},
}
_WHOLE = {
    "tokens.table": "model.embed_tokens.weight",
    "norm.gamma": "model.norm.weight",
    "head.kernel": "lm_head.weight",
}


def sizes(keys: Keys, *, head_size: int | None = None, kv_heads: int | None = None) -> dict[str, Any]:
    """What all families with Llama's names have alike. head_size, kv_heads: where the keys are missing; None: as Llama."""
    width, heads = keys.whole("hidden_size"), keys.whole("num_attention_heads")
    return {
        "vocabulary": keys.whole("vocab_size"),
        "context": keys.whole("max_position_embeddings"),
        "width": width,
        "layers": keys.whole("num_hidden_layers"),
        "heads": heads,
        "kv_heads": keys.whole("num_key_value_heads", kv_heads or heads),
        "head_size": keys.whole("head_dim", head_size or max(width // heads, 1)),
        "inner": keys.whole("intermediate_size"),
        "norm": "rms",
        "norm_epsilon": keys.number("rms_norm_eps", 1e-6),
        "gated": True,
        "tied": keys.flag("tie_word_embeddings", False),
    }


def named_like_llama(config: DecoderConfig, block: dict[str, str]) -> dict[str, Taken]:
    """Where each tensor comes from, with a family's own names of a block's."""
    found = {}
    for name in config.tensors():
        if name.startswith("blocks."):
            _, number, rest = name.split(".", 2)
            found[name] = Taken(f"model.layers.{number}.{block[rest]}")
        else:
            found[name] = Taken(_WHOLE[name])
    return found


def llama_tensors(config: DecoderConfig) -> dict[str, Taken]:
    return named_like_llama(config, _BLOCK)


def _llama(keys: Keys) -> DecoderConfig:
    found = sizes(keys)
    keys.only("pretraining_tp", *range(1, 65))  # how it was spread over devices: the sum is the same
    keys.only("rope_interleaved", False)
    bias = keys.flag("attention_bias", False)
    return DecoderConfig(
        **found,
        rotary=keys.rotary(10_000.0),
        activation=keys.word("hidden_act", "silu", ACTIVATIONS),
        qkv_bias=bias,
        out_bias=bias,
        mlp_bias=keys.flag("mlp_bias", False),
        scale=found["head_size"] ** -0.5,
        windows=(0,) * found["layers"],
    )


def _mistral(keys: Keys) -> DecoderConfig:
    found = sizes(keys, kv_heads=8)
    layers = found["layers"]
    window = keys.whole("sliding_window") if keys.get("sliding_window") is not None else None
    window = 4096 if "sliding_window" not in keys.values else window
    return DecoderConfig(
        **found,
        rotary=keys.rotary(10_000.0),
        activation=keys.word("hidden_act", "silu", ACTIVATIONS),
        scale=found["head_size"] ** -0.5,
        windows=keys.windows(layers, window, [True] * layers),
    )


LLAMA = Family(
    "llama", "Llama", "llama", ("LlamaForCausalLM",), _llama, llama_tensors, "model.", ("rotary_emb.inv_freq",), "llama"
)
MISTRAL = Family(
    "mistral",
    "Mistral",
    "mistral",
    ("MistralForCausalLM",),
    _mistral,
    llama_tensors,
    "model.",
    ("rotary_emb.inv_freq",),
)  # GGUF files call Mistral "llama", too
