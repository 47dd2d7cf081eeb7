"""Tells the world how a training goes: phases at once, progress at most twice a second."""

import dataclasses
import time
from typing import Any

from shared.jobs.job import CheckpointRef, Progress
from worker.context import Context
from worker.training.loop_state import LoopState
from worker.training.pace import Pace
from worker.training.stages import Stages

INTERVAL_S = 0.5


class Telling:
    """Turns the loop's state into Progress for the context."""

    def __init__(self, context: Context, stages: Stages):
        self._context = context
        self._stages = stages
        self._phase = "starting"
        self._told_at = -INTERVAL_S
        self._compiled = False
        self._validation_batches: int | None = None  # as many as the last evaluation had
        self._batches = 0
        self.pace = Pace()

    def phase(self, name: str, state: LoopState) -> None:
        """Enter a phase (see shared/jobs/job.py Progress) and tell it at once."""
        self._phase = name
        self._tell(state)

    def compiles_again(self) -> None:
        """Take note that the next call of a step is a first one."""
        self._compiled = False

    def stepped(self, steps: int, seconds: float) -> None:
        """Take note of steps run. The first call of a stage is compiling and counts for no pace."""
        if self._compiled:
            self.pace.add(steps, seconds)
        self._compiled = True

    def evaluating(self, state: LoopState, batches: int) -> None:
        """Tell how far an evaluation is, as going_on() does."""
        self._batches = batches
        self.going_on(state, "evaluating", batches)

    def evaluated(self) -> None:
        """Take note that an evaluation has come to its end: the next is as long."""
        self._validation_batches, self._batches = self._batches or None, 0

    def going_on(self, state: LoopState, phase: str = "training", part: int = 0) -> None:
        """Tell progress if the last telling is long enough ago."""
        if self._phase != phase or time.monotonic() - self._told_at >= INTERVAL_S:
            self._phase = phase
            self._tell(state, part)

    def _tell(self, state: LoopState, part: int = 0) -> None:
        self._told_at = time.monotonic()
        stages, rate = self._stages, self.pace.steps_per_s
        borders, step = stages.borders[state.stage], state.step - stages.begins_at[state.stage]
        epoch = None
        if borders.steps_per_epoch:
            within = min(step, borders.total_steps - 1) // borders.steps_per_epoch + 1
            epoch = stages.epochs_before(state.stage) + within
        evaluating = self._phase == "evaluating"
        self._context.progress(
            Progress(
                phase=self._phase,
                step=state.step,
                part=part,
                parts=self._validation_batches if evaluating else None,
                total_steps=stages.total_steps,
                epoch=epoch,
                total_epochs=stages.epochs or None,
                evaluations_left=stages.evaluations_left(state.stage, step),
                stages_left=len(stages) - 1 - state.stage,
                without_better=state.evaluations_without_better,
                steps_per_s=rate,
                metrics=dict(state.metrics),
            )
        )


class Lively(Context):
    """The context of what a recipe does outside the loop (loading, the report): each check() is a sign of life.

    A recipe that tells progress of its own is passed on; the number of looks, or of the parts that look() names, stands in
    Progress.part, which the watchdog sees.
    """

    def __init__(self, context: Context, progress: Progress):
        super().__init__(**{f.name: getattr(context, f.name) for f in dataclasses.fields(Context)})
        self._context, self._progress = context, progress
        self._told_at, self._looks = time.monotonic(), 0
        context.progress(progress)

    def enter(self, phase: str) -> None:
        """Go over to another phase and tell it at once."""
        self._looks = 0
        self.progress(self._progress.model_copy(update={"phase": phase, "part": 0, "parts": None}))

    def check(self) -> None:
        self._context.check()
        self._looks += 1
        if time.monotonic() - self._told_at >= INTERVAL_S:
            self.progress(self._progress)

    def look(self, done: int, of: int) -> None:
        self._progress = self._progress.model_copy(update={"part": done, "parts": of})
        self._looks = done - 1
        self.check()

    def progress(self, progress: Progress) -> None:
        self._progress, self._told_at = progress, time.monotonic()
        self._context.progress(progress.model_copy(update={"part": max(progress.part, self._looks)}))

    def event(self, type: str, data: dict[str, Any]) -> None:
        self._context.event(type, data)

    def checkpoint(self, ref: CheckpointRef, data: dict[str, Any]) -> None:
        self._context.checkpoint(ref, data)

    def series_row(self, row: dict[str, Any]) -> None:
        self._context.series_row(row)
