"""A trained matcher at work: who a picture shows among the people of a dataset, whether two show the same, whole datasets."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa

from shared.datasets.pictures.reading import PictureList, open_pictures
from shared.errors import DatasetInvalid, RecipeFailed
from shared.outputs import Cell, Output, Score, Scores
from shared.recipes.image_matcher import ImageMatcherBatch, ImageMatcherIdentify, ImageMatcherVerify
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.identities.networks import vectors_model
from worker.families.identities.reporting import AT_ONCE, threshold_of, vectors_of
from worker.families.images.drawing import beside
from worker.families.images.pixels import AT_ONCE as READERS
from worker.families.images.pixels import to_pixels
from worker.families.images.uploads import uploaded_pixels
from worker.families.row_table import row_table
from worker.recipe import Assets, Inputs, OpenInput, Report

_SHOWN = 3  # known people whose pictures are shown beside the one that is asked about
NOBODY = "nobody known"


class People:
    """The pictures of a dataset as vectors. vectors: float32 (n, width). person: int (n,). names: of the people, sorted."""

    def __init__(self, pictures: PictureList, vectors: np.ndarray, kept: list[int], left_out: int):
        self.names, self.vectors, self.pictures, self.left_out = pictures.classes, vectors, pictures, left_out
        self.numbers = np.array(kept, np.int64)
        self.person = np.array([pictures.labels[i] for i in kept], np.int64)

    def likest(self, asked: np.ndarray, count: int) -> list[tuple[int, float, int]]:
        """(person, likeness, number of the picture) of the likest people, each by the likest picture. asked: float32 (width,)."""
        near = self.vectors @ asked
        found: dict[int, tuple[int, float, int]] = {}
        for place in np.argsort(-near, kind="stable").tolist():
            person = int(self.person[place])
            if person not in found:
                found[person] = (person, float(near[place]), int(self.numbers[place]))
                if len(found) == count:
                    break
        return list(found.values())


class Matcher:
    """A matcher ready for many jobs; holds the vectors of the people that it was given last."""

    def __init__(self, model: Any, assets: Assets):
        self._model, self._shape = vectors_model(model), assets["shape"]
        self._levels = assets.json.get("levels")
        self._threshold = threshold_of(vectors_of(self._model), assets)
        self._held: tuple[str, People] | None = None

    def generate(self, params: ImageMatcherIdentify, inputs: Inputs, context: Context, files: Files) -> Report:
        """Rank the people of a dataset for each uploaded picture. Raises RecipeFailed, InputMissing."""
        names, pixels = uploaded_pixels(params.images, self._shape, self._levels, context)
        people = self._people(inputs["data"], context)
        least = self._threshold if params.threshold is None else params.threshold
        outputs = list[Output]()
        for number, (name, asked) in enumerate(zip(names, self._of(pixels, context), strict=True), 1):
            context.check()
            best = people.likest(asked, params.top_k)
            known = best[0][1] >= least
            said = people.names[best[0][0]] if known else NOBODY
            drawn = [pixels[number - 1], *(self._shown(people, i) for _, _, i in best[:_SHOWN])]
            picture = files.write(f"beside_{number}.png", beside(drawn))
            items = [
                Score(name=people.names[person], value=value, note=f"by {people.pictures.names[i]}")
                for person, value, i in best
            ]
            title = f"{name}: {said}" + ("" if known else f"; the likest is below {least:.2f}")
            outputs.append(Scores(title=title, picture=picture, unit="number", items=items))
        return Report({"threshold": least}, outputs)

    def verify(self, params: ImageMatcherVerify, context: Context, files: Files) -> Report:
        """Compare the first uploaded picture with each further one. Raises RecipeFailed, InputMissing."""
        if len(params.images) < 2:
            raise RecipeFailed("one picture only: two are compared", code="one_picture")
        names, pixels = uploaded_pixels(params.images, self._shape, self._levels, context)
        vectors = self._of(pixels, context)
        least = self._threshold if params.threshold is None else params.threshold
        outputs = list[Output]()
        for number in range(1, len(names)):
            near = float(vectors[0] @ vectors[number])
            said = "the same" if near >= least else "not the same"
            picture = files.write(f"beside_{number}.png", beside([pixels[0], pixels[number]]))
            items = [Score(name="likeness", value=near), Score(name="threshold", value=least)]
            title = f"{names[0]} and {names[number]}: {said}"
            outputs.append(Scores(title=title, picture=picture, unit="number", items=items))
        return Report({"threshold": least}, outputs)

    def batch(self, params: ImageMatcherBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Tell of every picture of a dataset, in its order, who it shows; and how often it is right, where folders tell."""
        pictures = open_pictures(inputs["data"].folder, inputs["data"].dataset)
        people = self._people(inputs["people"], context)
        wanted = [i for i, part in enumerate(pictures.parts) if params.part in ("all", part)]
        if not wanted:
            raise RecipeFailed(f"no picture of the dataset is in the part {params.part!r}", code="nothing_to_match")
        least = self._threshold if params.threshold is None else params.threshold
        truth = bool(set(pictures.classes) & set(people.names))
        columns = ["file", "who", "likeness", "likest", "by", *(["true"] if truth else []), "error"]
        counts = {"right": 0, "known": 0}
        with (
            row_table(
                files, columns, context=context, file_format=params.format, types={"likeness": pa.float64()}
            ) as table,
            ThreadPoolExecutor(READERS) as pool,
        ):
            going = Going(context, "generating", len(wanted), begun=table.count)
            counts |= table.state
            left = wanted[table.count :]
            for start in range(0, len(left), AT_ONCE):
                some = left[start : start + AT_ONCE]
                read = list(pool.map(lambda i: self._read(pictures, i), some))
                good = [one for one in read if isinstance(one, np.ndarray)]
                vectors = iter(self._of(np.stack(good), context) if good else [])
                for i, pixels in zip(some, read, strict=True):
                    label = pictures.labels[i]
                    true = None if label is None else pictures.classes[label]
                    own: list[Cell] = [true] if truth else []
                    if isinstance(pixels, str):
                        table.add([pictures.names[i], None, None, None, None, *own, pixels])
                        continue
                    person, value, by = people.likest(next(vectors), 1)[0]
                    said = people.names[person] if value >= least else NOBODY
                    table.add(
                        [pictures.names[i], said, value, people.names[person], people.pictures.names[by], *own, None]
                    )
                    counts["known"] += 1
                    counts["right"] += said == (true if true in people.names else NOBODY)
                table.keep(counts)
                going.done(len(some))
            going.end()
            output = table.done("pictures matched")
        metrics = {"threshold": least}
        if truth and counts["known"]:
            metrics["accuracy"] = counts["right"] / counts["known"]
        return Report(metrics, [output])

    def _of(self, pixels: np.ndarray, context: Context) -> np.ndarray:
        return vectors_of(self._model, context.check)(pixels)

    def _shown(self, people: People, number: int) -> np.ndarray:
        return to_pixels(people.pictures.open(number), self._shape)

    def _read(self, pictures: PictureList, i: int) -> np.ndarray | str:
        try:
            return to_pixels(pictures.open(i), self._shape)
        except DatasetInvalid as err:
            return err.message

    def _people(self, opened: OpenInput, context: Context) -> People:
        """Vectors of a dataset's pictures; those that cannot be read are left out. Raises RecipeFailed where nobody is left."""
        if self._held is not None and self._held[0] == opened.hash:
            return self._held[1]
        self._held = None
        pictures = open_pictures(opened.folder, opened.dataset)
        wanted = [i for i, label in enumerate(pictures.labels) if label is not None]
        going = Going(context, "generating", len(wanted))
        vectors, kept = list[np.ndarray](), list[int]()
        with ThreadPoolExecutor(READERS) as pool:
            for start in range(0, len(wanted), AT_ONCE):
                some = wanted[start : start + AT_ONCE]
                read = list(pool.map(lambda i: self._read(pictures, i), some))
                good = [one for one in read if isinstance(one, np.ndarray)]
                kept += [i for i, one in zip(some, read, strict=True) if isinstance(one, np.ndarray)]
                if good:
                    vectors.append(self._of(np.stack(good), context))
                going.done(len(some))
        if not kept:
            message = (
                "the dataset of people holds no picture in a folder that can be read: put those of each into a folder"
            )
            raise RecipeFailed(message, code="nobody_there")
        people = People(pictures, np.concatenate(vectors), kept, len(wanted) - len(kept))
        self._held = opened.hash, people
        return people
