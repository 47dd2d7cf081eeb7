"""A tuned model to take away: merged/ as Transformers loads it, gguf/ for llama.cpp, adapter/ as PEFT loads it upon the base."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from safetensors.numpy import save_file

from shared.bases.decoder import DecoderConfig
from shared.bases.weights_file import write_weights
from shared.chats.tokens import Vocabulary
from shared.errors import BaseInvalid
from worker.families.language.weights import variables_by_name
from worker.families.tuning.adapters import adapted
from worker.families.tuning.gguf_file import write_gguf
from worker.families.tuning.gguf_keys import keys_of, require_same, tokenizer_keys
from worker.families.tuning.huggingface import Value, adapter, config_json, tensors
from worker.families.tuning.measuring import GENERAL
from worker.families.tuning.network import TunedDecoder
from worker.families.tuning.vocabulary import reader_from
from worker.recipe import Assets

EXAMPLE = '''\
"""Answers with the merged model: python example.py TEXT. Needs transformers and torch alone."""
import sys
from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer

folder = Path(__file__).parent / "merged"
tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
chat = [{"role": "user", "content": sys.argv[1]}]
asked = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
answered = model.generate(**asked, max_new_tokens=100, do_sample=False)
print(tokenizer.decode(answered[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))
'''


def export_tuned(model: TunedDecoder, params: Any, assets: Assets, folder: Path) -> None:
    """Write merged/, gguf/, example.py and, of adapters, adapter/. Raises OSError, VolumeFull."""
    vocabulary = reader_from(assets).vocabulary
    family, config, values = assets["base"]["family"], model.config, _values(model)
    dtype = "float32" if params.precision == "float32" else "bfloat16"
    merged = folder / "merged"
    merged.mkdir()
    write_weights(merged / "model.safetensors", tensors(family, config, values, dtype))
    about = config_json(family, config, dtype, _numbers(vocabulary))
    _write(merged / "config.json", about)
    _write_ggufs(folder / "gguf", assets, config, about, values)
    ends = sorted(vocabulary.ends)
    _write(merged / "generation_config.json", {"eos_token_id": ends[0] if len(ends) == 1 else ends} if ends else {})
    _write_tokenizer(merged, assets, vocabulary)
    (folder / "example.py").write_text(EXAMPLE, encoding="utf-8")
    if found := adapted(model):
        pairs = {name: (_array(layer.a), _array(layer.b)) for name, layer in found}
        about, arrays = adapter(family, config, pairs, params.rank, params.alpha, params.lora_dropout)
        (folder / "adapter").mkdir()
        _write(folder / "adapter" / "adapter_config.json", about)
        save_file(arrays, folder / "adapter" / "adapter_model.safetensors", metadata={"format": "pt"})


def _write_ggufs(
    folder: Path, assets: Assets, config: DecoderConfig, about: dict[str, Any], values: dict[str, Value]
) -> None:
    """Write model-f16.gguf and model-q8_0.gguf, or why there can be none. about: config.json."""
    folder.mkdir()
    family, content = assets["base"]["family"], assets.arrays["tokenizer"].tobytes()
    try:
        keys = keys_of(family, config, about) | {"general.name": assets["base"]["name"]}
        keys |= tokenizer_keys(content, config.vocabulary, assets["special"], assets["template"])
        require_same(keys, family, config, content, GENERAL.read_text(encoding="utf-8"))
    except BaseInvalid as err:
        said = f"There is no GGUF file of this model: {err.message}. merged/ holds the same model.\n"
        (folder / "not_written.txt").write_text(said, encoding="utf-8")
        return
    for packed in ("F16", "Q8_0"):
        write_gguf(folder / f"model-{packed.lower()}.gguf", packed, family, config, values, keys)


def _values(model: TunedDecoder) -> dict[str, Value]:
    """Every tensor by our name, float32, a matrix (outputs, inputs) with its adapter added."""
    layers = {f"{name}.kernel": layer for name, layer in adapted(model)}

    def value(name: str, variable: Any) -> np.ndarray:
        array = _array(layers[name].merged() if name in layers else variable)
        return array.T if name.endswith(".kernel") else array

    return {
        name: lambda name=name, variable=variable: value(name, variable)
        for name, variable in variables_by_name(model).items()
    }


def _array(variable: Any) -> np.ndarray:
    found = variable.value if hasattr(variable, "value") else variable
    return tf.cast(tf.convert_to_tensor(found), tf.float32).numpy()


def _numbers(vocabulary: Vocabulary) -> dict[str, Any]:
    """Numbers of the special tokens."""
    found = {name: vocabulary.tokenizer.token_to_id(text) for name, text in vocabulary.special.items() if text}
    return {f"{name}_id": number for name, number in found.items() if number is not None}


def _write_tokenizer(folder: Path, assets: Assets, vocabulary: Vocabulary) -> None:
    (folder / "tokenizer.json").write_bytes(assets.arrays["tokenizer"].tobytes())
    (folder / "chat_template.jinja").write_text(assets["template"], encoding="utf-8")
    named = {name: text for name, text in vocabulary.special.items() if text}
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": assets["template"], **named}
    _write(folder / "tokenizer_config.json", about)


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
