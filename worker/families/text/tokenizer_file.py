"""A vocabulary as a file that Hugging Face tokenizers reads, for models that are taken away."""

import json
from typing import Any


def tokenizer_json(vocabulary: dict[str, Any]) -> str:
    """A vocabulary (worker/families/text/vocabulary.py) as Hugging Face tokenizers reads one.

    Texts are prepared as the importer does: composed, line ends LF.
    """
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
