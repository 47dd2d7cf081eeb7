"""Trains any recipe: steps, series, evaluations, samples, checkpoints, exact resume, early stopping, cost.

Called by worker/training/trainer.py, benchmarks and notebooks. Knows nothing of Redis, Celery or pipes: all it asks of the world
goes through worker/context.py. The series of losses and the final weights depend on dataset, params and
environment alone, never on when checkpoints, stops or looks at the clock happened (on the CPU to the bit).
"""

import math
import time
from dataclasses import dataclass
from typing import Any

import keras

from shared.errors import Interrupted, LeaseLost, NonFiniteLoss
from shared.jobs.job import CheckpointRef, utc_now
from shared.volume.volume import CheckpointInfo
from worker.context import Context
from worker.recipe import Data, RecipeCode, build_model
from worker.training import checkpoint
from worker.training.checkpoint_keeper import Keeper, normalised
from worker.training.loop_state import Borders, LoopState
from worker.training.optimizer import learning_rate, make_optimizer
from worker.training.reporting import Telling
from worker.training.samples import publish_samples
from worker.training.steps import StepRunner
from worker.training.strategy import scope, training_strategy, use_xla

EVALUATION_BATCHES_PER_CALL = 8  # guess: enough to hide Python, few enough to notice a stop


@dataclass
class FitOutcome:
    """A finished training. model holds the weights of checkpoint.

    checkpoint: the one to use; None without a volume. It is the last, or with early stopping the best.
    metrics: the newest value of each series at the end. best_value: smallest validation loss.
    device_s: seconds the devices were held, times their number, over all attempts.
    """

    model: keras.Model
    checkpoint: CheckpointRef | None
    step: int
    total_steps: int
    stopped_early: bool
    metrics: dict[str, float]
    best_step: int | None
    best_value: float | None
    device_s: float
    steps_per_s: float | None


def fit(
    code: RecipeCode,
    params: Any,
    data: Data,
    context: Context,
    resume: CheckpointInfo | None = None,
    *,
    start_from: CheckpointInfo | None = None,
    devices: list[str] | None = None,
) -> FitOutcome:
    """Train a recipe to the end of its steps, or until early stopping.

    resume: checkpoint of an earlier attempt of this very job, verified; go on from there.
    start_from: checkpoint of another training whose weights to begin with (fresh optimizer, step 0).
    devices: device names to mirror over, for tests; else the slot's GPUs.
    Raises Interrupted as context.check() does, after a last checkpoint unless the lease is lost; NonFiniteLoss naming
    the step; CheckpointCorrupt when resume does not fit; VolumeFull when a checkpoint could not be written.
    """
    run = _Run(code, params, data, context)
    try:
        run.prepare(resume, start_from, devices)
        try:
            run.train()
        except Interrupted as stop:
            if not isinstance(stop, LeaseLost):
                run.telling.phase("saving", run.state)
                run.keeper.save_on_stop(run.state)
            raise
        return run.finish()
    finally:
        run.keeper.close()


