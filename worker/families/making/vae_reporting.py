"""What an autoencoder's training shows: the same samples again and again as it learns, and at its end figures and pictures."""

from typing import Any

import numpy as np

from shared.outputs import Output
from worker.artifacts import Files
from worker.context import Context
from worker.families.images.baselines import compared_on, spread
from worker.families.making.data import MakingData
from worker.families.making.drawing import standard_normal
from worker.families.making.grid import above_each_other, as_bytes, shown_grid
from worker.families.making.vae import Vae
from worker.families.making.vae_measuring import ACTIVE_FROM, Measuring, error_judge, figures, latent_output
from worker.families.making.vae_using import AXES, REACH, drawn_pictures, strongest, walk_rows
from worker.recipe import Assets, Report

_SAMPLES, _ABREAST, _WALKED = 64, 8, 9
_GIVEN_BACK = 32
_PARTS = ("test", "val", "train")


def shown_pictures(model: Vae, assets: Assets, seed: int, context: Context, files: Files) -> list[Output]:
    """Samples of the same latent numbers each time, and pictures held out with what becomes of them."""
    numbers = standard_normal(_SAMPLES, (model.decoder.input_shape[-1],), seed)
    given = assets.arrays["shown"][:_GIVEN_BACK]
    back = as_bytes(np.asarray(model(given.astype(np.float32), training=False)))
    return [
        shown_grid("Samples", "samples.png", drawn_pictures(model, numbers, context), _ABREAST, files),
        shown_grid(
            "Pictures, and as it draws them", "back.png", above_each_other(given, back, _ABREAST), _ABREAST, files
        ),
    ]


def report_vae(model: Vae, data: MakingData, seed: int, context: Context, files: Files) -> Report:
    """Measure the test part and validation, or the training part where there is neither; show what the model makes."""
    measuring, metrics, outputs = Measuring(model), dict[str, float](), list[Output]()
    likelihood, compared = data.assets["likelihood"], dict[str, Any]()
    compared_part, judged = compared_on(data)
    for part in _PARTS:
        places = data.places[part]
        if not len(places) or (part == "train" and metrics):
            continue
        found = measuring.over(data.pixels, places, context)
        metrics |= {f"{part}_{name}": value for name, value in figures(found, likelihood, data.pixels.shape).items()}
        if part == compared_part:
            rows = spread(len(places), len(judged))
            compared = {"predictions": found.squared[rows], "judge": error_judge(), "rows": len(rows)}
        if not outputs:
            outputs = [*_pictures(model, measuring, data, places, seed, context, files), latent_output(found.each)]
            in_use = int((found.each >= ACTIVE_FROM).sum())
            metrics["latents_in_use"] = in_use
            _warn(in_use, len(found.each), context)
    return Report(metrics, outputs, **compared)


def _pictures(
    model: Vae, measuring: Measuring, data: MakingData, places: np.ndarray, seed: int, context: Context, files: Files
) -> list[Output]:
    samples = drawn_pictures(model, standard_normal(_SAMPLES, (model.decoder.input_shape[-1],), seed), context)
    given = data.pixels.rows(places[spread(len(places), _GIVEN_BACK)])
    back = above_each_other(given, as_bytes(measuring.of(given)[1]), _ABREAST)
    axes = strongest(model, data.assets)[:AXES]
    walked = walk_rows(model, axes.tolist(), np.zeros(model.decoder.input_shape[-1], np.float32), _WALKED, context)
    title = f"Along the {len(axes)} numbers that tell most, a row each, from {-REACH:g} to {REACH:g}"
    return [
        shown_grid("Samples", "samples.png", samples, _ABREAST, files),
        shown_grid("Pictures it never saw, and below each as it draws it", "back.png", back, _ABREAST, files),
        shown_grid(title if len(axes) > 1 else "Along its one number", "walk.png", walked, _WALKED, files),
    ]


def _warn(in_use: int, of: int, context: Context) -> None:
    if in_use == 0:
        message = "no latent number tells anything of a picture: every sample is the same. Train for longer, or with less beta"
        context.event("note", {"level": "warning", "message": message})
    elif in_use < of / 4:
        message = f"{in_use} of {of} latent numbers are in use: fewer would do as well, or less beta would use more"
        context.event("note", {"level": "info", "message": message})
