"""Makes tokenizer.json of what a GGUF file says of its tokenizer.

Source: llama.cpp, src/llama-vocab.cpp, for how each kind parts a text; Transformers, convert_slow_tokenizer.py, for merges from
scores.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import BaseInvalid, Problem

_CONTROL, _USER = 3, 4  # of tokenizer.ggml.token_type
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
_DIGITS = {"type": "Digits", "individual_digits": True}
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"


def _split(pattern: str) -> tuple[dict[str, Any], ...]:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return split, _BYTES | {"use_regex": False}


@dataclass(frozen=True)
class _Parting:
    """How a kind of tokenizer parts a text before its merges. parts: pre-tokenizers, one after the other.

    nfc: characters are composed first. whole: a part that is a token is not merged. begins: texts begin with the first token.
    """

    parts: tuple[dict[str, Any], ...]
    nfc: bool = False
    whole: bool = False
    begins: bool = False


_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_TEKKEN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*|\p{{N}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_GPT2, _DIGIT_BY_DIGIT = _Parting((_BYTES,)), _Parting((_DIGITS, _BYTES))
_BY_THREE = _split(_WORDS + r"\p{N}{1,3}" + _REST)
_LLAMA3, _QWEN2 = _Parting(_BY_THREE, whole=True, begins=True), _Parting(_split(_WORDS + r"\p{N}" + _REST), nfc=True)
_PARTED: dict[str, _Parting] = {  # by tokenizer.ggml.pre; the first of those that are alike is what is written
    "gpt-2": _GPT2,
    "phi-2": _GPT2,
    "smollm": _DIGIT_BY_DIGIT,
    "starcoder": _DIGIT_BY_DIGIT,
    "refact": _DIGIT_BY_DIGIT,
    "command-r": _DIGIT_BY_DIGIT,
    "codeshell": _DIGIT_BY_DIGIT,
    "exaone": _DIGIT_BY_DIGIT,
    "llama-bpe": _LLAMA3,
    "llama3": _LLAMA3,
    "llama-v3": _LLAMA3,
    "falcon3": _LLAMA3,
    "smaug-bpe": _Parting(_BY_THREE),
    "dbrx": _Parting(_BY_THREE),
    "qwen2": _QWEN2,
    "deepseek-r1-qwen": _QWEN2,
    "tekken": _Parting(_split(_TEKKEN), whole=True),
}


def pre_of(tokenizer: Mapping[str, Any]) -> str:
    """tokenizer.ggml.pre of a tokenizer.json. Raises BaseInvalid where there is none that parts texts so."""
    given = tokenizer.get("pre_tokenizer") or {}
    parts = tuple(map(_plain, given.get("pretokenizers", [given])))
    nfc = (tokenizer.get("normalizer") or {}).get("type") == "NFC"
    whole = bool(tokenizer["model"].get("ignore_merges"))
    alike = [name for name, known in _PARTED.items() if tuple(map(_plain, known.parts)) == parts]
    best = [name for name in alike if (_PARTED[name].nfc, _PARTED[name].whole) == (nfc, whole)]
    if not alike:
        raise BaseInvalid("its tokenizer parts texts in a way that GGUF files have no word for")
    return (best or alike)[0]


def _plain(part: Mapping[str, Any]) -> Any:
    """A pre-tokenizer without what changes no token."""
    kind = part.get("type")
    if kind == "ByteLevel":
        return kind, part.get("use_regex", True), part.get("add_prefix_space", True)
    if kind == "Digits":
        return kind, part.get("individual_digits", False)
    if kind == "Split":
        return kind, part.get("pattern", {}).get("Regex"), part.get("behavior"), part.get("invert", False)
    return kind, json.dumps(part, sort_keys=True)


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
    begins = begins if isinstance(begins, bool) else model == "llama" or _PARTED[pre].begins
    if begins and isinstance(first, int) and 0 <= first < len(tokens):
        made["post_processor"] = _begun(first, tokens[first])
    return json.dumps({"version": "1.0", "truncation": None, "padding": None, **made}, ensure_ascii=False).encode()


def _bytewise(pre: str, merges: list[list[str]]) -> dict[str, Any]:
    """Byte-level BPE, as GPT-2 began it."""
    parting = _PARTED[pre]
    return {
        "normalizer": {"type": "NFC"} if parting.nfc else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": parting.parts},
        "post_processor": None,
        "decoder": _BYTES,
        "model": _bpe(merges) | {"ignore_merges": parting.whole},
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
