"""A GAN at work: what is asked for, what its training shows as it goes, and figures beside real pictures."""

from collections.abc import Callable

import numpy as np

from shared.outputs import Output
from shared.recipes.image_gan import ImageGanGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.making.asking import classes_asked_for, made_outputs
from worker.families.making.data import MakingData
from worker.families.making.drawing import standard_normal
from worker.families.making.gan import Gan
from worker.families.making.grid import shown_grid
from worker.families.making.judging import judging_of, samples_of
from worker.families.making.reporting import ABREAST, report_made
from worker.recipe import Assets, Report

_SHOWN = 40
_EVALUATED_WITH = 29  # seed of what is made to be evaluated: the same numbers each time


class Looking(Context):
    """Asks whether to stop, through what an evaluation was given for it."""

    def __init__(self, look: Callable[[int], None]):
        super().__init__()
        self._look, self._looked = look, 0

    def check(self) -> None:
        self._looked += 1
        self._look(self._looked)


def evaluated_gan(model: Gan, data: MakingData, look: Callable[[int], None]) -> dict[str, float] | None:
    """Figures of some hundred pictures beside the validation part, made of the same numbers each time. None without such a part."""
    if not len(data.places["val"]):
        return None
    context = Looking(look)
    judging = judging_of(data, "val", data.seed, context)
    of = judging.labels(samples_of(data, "val")) if model.classes else np.zeros(samples_of(data, "val"), np.int64)
    made = model.pictures(standard_normal(len(of), (model.latent,), _EVALUATED_WITH), of, context.check)
    return judging.figures(judging.features.of(made, context), of, asked=bool(model.classes))


def shown_gan(model: Gan, seed: int, context: Context, files: Files) -> list[Output]:
    """Pictures of the same numbers each time, columns by class."""
    of = np.arange(_SHOWN) % max(model.classes, 1)
    pictures = model.pictures(standard_normal(_SHOWN, (model.latent,), seed), of, context.check)
    return [shown_grid("Samples, of the same numbers each time", "samples.png", pictures, ABREAST, files)]


def report_gan(model: Gan, data: MakingData, seed: int, context: Context, files: Files) -> Report:
    """Make some hundred pictures and compare their features with those of real ones."""

    def draw(of: np.ndarray) -> np.ndarray:
        return model.pictures(standard_normal(len(of), (model.latent,), (seed + 1) % 2**31), of, context.check)

    return report_made(data, draw, seed, context, files, by_class=bool(model.classes))


class GanMaker:
    """A GAN ready for many jobs."""

    def __init__(self, model: Gan, assets: Assets):
        self._model, self._classes = model, list[str](assets["classes"])

    def generate(self, params: ImageGanGenerate, context: Context, files: Files) -> Report:
        """Raises RecipeFailed for a class there is not."""
        of = classes_asked_for(params.label, params.count, self._classes)
        going = Going(context, "generating", 1)
        numbers = standard_normal(params.count, (self._model.latent,), params.seed) * params.temperature
        pictures = self._model.pictures(numbers, of, context.check)
        going.done(1)
        going.end()
        return Report(outputs=made_outputs(pictures, of, params.label, self._classes, params.seed, files))
