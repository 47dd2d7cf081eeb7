"""Trains in a process of its own that can be killed. Run by tests/contract/test_recipes.py with an order as JSON.

An order: volume (folder), dataset (id), recipe, params, runs, and optionally generate.
A run: job, attempt, after (a step; absent: nothing happens), then (what happens right after the first checkpoint from
that step on that is not at an evaluation: "killed" by SIGKILL, told to stop as "paused" or "drained").
Prints one line of JSON per run: job, and sha256 of all variables, step, checkpoint, metrics, or the stop's name; then
the generation's.
"""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

from shared.errors import Drained, Interrupted, Paused
from shared.recipes import get_recipe
from shared.recipes.base import validate_params
from shared.volume.volume import Volume
from worker.context import Context
from worker.recipe import recipe_code
from worker.training import checkpoint
from worker.training import fit as fit_module
from worker.training.checkpoint_keeper import Keeper
from worker.training.fit import fit


class DisturbedContext(Context):
    """Right after the first checkpoint that is wanted it is killed or told to stop."""

    after: int | None = None
    then = ""
    borders: frozenset[int] = frozenset()
    told: type[Interrupted] | None = None

    def checkpoint(self, ref, data):
        if self.after is None or ref.step < self.after or ref.step in self.borders:
            return
        if self.then == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        self.told = {"paused": Paused, "drained": Drained}[self.then]

    def check(self):
        if self.told is not None:
            raise self.told("told to stop")


class PromptKeeper(Keeper):
    """Writes a checkpoint at every border and waits for it: how slow the disk is makes no difference to where it stops."""

    def save_if_due(self, state):
        self.save(state, wait=True)


def _hash(model) -> str:
    digest = hashlib.sha256()
    for array in checkpoint.take_snapshot(model, {}, {}).arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def main(order: dict) -> None:
    fit_module.Keeper = PromptKeeper
    volume = Volume(Path(order["volume"]))
    spec, code = get_recipe(order["recipe"]), recipe_code(order["recipe"])
    params = validate_params(spec.train_params, order["params"])
    ref = None
    for run in order["runs"]:
        job, attempt = run["job"], run["attempt"]
        folder = volume.start_attempt(job, attempt)
        context = DisturbedContext(folder, volume, job, attempt, checkpoint_interval_s=0)
        manifest, files = context.dataset(order["dataset"])
        data = code.load(manifest, files, params)
        every = data.eval_every or data.steps_per_epoch
        context.after, context.then = run.get("after"), run.get("then", "")
        context.borders = frozenset(range(0, data.total_steps + 1, every))
        try:
            outcome = fit(code, params, data, context, volume.newest_checkpoint(job, below_attempt=attempt))
        except Interrupted as stop:
            print(json.dumps({"job": job, "stopped": type(stop).__name__}), flush=True)
            continue
        report = code.report(outcome.model, data, params)
        ref = outcome.checkpoint
        said = {"job": job, "hash": _hash(outcome.model), "step": outcome.step, "total": data.total_steps}
        print(json.dumps({**said, "metrics": report.metrics, "artifacts": sorted(report.artifacts)}), flush=True)
    if "generate" in order and ref is not None:
        loaded = checkpoint.load_model(volume.checkpoint(ref).path)
        generator = code.open_generator(loaded.model, loaded.params, loaded.assets)
        gparams = validate_params(spec.generate_params, order["generate"])
        results = [generator.generate(gparams, Context(volume=volume)) for _ in range(2)]
        print(json.dumps([{"summary": r.summary, "artifacts": sorted(r.artifacts)} for r in results], allow_nan=False))


if __name__ == "__main__":
    main(json.loads(sys.stdin.read()))
