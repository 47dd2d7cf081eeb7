"""Which variables a training depends on, each once, in a fixed order: what a checkpoint has to hold.

Optimizers are looked for wherever a model can hold one: Keras tracks layers, metrics and seeds of an attribute, but no optimizers.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import keras
from keras.src.random.seed_generator import global_seed_generator  # no public way to reach its state

from shared.errors import RecipeFailed
from worker.recipe import RecipeCode, optional

_OPAQUE = frozenset({"keras", "tensorflow", "numpy", "builtins"})  # packages whose plain objects hold no optimizers


def variables_of(model: keras.Model, fixed: Iterable[Any] = ()) -> list[tuple[str, Any]]:
    """Return every variable a training depends on, as (role, variable): "model", "optimizer", "metric", "global".

    The model must be built and, for training, compiled with optimizers and metrics built; one that is not compiled was loaded to
    be used, and has variables of role "model" alone. fixed: variables to leave out.
    Raises RecipeFailed for an optimizer without variables yet.
    """
    roles = [("model", model.variables)]
    if model.compiled:
        optimizers = optimizers_of(model)
        for optimizer in optimizers:
            if not optimizer.built:
                message = (
                    f"optimizer {optimizer.name!r} has no variables yet: compile() has to call its build(variables)"
                )
                raise RecipeFailed(message)
        roles += [("optimizer", [v for optimizer in optimizers for v in optimizer.variables])]
        roles += [("metric", model.metrics_variables), ("global", [global_seed_generator().state])]
    found, seen = [], {id(variable) for variable in fixed}
    for role, variables in roles:
        for variable in variables:
            if id(variable) not in seen:
                seen.add(id(variable))
                found.append((role, variable))
    return found


def fixed_variables(code: RecipeCode, model: keras.Model) -> list[Any]:
    """The variables that build() restores by itself. Raises RecipeFailed for one that could learn: it would be lost."""
    fixed = optional(code, "fixed")
    found = list(fixed(model)) if fixed else []
    for variable in found:
        if variable.trainable:
            raise RecipeFailed(
                f"variable {variable.path!r} is said to be fixed, but is trainable: no checkpoint would hold it"
            )
    return found


def optimizers_of(model: keras.Model) -> list[Any]:
    """Every optimizer a model holds: its own first, then by attribute, however deep in sublayers, containers and objects."""
    found: list[Any] = []
    seen: set[int] = set()
    for optimizer in _held((getattr(model, "optimizer", None), model), seen):
        found.append(optimizer)
    return found


def _held(value: Any, seen: set[int]) -> Iterator[Any]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, keras.optimizers.Optimizer):
        seen.add(
            id(getattr(value, "inner_optimizer", None))
        )  # a LossScaleOptimizer's variables are its inner one's too
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _held(each, seen)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _held(each, seen)
    elif isinstance(value, set | frozenset):
        for each in sorted(value, key=lambda each: str(getattr(each, "name", ""))):
            yield from _held(each, seen)
    elif isinstance(value, keras.layers.Layer) or type(value).__module__.partition(".")[0] not in _OPAQUE:
        for each in getattr(value, "__dict__", {}).values():
            yield from _held(each, seen)
