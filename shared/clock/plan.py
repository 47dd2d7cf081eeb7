"""How many steps and evaluations a job will have, guessed from its params, before it says so itself.

What past jobs of its recipe really had corrects the guess (learning.py): being wrong by the same factor every time does no harm.
"""

import math

from shared.clock.features import SIZE, Features


def planned_steps(features: Features) -> float:
    """Steps that the params speak of, at least 1: themselves, or epochs over the rows, or tokens, or rows."""
    numbers = features.numbers
    rows = numbers.get(f"{SIZE}rows", 1.0)
    if "steps" in numbers:
        return numbers["steps"]
    if "epochs" in numbers:
        return numbers["epochs"] * max(rows / numbers.get("batch_size", 1.0), 1.0)
    return max(numbers.get("max_tokens", rows), 1.0)


def planned_evaluations(features: Features) -> float:
    """Evaluations that the params speak of, at least 1."""
    numbers = features.numbers
    if "eval_every" in numbers:
        return max(math.ceil(planned_steps(features) / numbers["eval_every"]), 1)
    return max(numbers.get("epochs", 1.0), 1.0)
