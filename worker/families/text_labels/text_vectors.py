"""Vectors of whole texts by an encoder of which nothing learns: made once, kept for the next training that reads the same."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shared.volume.staging import full_is_said
from worker.context import Context
from worker.families.going import Going
from worker.families.kept import kept
from worker.families.language.vectors import EncoderVocabulary, TextVectors
from worker.families.rows import RowFile
from worker.families.text_labels.upon_encoder import open_encoder
from worker.recipe import OpenInput

_AT_ONCE = 1_024  # texts read together
_FILE, _VERSION = "vectors.f4", 2


def text_vectors(
    opened: OpenInput, base: OpenInput, texts: Sequence[str], *, pooling: str, length: int, context: Context
) -> RowFile:
    """float32 (texts, width), of length 1. Raises VolumeFull.

    opened: the dataset the texts are of. length: tokens of a text that are read, special ones aside.
    """
    vocabulary = EncoderVocabulary.of(base.folder)
    width = base.base.config.width
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"{len(text)}:{text}".encode())

    def make(folder: Path) -> dict[str, Any]:
        around = len(vocabulary.before) + len(vocabulary.after)
        vectors = TextVectors(open_encoder(base), vocabulary, pooling=pooling, length=length + around)
        going = Going(context, "loading", len(texts))
        with full_is_said(), (folder / _FILE).open("wb") as out:
            for start in range(0, len(texts), _AT_ONCE):
                some = texts[start : start + _AT_ONCE]
                out.write(vectors.of(some, context.check).tobytes())
                going.done(len(some))
        going.end()
        return {}

    depends = {"base": base.hash, "pooling": pooling, "length": length, "texts": digest.hexdigest(), "as": _VERSION}
    with kept(context, "whole_texts", opened, depends, make) as (folder, _):
        return RowFile(folder / _FILE, np.dtype(np.float32), (width,))
