"""What a base tells of items: their texts read by an encoder, as vectors beside words and values."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from worker.context import Context
from worker.families.recommending.catalogue import Catalogue
from worker.families.text_labels.text_vectors import text_vectors
from worker.families.text_labels.upon_encoder import spread
from worker.recipe import OpenInput


def add_vectors(catalogue: Catalogue, inputs: Mapping[str, OpenInput], params: Any, context: Context) -> list[str]:
    """Give a catalogue's features the vectors of its texts, where an encoder is given; notes. Raises VolumeFull."""
    base, features, cells = inputs.get("base"), catalogue.features, catalogue.cells
    catalogue.cells = None  # texts are needed no longer
    if base is None or features is None or cells is None:
        return []
    texts = ["\n".join(part for part in one if part) for one in zip(*cells.texts.values(), strict=True)]
    read = text_vectors(inputs["items"], base, texts, pooling=params.pooling, length=params.max_length, context=context)
    blank = np.array([not text.strip() for text in texts])
    catalogue.features = replace(features, vectors=_as_input(read.read(0, len(texts)), blank))
    notes = [
        f"texts of items are read by the encoder {base.base.name!r}, {'beside' if params.words else 'instead of'} words"
    ]
    if blank.any():
        notes.append(f"{int(blank.sum()):,} items have no text for it")
    return notes


def _as_input(vectors: np.ndarray, blank: np.ndarray) -> np.ndarray:
    """float16, less what all have in common; zeros for those without a text."""
    middle = vectors[~blank].mean(0) if not blank.all() else 0.0
    return np.where(blank[:, None], 0.0, spread(vectors - middle)).astype(np.float16)
