"""What the head of a GGUF file says of a model: the other way round than shared/bases/gguf, which reads it back to be sure.

Source: llama.cpp, convert_hf_to_gguf.py.
"""

import json
import math
from array import array
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from tokenizers import Tokenizer

from shared.bases.decoder import DecoderConfig
from shared.bases.families import FAMILIES
from shared.bases.gguf.naming import FREQUENCIES, GPT2_KEYS, KEYS, family_of, read_config, tensors_of
from shared.bases.gguf.tokenizer import pre_of, tokenizer_json
from shared.bases.tensor_source import SourceTensor
from shared.errors import BaseInvalid, Problem

_NORMAL, _UNKNOWN, _CONTROL, _USER, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6  # of tokenizer.ggml.token_type
_NEVER = -1e6  # score of a piece that no merge makes


def keys_of(family: str, config: DecoderConfig, values: Mapping[str, Any]) -> dict[str, Any]:
    """Keys that describe the network. values: its config.json (worker/families/tuning/huggingface.py)."""
    kind = FAMILIES["llama" if family == "mistral" else family].gguf
    names = GPT2_KEYS if family == "gpt2" else KEYS
    theta = {} if config.rotary is None else {"rope_theta": config.rotary.theta}
    given = {**values, **theta}
    found = {f"{kind}.{key}": given[name] for key, name in names.items() if given.get(name) is not None}
    found = {key: float(value) if _fractional(key) else value for key, value in found.items()}
    found[f"{kind}.vocab_size"] = config.vocabulary
    if config.rotary is not None:
        sizes = ("rope.dimension_count", "attention.key_length", "attention.value_length")
        found |= {f"{kind}.{name}": config.head_size for name in sizes}
        if config.rotary.scaling == "linear":
            found |= {f"{kind}.rope.scaling.type": "linear", f"{kind}.rope.scaling.factor": config.rotary.factor}
    return {"general.architecture": kind, **found}


def _fractional(key: str) -> bool:
    return key.endswith(("epsilon", "freq_base", "softcapping"))


def frequencies(config: DecoderConfig) -> list[float]:
    """Divisors of wavelengths that Llama 3's scaling gives, one for each pair of a head; [] of all others."""
    rotary = config.rotary
    if rotary is None or rotary.scaling != "llama3":
        return []
    found = []
    for i in range(config.head_size // 2):
        length = 2 * math.pi * rotary.theta ** (2 * i / config.head_size)
        share = (rotary.original / length - rotary.low) / (rotary.high - rotary.low)
        share = min(max(share, 0.0), 1.0)
        found.append(1 / ((1 - share) / rotary.factor + share))
    return found


def tokenizer_keys(content: bytes, rows: int, special: Mapping[str, Any], template: str) -> dict[str, Any]:
    """Keys that describe a tokenizer.json. rows: of the embedding. special: as in a base's manifest.

    Raises BaseInvalid for one that GGUF files have no word for.
    """
    given = json.loads(content)
    model, tokenizer = given["model"], Tokenizer.from_buffer(content)
    if model.get("type") != "BPE":
        raise BaseInvalid(f"its tokenizer is of the kind {model.get('type')!r:.40}")
    added = {entry["id"]: entry for entry in given["added_tokens"]}
    pieces = {number: piece for piece, number in tokenizer.get_vocab(with_added_tokens=True).items()}
    tokens = [pieces.get(number, f"[PAD{number}]") for number in range(rows)]
    kinds = [_UNUSED if number not in pieces else _NORMAL for number in range(rows)]
    merges = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
    found: dict[str, Any] = {"tokens": tokens}
    if model.get("byte_fallback"):
        ranks: dict[str, int] = {}
        for rank, pair in enumerate(merges):
            ranks.setdefault("".join(pair), rank)
        found |= {
            "model": "llama",
            "pre": "default",
            "scores": [float(-ranks[token]) if token in ranks else _NEVER for token in tokens],
            "add_space_prefix": tokenizer.normalizer is not None
            and str(tokenizer.normalizer.normalize_str("a")) != "a",
        }
        kinds = [_BYTE if t.startswith("<0x") and len(t) == 6 else k for t, k in zip(tokens, kinds, strict=True)]
        if model.get("unk_token") in tokens:
            kinds[tokens.index(model["unk_token"])] = _UNKNOWN
    else:
        found |= {"model": "gpt2", "pre": pre_of(given), "merges": [" ".join(pair) for pair in merges]}
    for number, entry in added.items():
        kinds[number] = _CONTROL if entry["special"] else _USER
    numbers = {name: tokenizer.token_to_id(special[name]) for name in ("bos", "eos", "pad") if special[name]}
    ends = [number for number in special["ends"] if number != numbers.get("eos")]
    first = numbers.get("bos")
    begun = tokenizer.encode("a").ids[:1]
    ids = {"bos": first, "eos": numbers.get("eos"), "padding": numbers.get("pad")}
    ids |= dict(zip(("eot", "eom"), ends, strict=False))
    found |= {f"{name}_token_id": number for name, number in ids.items() if number is not None}
    found |= {"token_type": kinds, "add_bos_token": first is not None and begun == [first]}
    found = {f"ggml.{name}": value for name, value in found.items()} | ({"chat_template": template} if template else {})
    return {f"tokenizer.{name}": value for name, value in found.items()}


def require_same(keys: Mapping[str, Any], family: str, config: DecoderConfig, content: bytes, page: str) -> None:
    """Raise BaseInvalid unless the keys, read back, give the same network and number a page alike."""
    problems: list[Problem] = []
    found = family_of(keys, problems, "")
    wanted = tensors_of(FAMILIES[family], config)
    there = {wanted[name].name: _told(wanted[name].name, shape) for name, shape in config.tensors().items()}
    if divisors := frequencies(config):
        there[FREQUENCIES] = _told(FREQUENCIES, (len(divisors),), array("f", divisors).tobytes())
    try:
        read = read_config(found, keys, there, problems, "") if found else None
    except ValidationError as err:
        raise BaseInvalid(f"read back it is no model: {err.errors()[0]['msg']}") from err
    if read is None or problems:
        raise BaseInvalid("; ".join(f"{p.field} {p.message}" for p in problems[:3]))
    if other := _unlike(read.model_dump(), config.model_dump()):
        raise BaseInvalid(f"it has no word for its {', '.join(other)}")
    made = tokenizer_json(keys, problems, "")
    if problems or Tokenizer.from_buffer(made).encode(page).ids != Tokenizer.from_buffer(content).encode(page).ids:
        raise BaseInvalid("its tokenizer parts texts in a way that GGUF files have no word for")


def _told(name: str, shape: tuple[int, ...], content: bytes = b"") -> SourceTensor:
    return SourceTensor(name, "", "F32", shape, lambda: iter([content]))


def _unlike(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Names under which they differ; numbers may by what float32 leaves of them."""
    return [name for name, value in one.items() if not _alike(value, other[name])]


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and not _unlike(one, other)
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6)
    return one == other
