"""Cuts questions and passages into tokens whose places in the passage are known to the character.

Upon an encoder its own tokenizer does it. From scratch one is learnt: words fall into frequent pieces, down to bytes, so that no
word is unknown; a character of a script without spaces between words is never joined with another.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from worker.families.language.vectors import EncoderVocabulary
from worker.families.scripts import UNPARTED
from worker.recipe import Assets

BEGIN = "\u0120"  # stands before the first piece of a word, as byte-level tokenizers write a space
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
_WORD = rf"[^\W{UNPARTED}]+|[{UNPARTED}]|[^\w\s]"


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
