"""What GGUF's metadata and names of tensors are in the words of a Hugging Face folder, which shared/bases/families reads.

Source: llama.cpp, convert_hf_to_gguf.py and gguf-py's tensor_mapping.py. Its converter changes some tensors; that is undone here.
"""

import math
from array import array
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.bases.decoder import DecoderConfig
from shared.bases.families import FAMILIES
from shared.bases.families.base import Family, Taken
from shared.bases.keys import Keys
from shared.bases.tensor_source import SourceTensor
from shared.errors import Problem

KEYS = {  # GGUF's, below the architecture's name: config.json's
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "block_count": "num_hidden_layers",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "attention.sliding_window": "sliding_window",
    "rope.freq_base": "rope_theta",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "final_logit_softcapping": "final_logit_softcapping",
}
GPT2_KEYS = {
    "context_length": "n_positions",
    "embedding_length": "n_embd",
    "block_count": "n_layer",
    "feed_forward_length": "n_inner",
    "attention.head_count": "n_head",
    "attention.layer_norm_epsilon": "layer_norm_epsilon",
}
_BLOCK = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "ln_1": "attn_norm",
    "ln_2": "ffn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}
_WHOLE = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "transformer.wte": "token_embd",
    "transformer.wpe": "position_embd",
    "transformer.ln_f": "output_norm",
}
_LARGEST_GEMMA = {"gemma2": 46, "gemma3": 62}  # layers of those whose scale is another one, which the file does not say
FREQUENCIES = "rope_freqs.weight"


def family_of(keys: Mapping[str, Any], problems: list[Problem], file: str) -> Family | None:
    """By general.architecture. Mistral's files say "llama", and have a window where it has one."""
    name = keys.get("general.architecture")
    if name == "llama" and keys.get("llama.attention.sliding_window"):
        return FAMILIES["mistral"]
    family = next((family for family in FAMILIES.values() if family.gguf == name and name), None)
    if family is None:
        known = ", ".join(family.gguf for family in FAMILIES.values() if family.gguf)
        message = f"{name!r:.60} is not known; known are {known}"
        problems.append(Problem(field="general.architecture", message=message, file=file))
    return family


def read_config(
    family: Family, keys: Mapping[str, Any], tensors: Mapping[str, SourceTensor], problems: list[Problem], file: str
) -> DecoderConfig:
    """The config, through the family's own reading of config.json's keys. Raises pydantic.ValidationError."""
    architecture = str(keys["general.architecture"])
    names = GPT2_KEYS if family.name == "gpt2" else KEYS
    given = {
        key.removeprefix(f"{architecture}."): value for key, value in keys.items() if key.startswith(f"{architecture}.")
    }
    values = {names[key]: given.pop(key) for key in list(given) if key in names}
    table = tensors.get("token_embd.weight")
    values |= {
        "model_type": family.model_type,
        "vocab_size": table.shape[0] if table else 1,
        "tie_word_embeddings": "output.weight" not in tensors,
    }
    width, heads = values.get("hidden_size"), values.get("num_attention_heads")
    if isinstance(width, int) and isinstance(heads, int) and heads and family.name != "gpt2":
        values.setdefault("head_dim", width // heads)
    if family.name in _LARGEST_GEMMA and isinstance(width, int) and isinstance(heads, int) and heads:
        largest = values.get("num_hidden_layers") == _LARGEST_GEMMA[family.name]
        values["query_pre_attn_scalar"] = width // heads if largest else values["head_dim"]
    if (scaling := _scaling(given, tensors, problems, file)) is not None:
        values["rope_scaling"] = scaling
    for key, right in (
        ("rope.dimension_count", values.get("head_dim")),
        ("attention.value_length", values.get("head_dim")),
        ("expert_count", 0),
        ("expert_used_count", 0),
    ):
        if given.pop(key, right) != right:
            message = f"is {keys[f'{architecture}.{key}']!r:.40}, which is not known here; known is {right}"
            problems.append(Problem(field=f"{architecture}.{key}", message=message, file=file))
    given.pop("vocab_size", None)
    for key in sorted(given):
        message = f"is not known here, and may change what the model says (it is {given[key]!r:.60})"
        problems.append(Problem(field=f"{architecture}.{key}", message=message, file=file))
    read = Keys(values, file)
    config = family.read(read)
    theirs = {value: f"{architecture}.{key}" for key, value in names.items()}
    problems += [p.model_copy(update={"field": theirs.get(p.field, p.field)}) for p in read.problems]
    return config


def _scaling(
    given: dict[str, Any], tensors: Mapping[str, SourceTensor], problems: list[Problem], file: str
) -> dict[str, Any] | None:
    """rope_scaling as config.json would have it. Llama 3's stands in a tensor of divisors alone."""
    kind, factor = given.pop("rope.scaling.type", "none"), given.pop("rope.scaling.factor", None)
    for key in ("rope.scaling.original_context_length", "rope.scaling.finetuned"):
        if kind == "none":
            given.pop(key, None)
    if FREQUENCIES in tensors:
        divisors = list(array("f", b"".join(tensors[FREQUENCIES].pieces())))
        found = _llama3(divisors, given.get("rope.freq_base"))
        if found is None:
            message = "divides wavelengths in a way that is not known here; known is that of Llama 3.1 to 3.3"
            problems.append(Problem(field=FREQUENCIES, message=message, file=file))
        return found
    return (
        {"rope_type": "linear", "factor": factor}
        if kind == "linear"
        else None
        if kind == "none"
        else {"rope_type": kind}
    )


def _llama3(divisors: list[float], theta: Any) -> dict[str, Any] | None:
    """The Llama 3 scaling that gives these divisors, for the factors that have been published."""
    theta = float(theta) if isinstance(theta, int | float) else 500_000.0
    for factor in (8.0, 32.0, 16.0):
        made = []
        for i in range(len(divisors)):
            length = 2 * math.pi * theta ** (i / len(divisors))  # tokens of a turn
            share = min(max((8192 / length - 1.0) / (4.0 - 1.0), 0.0), 1.0)
            made.append(1 / ((1 - share) / factor + share))
        if divisors and all(abs(a - b) <= 1e-3 * b for a, b in zip(divisors, made, strict=True)):
            return {
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            }
    return None


def tensors_of(family: Family, config: DecoderConfig) -> dict[str, Taken]:
    """Where each tensor of ours lies in a GGUF file, and what its converter has done to it."""
    pairs = {"q": config.heads, "k": config.kv_heads} if family.name in ("llama", "mistral") else {}
    found = {}
    for ours, taken in family.tensors(config).items():
        stem, _, last = taken.name.rpartition(".")
        if ours.startswith("blocks."):
            number, part = ours.split(".")[1:3]
            inner = stem.split(f".{number}.", 1)[1]
            named = "post_attention_norm" if part == "after_1" else _BLOCK[inner]
            name = f"blk.{number}.{named}.{last}"
        else:
            part, name = "", f"{_WHOLE[stem]}.{last}"
        less = 1.0 if config.norm_offset and ours.endswith(".gamma") else 0.0
        found[ours] = replace(taken, name=name, turned=False, pairs=pairs.get(part, 0), less=less)
    return found
