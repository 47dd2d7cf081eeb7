"""Tells the world how a training goes: phases at once, progress at most twice a second."""

import time

from shared.jobs.job import Progress
from worker.context import Context
from worker.training.loop_state import Borders, LoopState
from worker.training.pace import Pace

INTERVAL_S = 0.5


class Telling:
    """Turns the loop's state into Progress for the context."""

    def __init__(self, context: Context, borders: Borders):
        self._context = context
        self._borders = borders
        self._phase = "starting"
        self._told_at = -INTERVAL_S
        self._compiled = False
        self._evaluation_s = 0.0
        self.pace = Pace()

    def phase(self, name: str, state: LoopState) -> None:
        """Enter a phase (see shared/jobs/job.py Progress) and tell it at once."""
        self._phase = name
        self._tell(state)

    def stepped(self, steps: int, seconds: float) -> None:
        """Take note of steps run. The first call of a process is compiling and counts for no pace."""
        if self._compiled:
            self.pace.add(steps, seconds)
        self._compiled = True

    def evaluated(self, seconds: float) -> None:
        """Take note of how long an evaluation took, for the time left."""
        self._evaluation_s = seconds

    def going_on(self, state: LoopState, phase: str = "training") -> None:
        """Tell progress if the last telling is long enough ago."""
        if self._phase != phase or time.monotonic() - self._told_at >= INTERVAL_S:
            self._phase = phase
            self._tell(state)

    def _tell(self, state: LoopState) -> None:
        self._told_at = time.monotonic()
        borders, rate = self._borders, self.pace.steps_per_s
        per_epoch = borders.steps_per_epoch
        left = borders.total_steps - state.step
        evaluations = -(-borders.total_steps // borders.eval_every) - state.step // borders.eval_every
        self._context.progress(
            Progress(
                phase=self._phase,
                step=state.step,
                total_steps=borders.total_steps,
                epoch=min(state.step, borders.total_steps - 1) // per_epoch + 1 if per_epoch else None,
                total_epochs=-(-borders.total_steps // per_epoch) if per_epoch else None,
                steps_per_s=rate,
                remaining_s=left / rate + evaluations * self._evaluation_s if rate else None,
                metrics=dict(state.metrics),
            )
        )
