"""Publishes what a recipe's sample() shows after an evaluation, as samples/<step> of the attempt, and tells of it."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.outputs import Output, Text, headline
from shared.volume.staging import full_is_said
from worker.artifacts import Files, publishing
from worker.context import Context
from worker.recipe import Assets, Data, RecipeCode, optional
from worker.training.undisturbed import undisturbed

TEXT_IN_EVENT = 200  # characters; the volume holds all


def publish_samples(code: RecipeCode, model: Any, params: Any, assets: Assets, step: int, context: Context) -> None:
    """Take samples and publish them. Random-number generators are put back afterwards: samples never change a training.

    Without a volume they are taken and told all the same. Raises VolumeFull.
    """

    def take(files: Files) -> list[Output]:
        with undisturbed(model):
            return code.sample(model, params, assets, seed=params.seed, context=context, files=files)

    _publish(take, step, context)


def publish_preview(code: RecipeCode, data: Data, assets: Assets, context: Context) -> None:
    """Publish what is learnt from, as a sample of step 0, where the recipe draws it. Changes nothing. Raises VolumeFull."""
    preview = optional(code, "preview")
    if preview is None or context.volume is None:
        return
    steering = data.steering
    try:
        if steering is not None:
            steering.state = steering.most
        (batch,) = data.train(0).take(1).as_numpy_iterator()
    finally:
        if steering is not None:
            steering.state = steering.start
    _publish(lambda files: preview(batch, assets, files), 0, context)


def _publish(take: Callable[[Files], list[Output]], step: int, context: Context) -> None:
    if context.volume is None or context.attempt_dir is None:
        with tempfile.TemporaryDirectory() as folder:
            outputs = take(Files(Path(folder)))
    else:
        place = context.attempt_dir / "samples"
        with full_is_said():
            place.mkdir(exist_ok=True)
        with publishing(context.volume, place / f"{step:08d}") as (files, outputs):
            outputs += take(files)
    if outputs:
        first = outputs[0]
        text = first.text if isinstance(first, Text) else headline(outputs)
        context.event("sample", {"step": step, "title": first.title, "text": text[:TEXT_IN_EVENT]})
