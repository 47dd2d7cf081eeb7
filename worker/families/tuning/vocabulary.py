"""A base's tokenizer as the vocabulary of a writer (worker/families/text/vocabulary.py): text to tokens, and back as they come."""

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from shared.chats.template import ChatTemplate
from shared.chats.tokens import Reader, Vocabulary
from worker.recipe import Assets


class BaseVocabulary:
    """size: tokens it knows. ends: numbers of those at which an answer is over."""

    def __init__(self, vocabulary: Vocabulary):
        self._tokenizer: Tokenizer = vocabulary.tokenizer
        self.ends = vocabulary.ends
        self.size = vocabulary.tokenizer.get_vocab_size()

    def encode(self, text: str) -> np.ndarray:
        return np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, np.int32)

    def decode(self, tokens: Collection[int]) -> str:
        """Text as it is read, special tokens included."""
        return self._tokenizer.decode(list(tokens), skip_special_tokens=False)

    def decoder(self) -> "EndingDecoder":
        return EndingDecoder(self._tokenizer, self.ends)

    def to_json(self) -> dict[str, Any]:
        return {"kind": "tokenizer"}


class EndingDecoder:
    """Stops at the first token that ends an answer; leaves special tokens out. A character half written at the end is dropped."""

    def __init__(self, tokenizer: Tokenizer, ends: Collection[int]):
        self._tokenizer, self._ends = tokenizer, ends
        self._stream = DecodeStream(skip_special_tokens=True)
        self.ended, self.beyond = False, 0

    def feed(self, tokens: np.ndarray, *, last: bool = False) -> str:
        text = ""
        for place, token in enumerate(tokens.tolist()):
            if token in self._ends:
                self.ended, self.beyond = True, len(tokens) - place
                break
            text += self._stream.step(self._tokenizer, token) or ""
        return text


def reader_from(assets: Assets) -> Reader:
    """How a trained model reads chats."""
    tokenizer = Tokenizer.from_buffer(assets.arrays["tokenizer"].tobytes())
    vocabulary = Vocabulary.made(tokenizer, SimpleNamespace(**assets["special"]))
    return Reader(vocabulary, ChatTemplate(assets["template"], vocabulary.special))
