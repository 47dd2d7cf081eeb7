"""How well held-out pictures are found by words and words by pictures, and the worst misses to look at."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shared.errors import cut
from shared.outputs import Cell, Output, Picture, Table
from worker.artifacts import Files
from worker.context import Context
from worker.families.captions.data import CaptionData
from worker.families.captions.measuring import Ranks, figures, finding_judge, ranks_of, reciprocals
from worker.families.captions.networks import TwoTowers
from worker.families.captions.vectors import Towers, towers_of
from worker.families.images.baselines import spread
from worker.families.images.drawing import sought_and_found
from worker.recipe import Assets, Report

MOST_PICTURES, MOST_TEXTS = 2_000, 5_000  # of a part that is measured; more change no figure that is read
_WATCHED = (400, 800)  # of an evaluation on the way
_WORST, _FOUND, _SAMPLES = 6, 5, 4
_CHARACTERS = 120


@dataclass(frozen=True)
class Asked:
    """Pictures and texts of a part, by number, that ask for each other. owner: int64 (texts,), place of each one's picture.

    right: places of pictures (n,) -> bool (n, texts).
    """

    pictures: np.ndarray
    texts: np.ndarray
    owner: np.ndarray
    right: Callable[[np.ndarray], np.ndarray]


def asked_of(data: CaptionData, part: str, most: tuple[int, int] = (MOST_PICTURES, MOST_TEXTS)) -> Asked:
    """All of a part, or as many as are sensible, spread evenly over it; of each picture as many texts as there is room for."""
    pictures = data.places[part][spread(len(data.places[part]), most[0])]
    each = max(most[1] // max(len(pictures), 1), 1)
    of_each = [data.belonging.texts_of(pictures[i : i + 1])[:each] for i in range(len(pictures))]
    texts = np.concatenate([np.zeros(0, np.int64), *of_each])
    owner = np.repeat(np.arange(len(pictures)), [len(some) for some in of_each])
    return Asked(pictures, texts, owner, lambda places: data.belonging.right(pictures[places], texts))


def scores_of(towers: Towers, data: CaptionData, asked: Asked, check: Callable[[], None]) -> np.ndarray:
    """float32 (pictures, texts): likenesses."""
    pictures = [
        towers.of_pixels(data.pixels.rows(asked.pictures[start : start + 256]), check)
        for start in range(0, len(asked.pictures), 256)
    ]
    return np.concatenate(pictures) @ towers.of_rows(data.text_rows(asked.texts), check).T


def evaluate_captions(model: TwoTowers, data: CaptionData, look: Callable[[int], None]) -> dict[str, float]:
    """Figures of some of the validation part."""
    looks = iter(range(1, 1 << 60))
    asked = asked_of(data, "val", _WATCHED)
    check = lambda: look(next(looks))  # noqa: E731
    scores = scores_of(towers_of(model, data.assets), data, asked, check)
    found = figures(ranks_of(scores, asked.right, asked.owner, lambda: None))
    told = {f"val_{name}": found[name] for name in ("mrr", "recall_at_1", "recall_at_10")}
    return told | {"temperature": float(1 / model.scale())}


def judged_part(data: CaptionData) -> str:
    return "test" if len(data.places["test"]) else "val"


def report_captions(model: TwoTowers, data: CaptionData, context: Context, files: Files) -> Report:
    """Figures of the parts that were not learnt from, the worst misses both ways, and what the verdict is made of."""
    towers, judged = towers_of(model, data.assets), judged_part(data)
    metrics: dict[str, float] = {"temperature": float(1 / model.scale())}
    outputs: list[Output] = []
    predictions = np.zeros((0, 2))
    for part in dict.fromkeys(("val", judged)):
        asked = asked_of(data, part)
        scores = scores_of(towers, data, asked, context.check)
        ranks = ranks_of(scores, asked.right, asked.owner, context.check)
        metrics |= {f"{part}_{name}": value for name, value in figures(ranks).items()}
        if part == judged:
            metrics |= {"pictures_asked": float(len(asked.pictures)), "texts_asked": float(len(asked.texts))}
            outputs = [*_worst_pictures(data, asked, scores, ranks, files), _worst_texts(data, asked, scores, ranks)]
            predictions = reciprocals(ranks)
    return Report(metrics, outputs, predictions=predictions, judge=finding_judge(), rows=len(predictions))


def _worst_pictures(data: CaptionData, asked: Asked, scores: np.ndarray, ranks: Ranks, files: Files) -> list[Output]:
    """Texts whose picture stands farthest down: it, and what was found instead."""
    found: list[Output] = []
    for number, text in enumerate(np.argsort(-ranks.texts, kind="stable")[:_WORST].tolist(), 1):
        if ranks.texts[text] <= 1:
            break
        first = np.argsort(-scores[:, text], kind="stable")[:_FOUND]
        own = int(asked.owner[text])
        drawn = data.pixels.rows(asked.pictures[np.append(own, first)])
        said = cut(data.texts[int(asked.texts[text])], _CHARACTERS)
        title = f"“{said}”: its picture, framed, came {_place(float(ranks.texts[text]))} of {len(scores)}; beside it the first"
        found.append(
            Picture(
                title=title,
                file=files.write(
                    f"missed_{number}.png", sought_and_found(drawn[0], list(drawn[1:]), (first == own).tolist())
                ),
            )
        )
    return found


def _worst_texts(data: CaptionData, asked: Asked, scores: np.ndarray, ranks: Ranks) -> Table:
    """Pictures whose text stands farthest down."""
    rows: list[list[Cell]] = []
    for place in np.argsort(-ranks.pictures, kind="stable")[:10].tolist():
        own = np.flatnonzero(asked.owner == place)
        best = own[np.argmax(scores[place, own])]
        first = int(np.argmax(scores[place]))
        rows.append(
            [data.names[int(asked.pictures[place])].rpartition("/")[2],
             cut(data.texts[int(asked.texts[best])], _CHARACTERS), float(ranks.pictures[place]),
             cut(data.texts[int(asked.texts[first])], _CHARACTERS)]
        )  # fmt: skip
    title = f"Pictures whose text came last, among {len(asked.texts):,} texts"
    return Table(title=title, columns=["picture", "its text", "place", "what came first"], rows=rows, count=len(rows))


def _place(rank: float) -> str:
    """ "1st", "22nd"; half a place counts as the one behind."""
    number = int(np.ceil(rank))
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def sample_captions(model: TwoTowers, assets: Assets, context: Context, files: Files) -> list[Output]:
    """What some validation texts find among some validation pictures, the right one in front."""
    towers, shown = towers_of(model, assets), assets.arrays["shown"]
    pictures = towers.of_pixels(shown, context.check)
    asked = spread(len(shown), _SAMPLES).tolist()
    texts = [assets["shown"][place] for place in asked]
    scores = towers.of_texts(texts, context.check) @ pictures.T
    found: list[Output] = []
    for number, (own, text, row) in enumerate(zip(asked, texts, scores, strict=True)):
        first = np.argsort(-row, kind="stable")[:_FOUND]
        rank = int((row > row[own]).sum()) + 1
        title = f"“{cut(text, _CHARACTERS)}”: its picture, framed, came {_place(rank)} of {len(shown)}"
        drawn = sought_and_found(shown[own], list(shown[first]), (first == own).tolist())
        found.append(Picture(title=title, file=files.write(f"found_{number}.png", drawn)))
    return found
