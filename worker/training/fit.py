"""Trains any recipe: steps, series, evaluations, samples, checkpoints, exact resume, early stopping, stages, cost.

Called by worker/training/trainer.py, benchmarks and notebooks. Knows nothing of Redis, Celery or pipes: all it asks of the world
goes through worker/context.py. The series of losses and the final weights depend on inputs, params and
environment alone, never on when checkpoints, stops or looks at the clock happened (on the CPU to the bit).
"""

import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import keras

from shared.errors import Interrupted, LeaseLost
from shared.jobs.job import CheckpointRef, utc_now
from shared.recipes.base import RecipeSpec
from shared.volume.volume import CheckpointInfo
from worker.context import Context
from worker.inputs import Watched
from worker.recipe import Data, Inputs, build_model, code_of, optional
from worker.training import checkpoint
from worker.training.assets import settled
from worker.training.checkpoint_keeper import Keeper
from worker.training.compiling import compile_model
from worker.training.evaluation import evaluate, finite, judged, refuse_unkept
from worker.training.loop_state import Borders, LoopState
from worker.training.optimizer import schedule_of
from worker.training.reporting import Telling
from worker.training.samples import publish_preview, publish_samples
from worker.training.stages import Stages
from worker.training.steps import StepRunner
from worker.training.strategy import scope, slot_devices, training_strategy, use_xla
from worker.training.wishes import asked, non_finite


@dataclass
class FitOutcome:
    """A finished training. model holds the weights of checkpoint; data is the last stage's.

    checkpoint: the one to use; None without a volume. It is the best of the last stage by the recipe's criterion, or the last.
    metrics: those that go with it. stages: the metrics that each stage ended with, in order, the last included.
    best_value: of the criterion, at best_step; None where nothing was evaluated.
    device_s: seconds the devices were held, times their number, over all attempts.
    """

    model: keras.Model
    data: Data
    checkpoint: CheckpointRef | None
    step: int
    total_steps: int
    stopped_early: bool
    metrics: dict[str, float]
    best_step: int | None
    best_value: float | None
    device_s: float
    steps_per_s: float | None
    stages: list[dict[str, float]] = field(default_factory=list)