class _Run:
    """One call of fit(). Methods are in the order of their use."""

    def __init__(self, code: RecipeCode, params: Any, data: Data, context: Context):
        self.code, self.params, self.data, self.context = code, params, data, context
        self.assets = normalised(data.assets)
        self.borders = Borders.of(data.total_steps, data.steps_per_epoch, data.eval_every, code.STEPS_PER_EXECUTION)
        self.rate = learning_rate(params, data.total_steps)
        self.state = LoopState()
        self.telling = Telling(context, self.borders)
        recipe = code.__name__.rpartition(".")[2]  # type: ignore[attr-defined]  # it is a module
        self.keeper = Keeper(context, recipe, params, self.assets, data.total_steps)

    def prepare(
        self, resume: CheckpointInfo | None, start_from: CheckpointInfo | None, devices: list[str] | None
    ) -> None:
        """Build and compile the model with every variable in place, then load what there is to load."""
        self.telling.phase("compiling", self.state)
        strategy = training_strategy(devices)
        xla = use_xla(self.params, self.code.XLA_FASTER, strategy)
        self.model = build_model(self.code, self.params, self.assets, scope=scope(strategy))
        with scope(strategy):
            self.model.compile(
                optimizer=make_optimizer(self.params, self.data.total_steps, self.model.trainable_variables),
                jit_compile=xla,  # pyright: ignore[reportArgumentType]
                steps_per_execution=EVALUATION_BATCHES_PER_CALL,
                **self.code.compile_args(self.params, self.assets),
            )
            spec = self.data.train(0).element_spec
            self.model._symbolic_build(data_batch=spec)  # as keras' own fit: makes optimizer and metric variables
        self.runner = StepRunner(self.model, strategy)
        replicas = strategy.num_replicas_in_sync if strategy else 1
        self.keeper.attach(self.model, checkpoint.environment(xla), replicas)
        if resume is not None:
            self.state = self.keeper.resume(resume)
        elif start_from is not None:
            self.keeper.start_from(start_from)
        resumed_from = self.state.step if resume is not None else None
        self.context.series_row({"attempt": self.context.attempt, "resumed_from_step": resumed_from})

    def train(self) -> None:
        """Step to the end. Every halt is at a step border, where a checkpoint is exact."""
        state, total = self.state, self.data.total_steps
        if state.pending_row is not None:  # stopped in the middle of an evaluation
            self._evaluate()
        if state.step >= total or state.stopped_early:
            return
        batches = self.runner.iterator(self.data.train(state.step))
        self.telling.phase("compiling", state)
        self.context.check()
        while state.step < total and not state.stopped_early:
            most = min(self.borders.next_row(state.step) - state.step, max(1, self.code.STEPS_PER_EXECUTION))
            began = time.monotonic()
            done, finite = self.runner.run(batches, self.telling.pace.chunk(most))
            self.telling.stepped(done, time.monotonic() - began)
            state.step += done
            if not finite:
                self._refuse("training loss")
            if self.borders.is_row(state.step):
                self._close_interval()
            self.telling.going_on(state)
            self.keeper.save_if_due(state)
            self.context.check()

    def _close_interval(self) -> None:
        """End an interval of the series: its row, and the evaluation that may be due."""
        state = self.state
        values = _finite(self.runner.results()) | {"learning_rate": self.rate.at(state.step - 1)}
        self.model.reset_metrics()
        state.metrics |= values
        state.pending_row = {
            "step": state.step,
            "epoch": self.borders.epoch(state.step),
            "at": utc_now().isoformat(),
            **values,
        }
        if self.borders.is_evaluation(state.step):
            self._evaluate()
        else:
            self._write_row()

    def _write_row(self) -> None:
        row, self.state.pending_row = self.state.pending_row, None
        if row is not None:
            self.context.series_row(row)

    def _evaluate(self) -> None:
        """Evaluate in full, write the row, keep the best, take samples."""
        state, better = self.state, False
        validation = self.data.validation()
        if validation is not None:
            self.telling.phase("evaluating", state)
            began = time.monotonic()
            values = {f"val_{name}": value for name, value in self.runner.evaluate(validation, self._look).items()}
            self.telling.evaluated(time.monotonic() - began)
            if not math.isfinite(values["val_loss"]):
                self._refuse("validation loss")
            values = _finite(values)
            state.metrics |= values
            state.pending_row = (state.pending_row or {}) | values
            better = state.take_evaluation(values["val_loss"], self.params.early_stopping_patience)
        self._write_row()
        if better:
            self.keeper.remember_best(state)
        publish_samples(self.code, self.model, self.params, self.assets, state.step, self.context)

    def _look(self, batches: int) -> None:
        self.telling.going_on(self.state, "evaluating")
        self.context.check()

    def _refuse(self, what: str) -> None:
        params = self.params
        hint = f"lower learning_rate (now {params.learning_rate:g}) or set clip_norm (now {params.clip_norm:g})"
        error = NonFiniteLoss(f"the {what} is not a finite number at step {self.state.step}: {hint}")
        error.step = self.state.step
        raise error

    def finish(self) -> FitOutcome:
        """Write the last checkpoint; with early stopping go back to the best weights."""
        state = self.state
        self.telling.phase("saving", state)
        self.keeper.save(state, wait=True)
        used = self.keeper.ref(state.step)
        if self.params.early_stopping_patience and state.best_step not in (None, state.step):
            used = self.keeper.use_best(state)
        return FitOutcome(
            model=self.model,
            checkpoint=used,
            step=state.step,
            total_steps=self.data.total_steps,
            stopped_early=state.stopped_early,
            metrics=dict(state.metrics),
            best_step=state.best_step,
            best_value=state.best_value,
            device_s=self.keeper.cost(state),
            steps_per_s=self.telling.pace.steps_per_s,
        )


def _finite(values: dict[str, float]) -> dict[str, float]:
    """Drop what JSON cannot hold; losses were checked before."""
    return {name: value for name, value in values.items() if math.isfinite(value)}
