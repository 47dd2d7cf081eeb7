"""A language model to take away: a SavedModel from token ids to logits, its tokenizer beside it, and ten lines that use both."""

import json
from pathlib import Path
from typing import Any

import tensorflow as tf

from worker.recipe import Assets

EXAMPLE = '''\
"""Continues a text by its likeliest tokens: python example.py TEXT. Needs tensorflow and tokenizers alone."""
import sys
from pathlib import Path

import tensorflow as tf
from tokenizers import Tokenizer

here = Path(__file__).parent
model, tokenizer = tf.saved_model.load(str(here / "saved_model")), Tokenizer.from_file(str(here / "tokenizer.json"))
ids = tokenizer.encode(sys.argv[1]).ids
begun = len(ids)
for _ in range(40):
    logits = model.answer(tf.constant([ids[-CONTEXT:]], tf.int32))  # float32 (1, tokens, vocabulary)
    ids.append(int(tf.argmax(logits[0, -1])))  # to write more freely, draw from softmax(logits / temperature)
print(tokenizer.decode(ids[begun:]))
'''


def export_writer(model: Any, params: Any, assets: Assets, folder: Path) -> None:
    """Write saved_model/, tokenizer.json and example.py. Raises OSError."""
    tf.saved_model.save(_Writer(model), str(folder / "saved_model"))
    (folder / "tokenizer.json").write_text(tokenizer_json(assets["vocabulary"]), encoding="utf-8")
    (folder / "example.py").write_text(EXAMPLE.replace("CONTEXT", str(params.context)), encoding="utf-8")


class _Writer(tf.Module):
    """Tokens to logits."""

    def __init__(self, model: Any):
        super().__init__()
        self._held = [variable.value for variable in model.variables]  # what is not held is not saved

        @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32, "tokens")], autograph=False)
        def answer(tokens: Any) -> Any:
            """tokens: int32 (batch, time); logits float32 (batch, time, vocabulary)."""
            return model(tokens, training=False)

        self.answer = answer


def tokenizer_json(vocabulary: dict[str, Any]) -> str:
    """A vocabulary (worker/families/text/vocabulary.py) as Hugging Face tokenizers read one."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    match vocabulary["kind"]:
        case "char":
            numbers = {character: i for i, character in enumerate(vocabulary["characters"])}
            tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=""))  # a character it has not is refused
            tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")  # type: ignore[assignment]
            tokenizer.decoder = decoders.Fuse()  # type: ignore[assignment]
        case "byte":
            tokenizer = Tokenizer(models.BPE(_bytes(), []))
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)  # type: ignore[assignment]
            tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
        case _:
            tokenizer = Tokenizer.from_str(vocabulary["definition"])
            tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    ends = [normalizers.Replace("\r\n", "\n"), normalizers.Replace("\r", "\n")]
    tokenizer.normalizer = normalizers.Sequence([*ends, normalizers.NFC()])  # type: ignore[assignment]
    return json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, indent=1)


def _bytes() -> dict[str, int]:
    """Each byte under the character that GPT-2 writes for it: printable ones themselves, others from U+0100 on."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
