"""How Transformers and PEFT name and shape what we have: config.json, tensors, adapters. The other way round than shared/bases.

Sources: Transformers, configuration_*.py of each family; PEFT, LoraConfig and the names in its adapter_model.safetensors.
"""

from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np

from shared.bases.decoder import DecoderConfig, Rotary
from shared.bases.families import FAMILIES
from shared.bases.weights_file import Written

_ACTIVATIONS = {"silu": "silu", "gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh"}
Value = Callable[[], np.ndarray]  # float32, (outputs, inputs) of a matrix


def config_json(family: str, config: DecoderConfig, dtype: str, special: dict[str, Any]) -> dict[str, Any]:
    """config.json of a family. dtype: "float32" or "bfloat16". special: numbers of tokens by name (bos_token_id ...)."""
    known = FAMILIES[family]
    made = _of_gpt2(config) if family == "gpt2" else _like_llama(family, config)
    head = {"architectures": list(known.architectures), "model_type": known.model_type, "torch_dtype": dtype}
    return head | made | special | {"vocab_size": config.vocabulary, "tie_word_embeddings": config.tied}


def _of_gpt2(c: DecoderConfig) -> dict[str, Any]:
    activation = "gelu_new" if c.activation == "gelu_tanh" else c.activation
    return {
        "n_embd": c.width,
        "n_head": c.heads,
        "n_layer": c.layers,
        "n_positions": c.context,
        "n_inner": c.inner,
        "layer_norm_epsilon": c.norm_epsilon,
        "activation_function": activation,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
    }


def _like_llama(family: str, c: DecoderConfig) -> dict[str, Any]:
    gemma = family.startswith("gemma")
    found: dict[str, Any] = {
        "hidden_size": c.width,
        "intermediate_size": c.inner,
        "num_hidden_layers": c.layers,
        "num_attention_heads": c.heads,
        "num_key_value_heads": c.kv_heads,
        "head_dim": c.head_size,
        "max_position_embeddings": c.context,
        "rms_norm_eps": c.norm_epsilon,
        "hidden_activation" if gemma else "hidden_act": _ACTIVATIONS[c.activation],
        **({"attention_bias": c.qkv_bias} if family in ("llama", "qwen3") or gemma else {}),
        **({"mlp_bias": c.mlp_bias} if family == "llama" else {}),
        **_rotary(family, c),
        **_windows(family, c),
    }
    if gemma:
        found |= {
            "query_pre_attn_scalar": _whole(round(c.scale**-2, 6)),
            "attn_logit_softcapping": c.attention_cap,
            "final_logit_softcapping": c.logit_cap,
        }
    return found


def _whole(number: float) -> int | float:
    """A number as Transformers wants it: whole where it is."""
    return int(number) if float(number).is_integer() else number


def _rotary(family: str, c: DecoderConfig) -> dict[str, Any]:
    assert c.rotary is not None
    if family == "gemma3":
        local = c.local_rotary or c.rotary
        return {"rope_parameters": {"full_attention": _scaled(c.rotary), "sliding_attention": _scaled(local)}}
    return {"rope_parameters": _scaled(c.rotary), "rope_theta": c.rotary.theta}  # both: older versions read rope_theta


def _scaled(rotary: Rotary) -> dict[str, Any]:
    found: dict[str, Any] = {"rope_type": "default", "rope_theta": rotary.theta}
    if rotary.scaling != "none":
        found |= {"rope_type": rotary.scaling, "factor": rotary.factor}
    if rotary.scaling == "llama3":
        found |= {
            "low_freq_factor": rotary.low,
            "high_freq_factor": rotary.high,
            "original_max_position_embeddings": rotary.original,
        }
    return found


def _windows(family: str, c: DecoderConfig) -> dict[str, Any]:
    window = max(c.windows)
    if family == "mistral":
        return {"sliding_window": window or None}
    if family == "llama":
        return {}
    kinds = ["sliding_attention" if each else "full_attention" for each in c.windows]
    found: dict[str, Any] = {"layer_types": kinds, "sliding_window": window or None}
    if family.startswith("qwen"):
        first = next((number for number, each in enumerate(c.windows) if each), c.layers)
        found |= {"use_sliding_window": bool(window), "max_window_layers": first}
    return found


