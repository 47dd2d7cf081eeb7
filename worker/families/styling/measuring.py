"""How far stylised pictures are from content and style, beside pictures as they are and pictures whose colours alone were moved."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from worker.context import Context
from worker.families.styling.colours import colours_transferred
from worker.families.styling.data import StylingData
from worker.families.styling.features import Features
from worker.families.styling.losses import Style, Weights, losses_of
from worker.recipe import Baseline
from worker.verdict import Judge

UNTOUCHED, COLOURS = "the picture as it is", "colour transfer (Reinhard et al. 2001)"
PARTS = {"test": "test part", "val": "validation part", "train": "training part"}
Answer = Callable[[np.ndarray], np.ndarray]


def losses_beside(features: Features, style: Style, made: np.ndarray, given: np.ndarray) -> tuple[float, float]:
    """(content loss, style loss) of a picture made of another, uint8 (height, width, 3) both."""
    pixels, before = (tf.constant(one[None], tf.float32) for one in (made, given))
    content, of_style = losses_of(features, style, pixels, features.maps(before)[features.content])
    return float(content[0]), float(of_style[0])


def judged(data: StylingData) -> tuple[str, np.ndarray]:
    """The part that is measured, and numbers of its pictures: what was learnt from where there is no other."""
    part = next((part for part in ("test", "val") if len(data.places[part])), "train")
    return part, data.measured(part)


def measured(data: StylingData, answer: Answer, context: Context) -> np.ndarray:
    """float64 (pictures, 2): content loss and style loss of what is answered for each picture of the measured part."""
    _, places = judged(data)
    found = []
    for number, place in enumerate(places.tolist()):
        context.look(number, len(places))
        (given,) = data.rows(np.array([place]))
        found.append(losses_beside(data.features, data.style, answer(given), given))
    return np.array(found)


def simple_answers(data: StylingData, context: Context) -> dict[str, np.ndarray]:
    """As measured(), by name; the same pictures every time, so that they are measured once."""
    if "simple" not in data.__dict__:
        ways: dict[str, Answer] = {
            UNTOUCHED: lambda given: given,
            COLOURS: lambda given: colours_transferred(given, data.styles),
        }
        data.__dict__["simple"] = {name: measured(data, answer, context) for name, answer in ways.items()}
    return data.__dict__["simple"]


def figures_of(part: str, found: np.ndarray, weights: Weights) -> dict[str, float]:
    """Means over pictures, by the names of metrics."""
    content, style = found.mean(0).tolist()
    totals = {f"{part}_content_loss": content, f"{part}_style_loss": style}
    return totals | {f"{part}_both": weights.total(content, style)}


def styling_judge() -> Judge:
    """Compares by both losses, weighed and added. Predictions: float (pictures,)."""
    return Judge("weighed loss", "min", lambda values, rows: float(values[rows].mean()))


def styling_baselines(data: StylingData, weights: Weights, context: Context) -> list[Baseline]:
    """Measure both on the part that is measured. Predictions: losses weighed and added, float (pictures,)."""
    part, _ = judged(data)
    return [
        Baseline(name, figures_of(part, found, weights), weights.total(found[:, 0], found[:, 1]))
        for name, found in simple_answers(data, context).items()
    ]
