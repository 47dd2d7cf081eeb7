"""Turns pictures of people, or of things, into batches of some of them each; who is held out is held out with all pictures.

A batch is drawn by its step alone: so many people, of each so many pictures, one with few pictures several times.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from shared.datasets.pictures.reading import PictureList
from shared.errors import DatasetInvalid, Problem
from shared.recipes.image_matcher import LEAST_PEOPLE
from worker.context import Context
from worker.families.images.augment import Augmentation, augment
from worker.families.images.backbone import said_of, side_upon
from worker.families.images.baselines import spread
from worker.families.images.epochs import READERS_OF_LARGE, plain
from worker.families.images.pixels import Pixels, prepare
from worker.recipe import Assets, Data, Inputs

AUTO_EVALUATIONS = 20
HELD = 240  # pictures of people held out that go with a model: its threshold is chosen on them
MEASURED = 1_000  # pictures of a part that are compared with each other: half a million pairs


class IdentityData(Data):
    """Batches are (float32 pixels 0..255, int32 numbers of people among those that are learnt from).

    places: numbers of the pictures of each part. people: int64 (pictures,), of all. names: of the people, of the pictures.
    """

    def __init__(self, pictures: PictureList, pixels: Pixels, params: Any, levels: Any):
        self._params, self.pixels = params, pixels
        self.names, self.people_names = pictures.names, pictures.classes
        self.people = _people(pictures)
        kept, notes = _once(pixels.digests, self.people)
        self.places, more = split_people(
            self.people, np.array(pictures.parts), kept, params.validation_fraction, params.seed
        )
        self.notes = [*notes, *more]
        self.split = {part: len(places) for part, places in self.places.items()}
        train = self.places["train"]
        self._learnt, self._numbers = np.unique(self.people[train], return_inverse=True)
        self._members = [train[self._numbers == number] for number in range(len(self._learnt))]
        self._refuse_few()
        if lonely := sum(len(members) == 1 for members in self._members):
            self.notes.append(
                f"{lonely:,} have one picture only: of them it learns what others look like, not what stays alike"
            )
        self.total_steps = params.steps
        self.eval_every = params.eval_every or max(params.steps // AUTO_EVALUATIONS, 1)
        self.batch_people = max(min(params.batch_size // params.each, len(self._learnt)), 2)
        self.augmentation = Augmentation(
            params.flip in ("horizontal", "both"),
            params.flip == "both",
            params.rotation,
            params.translation,
            params.zoom,
        )
        mean, std = pixels.moments(train)
        held = self.places["val"] if len(self.places["val"]) else train
        held = held[spread(len(held), HELD)]
        json = {
            "shape": list(pixels.shape), "mean": mean, "std": std, "people": len(self._learnt), "levels": levels,
            "shown": [self.people_names[self.people[i]] for i in self._shown().tolist()],
            "held": self.people[held].tolist(),
        }  # fmt: skip
        self.assets = Assets(json, {"shown": pixels.rows(self._shown()), "held": pixels.rows(held)})

    def _shown(self) -> np.ndarray:
        """Two pictures each of up to four people held out."""
        places, found = self.places["val"] if len(self.places["val"]) else self.places["train"], list[int]()
        for person in np.unique(self.people[places])[:4].tolist():
            found += places[self.people[places] == person][:2].tolist()
        return np.array(found, np.int64)

    def _refuse_few(self) -> None:
        problems = []
        if len(self._learnt) < LEAST_PEOPLE:
            message = f"{len(self._learnt)} people or things are left to learn from; {LEAST_PEOPLE} are needed at least"
            problems.append(Problem(field="inputs.data", message=message))
        elif max(map(len, self._members)) < 2:
            message = (
                "nobody to learn from has two pictures: nothing tells what two pictures of the same have in common"
            )
            problems.append(Problem(field="inputs.data", message=message))
        if problems:
            raise DatasetInvalid(problems[0].message, problems=problems)

    def measured(self, part: str) -> np.ndarray:
        """Numbers of a part's pictures that are compared with each other, all or some of them evenly."""
        return self.places[part][spread(len(self.places[part]), MEASURED)]

    def _draw(self, step: np.int64) -> tuple[np.ndarray, np.ndarray]:
        """(pictures, int32 people of a batch)."""
        rng = np.random.default_rng([self._params.seed, 1, int(step)])
        people = rng.permutation(len(self._learnt))[: self.batch_people]
        chosen = []
        for number in people.tolist():
            members = rng.permutation(self._members[number])
            chosen.append(np.resize(members, self._params.each))
        numbers = np.repeat(people, self._params.each).astype(np.int32)
        return self.pixels.rows(np.concatenate(chosen)), numbers

    def train(self, start_step: int) -> tf.data.Dataset:
        seed, count = self._params.seed, self.batch_people * self._params.each

        @plain
        def make(step: Any) -> Any:
            x, y = tf.numpy_function(self._draw, [step], (tf.uint8, tf.int32))
            x = tf.cast(tf.ensure_shape(x, (count, *self.pixels.shape)), tf.float32)
            x = augment(x, tf.stack([tf.constant(seed + 1, tf.int64), step]), self.augmentation)
            return tf.ensure_shape(x, (count, *self.pixels.shape)), tf.ensure_shape(y, (count,))

        return (
            tf.data.Dataset.range(start_step, self.total_steps)
            .map(make, READERS_OF_LARGE, deterministic=True)
            .prefetch(2)
        )

    def validation(self) -> None:
        """None: how well people are told apart is no mean over batches; worker/families/identities/reporting.py measures it."""
        return None


