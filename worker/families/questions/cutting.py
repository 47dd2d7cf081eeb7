"""Cuts questions and passages into tokens whose places in the passage are known to the character.

Upon an encoder its own tokenizer does it. From scratch one is learnt: words fall into frequent pieces, down to bytes, so that no
word is unknown; a character of a script without spaces between words is never joined with another.
"""

import unicodedata
from collections.abc import Iterable
from typing import Any

import numpy as np

from worker.families.language.vectors import EncoderVocabulary
from worker.families.scripts import UNPARTED
from worker.recipe import Assets

BEGIN = "\u0120"  # stands before the first piece of a word, as byte-level tokenizers write a space
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
_WORD = rf"[^\W{UNPARTED}]+|[{UNPARTED}]|[^\w\s]"
_JOINERS = {0x200D, 0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400)}  # of emoji: joiner, variation selectors, skin colours
_JOINER = 0x200D


def learn_pieces(texts: Iterable[str], size: int) -> str:
    """Learn the tokens of a training part; returns the tokenizer as JSON. size: most tokens, special ones too."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL[1]))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])  # type: ignore[assignment]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # type: ignore[assignment]
        [
            pre_tokenizers.Split(Regex(_WORD), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False),
        ]
    )
    trainer: Any = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=SPECIAL,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(texts, trainer)
    _, _, begin, part = SPECIAL
    ends: Any = [(name, tokenizer.token_to_id(name)) for name in (begin, part)]
    tokenizer.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]
        single=f"{begin} $A {part}", pair=f"{begin} $A {part} $B {part}", special_tokens=ends
    )
    return tokenizer.to_str()


def vocabulary_of(assets: Assets) -> EncoderVocabulary:
    """The tokenizer of a model: one that was learnt, or its encoder's."""
    return EncoderVocabulary(assets.arrays["tokenizer"].tobytes().decode("utf-8"))


def tokenizer_array(definition: str) -> np.ndarray:
    """A tokenizer as assets hold it."""
    return np.frombuffer(definition.encode(), np.uint8).copy()


def whole_characters(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch of a text without the white space around it, and with all that belongs to its first and last characters:
    combining marks, and what emoji are joined of."""
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    if start == end:
        return start, end
    while start > 0 and _belongs_to_the_one_before(text, start):
        start -= 1
    while end < len(text) and _belongs_to_the_one_before(text, end):
        end += 1
    return start, end


def _belongs_to_the_one_before(text: str, at: int) -> bool:
    code = ord(text[at])
    joined = ord(text[at - 1]) == _JOINER and unicodedata.category(text[at]) == "So"
    return joined or code in _JOINERS or unicodedata.category(text[at]) in ("Mn", "Me", "Mc")
