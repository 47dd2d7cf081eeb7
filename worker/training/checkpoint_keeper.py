"""Which states of a training are kept, when, and how one is taken up again. Between worker/training/fit.py and the writer.

Order on the volume: the best state is written before any newer one, so a resume that starts after it never looks
for a best checkpoint that a kill has swallowed.
"""

import json
import logging
import time
from typing import Any

import keras

from shared.errors import CheckpointCorrupt, JobError
from shared.jobs.job import CheckpointRef
from shared.recipes import get_recipe
from shared.volume.volume import CheckpointInfo
from worker.context import Context
from worker.training import checkpoint
from worker.training.checkpoint import Snapshot
from worker.training.checkpoint_writer import CheckpointWriter
from worker.training.loop_state import LoopState

log = logging.getLogger(__name__)


class Keeper:
    """Keeps one training's checkpoints. attach() a model before anything else."""

    def __init__(self, context: Context, recipe: str, params: Any, assets: dict[str, Any], total_steps: int):
        self._context = context
        self._writer = CheckpointWriter(context)
        self._assets = assets
        self._identity = {
            "recipe": recipe,
            "recipe_version": get_recipe(recipe).version,
            "params": params.model_dump(mode="json"),
            "total_steps": total_steps,
        }
        self._patience = params.early_stopping_patience
        self._best: Snapshot | None = None
        self._best_unsaved = False
        self._saved_step = -1
        self._resumed: CheckpointRef | None = None
        self._saved_at = self._held_since = time.monotonic()

    def attach(self, model: keras.Model, environment: dict[str, Any], replicas: int) -> None:
        """Name the model to keep, compiled and built. replicas: devices held, for the cost."""
        self._model, self._environment, self._replicas = model, environment, replicas

    # --- taking up ------------------------------------------------------------------------------------------------

    def resume(self, info: CheckpointInfo) -> LoopState:
        """Load everything from a checkpoint of this very training. info: CheckpointInfo, its hashes verified.

        Raises CheckpointCorrupt when it is of another recipe, params or data, or does not fit the model.
        """
        stored, assets = checkpoint.read_state(info.path)
        for name, here in self._identity.items():
            if stored[name] != here:
                raise CheckpointCorrupt(f"checkpoint {info.path.name} has {name} {stored[name]!r}, this job {here!r}")
        if assets != self._assets:
            raise CheckpointCorrupt(f"checkpoint {info.path.name}: the dataset was read differently then")
        checkpoint.restore(self._model, info.path, stored)
        checkpoint.set_rng(stored["rng"])
        changed = [k for k, v in self._environment.items() if stored["environment"].get(k) != v]
        if changed:
            message = f"{', '.join(changed)} changed since the checkpoint: results may differ in the last digits"
            self._context.event("note", {"level": "warning", "message": message})
        state = LoopState.from_json(stored["loop"])
        self._saved_step, self._resumed = state.step, info.ref
        return state

    def start_from(self, info: CheckpointInfo) -> None:
        """Load only the weights of another training's checkpoint."""
        stored, _ = checkpoint.read_state(info.path)
        checkpoint.restore(self._model, info.path, stored, weights_only=True)

    # --- keeping --------------------------------------------------------------------------------------------------

    def remember_best(self, state: LoopState) -> None:
        """Copy the present state as the best so far. It reaches the volume with the next save."""
        if self._patience or self._writer.enabled:
            self._best, self._best_unsaved = self._snapshot(state), True

    def save_if_due(self, state: LoopState) -> None:
        """Report what was written meanwhile; save when the interval has passed. Raises what a write failed with."""
        self._writer.collect()
        due = time.monotonic() - self._saved_at >= self._context.checkpoint_interval_s
        if due and self._writer.idle:
            self.save(state)

    def save(self, state: LoopState, *, wait: bool = False) -> None:
        """Hand the best state, where it is not on the volume yet, and the present one to the writer."""
        best, unsaved, self._best_unsaved = self._best, self._best_unsaved, False
        if best is not None and unsaved and best.step != state.step:
            self._writer.submit(best, state.best_step)
        if self._saved_step != state.step and self._writer.enabled:
            here = best if best is not None and best.step == state.step else self._snapshot(state)
            self._writer.submit(here, state.best_step)
        if not self._patience:
            self._best = None  # on its way to the volume; only early stopping comes back to it
        self._saved_step, self._saved_at = state.step, time.monotonic()
        if wait:
            self._writer.collect(wait=True)

    def save_on_stop(self, state: LoopState) -> None:
        """Save before an ordered stop. Failing to is told, and does not hold up the stop."""
        try:
            self.save(state, wait=True)
        except (JobError, OSError) as err:
            log.error("last checkpoint: %s", err)
            self._context.event("note", {"level": "warning", "message": f"last checkpoint not written: {err}"})

    def close(self) -> None:
        """End the writer. What it had not begun to write is dropped."""
        self._writer.close()

    def use_best(self, state: LoopState) -> CheckpointRef | None:
        """Load the best weights into the model. Returns the checkpoint they are from, None without a volume.

        When that checkpoint is gone or damaged the last weights stay, with a note.
        """
        if self._best is not None:
            checkpoint.assign(self._model, self._best.entries, self._best.arrays, weights_only=True)
            return self.ref(self._best.step)
        volume = self._context.volume
        if volume is not None:
            for info in volume.checkpoints(self._context.job_id):
                if info.ref.step == state.best_step and volume.verify(info.path):
                    self.start_from(info)
                    return info.ref
        message = f"the best checkpoint (step {state.best_step}) cannot be read; the last one is used"
        self._context.event("note", {"level": "warning", "message": message})
        return self.ref(state.step)

    def ref(self, step: int) -> CheckpointRef | None:
        """Name the checkpoint of a step: of this attempt, or the one it went on from, which is not written again."""
        if not self._writer.enabled:
            return None
        if self._resumed is not None and self._resumed.step == step:
            return self._resumed
        return CheckpointRef(job_id=self._context.job_id, attempt=self._context.attempt, step=step)

    def cost(self, state: LoopState) -> float:
        """Bring state.device_s up to now and return it, in device seconds."""
        now = time.monotonic()
        state.device_s += (now - self._held_since) * self._replicas
        self._held_since = now
        return state.device_s

    def _snapshot(self, state: LoopState) -> Snapshot:
        self.cost(state)
        body = {
            **self._identity,
            "step": state.step,
            "metrics": dict(state.metrics),
            "loop": state.to_json(),
            "environment": self._environment,
        }
        return checkpoint.take_snapshot(self._model, body, self._assets)


def normalised(assets: dict[str, Any]) -> dict[str, Any]:
    """Return assets as they come back from JSON, so that training and generation see the same."""
    return json.loads(json.dumps(assets, allow_nan=False))