def split_people(
    people: np.ndarray, parts: np.ndarray, kept: np.ndarray, fraction: float, seed: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Numbers of pictures by part, nobody in two of them, and what is to be said. people, parts: of all pictures; kept: of these.

    Parts of the dataset's own are taken where each person is in one alone; else all are put together and people drawn. A val part
    of its own is taken, else drawn from the training's people; a person with one picture is never held out.
    """
    notes, own = list[str](), parts.copy()
    among = {person: set(parts[kept][people[kept] == person].tolist()) for person in np.unique(people[kept]).tolist()}
    if both := sum(len(some) > 1 for some in among.values()):
        notes.append(
            f"{both:,} are in several parts of the dataset: its parts are not taken, since those measured must be new to the model"
        )
        own[:] = "train"
    elif not (own[kept] == "train").any():
        own[:] = "train"
    found = {part: kept[own[kept] == part] for part in ("train", "val", "test")}
    train = found["train"]
    if not len(found["val"]) and fraction:
        there, counts = np.unique(people[train], return_counts=True)
        several = there[counts > 1]
        count = min(max(round(len(there) * fraction), 2), len(several), len(there) - LEAST_PEOPLE)
        if count >= 2:
            held = np.random.default_rng([seed, 1]).permutation(several)[:count]
            found["val"] = train[np.isin(people[train], held)]
            found["train"] = train[~np.isin(people[train], held)]
    if not len(found["val"]):
        notes.append(
            "nobody is held out to watch progress and to choose the threshold by: it is chosen on who was learnt from"
        )
    return found, notes


def _once(digests: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Numbers of the pictures less those that are there before."""
    _, first = np.unique(digests, return_index=True)
    kept = np.sort(first)
    dropped = len(digests) - len(kept)
    return kept, [f"{dropped} duplicate pictures left out"] if dropped else []


def _people(pictures: PictureList) -> np.ndarray:
    """int64 (n,). Raises DatasetInvalid where pictures lie in no folder."""
    without = [name for name, label in zip(pictures.names, pictures.labels, strict=True) if label is None]
    if without:
        message = (
            f"{len(without)} pictures lie in no folder, first {without[0]}: put each into one named after whom it shows"
        )
        raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message, file=without[0])])
    return np.array(pictures.labels, dtype=np.int64)


def load_identities(inputs: Inputs, params: Any, context: Context) -> IdentityData:
    """Read and split the pictures in the role "data"."""
    base = inputs.get("base")
    pictures, pixels = prepare(inputs["data"], side_upon(base, params.image_size), context)
    data = IdentityData(pictures, pixels, params, inputs["data"].dataset.report.facts.get("levels"))
    data.assets.json.update(said_of(base))
    return data
