"""Texts in pieces: byte-level byte-pair encoding, learnt from the training part; any text can be read and written in it.

Numbers 0, 1, 2 fill up, begin and end a text. Source: Sennrich et al. 2016, arXiv:1508.07909; bytes as in GPT-2.
"""

import json
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

from worker.families.text_labels.tokenizer import TextTokenizer
from worker.recipe import Assets

PAD, BEGIN, END = 0, 1, 2
_SPECIAL = ["no token", "begin of text", "end of text"]  # with a space: no piece of any text is called so
_LONGEST = 24  # bytes of a piece: of eight Chinese characters
_WHITE = r"\s+"


def clean(text: str) -> str:
    """A text as it is read and compared: composed (NFC), any white space one space, none around it."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def learn_pieces(texts: Iterable[str], size: int, *, spaced: bool) -> str:
    """The tokenizer as JSON. size: most pieces, the special ones included. spaced: words are parted by spaces, and the first of a
    text is the same piece as elsewhere."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    steps = [normalizers.NFC(), normalizers.Replace(Regex(_WHITE), " "), normalizers.Strip()]
    tokenizer.normalizer = normalizers.Sequence(steps)  # type: ignore[assignment]
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=spaced)  # type: ignore[assignment]
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(
        vocab_size=size,  # type: ignore[call-arg]
        special_tokens=_SPECIAL,  # type: ignore[call-arg]
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),  # type: ignore[call-arg]
        max_token_length=_LONGEST,  # type: ignore[call-arg]
        show_progress=False,  # type: ignore[call-arg]
    )
    tokenizer.train_from_iterator(texts, trainer)
    return json.dumps(
        json.loads(tokenizer.to_str()) | {"added_tokens": []}, ensure_ascii=False
    )  # none is looked for in texts


class Pieces(TextTokenizer):
    """A vocabulary that was learnt. most: tokens of a text that matter at most: no more of it is looked at than may hold them."""

    def __init__(self, definition: str, most: int):
        super().__init__(definition)
        self.most = most

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """int32 (tokens,) of each text, without any that begin or end it."""
        return super().encode([clean(text)[: _LONGEST * (self.most + 1)] for text in texts])

    def decode(self, tokens: np.ndarray) -> str:
        """The text of tokens; what is no whole character is left out."""
        text: str = self._tokenizer.decode([int(one) for one in tokens if one > END])
        return clean(text.replace("\ufffd", ""))

    def file(self) -> str:
        return json.dumps(json.loads(self.definition), ensure_ascii=False, indent=1)


def packed(vocabulary: Pieces) -> np.ndarray:
    """A vocabulary as an array of assets."""
    return np.frombuffer(vocabulary.definition.encode(), np.uint8).copy()


def vocabularies_of(assets: Assets) -> tuple[Pieces, Pieces]:
    """Those of a model's sources and targets."""
    sides = ("source", "source" if assets["shared"] else "target")
    source, target = (
        Pieces(assets.arrays[f"{side}_vocabulary"].tobytes().decode(), most)
        for side, most in zip(sides, assets["most"], strict=True)
    )
    return source, target