def tensors(family: str, config: DecoderConfig, values: dict[str, Value], dtype: str) -> list[Written]:
    """What model.safetensors of a family holds, made one by one as it is written. values: by our names."""
    together: dict[str, list[str]] = {}
    wanted = FAMILIES[family].tensors(config)
    for name in config.tensors():
        together.setdefault(wanted[name].name, []).append(name)
    shapes = config.tensors()
    found = []
    for theirs, ours in together.items():
        rows = sum(shapes[name][0] for name in ours)
        shape = (rows, *shapes[ours[0]][1:])
        turned = wanted[ours[0]].turned
        kind = "F32" if dtype == "float32" else "BF16"
        pieces = _pieces([values[name] for name in ours], turned=turned, kind=kind)
        found.append(Written(theirs, kind, shape[::-1] if turned else shape, pieces, theirs, "model.safetensors"))
    return found


def _pieces(values: list[Value], *, turned: bool, kind: str) -> Callable[[], Iterator[bytes]]:
    def made() -> Iterator[bytes]:
        whole = np.concatenate([value() for value in values])
        whole = whole.T if turned else whole
        yield np.ascontiguousarray(whole if kind == "F32" else whole.astype(ml_dtypes.bfloat16)).tobytes()

    return made


def adapter(
    family: str,
    config: DecoderConfig,
    pairs: dict[str, tuple[np.ndarray, np.ndarray]],
    rank: int,
    alpha: float,
    dropout: float,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(adapter_config.json, adapter_model.safetensors) of adapters: our name of a matrix -> A (inputs, rank), B (rank, outputs).

    Where a family has several of our matrices in one (GPT-2's c_attn), their adapters become one of as many times the rank.
    """
    wanted = FAMILIES[family].tensors(config)
    shapes = config.tensors()
    together: dict[str, dict[int, str]] = {}
    for name in shapes:
        if name.endswith(".kernel") and name.startswith("blocks."):
            taken = wanted[name]
            together.setdefault(taken.name, {})[taken.part] = name
    arrays: dict[str, np.ndarray] = {}
    ranks: dict[str, int] = {}
    targets: set[str] = set()
    for theirs, ours in together.items():
        there = {
            part: pairs[name.removesuffix(".kernel")]
            for part, name in ours.items()
            if name.removesuffix(".kernel") in pairs
        }
        if not there:
            continue
        module = theirs.removesuffix(".weight")
        target = module.split(".", 3 if module.startswith(("model.", "transformer.")) else 2)[-1]
        targets.add(target)
        a = np.concatenate([pair[0].T for pair in there.values()])
        outputs = [shapes[ours[part]][0] for part in sorted(ours)]
        b = np.zeros((sum(outputs), len(a)), np.float32)
        for number, (part, pair) in enumerate(there.items()):
            rows = sum(outputs[:part])
            b[rows : rows + outputs[part], number * rank : (number + 1) * rank] = pair[1].T
        if len(there) > 1:
            ranks[target] = rank * len(there)
        arrays[f"base_model.model.{module}.lora_A.weight"] = np.ascontiguousarray(a, np.float32)
        arrays[f"base_model.model.{module}.lora_B.weight"] = b
    about = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": None,
        "r": rank,
        "lora_alpha": _whole(alpha),
        "lora_dropout": dropout,
        "target_modules": sorted(targets),
        "rank_pattern": ranks,
        "alpha_pattern": {name: _whole(alpha * many / rank) for name, many in ranks.items()},
        "fan_in_fan_out": any(wanted[f"{name}.kernel"].turned for name in pairs),
        "bias": "none",
        "inference_mode": True,
        "use_dora": False,
        "use_rslora": False,
    }
    return about, arrays
