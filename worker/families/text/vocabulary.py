"""Vocabularies: text to token numbers and back. Kept as JSON in a model's assets. NumPy and, for bpe, HF tokenizers.

char  every character of the training text; others are unknown and named.
byte  the 256 bytes of UTF-8: lossless for any text.
bpe   byte-level pieces learnt from the training text: lossless too.
SentencePiece is not among them: its default normalisation folds Chinese punctuation and loses rare characters.
"""

import codecs
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np


class UnknownCharacters(ValueError):
    """A text holds characters the vocabulary has not. characters: each once, in order."""

    def __init__(self, characters: list[str]):
        shown = " ".join(f"{c!r}" for c in characters[:20]) + (" ..." if len(characters) > 20 else "")
        super().__init__(f"the model has never seen {shown}")
        self.characters = characters


class Vocabulary(Protocol):
    """What all kinds offer. size: number of tokens."""

    size: int

    def encode(self, text: str) -> np.ndarray:
        """Text to int32 (tokens,). Raises UnknownCharacters."""
        ...

    def decoder(self) -> "Decoder":
        """A fresh incremental decoder."""
        ...

    def to_json(self) -> dict[str, Any]: ...


class Decoder(Protocol):
    """Turns tokens into text as they come; what is no whole character yet is held back.

    ended: a token has come that ends the text. beyond: how many of those last fed stood behind it, itself included.
    """

    ended: bool
    beyond: int

    def feed(self, tokens: np.ndarray, *, last: bool = False) -> str: ...


_CODE_POINTS = 0x110000


def _code_points(text: str) -> np.ndarray:
    """uint32 (characters,)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


class CharVocabulary:
    """One token per character, ordered by code point."""

    def __init__(self, characters: str):
        self.characters = characters
        self.size = len(characters)
        codes = _code_points(characters)
        self._numbers = np.full(int(codes.max(initial=0)) + 2, -1, np.int32)  # by code point; the last stays -1
        self._numbers[codes] = np.arange(self.size)

    @classmethod
    def learn(cls, pieces: Iterable[str]) -> "CharVocabulary":
        seen = np.zeros(_CODE_POINTS, bool)
        for piece in pieces:
            seen[_code_points(piece)] = True
        return cls("".join(map(chr, np.flatnonzero(seen))))

    def encode(self, text: str) -> np.ndarray:
        numbers = self._numbers[np.minimum(_code_points(text), len(self._numbers) - 1)]
        if numbers.min(initial=0) < 0:
            known = set(self.characters)
            raise UnknownCharacters([c for c in dict.fromkeys(text) if c not in known])
        return numbers

    def decoder(self) -> Decoder:
        return _CharDecoder(self.characters)

    def to_json(self) -> dict[str, Any]:
        return {"kind": "char", "characters": self.characters}


class _CharDecoder:
    ended, beyond = False, 0

    def __init__(self, characters: str):
        self._characters = characters

    def feed(self, tokens: np.ndarray, *, last: bool = False) -> str:
        return "".join(self._characters[int(t)] for t in tokens)


class ByteVocabulary:
    """UTF-8 as it is."""

    size = 256

    def encode(self, text: str) -> np.ndarray:
        return np.frombuffer(text.encode(), np.uint8).astype(np.int32)

    def decoder(self) -> Decoder:
        return _Utf8Decoder(lambda tokens: tokens.astype(np.uint8).tobytes())

    def to_json(self) -> dict[str, Any]:
        return {"kind": "byte"}


class BpeVocabulary:
    """Byte-level byte-pair encoding (Sennrich et al. 2016; bytes as in GPT-2), by HF tokenizers."""

    def __init__(self, definition: str):
        from tokenizers import Tokenizer
        from tokenizers.pre_tokenizers import ByteLevel

        self._definition = definition
        self._tokenizer = Tokenizer.from_str(definition)
        self.size = self._tokenizer.get_vocab_size()
        # GPT-2 writes bytes as printable characters: 188 as themselves, the rest from U+0100 on. Undo that.
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [b for b in range(256) if b not in printable]
        byte_of = {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}
        assert set(byte_of) == set(ByteLevel.alphabet())
        pieces = self._tokenizer.get_vocab()
        self._bytes = [b""] * self.size
        for piece, number in pieces.items():
            self._bytes[number] = bytes(byte_of[c] for c in piece)

    @classmethod
    def learn(cls, pieces: Iterable[str], size: int) -> "BpeVocabulary":
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=sorted(alphabet), show_progress=False)  # type: ignore[call-arg]
        lines = (line for piece in pieces for line in piece.splitlines(keepends=True))
        tokenizer.train_from_iterator(lines, trainer)
        return cls(tokenizer.to_str())

    def encode(self, text: str) -> np.ndarray:
        return np.array(self._tokenizer.encode(text).ids, np.int32)

    def decoder(self) -> Decoder:
        return _Utf8Decoder(lambda tokens: b"".join(self._bytes[int(t)] for t in tokens))

    def to_json(self) -> dict[str, Any]:
        return {"kind": "bpe", "definition": self._definition}


class _Utf8Decoder:
    """Holds the beginning of a character back until its last byte has come. Bytes that are no UTF-8 become U+FFFD."""

    ended, beyond = False, 0

    def __init__(self, to_bytes: Any):
        self._to_bytes = to_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, tokens: np.ndarray, *, last: bool = False) -> str:
        text = self._decoder.decode(self._to_bytes(np.asarray(tokens)), last)
        # A text that ends in the middle of a character ends before it.
        return text.removesuffix("\ufffd") if last else text


def learn_vocabulary(kind: str, pieces: Iterable[str], size: int) -> Vocabulary:
    """Make the vocabulary a training asks for, from its text in pieces that end at line ends. size: of bpe."""
    if kind == "byte":
        return ByteVocabulary()
    return CharVocabulary.learn(pieces) if kind == "char" else BpeVocabulary.learn(pieces, size)


def vocabulary_from_json(stored: dict[str, Any]) -> Vocabulary:
    """Rebuild a vocabulary from to_json()."""
    if stored["kind"] == "byte":
        return ByteVocabulary()
    return CharVocabulary(stored["characters"]) if stored["kind"] == "char" else BpeVocabulary(stored["definition"])
