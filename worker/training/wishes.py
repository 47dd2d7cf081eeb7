"""What a training's params ask of the loop. A recipe's params may lack any of TrainParams' fields: they mean its defaults then."""

from typing import Any

from shared.errors import NonFiniteLoss
from shared.recipes.base import TrainParams


def asked(params: Any, name: str) -> Any:
    """The value of one of TrainParams' fields. Raises KeyError for what is none of them."""
    return getattr(params, name, TrainParams.model_fields[name].default)


def non_finite(what: str, step: int, params: Any) -> NonFiniteLoss:
    """The error for a number that went to infinity or is none, with what this recipe's user can do about it."""
    ways = {
        "learning_rate": "lower learning_rate (now {:g})",
        "clip_norm": "set clip_norm (now {:g})",
    }
    hints = [way.format(getattr(params, name)) for name, way in ways.items() if hasattr(params, name)]
    message = f"the {what} is not a finite number at step {step}"
    error = NonFiniteLoss(f"{message}: {' or '.join(hints)}" if hints else message)
    error.step = step
    return error
