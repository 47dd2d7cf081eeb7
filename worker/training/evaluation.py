"""Evaluates a model as its recipe says, and finds in the result what the recipe calls better."""

import math
from collections.abc import Callable
from typing import Any

import keras

from shared.errors import CriterionMissing, RecipeFailed
from shared.recipes.base import Criterion
from worker.recipe import Data, RecipeCode, optional
from worker.training.steps import StepRunner
from worker.training.undisturbed import undisturbed
from worker.training.wishes import non_finite


def evaluate(
    code: RecipeCode, model: keras.Model, data: Data, runner: StepRunner, look: Callable[[int], None]
) -> dict[str, float] | None:
    """Return the metrics of one evaluation, by the recipe's own evaluate() or one pass over the validation part.

    None when there is nothing to evaluate on. look(batches done) is called after each few batches and may raise. Metrics and
    random-number generators are left as an evaluation that never was would leave them.
    """
    with undisturbed(model):
        own = optional(code, "evaluate")
        if own is not None:
            model.reset_metrics()
            try:
                found = own(model, data, look)
                return None if found is None else {str(name): float(value) for name, value in found.items()}
            finally:
                model.reset_metrics()
        validation = data.validation()
        if validation is None:
            return None
        return {f"val_{name}": value for name, value in runner.evaluate(validation, look).items()}


def judged(values: dict[str, float], criterion: Criterion, step: int, params: Any) -> dict[str, float]:
    """Return an evaluation's finite metrics. What the criterion and losses say must be finite: else NonFiniteLoss.

    Raises CriterionMissing when the criterion's metric is not among them.
    """
    if criterion.metric not in values:
        given = ", ".join(sorted(values)) or "nothing"
        message = f"the evaluation gave {given}, but the recipe judges by {criterion.metric!r}"
        raise CriterionMissing(message)
    for name, value in values.items():
        if not math.isfinite(value) and (name == criterion.metric or name.endswith("loss")):
            raise non_finite("validation loss" if name == "val_loss" else name, step, params)
    return finite(values)


def finite(values: dict[str, float]) -> dict[str, float]:
    """Drop what JSON cannot hold."""
    return {name: value for name, value in values.items() if math.isfinite(value)}


def refuse_unkept(model: keras.Model, runner: StepRunner, kept: list[Any]) -> None:
    """Raise RecipeFailed when the compiled step uses a variable that no checkpoint holds: a resume would silently differ.

    kept: every variable that checkpoints hold or build() restores.
    """
    known = {id(variable.value) for variable in kept}
    lost = sorted(variable.name for variable in runner.variables if id(variable) not in known)
    if lost:
        names = ", ".join(lost[:5])
        message = f"the training step uses variables that no checkpoint would hold: {names}. {type(model).__name__} must hold them"
        raise RecipeFailed(f"{message}, or the optimizers, metrics and layers they belong to, as attributes")
