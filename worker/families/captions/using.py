"""A trained pair of encoders at work: pictures of a dataset found by words, texts found for pictures, whole datasets."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from shared.datasets.captions import PICTURES, read_captions
from shared.datasets.pictures.reading import open_pictures
from shared.errors import RecipeFailed, cut
from shared.outputs import Cell, Output, Picture, Score, Scores
from shared.recipes.image_text_matcher import ImageTextMatcherBatch, ImageTextMatcherDescribe, ImageTextMatcherSearch
from worker.artifacts import Files
from worker.context import Context
from worker.families.captions.vectors import (
    AT_ONCE,
    Gallery,
    Towers,
    gallery_of,
    hash_of,
    vectors_where_read,
)
from worker.families.going import Going
from worker.families.images.drawing import png_bytes
from worker.families.images.pixels import AT_ONCE as READERS
from worker.families.images.pixels import pixels_or_why
from worker.families.images.uploads import uploaded_pixels
from worker.families.matching.nearest import nearest
from worker.families.row_table import row_table
from worker.recipe import Assets, Inputs, OpenInput, Report

MOST_TEXTS = 500_000  # that are chosen among
_SIDE, _LEAST_SIDE = 256, 96  # pixels of a picture that is shown
_CHARACTERS = 300
_CAPTION = 80  # characters of a text below a picture


class Finder:
    """Both encoders ready for many jobs; holds the pictures and the texts that it was given last."""

    def __init__(self, model: Any, assets: Assets):
        self._towers, self._as = Towers(model, assets), hash_of(model, assets)
        self._pictures: tuple[str, Gallery, list[str]] | None = None
        self._texts: tuple[str, list[str], np.ndarray] | None = None

    def generate(self, params: ImageTextMatcherSearch, inputs: Inputs, context: Context, files: Files) -> list[Output]:
        """Show the pictures of a dataset that are nearest to words. Raises RecipeFailed."""
        said = " ".join(params.text.split())
        if not said:
            raise RecipeFailed("there is nothing to look for", code="no_text")
        gallery, captions = self._gallery(inputs["data"], context)
        asked = self._towers.of_texts([said], context.check)
        if not asked.any():
            raise RecipeFailed(
                f"{cut(said, 60)!r}: none of these words is in what it has learnt from", code="unknown_words"
            )
        places, likenesses = nearest(gallery.vectors[gallery.there], asked, params.top_k, check=context.check)
        found: list[Output] = []
        for number, (place, value) in enumerate(zip(places[0].tolist(), likenesses[0].tolist(), strict=True), 1):
            context.check()
            i = int(gallery.there[place])
            name = captions[i] if captions else gallery.pictures.names[i]
            shown = _shown(gallery.pictures.open(i))
            found.append(
                Picture(title=f"{value:.2f} {cut(name, _CAPTION)}", file=files.write(f"found_{number:03}.png", shown))
            )
        return found

    def describe(
        self, params: ImageTextMatcherDescribe, inputs: Inputs, context: Context, files: Files
    ) -> list[Output]:
        """Rank texts, typed in or of a dataset, for each uploaded picture. Raises RecipeFailed, InputMissing."""
        typed = list(dict.fromkeys(" ".join(line.split()) for line in params.texts.splitlines() if line.strip()))
        given = inputs.get("texts")
        if not typed and given is None:
            message = "there is nothing to choose among: type texts in, one a line, or name a dataset with texts"
            raise RecipeFailed(message, code="no_text")
        names, pixels = uploaded_pixels(params.images, self._towers.shape, self._towers.levels, context)
        if typed:
            texts, vectors = typed, self._towers.of_texts(typed, context.check)
        else:
            assert given is not None
            texts, vectors = self._texts_of(given, context)
        asked = self._towers.of_pixels(pixels, context.check)
        places, likenesses = nearest(vectors, asked, params.top_k, check=context.check)
        found: list[Output] = []
        for number, (name, some, values) in enumerate(zip(names, places.tolist(), likenesses.tolist(), strict=True), 1):
            items = [
                Score(name=cut(texts[place], _CHARACTERS), value=value)
                for place, value in zip(some, values, strict=True)
            ]
            picture = files.write(f"asked_{number}.png", _shown(_as_image(pixels[number - 1])))
            title = f"{name}: nearest of {len(texts):,} texts"
            found.append(Scores(title=title, picture=picture, unit="number", items=items))
        return found

    def batch(self, params: ImageTextMatcherBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Tell of every picture of a dataset, in its order, which texts are nearest; and where its own stands, if it has some."""
        opened = inputs["data"]
        pictures = open_pictures(opened.folder, opened.dataset)
        wanted = [i for i, part in enumerate(pictures.parts) if params.part in ("all", part)]
        if not wanted:
            raise RecipeFailed(f"no picture of the dataset is in the part {params.part!r}", code="nothing_to_match")
        texts, vectors = self._texts_of(inputs["texts"], context)
        own = _texts_of_each(opened)
        numbers = {text: number for number, text in enumerate(texts)}
        count = min(params.top_k, len(texts))
        heads = [name for n in range(1, count + 1) for name in (f"text {n}", f"likeness {n}")]
        columns = ["file", *heads, *(["place of its own text"] if own else []), "error"]
        types = {name: pa.float64() for name in heads if name.startswith("likeness")}
        types["place of its own text"] = pa.int64()
        with (
            row_table(files, columns, context=context, file_format=params.format, types=types) as table,
            ThreadPoolExecutor(READERS) as pool,
        ):
            going = Going(context, "generating", len(wanted), begun=table.count)
            counts = {"asked": 0, "within_10": 0, "first": 0, **table.state}
            left = wanted[table.count :]
            for start in range(0, len(left), AT_ONCE):
                some = left[start : start + AT_ONCE]
                read = list(pool.map(lambda i: pixels_or_why(pictures, i, self._towers.shape), some))
                asked = vectors_where_read(read, self._towers, context.check)
                places, likenesses = nearest(vectors, asked, count, check=context.check)
                for row, i in enumerate(some):
                    why = read[row] if isinstance(read[row], str) else None
                    cells: list[Cell] = [pictures.names[i].removeprefix(f"{PICTURES}/" if own else "")]
                    for place, value in zip(places[row].tolist(), likenesses[row].tolist(), strict=True):
                        cells += [None, None] if why is not None else [texts[place], round(value, 6)]
                    if own:
                        rank = None if why is not None else _rank(own[i], numbers, vectors @ asked[row])
                        if rank is not None:
                            counts["asked"] += 1
                            counts["first"] += rank == 1
                            counts["within_10"] += rank <= 10
                        cells.append(rank)
                    table.add([*cells, str(why) if why is not None else None])
                table.keep(counts)
                going.done(len(some))
            going.end()
            output = table.done("pictures asked about")
        metrics: dict[str, float] = {"texts": float(len(texts))}
        if counts["asked"]:
            metrics["recall_at_1"] = counts["first"] / counts["asked"]
            metrics["recall_at_10"] = counts["within_10"] / counts["asked"]
        return Report(metrics, [output])

    def _gallery(self, opened: OpenInput, context: Context) -> tuple[Gallery, list[str]]:
        """The pictures of a dataset, and the first text of each where they have some."""
        if self._pictures is None or self._pictures[0] != opened.hash:
            self._pictures = None  # those before go first
            gallery = gallery_of(opened, self._towers, self._as, context)
            first = [texts[0] for texts in _texts_of_each(opened)]
            self._pictures = opened.hash, gallery, first
        return self._pictures[1], self._pictures[2]

    def _texts_of(self, opened: OpenInput, context: Context) -> tuple[list[str], np.ndarray]:
        """The different texts of a dataset, and their vectors. Raises RecipeFailed."""
        if self._texts is None or self._texts[0] != opened.hash:
            self._texts = None
            texts = list(dict.fromkeys(text for some in _texts_of_each(opened) for text in some))
            if len(texts) > MOST_TEXTS:
                message = f"{len(texts):,} different texts; at most {MOST_TEXTS:,} are chosen among"
                raise RecipeFailed(message, code="too_many_texts")
            self._texts = opened.hash, texts, self._towers.of_texts(texts, context.check)
        return self._texts[1], self._texts[2]


def _texts_of_each(opened: OpenInput) -> list[tuple[str, ...]]:
    """The texts of each picture; [] of a dataset without texts."""
    if opened.dataset.format != "captioned_pictures":
        return []
    return [picture.texts for picture in read_captions(opened.folder / "files")]


def _rank(own: Sequence[str], numbers: dict[str, int], likenesses: np.ndarray) -> int | None:
    """The place of the best of a picture's own texts; None where none of them is among those chosen from."""
    there = [numbers[text] for text in own if text in numbers]
    return int((likenesses > likenesses[there].max()).sum()) + 1 if there else None


def _as_image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _shown(image: Image.Image) -> bytes:
    """PNG of at most _SIDE pixels, at least _LEAST_SIDE."""
    image = image.convert("RGB")
    if max(image.size) > _SIDE:
        image.thumbnail((_SIDE, _SIDE))
    elif max(image.size) < _LEAST_SIDE:
        times = -(-_LEAST_SIDE // max(image.size))
        image = image.resize((image.width * times, image.height * times), Image.Resampling.BICUBIC)
    return png_bytes(image)
