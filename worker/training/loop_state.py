"""What a training loop knows besides its variables. Saved in every checkpoint; pure, JSON-able."""

from dataclasses import asdict, dataclass, field
from typing import Any

from shared.recipes.base import Criterion


@dataclass
class LoopState:
    """Where a training stands. Steps are those of the whole training, over all its stages.

    step: steps taken. Position in the data order is this number, less the steps before the stage.
    stage: which one it is in, from 0. stages: the metrics that each stage before has ended with.
    metrics: the newest value of each series of this stage; evaluation: names of those that an evaluation gave, at evaluated_at.
    pending_row: a series row whose evaluation was not finished when this was saved: evaluate first on resume.
    best_value, best_step, best_metrics: the best value of the criterion in this stage, where that was, all that was measured there.
    evaluations_without_better: for early stopping.
    stopped_early: early stopping has ended this stage.
    steering: of this stage's data; None where it has none, or nothing has steered yet.
    device_s: seconds the training has held its devices, times their number, over all attempts.
    """

    step: int = 0
    stage: int = 0
    stages: list[dict[str, float]] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    evaluation: list[str] = field(default_factory=list)
    evaluated_at: int | None = None
    pending_row: dict[str, Any] | None = None
    best_value: float | None = None
    best_step: int | None = None
    best_metrics: dict[str, float] = field(default_factory=dict)
    evaluations_without_better: int = 0
    stopped_early: bool = False
    steering: Any = None
    device_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "LoopState":
        return cls(**values)

    @property
    def metrics_here(self) -> dict[str, float]:
        """The metrics that tell of the present step: an evaluation's only where it was made here."""
        old = () if self.evaluated_at == self.step else self.evaluation
        return {name: value for name, value in self.metrics.items() if name not in old}

    def take_evaluation(self, values: dict[str, float], criterion: Criterion, patience: int) -> bool:
        """Take note of an evaluation at the present step; returns whether it is the best of its stage so far.

        values: has the criterion's metric. patience: stop after this many evaluations in a row without a better one; 0: never.
        """
        self.metrics |= values
        self.evaluation, self.evaluated_at = list(values), self.step
        value = values[criterion.metric]
        better = criterion.better(value, self.best_value)
        if better:
            self.best_value, self.best_step, self.best_metrics = value, self.step, self.metrics_here
            self.evaluations_without_better = 0
        else:
            self.evaluations_without_better += 1
            self.stopped_early = 0 < patience <= self.evaluations_without_better
        return better

    def kept_metrics(self, keep: str) -> dict[str, float]:
        """What the stage has ended with: the metrics of the state that is kept, "best" (where one is known) or "last"."""
        return dict(self.best_metrics if keep == "best" and self.best_step is not None else self.metrics)

    def next_stage(self, keep: str, begins_at: int) -> "LoopState":
        """The state in which the stage after this one begins."""
        return LoopState(
            step=begins_at, stage=self.stage + 1, stages=[*self.stages, self.kept_metrics(keep)], device_s=self.device_s
        )


@dataclass(frozen=True)
class Borders:
    """The steps at which the loop must halt, all functions of the params and data alone; of one stage, counted from its own start.

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

    @property
    def epochs(self) -> int:
        return -(-self.total_steps // self.steps_per_epoch) if self.steps_per_epoch else 0

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

    def evaluations_after(self, step: int) -> int:
        """How many are still to come."""
        return -(-self.total_steps // self.eval_every) - step // self.eval_every if step < self.total_steps else 0
