"""What bases tell of items, as vectors beside words and values: an encoder of their texts, a backbone of their pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from shared.errors import DatasetInvalid, Problem
from worker.context import Context
from worker.families.images.backbone_vectors import backbone_vectors
from worker.families.recommending.catalogue import Catalogue
from worker.families.text_labels.text_vectors import text_vectors
from worker.recipe import OpenInput


def add_vectors(catalogue: Catalogue, inputs: Mapping[str, OpenInput], params: Any, context: Context) -> list[str]:
    """Give a catalogue's features the vectors of its texts and pictures, where bases for them are given; notes.

    Raises DatasetInvalid where no item has a picture, VolumeFull.
    """
    features, cells = catalogue.features, catalogue.cells
    catalogue.cells = None  # texts are needed no longer
    if features is None or cells is None:
        return []
    found, notes = [], list[str]()
    if (base := inputs.get("base")) is not None:
        texts = ["\n".join(part for part in one if part) for one in zip(*cells.texts.values(), strict=True)]
        read = text_vectors(
            inputs["items"], base, texts, pooling=params.pooling, length=params.max_length, context=context
        )
        found.append(_as_input(read.read(0, len(texts)), np.array([bool(text.strip()) for text in texts])))
        notes.append(
            f"texts of items are read by the encoder {base.base.name!r}, {'beside' if params.words else 'instead of'} words"
        )
    if (seen := inputs.get("pictures")) is not None and (base := inputs.get("backbone")) is not None:
        names, vectors = backbone_vectors(seen, base, context)
        files = [cells.pictures[place] or name for place, name in enumerate(catalogue.ids)]
        places = picture_places(files, names)
        if not (places >= 0).any():
            message = f"no item has a picture: none is named {files[0]!r}, say; the dataset has {', '.join(names[:3])}"
            raise DatasetInvalid(message, problems=[Problem(field="params.item_picture", message=message)])
        rows = vectors.take(np.maximum(places, 0))
        there = (places >= 0) & rows.any(1)
        found.append(_as_input(rows, there))
        notes.append(f"pictures of {int(there.sum()):,} items are seen by the backbone {base.base.name!r}")
        if not there.all():
            notes.append(f"{int((~there).sum()):,} items have no picture that can be read")
    if found:
        catalogue.features = replace(features, vectors=np.concatenate(found, 1))
    return notes


def _as_input(vectors: np.ndarray, there: np.ndarray) -> np.ndarray:
    """float16, standardised over all numbers, less what all items have in common; zeros where nothing is there."""
    some = vectors[there]
    if not len(some):
        return np.zeros(vectors.shape, np.float16)
    centred = vectors - some.mean(0)
    return np.where(there[:, None], centred / (float(centred[there].std()) or 1.0), 0.0).astype(np.float16)


def picture_places(files: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """int64 (files,): the picture of each by its path, else by its name alone, else by its name without the ending; -1 for none.

    What several pictures are called tells of none.
    """
    ways = (lambda path: path, lambda path: PurePosixPath(path).name, lambda path: PurePosixPath(path).stem)
    known: list[dict[str, int]] = []
    for way in ways:
        mine: dict[str, int] = {}
        for place, name in enumerate(names):
            mine[way(name)] = place if way(name) not in mine else -1
        known.append(mine)
    found = np.full(len(files), -1, np.int64)
    for row, file in enumerate(files):
        path = file.strip().replace("\\", "/")
        # the last way is for ids: a path with another ending is another picture
        tries = (path, PurePosixPath(path).name, path)
        found[row] = next((mine[key] for mine, key in zip(known, tries, strict=True) if mine.get(key, -1) >= 0), -1)
    return found
