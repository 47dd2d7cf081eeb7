"""Jobs that never ran, whose phases cost what a known law says: for tests of what is learnt from such."""

import math
import random

from shared.clock.cost import Cost
from shared.clock.features import Features
from shared.jobs.job import PhaseSpent

STEP_S = 0.002  # of width 1 and batch_size 1


def spent(seconds: float, times: int = 1, first_s: float | None = None) -> PhaseSpent:
    first = first_s if first_s is not None else seconds / max(times, 1)
    return PhaseSpent(seconds=seconds, times=times, first_seconds=first, first_times=1)


def a_cost(
    *,
    steps: int = 100,
    width: int = 8,
    batch: int = 4,
    rng: random.Random | None = None,
    noise: float = 0.0,
    took: int | None = None,
    device: str = "cpu",
    **numbers: float,
) -> Cost:
    """A job whose step costs STEP_S * width * batch_size ** 0.8 seconds. took: steps taken before it stopped early."""
    err = (lambda: math.exp(rng.gauss(0, noise))) if rng else (lambda: 1.0)
    done = took if took is not None else steps
    step_s = STEP_S * width * batch**0.8 * err()
    phases = {
        "starting": spent(0.2 * err()),
        "loading": spent(1.0 * err()),
        "compiling": spent(4.0 * err()),
        "training": PhaseSpent(seconds=step_s * done, times=done),
        "evaluating": spent((1.0 + 0.5 * 3) * err(), 4, 1.0),
        "sampling": spent((0.6 + 0.2 * 3) * err(), 4, 0.6),
        "saving": spent(0.1 * err()),
        "reporting": spent(2.0 * err()),
        "baselines": spent(3.0 * err()),
        "ending": spent(0.1 * err()),
    }
    found: dict[str, float] = {"steps": steps, "width": width, "batch_size": batch, "eval_every": max(steps // 4, 1)}
    return Cost(Features(found | numbers, {"schedule": "cosine"}), phases, done, steps, took is not None, device)


def seconds_of(cost: Cost) -> float:
    return sum(spent.seconds for spent in cost.phases.values())
