"""Compiles a recipe's model for training: its own way where it has one, else with the optimizer that the params ask for."""

from typing import Any

import keras

from worker.recipe import Assets, RecipeCode, optional
from worker.training.optimizer import LossScale, make_optimizer

EVALUATION_BATCHES_PER_CALL = 8  # guess: enough to hide Python, few enough to notice a stop


def compile_model(
    code: RecipeCode, model: keras.Model, params: Any, assets: Assets, total_steps: int, *, xla: bool
) -> None:
    """Give a built model its loss, metrics and optimizers. total_steps: of its stage, for schedules. xla: whether its step may."""
    own = optional(code, "compile")
    if own is not None:
        own(model, params, assets, total_steps, xla)
        if not xla and model.jit_compile:
            model.jit_compile = False
    else:
        optimizer = make_optimizer(params, total_steps, model.trainable_variables, together=not xla)
        if model.dtype_policy.name == "mixed_float16":
            optimizer = LossScale(optimizer, name="loss_scale_optimizer")
        model.compile(
            optimizer=optimizer,
            jit_compile=xla,  # pyright: ignore[reportArgumentType]
            **code.compile_args(params, assets),
        )
    model.steps_per_execution = EVALUATION_BATCHES_PER_CALL  # of Keras' test function; StepRunner counts its own