def fit(
    spec: RecipeSpec,
    params: Any,
    data: Data,
    context: Context,
    resume: CheckpointInfo | None = None,
    *,
    inputs: Inputs | None = None,
    start_from: CheckpointInfo | None = None,
    devices: list[str] | None = None,
) -> FitOutcome:
    """Train a recipe to the end of its steps, or until early stopping, one stage after the other.

    resume: checkpoint of an earlier attempt of this very job, verified; go on from there.
    inputs: those of the training, opened; a recipe with fixed() builds its model upon them.
    start_from: checkpoint of another training whose weights every stage begins with (fresh optimizer, step 0).
    devices: device names to mirror over, for tests; else the slot's GPUs.
    Raises Interrupted as context.check() does, after a last checkpoint unless the lease is lost; NonFiniteLoss naming
    the step; CriterionMissing; CheckpointCorrupt when resume does not fit; StartUnlike when start_from does not;
    InvalidParams for a recipe that cannot be compiled with XLA; VolumeFull when a checkpoint could not be written.
    """
    run = _Run(spec, params, data, context, inputs or {}, start_from)
    try:
        run.prepare(resume, devices)
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

    data: Data  # of the stage, as are the four below
    borders: Borders
    begins_at: int
    model: keras.Model
    runner: StepRunner

    def __init__(
        self,
        spec: RecipeSpec,
        params: Any,
        data: Data,
        context: Context,
        inputs: Inputs,
        start_from: CheckpointInfo | None,
    ):
        self.spec, self.params, self.context, self.start_from = spec, params, context, start_from
        self.code = code_of(spec)
        self.inputs = inputs if optional(self.code, "fixed") else {}
        self.keep, self.patience = asked(params, "keep"), asked(params, "early_stopping_patience")
        self.stages = Stages.of(self.code, data)
        self.state = LoopState()
        self.telling = Telling(context, self.stages)
        self.keeper = Keeper(context, spec, params, self.stages.total_steps)

    def prepare(self, resume: CheckpointInfo | None, devices: list[str] | None) -> None:
        """Get the stage ready that the training stands in, and load what there is to load."""
        self.telling.phase("compiling", self.state)
        self.devices = max(1, len(slot_devices(devices)))
        private = self.stages.data[0].privacy is not None
        self.strategy = None if private else training_strategy(devices)
        # A private step takes as many rows as were drawn, which XLA would compile anew.
        self.xla = use_xla(self.params, self.code.XLA, self.strategy) and not private
        if private and self.devices > 1:
            message = f"a private training uses one of the {self.devices} devices of its worker: the others wait"
            self.context.event("note", {"level": "warning", "message": message})
        if resume is None:
            self._open_stage(0)
            publish_preview(self.code, self.data, self.assets, self.context)
        else:
            stored = self.keeper.look_at(resume)
            state = LoopState.from_json(stored["loop"])
            self._open_stage(state.stage, begin=False)
            self.keeper.resume(resume, stored)
            self.state = state
        resumed_from = self.state.step if resume is not None else None
        self.context.series_row({"attempt": self.context.attempt, "resumed_from_step": resumed_from})

    def _open_stage(self, stage: int, *, begin: bool = True) -> None:
        """Build and compile a fresh model for a stage, with every variable in place. begin: with the weights to start from."""
        stages, params, strategy = self.stages, self.params, self.strategy
        data, self.borders, self.begins_at = stages.data[stage], stages.borders[stage], stages.begins_at[stage]
        self.data, self.assets = data, settled(data.assets)
        inputs = Watched(self.inputs)
        model = self.model = build_model(self.code, params, self.assets, inputs, scope=scope(strategy))
        with scope(strategy):
            compile_model(self.code, model, params, self.assets, data.total_steps, xla=self.xla)
            batch: Any = data.train(0).element_spec
            model._symbolic_build(
                data_batch=batch[0] if data.privacy else batch
            )  # as keras' own fit: makes what variables are missing
        self.rate = schedule_of(model)
        self.runner, self.checked = StepRunner(model, strategy, data.privacy), False
        environment = checkpoint.environment(bool(model.jit_compile))
        self.keeper.attach(model, self.code, self.assets, inputs, environment, self.devices)
        if begin and self.start_from is not None:
            self.keeper.start_from(self.start_from)

    def train(self) -> None:
        """Train one stage after the other to its end; there every stage leaves a checkpoint."""
        while True:
            self._train_stage()
            self.telling.phase("saving", self.state)
            self.keeper.save(self.state, wait=True)
            following = self.state.stage + 1
            if following == len(self.stages):
                return
            self.context.check()
            self.telling.phase("compiling", self.state)
            del self.model, self.runner, self.data, self.assets
            self.keeper.detach()
            gc.collect()  # graphs hold their variables in circles
            self._open_stage(following)
            self.telling.compiles_again()
            self.state = self.state.next_stage(self.keep, self.begins_at)

    def _train_stage(self) -> None:
        """Step to the end of the stage. Every halt is at a step border, where a checkpoint is exact."""
        state, total = self.state, self.data.total_steps
        if (steering := self.data.steering) is not None:
            steering.state = steering.start if state.steering is None else state.steering
        if state.pending_row is not None:  # stopped in the middle of an evaluation
            self._evaluate()
        if self.local_step >= total or state.stopped_early:
            return
        batches = self.runner.iterator(self.data.train(self.local_step))
        self.telling.phase("compiling", state)
        self.context.check()
        while self.local_step < total and not state.stopped_early:
            self._some_steps(batches)
            if self.borders.is_row(self.local_step):
                others_follow = self._close_interval()
                if others_follow and self.local_step < total:
                    batches = self.runner.iterator(self.data.train(self.local_step))
            self.telling.going_on(state)
            self.keeper.save_if_due(state)
            self.context.check()

    @property
    def local_step(self) -> int:
        """Steps taken in this stage."""
        return self.state.step - self.begins_at

    def _some_steps(self, batches: Iterator[Any]) -> None:
        """Take as many steps as are good before the next look at the clock."""
        step = self.local_step
        most = min(self.borders.next_row(step) - step, max(1, self.code.STEPS_PER_EXECUTION))
        began = time.monotonic()
        done, is_finite = self.runner.run(batches, self.telling.pace.chunk(most))
        self.telling.stepped(done, time.monotonic() - began)
        self.state.step += done
        if not is_finite:
            raise non_finite("training loss", self.state.step, self.params)
        if not self.checked:
            refuse_unkept(self.model, self.runner, self.keeper.variables)
            self.keeper.refuse_changed()
            self.checked = True

    def _close_interval(self) -> bool:
        """End an interval of the series: its row, and the evaluation that may be due. Returns whether other batches follow."""
        state, step = self.state, self.local_step
        values = finite(self.runner.results())
        if self.data.steering is not None:
            values |= self.data.steering.shown
        if self.rate is not None:
            values["learning_rate"] = self.rate.at(step - 1)
        self.model.reset_metrics()
        state.metrics |= values
        state.pending_row = {
            "step": state.step,
            "epoch": self.borders.epoch(step),
            "at": utc_now().isoformat(),
            **({"stage": state.stage + 1} if len(self.stages) > 1 else {}),
            **values,
        }
        if self.borders.is_evaluation(step):
            return self._evaluate()
        self._write_row()
        return False

    def _write_row(self) -> None:
        row, self.state.pending_row = self.state.pending_row, None
        if row is not None:
            self.context.series_row(row)

    def _evaluate(self) -> bool:
        """Evaluate in full, write the row, keep the best, take samples. Returns whether it steers to other batches."""
        state, better, others_follow = self.state, False, False
        self.telling.phase("evaluating", state)
        values = evaluate(self.code, self.model, self.data, self.runner, self._look)
        if values is not None:
            self.telling.evaluated()
            values = judged(values, self.spec.criterion, state.step, self.params)
            state.pending_row = (state.pending_row or {}) | values
            better = state.take_evaluation(values, self.spec.criterion, self.patience)
            if self.data.steering is not None:
                others_follow = self.data.steering.take(state.metrics)
                state.steering = self.data.steering.state
        self._write_row()
        if better:
            self.keeper.remember_best(state)
        self.telling.phase("sampling", state)
        publish_samples(self.code, self.model, self.params, self.assets, state.step, self.context)
        return others_follow

    def _look(self, batches: int) -> None:
        self.telling.evaluating(self.state, batches)
        self.context.check()

    def finish(self) -> FitOutcome:
        """Go back to the best weights of the last stage, where they are to be kept, and sum up."""
        state, used, keep = self.state, self.state.step, self.keep
        if keep == "best" and state.best_step is None and hasattr(self.params, "keep"):
            message = "nothing was evaluated on the way, so that the last state is kept instead of the best"
            self.context.event("note", {"level": "info", "message": message})
        if keep == "best" and state.best_step not in (None, state.step):
            self.telling.phase("saving", state)
            if self.keeper.use_best(state):
                used = state.best_step
            else:
                keep = "last"
        metrics = state.kept_metrics(keep)
        return FitOutcome(
            model=self.model,
            data=self.data,
            checkpoint=self.keeper.ref(used),
            step=state.step,
            total_steps=self.stages.total_steps,
            stopped_early=state.stopped_early,
            metrics=metrics,
            best_step=state.best_step,
            best_value=state.best_value,
            device_s=self.keeper.cost(state),
            steps_per_s=self.telling.pace.steps_per_s,
            stages=[*state.stages, metrics],
        )
