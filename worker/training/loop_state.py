"""What a training loop knows besides its variables. Saved in every checkpoint; pure, JSON-able."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class LoopState:
    """Where a training stands.

    step: steps taken. Position in the data order is this number.
    metrics: the newest value of each series.
    pending_row: a series row whose evaluation was not finished when this was saved: evaluate first on resume.
    best_value, best_step: smallest validation loss seen and where; None before the first evaluation.
    evaluations_without_better: for early stopping.
    stopped_early: early stopping has ended the training.
    device_s: seconds the training has held its devices, times their number, over all attempts.
    """

    step: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    pending_row: dict[str, Any] | None = None
    best_value: float | None = None
    best_step: int | None = None
    evaluations_without_better: int = 0
    stopped_early: bool = False
    device_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "LoopState":
        return cls(**values)

    def take_evaluation(self, value: float, patience: int) -> bool:
        """Take note of a validation loss at the current step; returns whether it is the best so far.

        patience: stop after this many evaluations in a row without a better one; 0: never.
        """
        better = self.best_value is None or value < self.best_value
        if better:
            self.best_value, self.best_step, self.evaluations_without_better = value, self.step, 0
        else:
            self.evaluations_without_better += 1
            self.stopped_early = 0 < patience <= self.evaluations_without_better
        return better


@dataclass(frozen=True)
class Borders:
    """The steps at which the loop must halt, all functions of the params and data alone.

    log_every: steps per row of the series. eval_every: steps between evaluations. steps_per_epoch: 0 without epochs.
    """

    total_steps: int
    log_every: int
    eval_every: int
    steps_per_epoch: int

    MAX_ROWS = 1_000  # evaluations add rows of their own; together under 2,000 unless evaluations are that many

    @classmethod
    def of(cls, total_steps: int, steps_per_epoch: int, eval_every: int, steps_per_call: int) -> "Borders":
        """Choose log_every: at most MAX_ROWS rows, about 100 rows in a short run, else one per steps_per_call."""
        most = -(-total_steps // cls.MAX_ROWS)
        log_every = max(most, min(steps_per_call, -(-total_steps // 100)))
        return cls(total_steps, log_every, eval_every or steps_per_epoch or total_steps, steps_per_epoch)

    def is_evaluation(self, step: int) -> bool:
        return step > 0 and (step % self.eval_every == 0 or step == self.total_steps)

    def is_row(self, step: int) -> bool:
        return step > 0 and (step % self.log_every == 0 or self.is_evaluation(step))

    def next_row(self, step: int) -> int:
        """The first step after `step` at which a row is written."""
        candidates = ((step // every + 1) * every for every in (self.log_every, self.eval_every))
        return min(*candidates, self.total_steps)

    def epoch(self, step: int) -> float | None:
        return step / self.steps_per_epoch if self.steps_per_epoch else None
