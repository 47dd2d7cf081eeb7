"""What a private training promises: how much noise an epsilon needs, and which epsilon so many steps have spent.

Counted by dp-accounting, from privacy loss distributions of the Gaussian mechanism on rows drawn by Poisson sampling, for one row
more or less. Made in load() of recipes, carried by their Data; the steps are worker/training/private_steps.py. Sources: Abadi et
al. 2016, arXiv:1607.00133 (DP-SGD); Koskela et al. 2020, arXiv:1906.03049 (the accounting).
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from shared.jobs.models import PrivacyInfo
from shared.outputs import Cell, Output, Table, Text
from shared.recipes.privacy import private_delta

_NEAR = 0.01  # of the multiplier found: more noise than is needed by at most so much
_GRAIN = 1e-4  # of an epsilon: finer changes it by less than a hundredth (measured from 1 to 30)


@dataclass(frozen=True)
class Privacy:
    """What a training keeps to in every step.

    epsilon: wanted of all its steps together, at delta. clip: the largest norm of one row's gradient. noise: standard deviation
    of what is added to their sum, over clip. rate: with which each of `rows` training rows joins a batch on its own. uncovered:
    rows of the other parts.
    """

    epsilon: float
    delta: float
    clip: float
    noise: float
    rate: float
    rows: int
    uncovered: int

    @property
    def expected(self) -> float:
        """Rows of a batch on average: what sums are divided by."""
        return self.rate * self.rows

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def planned(
    params: Any, batch_size: int, total_steps: int, rows: int, uncovered: int, check: Callable[[], None]
) -> Privacy:
    """The noise that a training needs to spend params.epsilon in all its steps. Takes some seconds; check: called as it goes.

    rows: of the training part. uncovered: of the others.
    """
    rate, delta = batch_size / rows, private_delta(params, rows)
    noise = least_noise(params.epsilon, delta, rate, total_steps, check)
    return Privacy(params.epsilon, delta, params.example_clip_norm, noise, rate, rows, uncovered)


def least_noise(
    epsilon: float, delta: float, rate: float, steps: int, check: Callable[[], None] = lambda: None
) -> float:
    """The least noise, to _NEAR, with which so many steps spend no more than epsilon."""

    def enough(noise: float, grain: float = 10 * _GRAIN) -> bool:
        check()
        return spent_by(noise, rate, steps, delta, epsilon * grain) <= epsilon

    most = max(
        0.5, 4.5 * rate * steps**0.5 / epsilon
    )  # what it comes near where steps are many; too little takes long to count
    while not enough(most):
        most *= 1.5
    least = most / 1.5
    while enough(least):
        most, least = least, least / 1.5
    while most - least > _NEAR * most:
        middle = (most + least) / 2
        most, least = (middle, least) if enough(middle) else (most, middle)
    while enough(finer := most * (1 - _NEAR), _GRAIN):  # rounded up by less
        most = finer
    return most


def spent_by(noise: float, rate: float, steps: int, delta: float, grain: float) -> float:
    """The epsilon of so many steps, rounded up. grain: of the losses it is counted by, beside which it should be large."""
    if not steps:
        return 0.0
    import dp_accounting as dp  # takes a second, which only private trainings spend

    event = dp.SelfComposedDpEvent(dp.PoissonSampledDpEvent(rate, dp.GaussianDpEvent(noise)), steps)
    return float(dp.pld.PLDAccountant(value_discretization_interval=grain).compose(event).get_epsilon(delta))


def told(privacy: Privacy, steps: int, clipped: float | None, cost: str) -> PrivacyInfo:
    """What is to be said of a training that has taken so many steps. clipped: share of rows that were cut. cost: in quality."""
    epsilon = spent_by(privacy.noise, privacy.rate, steps, privacy.delta, privacy.epsilon * _GRAIN)
    return PrivacyInfo(
        sentence=promise(privacy, epsilon),
        epsilon=epsilon,
        delta=privacy.delta,
        noise_multiplier=privacy.noise,
        example_clip_norm=privacy.clip,
        clipped_share=clipped,
        rate=privacy.rate,
        steps=steps,
        rows=privacy.rows,
        cost=cost,
    )


def privacy_outputs(privacy: PrivacyInfo) -> list[Output]:
    """What a private training shows first: the promise, what it has cost, and the numbers it is made of."""
    rows: list[list[Cell]] = [
        ["epsilon spent", float(f"{privacy.epsilon:.4g}")],
        ["delta", privacy.delta],
        ["noise multiplier", float(f"{privacy.noise_multiplier:.4g}")],
        ["largest norm of a row's gradient", privacy.example_clip_norm],
        ["share of gradients cut to it", privacy.clipped_share],
        ["chance of a row to be drawn in a step", float(f"{privacy.rate:.4g}")],
        ["steps", privacy.steps],
        ["training rows", privacy.rows],
    ]
    said = privacy.sentence + (f"\n\nWhat it costs: {privacy.cost}" if privacy.cost else "")
    return [
        Text(title="Privacy", text=said),
        Table(title="How private", columns=["", "value"], rows=rows, count=len(rows)),
    ]


def in_short(privacy: Privacy, epsilon: float) -> dict[str, Any]:
    """The same for a job's record, which has room for a few hundred bytes of it: see shared/jobs/small.py."""
    sentence = (
        f"Private by row, epsilon {epsilon:.3g} at delta {privacy.delta:.2g}. Not covered: the {privacy.uncovered:,} rows of the "
        "validation and test parts, what is shown with the training, and more than one row of anybody."
    )
    return {"sentence": sentence, "epsilon": epsilon, "delta": privacy.delta}


def promise(privacy: Privacy, epsilon: float) -> str:
    """What an epsilon means, and what it does not, in plain words. Never to be left out where an epsilon is shown."""
    return (
        f"Private by row, epsilon {epsilon:.3g} at delta {privacy.delta:.2g}: had any one of the {privacy.rows:,} training rows "
        f"been left out, no outcome of the training would be more than {math.exp(epsilon):,.3g} times as likely or unlikely, but "
        f"for a chance of delta. Not covered are the {privacy.uncovered:,} rows of the validation and test parts, which borders of "
        "numbers, known words, the choice of the best state and all figures come from; the curves, figures and examples shown with "
        "the training; and who stands in several rows, for whom epsilon counts once for each."
    )
