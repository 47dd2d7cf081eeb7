"""Pictures with texts ready for a training: no picture and no text in two parts, one text of each picture drawn for a batch."""

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from shared.datasets.captions import read_captions
from shared.errors import DatasetInvalid, Problem
from shared.recipes.image_text_matcher import LEAST_PICTURES
from worker.context import Context
from worker.families.captions.pairs import Belonging, split_clusters
from worker.families.captions.words import TokenRows, VectorRows, Words, own_words, words_upon
from worker.families.images.augment import Augmentation, augment, recoloured
from worker.families.images.backbone import said_of, side_upon
from worker.families.images.baselines import spread
from worker.families.images.epochs import READERS, READERS_OF_LARGE, batches_by_epoch
from worker.families.images.pixels import Pixels, prepare
from worker.recipe import Assets, Data, Inputs, OpenInput

_STEPS, _STEPS_UPON_BACKBONE, _EPOCHS = 200, 100, (3, 100)  # guesses; benchmarks/RESULTS.md
_EVALUATIONS = 20  # of a training, at most
_SHOWN = 40  # pictures held out that go with a model, to look for while it learns
_LARGE = 128  # pixels of a side from which few batches are made side by side


class CaptionData(Data):
    """Batches are (x, y): x {"pixels": float32 (batch, height, width, channels), "texts": int32 (batch, time) tokens or float32
    (batch, width) vectors, "also": bool (batch, batch), which other texts are right for a picture}; y int32 (batch,): 0, 1, 2 ...

    texts: all of them, those of a picture one after the other. belonging: which is whose. places: numbers of the pictures by part.
    """

    def __init__(
        self,
        names: Sequence[str],
        pixels: Pixels,
        texts: list[str],
        belonging: Belonging,
        places: dict[str, np.ndarray],
        words: Words,
        rows: TokenRows | VectorRows,
        params: Any,
    ):
        self.names, self.pixels, self.texts, self.belonging = names, pixels, texts, belonging
        self.places, self.params, self._rows = places, params, rows
        self.notes = []
        self.split = {part: len(some) for part, some in places.items()}
        if rows.cut:
            self.notes.append(f"{rows.cut:,} texts are longer than {words.length} tokens: their ends are not read")
        size = len(places["train"])
        self.batch_size = min(params.batch_size, size)
        self.steps_per_epoch = size // self.batch_size  # what is left over differs from epoch to epoch
        self.augmentation = Augmentation(
            params.flip in ("horizontal", "both"),
            params.flip == "both",
            params.rotation,
            params.translation,
            params.zoom,
        )
        mean, std = pixels.moments(places["train"])
        shown = places["val"][spread(len(places["val"]), _SHOWN)]
        json = {
            **words.json,
            "shape": list(pixels.shape),
            "mean": mean,
            "std": std,
            "shown": [texts[belonging.begins[i]] for i in shown.tolist()],
        }
        self.assets = Assets(json, {"shown": pixels.rows(shown), **words.arrays})

    def run_for(self, steps: int) -> None:
        """Set how long it learns. steps: where the params leave the epochs open."""
        low, high = _EPOCHS
        epochs = self.params.epochs or min(max(round(steps / self.steps_per_epoch), low), high)
        self.total_steps = epochs * self.steps_per_epoch
        self.eval_every = max(self.steps_per_epoch, self.total_steps // _EVALUATIONS)

    def text_rows(self, numbers: np.ndarray) -> np.ndarray:
        """What the network is given of texts by number."""
        return self._rows.take(self.belonging.text_as[numbers])

    def _read(self, step: np.int64, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(pixels, rows of one text of each, which other texts are right for each). chosen: numbers of pictures."""
        counts = self.belonging.counts[chosen]
        rng = np.random.default_rng([self.params.seed, 7, int(step)])
        texts = self.belonging.begins[chosen] + rng.integers(counts)
        also = self.belonging.right(chosen, texts)
        np.fill_diagonal(also, False)
        return self.pixels.rows(chosen), self.text_rows(texts), also

    def train(self, start_step: int) -> tf.data.Dataset:
        params, batch = self.params, self.batch_size
        kinds = (tf.uint8, tf.as_dtype(self._rows.kind), tf.bool)

        def make(step: Any, chosen: Any) -> Any:
            pixels, rows, also = tf.numpy_function(self._read, [step, chosen], kinds)
            pixels = tf.cast(tf.ensure_shape(pixels, (batch, *self.pixels.shape)), tf.float32)
            seed = tf.stack([tf.constant(params.seed + 1, tf.int64), step])
            pixels = augment(pixels, seed, self.augmentation)
            if params.colour:
                pixels = recoloured(pixels, seed, params.colour)
            x = {
                "pixels": tf.ensure_shape(pixels, (batch, *self.pixels.shape)),
                "texts": tf.ensure_shape(rows, (batch, *self._rows.shape)),
                "also": tf.ensure_shape(also, (batch, batch)),
            }
            return x, tf.range(batch)

        return batches_by_epoch(
            self.places["train"],
            make,
            batch=batch,
            steps=self.steps_per_epoch,
            total_steps=self.total_steps,
            seed=params.seed,
            start_step=start_step,
            readers=READERS_OF_LARGE if max(self.pixels.shape[:2]) >= _LARGE else READERS,
        )

    def validation(self) -> None:
        return None  # evaluate() of the recipe does it: how well pictures are found is no mean over batches


def load_captions(inputs: Inputs, params: Any, context: Context) -> CaptionData:
    """Read and split the pictures with texts in the role "data". Raises DatasetInvalid."""
    opened, base, backbone = inputs["data"], inputs.get("base"), inputs.get("backbone")
    pictures, pixels = prepare(opened, side_upon(backbone, params.image_size), context)
    of_each = [picture.texts for picture in read_captions(opened.folder / "files")]
    texts = [text for some in of_each for text in some]
    owner = np.repeat(np.arange(len(of_each)), [len(some) for some in of_each])
    text_as = np.unique(np.array([_digest(text) for text in texts], np.uint64), return_inverse=True)[1]
    picture_as = np.unique(pixels.digests, return_inverse=True)[1]
    belonging = Belonging(owner, picture_as.astype(np.int64), text_as.astype(np.int64))
    fractions = {"val": params.validation_fraction, "test": params.test_fraction}
    places, notes = split_clusters(pictures.parts, belonging.clusters(), fractions, params.seed)
    _refuse_few(places)
    different = _first_of_each(texts, belonging.text_as)
    words = words_upon(base, params) if base else _own(texts, belonging, places["train"], params)
    rows = _rows_of(opened, base, different, words, params, context)
    data = CaptionData(pictures.names, pixels, texts, belonging, places, words, rows, params)
    data.notes += notes
    data.run_for(_STEPS_UPON_BACKBONE if backbone else _STEPS)
    data.assets.json["levels"] = opened.dataset.report.facts.get("levels")
    data.assets.json.update(said_of(backbone))
    return data


def _rows_of(
    opened: OpenInput, base: OpenInput | None, texts: list[str], words: Words, params: Any, context: Context
) -> TokenRows | VectorRows:
    if base is not None and params.text_method == "frozen":
        return VectorRows(opened, base, texts, words, params.pooling, context)
    return TokenRows(words, texts, context.check)


def _own(texts: list[str], belonging: Belonging, train: np.ndarray, params: Any) -> Words:
    return own_words([texts[number] for number in belonging.texts_of(train).tolist()], params)


def _first_of_each(texts: list[str], text_as: np.ndarray) -> list[str]:
    """A text of each kind, by the number of its kind."""
    first = np.unique(text_as, return_index=True)[1]
    return [texts[int(place)] for place in first]


def _refuse_few(places: dict[str, np.ndarray]) -> None:
    if len(places["train"]) < LEAST_PICTURES // 2:
        left = f"{len(places['train'])} pictures are left to learn from; {LEAST_PICTURES // 2} are needed at least"
        raise DatasetInvalid(left, problems=[Problem(field="inputs.data", message=left)])
    if not len(places["val"]):
        message = (
            "nothing can be held out to watch progress by: nearly all pictures have a text, or are the same, as another"
        )
        raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])


def _digest(text: str) -> int:
    """The same for texts that differ in case and spaces alone."""
    plain = unicodedata.normalize("NFKC", " ".join(text.split())).casefold()
    return int.from_bytes(hashlib.blake2b(plain.encode(), digest_size=8).digest(), "little")
