"""Trains in a process of its own that can be killed. Run by tests/contract/test_recipes.py with an order as JSON.

An order: volume (folder), dataset (id), recipe, params, runs: [{job, attempt, kill_after}], and optionally generate.
Prints one line of JSON per finished run: job, sha256 of all variables, step, checkpoint, metrics; then the generation's.
"""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

from shared.recipes import get_recipe
from shared.recipes.base import validate_params
from shared.volume import Volume
from worker import checkpoint
from worker.context import Context
from worker.fit import fit
from worker.recipe import recipe_code


class KillingContext(Context):
    """Writes a checkpoint whenever it can, and kills its own process right after the first one that is wanted."""

    kill_after = 0
    borders: frozenset[int] = frozenset()

    def checkpoint(self, ref, data):
        if self.kill_after and ref.step >= self.kill_after and ref.step not in self.borders:
            os.kill(os.getpid(), signal.SIGKILL)


def _hash(model) -> str:
    digest = hashlib.sha256()
    for array in checkpoint.take_snapshot(model, {}, {}).arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def main(order: dict) -> None:
    volume = Volume(Path(order["volume"]))
    spec, code = get_recipe(order["recipe"]), recipe_code(order["recipe"])
    params = validate_params(spec.train_params, order["params"])
    ref = None
    for run in order["runs"]:
        job, attempt = run["job"], run["attempt"]
        folder = volume.start_attempt(job, attempt)
        context = KillingContext(folder, volume, job, attempt, checkpoint_interval_s=0)
        manifest, files = context.dataset(order["dataset"])
        data = code.load(manifest, files, params)
        every = data.eval_every or data.steps_per_epoch
        context.kill_after = run.get("kill_after", 0)
        context.borders = frozenset(range(0, data.total_steps + 1, every))
        outcome = fit(code, params, data, context, volume.newest_checkpoint(job, below_attempt=attempt))
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
