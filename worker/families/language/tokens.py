"""The tokenizer a base model came with: texts to token numbers, and back as they come."""

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from shared.bases.manifest import TOKENIZER
from worker.families.text.vocabulary import Decoder


class BaseVocabulary:
    """A base's tokenizer. size: how many tokens it knows; the embedding may have more rows."""

    def __init__(self, definition: str):
        self._tokenizer = Tokenizer.from_str(definition)
        self.size = self._tokenizer.get_vocab_size()

    @classmethod
    def of(cls, folder: Path) -> "BaseVocabulary":
        """That of the base in a folder."""
        return cls((folder / TOKENIZER).read_text(encoding="utf-8"))

    def encode(self, text: str, *, begun: bool = True) -> np.ndarray:
        """Text to int32 (tokens,). begun: with the tokens that the tokenizer itself puts before a text; a rendered chat template
        has them already."""
        return np.array(self._tokenizer.encode(text, add_special_tokens=begun).ids, np.int32)

    def text(self, tokens: np.ndarray) -> str:
        """Tokens to text, special ones left out."""
        return self._tokenizer.decode([int(token) for token in tokens], skip_special_tokens=True)

    def number(self, token: str) -> int | None:
        """The number of a token, None where there is none."""
        return self._tokenizer.token_to_id(token)

    def decoder(self) -> Decoder:
        """A fresh incremental decoder; special tokens give no text."""
        return _Stream(self._tokenizer)


class _Stream:
    """Holds back what is no whole character yet. No token ends a text for it."""

    def __init__(self, tokenizer: Tokenizer):
        self.ended, self.beyond = False, 0
        self._tokenizer, self._stream = tokenizer, DecodeStream(skip_special_tokens=True)

    def feed(self, tokens: np.ndarray, *, last: bool = False) -> str:
        pieces = (self._stream.step(self._tokenizer, int(token)) for token in tokens)
        return "".join(piece for piece in pieces if piece)
