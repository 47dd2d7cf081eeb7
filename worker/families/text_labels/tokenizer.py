"""Cuts texts into tokens by Hugging Face tokenizers, so that a model taken away cuts them with the very same file.

Texts are compared without case and in Unicode's compatibility form (NFKC: full-width letters are letters). Number 0 fills up
short texts, 1 is every token that is not known.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from worker.families.language.vectors import EncoderVocabulary
from worker.families.scripts import UNPARTED
from worker.recipe import Assets

PAD, UNKNOWN = 0, 1
_SPECIAL = ["[PAD]", "[UNK]"]
_MASKS = ("[MASK]", "<mask>", "[UNK]", "<unk>")  # what encoders of all families know as "something", the best first
_CUTS = {
    "words": rf"[^\W{UNPARTED}]+|[{UNPARTED}]|[^\w\s]",  # a word, a character of scripts without spaces, a mark
    "characters": r"\S",
}
_UNPARTED_SHARE = 0.3  # a guess: from there on a text is read by characters
_MANY_TEXTS = 1_000  # from so many on a token that occurs once teaches nothing


def chosen(tokens: str, unparted: float) -> tuple[str, str]:
    """(kind of tokens, a sentence on why). tokens: as asked for. unparted: share of letters of scripts without spaces."""
    if tokens != "auto":
        return tokens, f"tokens are {tokens}, as asked for"
    kind = "characters" if unparted >= _UNPARTED_SHARE else "words"
    return kind, f"tokens are {kind}: {unparted:.0%} of the letters are of scripts without spaces between words"


def learn_tokenizer(kind: str, texts: Iterable[str], count: int, size: int) -> str:
    """Learn the tokens of a training part, `count` texts; returns the tokenizer as JSON. size: most tokens, special ones too."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    options: dict[str, Any] = {"vocab_size": size, "special_tokens": _SPECIAL, "show_progress": False}
    if kind == "bpe":
        tokenizer = Tokenizer(models.BPE(unk_token=_SPECIAL[UNKNOWN]))
        cut: Any = pre_tokenizers.ByteLevel(add_prefix_space=True)
        trainer: Any = trainers.BpeTrainer(**options, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    else:
        tokenizer = Tokenizer(models.WordLevel({}, unk_token=_SPECIAL[UNKNOWN]))
        cut = pre_tokenizers.Split(Regex(_CUTS[kind]), "removed", invert=True)
        trainer = trainers.WordLevelTrainer(**options, min_frequency=2 if count >= _MANY_TEXTS else 1)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])  # type: ignore[assignment]
    tokenizer.pre_tokenizer = cut
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str()


class TextTokenizer:
    """A tokenizer that was learnt. size: how many tokens it knows. unknown: the number that stands for any other token."""

    unknown = UNKNOWN

    def __init__(self, definition: str):
        from tokenizers import Tokenizer

        self.definition = definition
        self._tokenizer = Tokenizer.from_str(definition)
        self.size = self._tokenizer.get_vocab_size()

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """int32 (tokens,) of each text."""
        return [np.array(one.ids, np.int32) for one in self._tokenizer.encode_batch(list(texts))]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where each token stands in the text, [start, end) in characters."""
        return self._tokenizer.encode(text).offsets

    def file(self) -> str:
        """tokenizer.json of a model that is taken away."""
        return json.dumps(json.loads(self.definition), ensure_ascii=False, indent=1)


class EncoderTokenizer(TextTokenizer):
    """That of a pre-trained encoder, without special tokens. Its numbers are one above the encoder's: 0 fills up here, too."""

    def __init__(self, definition: str):
        self.definition = definition
        self.vocabulary = EncoderVocabulary(definition)
        self.size = self.vocabulary.size + 1
        known = (self.vocabulary.number(name) for name in _MASKS)
        self.unknown = next((number for number in known if number is not None), 0) + 1

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [pieces + 1 for pieces in self.vocabulary.pieces(texts)]

    def spans(self, text: str) -> list[tuple[int, int]]:
        return self.vocabulary.spans(text)

    def file(self) -> str:
        return self.vocabulary.file()


def tokenizer_of(assets: Assets) -> TextTokenizer:
    """The tokenizer of a model: one that was learnt, or its encoder's."""
    if "encoder" in assets.json:
        return EncoderTokenizer(assets.arrays["tokenizer"].tobytes().decode("utf-8"))
    return TextTokenizer(assets["tokenizer"])
