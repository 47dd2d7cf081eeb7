"""The tiny models of tests/support/tiny_bases.py as GGUF files, as llama.cpp's converter would write them.

Names of tensors are the library gguf's own; what the converter does to them besides is said where it is done.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFWriter, get_tensor_name_map
from gguf.constants import MODEL_ARCH, GGMLQuantizationType, RopeScalingType
from gguf.quants import quantize
from safetensors.numpy import load_file

from tests.support.tiny_bases import FOLDER

ARCHITECTURES = {
    "gpt2": MODEL_ARCH.GPT2,
    "llama": MODEL_ARCH.LLAMA,
    "mistral": MODEL_ARCH.LLAMA,
    "qwen2": MODEL_ARCH.QWEN2,
    "qwen3": MODEL_ARCH.QWEN3,
    "gemma2": MODEL_ARCH.GEMMA2,
    "gemma3": MODEL_ARCH.GEMMA3,
}
_PRE = {"gpt2": "gpt-2", "llama": "smollm", "qwen2": "qwen2", "qwen3": "qwen2"}
_SPECIAL = 3


def write_gguf(path: Path, name: str, packed: str = "F32", more: dict[str, int] | None = None) -> Path:
    """Write one. packed: type of the matrices whose rows are long enough. more: further keys."""
    folder, architecture = FOLDER / name, ARCHITECTURES[name]
    config = json.loads((folder / "config.json").read_text())
    kind = {MODEL_ARCH.GPT2: "gpt2", MODEL_ARCH.LLAMA: "llama"}.get(architecture, name)
    writer = GGUFWriter(path, kind)
    _keys(writer, config, name)
    for key, value in (more or {}).items():
        writer.add_uint32(key, value)
    _tokenizer(writer, folder, name)
    layers = config.get("num_hidden_layers") or config["n_layer"]
    names = get_tensor_name_map(architecture, layers)
    for theirs, given in load_file(folder / "model.safetensors").items():
        array = _converted(theirs, given, config, name)
        called = names.get_name(theirs, try_suffixes=(".weight", ".bias"))
        assert called, theirs
        quantised = GGMLQuantizationType[packed]
        if array.ndim == 2 and packed != "F32" and array.shape[1] % 32 == 0:
            writer.add_tensor(called, quantize(array, quantised), raw_dtype=quantised)
        else:
            writer.add_tensor(called, np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _converted(theirs: str, array: np.ndarray, config: dict[str, Any], name: str) -> np.ndarray:
    """What convert_hf_to_gguf.py does: Llama's queries and keys pair by pair, Gemma's norms with their offset, GPT-2 turned."""
    if name in ("llama", "mistral") and theirs.endswith(("q_proj.weight", "k_proj.weight")):
        heads = config["num_attention_heads" if "q_proj" in theirs else "num_key_value_heads"]
        parted = array.reshape(heads, 2, array.shape[0] // heads // 2, *array.shape[1:])
        return parted.swapaxes(1, 2).reshape(array.shape)
    if name.startswith("gemma") and theirs.endswith("norm.weight"):
        return array + 1
    if name == "gpt2" and theirs.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
        return array.T
    return array


def _keys(writer: GGUFWriter, config: dict[str, Any], name: str) -> None:
    if name == "gpt2":
        writer.add_context_length(config["n_positions"])
        writer.add_embedding_length(config["n_embd"])
        writer.add_block_count(config["n_layer"])
        writer.add_feed_forward_length(4 * config["n_embd"])
        writer.add_head_count(config["n_head"])
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
        return
    head = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    rope = config["rope_parameters"]
    rope = rope.get("full_attention", rope)
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if config.get("sliding_window") and not name.startswith("qwen"):
        writer.add_sliding_window(config["sliding_window"])
    if config.get("attn_logit_softcapping"):
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])


def _tokenizer(writer: GGUFWriter, folder: Path, name: str) -> None:
    given = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    pieces = sorted(given["model"]["vocab"], key=given["model"]["vocab"].__getitem__)
    special = {added["content"] for added in given["added_tokens"]}
    merges = [" ".join(pair) for pair in given["model"]["merges"]]
    writer.add_tokenizer_model("gpt2" if name in _PRE else "llama")
    if name in _PRE:
        writer.add_tokenizer_pre(_PRE[name])
        writer.add_token_merges(merges)
    else:
        ranks = {merge.replace(" ", ""): -float(rank) for rank, merge in enumerate(merges)}
        writer.add_token_scores([ranks.get(piece, -1e6) for piece in pieces])
        writer.add_add_space_prefix(False)
        writer.add_add_bos_token(False)
    writer.add_token_list(pieces)
    writer.add_token_types([_SPECIAL if piece in special else 1 for piece in pieces])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_chat_template((folder / "chat_template.jinja").read_text())
