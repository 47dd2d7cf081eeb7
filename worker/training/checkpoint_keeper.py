"""Which states of a training are kept, when, and how one is taken up again. Between worker/training/fit.py and the writer.

Order on the volume: assets before the first checkpoint that refers to them; the best state before any newer one, so a resume
that starts after it never looks for a best checkpoint that a kill has swallowed.
"""

import logging
import time
from typing import Any

import keras

from shared.errors import CheckpointCorrupt, JobError, RecipeFailed, StartUnlike
from shared.jobs.job import CheckpointRef
from shared.recipes.base import RecipeSpec
from shared.recipes.shape import unlike
from shared.volume.volume import CheckpointInfo
from worker.context import Context
from worker.inputs import Watched
from worker.recipe import Assets, RecipeCode, numbered_by
from worker.training import checkpoint
from worker.training.assets import assets_hash, read_assets, same, write_assets
from worker.training.checkpoint import Snapshot
from worker.training.checkpoint_writer import CheckpointWriter
from worker.training.loop_state import LoopState
from worker.training.variables import fixed_variables, variables_of
from worker.training.wishes import asked

log = logging.getLogger(__name__)
MEANINGLESS = (
    "its weights would say of one thing what was learnt of another; choose data like its own, or begin without it"
)


class Keeper:
    """Keeps one training's checkpoints. attach() the model of a stage before anything else of it."""

    def __init__(self, context: Context, spec: RecipeSpec, params: Any, total_steps: int):
        self._context = context
        self._writer = CheckpointWriter(context)
        self._spec = spec
        self._identity = {
            "recipe": spec.name,
            "recipe_version": spec.version,
            "params": params.model_dump(mode="json"),
            "total_steps": total_steps,
        }
        self._keep = asked(params, "keep")
        self._saved_step = -1
        self._resumed: CheckpointRef | None = None
        self._saved_at = self._held_since = time.monotonic()

    def attach(
        self,
        model: keras.Model,
        code: RecipeCode,
        assets: Assets,
        inputs: Watched,
        environment: dict[str, Any],
        replicas: int,
    ) -> None:
        """Name the model to keep, compiled and built. replicas: devices held, for the cost."""
        self._model, self._environment, self._replicas = model, environment, replicas
        self._fixed, self._numbered_by = fixed_variables(code, model), numbered_by(code)
        self._fixed_as = {variable.path: checkpoint.variable_hash(variable) for variable in self._fixed}
        self._assets, self._assets_hash, self._assets_kept = assets, assets_hash(assets), False
        self._inputs = inputs
        self._best: Snapshot | None = None
        self._best_unsaved = False

    def detach(self) -> None:
        """Let the model of the stage go, so that it is not in memory beside the next one. What was kept of it is on the volume."""
        del self._model, self._assets
        self._fixed, self._fixed_as, self._best = [], {}, None

    @property
    def variables(self) -> list[Any]:
        """Every variable that a checkpoint holds, or the recipe's build() restores."""
        return [variable for _, variable in variables_of(self._model)]

    def refuse_changed(self) -> None:
        """Raise RecipeFailed when training has changed a variable said to be fixed: no checkpoint would hold what it is now."""
        changed = [v.path for v in self._fixed if checkpoint.variable_hash(v) != self._fixed_as[v.path]]
        if changed:
            message = f"the training step changes variables that are said to be fixed: {', '.join(changed[:5])}"
            raise RecipeFailed(
                f"{message}. Call the layers they belong to with training=False, or leave them out of fixed()"
            )

    # --- taking up ------------------------------------------------------------------------------------------------

    def look_at(self, info: CheckpointInfo) -> dict[str, Any]:
        """Read state.json of a checkpoint of this very training. Raises CheckpointCorrupt when it is another's."""
        stored = checkpoint.read_state(info.path)
        for name, here in self._identity.items():
            if stored[name] != here:
                raise CheckpointCorrupt(f"checkpoint {info.path.name} has {name} {stored[name]!r}, this job {here!r}")
        return stored

    def resume(self, info: CheckpointInfo, stored: dict[str, Any]) -> None:
        """Load everything from a checkpoint, its hashes verified. stored: as look_at() has read it.

        Raises CheckpointCorrupt when it is of other data, was trained upon other inputs, or does not fit the model.
        """
        if stored["assets"] != self._assets_hash:
            raise CheckpointCorrupt(f"checkpoint {info.path.name}: the dataset was read differently then")
        checkpoint.require_same_inputs(stored, self._inputs)
        checkpoint.restore(self._model, info.path, stored, fixed=self._fixed)
        checkpoint.set_rng(stored["rng"])
        changed = [k for k, v in self._environment.items() if stored["environment"].get(k) != v]
        if changed:
            message = f"{', '.join(changed)} changed since the checkpoint: results may differ in the last digits"
            self._context.event("note", {"level": "warning", "message": message})
        self._saved_step, self._resumed = info.ref.step, info.ref

    def start_from(self, info: CheckpointInfo) -> None:
        """Load only the weights of another training's checkpoint.

        Raises StartUnlike, naming params, inputs or data, when they are of another model; CheckpointCorrupt when they are damaged.
        """
        stored = checkpoint.read_state(info.path)
        if why := self._unlike(info, stored):
            raise StartUnlike(f"the training to start from {why}")
        self._load_weights(info)

    def _unlike(self, info: CheckpointInfo, stored: dict[str, Any]) -> str:
        """Why another training's weights are none for this model, "" when they are."""
        if why := unlike(self._spec, stored["params"], self._identity["params"]):
            return why
        for role, at in stored["inputs"].items():
            if role not in self._inputs or self._inputs[role].hash != at["hash"]:
                return (
                    f"was trained upon another {role}: its weights fit no other; choose the same, or begin without it"
                )
        shape = checkpoint.unlike_weights(self._model, stored, self._fixed)
        if not shape and (not self._numbered_by or stored["assets"] == self._assets_hash):
            return ""
        there = read_assets(info.path.parents[2], stored["assets"])
        if not shape:
            others = [said for name, said in self._numbered_by.items() if not same(name, there, self._assets)]
            if not others:
                return ""
            return f"has another {' and another '.join(others)}, of the same size: {MEANINGLESS}"
        here = self._assets.json
        names = sorted(n for n in there.json.keys() | here.keys() if there.json.get(n) != here.get(n))
        because = f": {', '.join(names[:5])} of its data are others" if names else ""
        return f"made a model of another shape, {shape}{because}; choose data like its own, or begin without it"

    def _load_weights(self, info: CheckpointInfo) -> None:
        stored = checkpoint.read_state(info.path)
        checkpoint.require_same_inputs(stored, self._inputs)
        checkpoint.restore(self._model, info.path, stored, fixed=self._fixed, weights_only=True)

    # --- keeping --------------------------------------------------------------------------------------------------

    def remember_best(self, state: LoopState) -> None:
        """Copy the present state as the best of its stage so far. It reaches the volume with the next save."""
        if self._keep == "best" or self._writer.enabled:
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
            self._submit(best, state)
        if self._saved_step != state.step and self._writer.enabled:
            here = best if best is not None and best.step == state.step else self._snapshot(state)
            self._submit(here, state)
        if self._writer.enabled:
            self._best = None  # on its way to the volume, from where use_best() has it
        self._saved_step, self._saved_at = state.step, time.monotonic()
        if wait:
            self._writer.collect(wait=True)

    def _submit(self, snapshot: Snapshot, state: LoopState) -> None:
        if self._writer.enabled and not self._assets_kept:
            assert self._context.volume is not None
            write_assets(self._context.volume.job_dir(self._context.job_id), self._assets)
            self._assets_kept = True
        self._writer.submit(snapshot, state.best_step)

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

    def use_best(self, state: LoopState) -> bool:
        """Load the weights of the best state into the model; False, with a note, when they can no longer be read."""
        if self._best is not None and self._best.step == state.best_step:
            checkpoint.assign_weights(self._model, self._best, self._fixed)
            return True
        volume = self._context.volume
        if volume is not None:
            for info in volume.checkpoints(self._context.job_id):
                if info.ref.step == state.best_step and volume.verify(info.path):
                    self._load_weights(info)
                    self._resumed = info.ref
                    return True
        message = f"the best checkpoint (step {state.best_step}) cannot be read; the last one is used"
        self._context.event("note", {"level": "warning", "message": message})
        return False

    def ref(self, step: int) -> CheckpointRef | None:
        """Name the checkpoint of a step: of this attempt, or of an earlier one where it was read and is not written again."""
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
            "inputs": self._inputs.recorded(),
            "assets": self._assets_hash,
            "step": state.step,
            "metrics": state.metrics_here,
            "loop": state.to_json(),
            "environment": self._environment,
        }
        return checkpoint.take_snapshot(self._model, body, self._fixed)
