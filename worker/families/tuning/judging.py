"""What a fine-tuning came to: its figures beside those of its base, whether it helped, and what it has forgotten."""

import math
from collections.abc import Callable

import numpy as np

from shared.outputs import Output, Text
from worker.context import Context
from worker.families.tuning.data import TunedData
from worker.families.tuning.measuring import Measured, base_measured, forgotten, measure
from worker.families.tuning.network import TunedDecoder
from worker.recipe import Baseline, Report
from worker.verdict import Judge

Look = Callable[[int], None]


def evaluated(model: TunedDecoder, data: TunedData, look: Look) -> dict[str, float]:
    """The metrics of an evaluation: the model's beside its base's."""
    own, base = measure(model, data, look), base_measured(model, data, look)
    found = _figures(own, base, data)
    beside = _figures(base, base, data)
    return found | {f"base_{name}": value for name, value in beside.items()}


def _figures(own: Measured, base: Measured, data: TunedData) -> dict[str, float]:
    loss = _preference(own, base, data.params.beta) if data.pairs else own.loss
    found = {"val_loss": loss, "general_loss": own.general}
    if data.pairs:
        found["val_preferred"] = float(own.right().mean())
    else:
        found["val_perplexity"] = math.exp(min(loss, 700.0))
    return found


def _preference(own: Measured, base: Measured, beta: float) -> float:
    """DPO's loss over the pairs of the validation part (worker/families/tuning/preferences.py)."""
    gained = (base.nats - own.nats).reshape(-1, 2)
    return float(np.logaddexp(0.0, -beta * (gained[:, 0] - gained[:, 1])).mean())


def reported(model: TunedDecoder, data: TunedData, context: Context) -> Report:
    """The final figures, and what the verdict is made of: rows of the validation part."""

    def look(batches: int) -> None:
        context.check()

    own, base = measure(model, data, look), base_measured(model, data, look)
    said: list[Output] = [Text(title="What it has forgotten", text=forgotten(own, base))]
    if data.pairs:
        judge = Judge("share of pairs told right", "max", lambda right, rows: float(right[rows].mean()))
        return Report(_figures(own, base, data), said, predictions=own.right(), judge=judge, rows=len(own.right()))
    judge = Judge(
        "nats per token", "min", lambda nats, rows: float(nats[rows].sum() / max(own.counts[rows].sum(), 1.0))
    )
    return Report(_figures(own, base, data), said, predictions=own.nats, judge=judge, rows=len(own.nats))


def compared(data: TunedData) -> list[Baseline]:
    """The base alone, as the report has measured it."""
    base: Measured = data.__dict__["base_measured"]
    return [Baseline("the base alone", _figures(base, base, data), base.right() if data.pairs else base.nats)]
