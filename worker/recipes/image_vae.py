"""Code of image_vae: an encoder from a picture to a few numbers, and a decoder back.

The spec, with every param's meaning and the sources, is shared/recipes/image_vae.py.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from shared.outputs import Output
from shared.recipes.image_vae import ImageVaeTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.making.data import MakingData, load_making
from worker.families.making.likelihood import likelihood_for
from worker.families.making.vae import Vae, vae
from worker.families.making.vae_baselines import vae_baselines
from worker.families.making.vae_exporting import export_vae
from worker.families.making.vae_reporting import report_vae, shown_pictures
from worker.families.making.vae_using import VaeMaker
from worker.recipe import Assets, Baseline, Inputs, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess, as measured for the image classifier: benchmarks/RESULTS.md
STEPS_PER_EXECUTION = 16
AUTO = (5_000, 5, 1_000)  # guess: MNIST gains a nat in its last 1,000 of these steps


def load(inputs: Inputs, params: ImageVaeTrain, context: Context) -> MakingData:
    data = load_making(inputs, params, context, auto=AUTO)
    facts = data.assets.json
    facts["likelihood"] = params.likelihood
    if params.likelihood == "auto":
        grey, mean, std = data.pixels.shape[2] == 1, float(np.mean(facts["mean"])), float(np.mean(facts["std"]))
        facts["likelihood"] = likelihood_for(grey, mean, std)
        why = "nearly black and white" if facts["likelihood"] == "bernoulli" else "of many shades"
        data.notes.append(f"the pictures are {why}: the likelihood is {facts['likelihood']}")
    facts["warm_steps"] = round(params.kl_warmup * data.total_steps)
    return data


def build(params: ImageVaeTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    return vae(
        assets["shape"],
        params.latent,
        params.width,
        likelihood=assets["likelihood"],
        beta=params.beta,
        warm_steps=assets["warm_steps"],
        mean=assets["mean"],
        std=assets["std"],
    )


def compile_args(params: ImageVaeTrain, assets: Assets) -> dict[str, Any]:
    """Nothing: the model makes its loss by itself."""
    return {}


def sample(
    model: Vae, params: ImageVaeTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return shown_pictures(model, assets, seed, context, files)


def report(
    model: Vae,
    data: MakingData,
    params: ImageVaeTrain,
    context: Context,
    files: Files,
    stages: list[dict[str, float]],
) -> Report:
    return report_vae(model, data, params.seed, context, files)


def baselines(data: MakingData, params: ImageVaeTrain, context: Context) -> list[Baseline]:
    return vae_baselines(data, data.assets["likelihood"], params.latent, params.seed, context)


def export(model: Vae, params: ImageVaeTrain, assets: Assets, folder: Path) -> keras.Model:
    return export_vae(model, assets, folder)


def open_generator(model: Vae, params: ImageVaeTrain, assets: Assets) -> VaeMaker:
    return VaeMaker(model, assets)
