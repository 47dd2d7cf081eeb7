"""What the text recipes reach through fit() on a public text. Used by nanogpt_small.py and char_lstm_vs_pytorch.py."""

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.image_figures import ROOT, test_data


def shakespeare() -> Path:
    """Path of tinyshakespeare; ends the program when it is absent."""
    return test_data("tinyshakespeare") / "input.txt"


def train(recipe: str, values: dict[str, Any], text: Path) -> dict[str, Any]:
    """Import a text as an upload, train, report; prints each evaluation and a summary. All in a temporary volume.

    Returns {"val_loss", "steps_per_s" (evaluations and checkpoints left out), "wall_s", "cpu_s", "weights"}.
    """
    from shared.datasets import Limits, import_dataset
    from shared.ids import new_id
    from shared.jobs.job import InputRef
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params
    from shared.volume.volume import Volume
    from worker.artifacts import publishing
    from worker.context import Context
    from worker.inputs import open_inputs
    from worker.recipe import code_of
    from worker.training.fit import fit

    class Printing(Context):
        def series_row(self, row: dict[str, Any]) -> None:
            super().series_row(row)
            if "val_loss" in row:
                print(f"step {row['step']}: loss {row['loss']:.4f}, val_loss {row['val_loss']:.4f}", flush=True)

    spec = get_recipe(recipe)
    params, code = validate_params(spec.train_params, values), code_of(spec)
    with tempfile.TemporaryDirectory() as place:
        volume = Volume(Path(place))
        volume.ensure()
        job_id = new_id()
        context = Printing(volume.start_attempt(job_id, 1), volume, job_id)
        with text.open("rb") as file:
            dataset = import_dataset(volume, Limits(), [(text.name, file)], name=text.stem, format="text")
        began, cpu = time.monotonic(), time.process_time()
        inputs = open_inputs({"data": InputRef(dataset_id=dataset.id)}, context)
        data = code.load(inputs, params, context)
        outcome = fit(spec, params, data, context)
        wall, cpu = time.monotonic() - began, time.process_time() - cpu
        with publishing(volume, Path(place) / "shown") as (files, _):
            metrics = code.report(outcome.model, data, params, context, files, []).metrics
            (shown,) = code.sample(outcome.model, params, data.assets, seed=0, context=context, files=files)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    print(f"{recipe}, commit {commit.strip()}, {os.cpu_count()} cores: {outcome.total_steps} steps, "
          f"{outcome.model.count_params():,} weights, {wall:.0f} s wall, {cpu:.0f} s CPU, "
          f"{outcome.steps_per_s or 0:.1f} steps/s")  # fmt: skip
    print({name: round(value, 4) for name, value in metrics.items()})
    print("params that differ from the defaults:", params.model_dump(exclude_defaults=True))
    print(shown.prompt + shown.text)  # pyright: ignore[reportAttributeAccessIssue]
    return {
        "val_loss": metrics["val_loss"], "steps_per_s": outcome.steps_per_s, "wall_s": wall, "cpu_s": cpu,
        "weights": outcome.model.count_params(),
    }  # fmt: skip
