"""A diffusion model at work: what is asked for, what its training shows as it goes, and at its end figures beside real pictures."""

from collections.abc import Callable

import numpy as np

from shared.outputs import Output
from shared.recipes.image_diffusion import ImageDiffusionGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.making.asking import classes_asked_for, made_outputs
from worker.families.making.data import MakingData
from worker.families.making.diffusion import Diffusion
from worker.families.making.drawing import standard_normal
from worker.families.making.grid import shown_grid
from worker.families.making.reporting import report_made
from worker.recipe import Assets, Report

STEPS, GUIDANCE = 25, 1.5  # of samples and reports: the defaults of a generation
_SHOWN, _ABREAST = 40, 10
_SHOWN_STEPS = 12  # of samples on the way: enough to see, at half the price


def shown_diffusion(model: Diffusion, assets: Assets, seed: int, context: Context, files: Files) -> list[Output]:
    """Pictures out of the same noise each time, columns by class."""
    of = np.arange(_SHOWN) % max(model.classes, 1)
    noise = standard_normal(_SHOWN, model.shape, seed)
    pictures = model.made_by.pictures(noise, of, _SHOWN_STEPS, GUIDANCE, context.check, _nothing)
    return [shown_grid("Samples, of the same noise each time", "samples.png", pictures, _ABREAST, files)]


def _nothing(done: int) -> None:
    """Nobody is told."""


def report_diffusion(model: Diffusion, data: MakingData, seed: int, context: Context, files: Files) -> Report:
    """Make some hundred pictures and compare their features with those of real ones."""

    def draw(of: np.ndarray) -> np.ndarray:
        done = 0

        def told(further: int) -> None:
            nonlocal done
            done += further
            context.look(done, len(of) * STEPS)

        noise = standard_normal(len(of), model.shape, (seed + 1) % 2**31)
        return model.made_by.pictures(noise, of, STEPS, GUIDANCE, context.check, told)

    return report_made(data, draw, seed, context, files, by_class=bool(model.classes))


class PictureMaker:
    """A diffusion model ready for many jobs."""

    def __init__(self, model: Diffusion, assets: Assets):
        self._model, self._classes = model, list[str](assets["classes"])

    def generate(self, params: ImageDiffusionGenerate, context: Context, files: Files) -> Report:
        """Raises RecipeFailed for a class there is not."""
        of = classes_asked_for(params.label, params.count, self._classes)
        going = Going(context, "generating", params.count * params.steps)
        told: Callable[[int], None] = going.done
        noise = standard_normal(params.count, self._model.shape, params.seed)
        pictures = self._model.made_by.pictures(noise, of, params.steps, params.guidance, context.check, told)
        going.end()
        return Report(outputs=made_outputs(pictures, of, params.label, self._classes, params.seed, files))
