"""Makes tokenizer.json of what a GGUF file says of its tokenizer.

Source: llama.cpp, src/llama-vocab.cpp, for how each kind parts a text; Transformers, convert_slow_tokenizer.py, for merges from
scores.
"""

import json
from collections.abc import Mapping
from typing import Any

from shared.errors import Problem

_CONTROL, _USER = 3, 4  # of tokenizer.ggml.token_type
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
_DIGITS = {"type": "Digits", "individual_digits": True}
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"


def _split(numbers: str) -> list[dict[str, Any]]:
    regex = {"Regex": _WORDS + numbers + _REST}
    split = {"type": "Split", "pattern": regex, "behavior": "Isolated", "invert": False}
    return [split, _BYTES | {"use_regex": False}]


_PARTED: dict[str, list[dict[str, Any]]] = {  # by tokenizer.ggml.pre
    "gpt-2": [_BYTES],
    "smollm": [_DIGITS, _BYTES],
    "llama-bpe": _split(r"\p{N}{1,3}"),
    "qwen2": _split(r"\p{N}"),
}


def tokenizer_json(keys: Mapping[str, Any], problems: list[Problem], file: str) -> bytes:
    """The tokenizer; b"" with the problem noted where it cannot be made."""

    def refuse(field: str, message: str) -> bytes:
        problems.append(Problem(field=f"tokenizer.ggml.{field}", message=message, file=file))
        return b""

    def get(name: str) -> Any:
        return keys.get(f"tokenizer.ggml.{name}")

    tokens, kinds, model = get("tokens"), get("token_type"), get("model")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens) or not tokens:
        return refuse("tokens", "is missing: the file has no tokenizer")
    if kinds is not None and (not isinstance(kinds, list) or len(kinds) != len(tokens)):
        return refuse("token_type", f"must say the kind of each of the {len(tokens):,} tokens")
    vocabulary = {token: number for number, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        return refuse("tokens", "has a token twice")
    pre = get("pre") or "gpt-2"
    made: dict[str, Any]
    if model == "gpt2":
        if pre not in _PARTED:
            return refuse("pre", f"{pre!r:.40} is not known; known are {', '.join(_PARTED)}")
        merges = get("merges")
        if not isinstance(merges, list) or not all(isinstance(m, str) and m.count(" ") == 1 for m in merges):
            return refuse("merges", "is missing, or holds something that is no pair")
        made = _bytewise(pre, [merge.split(" ") for merge in merges])
    elif model == "llama":
        scores = get("scores")
        if not isinstance(scores, list) or len(scores) != len(tokens):
            return refuse("scores", f"must have one for each of the {len(tokens):,} tokens")
        made = _spaced(vocabulary, scores, prefix=get("add_space_prefix") is not False)
    else:
        return refuse("model", f"{model!r:.40} is not known; known are gpt2, llama")
    made["model"]["vocab"] = vocabulary
    made["added_tokens"] = [
        _added(number, token, special=kind == _CONTROL)
        for number, (token, kind) in enumerate(zip(tokens, kinds or [], strict=False))
        if kind in (_CONTROL, _USER)
    ]
    first, begins = get("bos_token_id"), get("add_bos_token")
    begins = begins if isinstance(begins, bool) else model == "llama" or pre == "llama-bpe"
    if begins and isinstance(first, int) and 0 <= first < len(tokens):
        made["post_processor"] = _begun(first, tokens[first])
    return json.dumps({"version": "1.0", "truncation": None, "padding": None, **made}, ensure_ascii=False).encode()


def _bytewise(pre: str, merges: list[list[str]]) -> dict[str, Any]:
    """Byte-level BPE, as GPT-2 began it."""
    parts = _PARTED[pre]
    return {
        "normalizer": {"type": "NFC"} if pre == "qwen2" else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": parts},
        "post_processor": None,
        "decoder": _BYTES,
        "model": _bpe(merges) | {"ignore_merges": pre == "llama-bpe"},
    }


def _spaced(vocabulary: dict[str, int], scores: list[float], *, prefix: bool) -> dict[str, Any]:
    """SentencePiece's BPE: spaces are a character of their own, what no piece covers goes as bytes."""
    merges = []
    for piece, number in vocabulary.items():
        halves = [(piece[:i], piece[i:]) for i in range(1, len(piece))]
        found = [(a, b) for a, b in halves if a in vocabulary and b in vocabulary]
        merges += [(scores[number], a, b) for a, b in sorted(found, key=lambda p: (vocabulary[p[0]], vocabulary[p[1]]))]
    merges.sort(key=lambda m: (m[0], len(m[1]), len(m[2])), reverse=True)
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    back = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]
    strip = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if prefix else []
    before = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, spaces]} if prefix else spaces
    return {
        "normalizer": before,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [*back, *strip]},
        "model": _bpe([[a, b] for _, a, b in merges]) | {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"},
    }


def _bpe(merges: list[list[str]]) -> dict[str, Any]:
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "merges": merges,
    }


def _added(number: int, token: str, *, special: bool) -> dict[str, Any]:
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": number, "content": token, **plain, "special": special}


def _begun(number: int, token: str) -> dict[str, Any]:
    """Texts begin with this token."""
    begin, text = {"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [begin, text],
        "pair": [begin, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }
