"""What image_segmenter reaches on public pictures, beside simple answers of the same run.

    python -m benchmarks.picture_figures camvid                        # 11 classes, the set's own parts, void left out
    python -m benchmarks.picture_figures camvid --minutes 15           # as many epochs as fit, by the pace of the first steps

Any param of the recipe may be given: --width 24 --epochs 40. Public data: see image_figures.py.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.image_figures import test_data  # noqa: E402

# name -> (recipe, folder and zip of the public data, params that differ from the recipe's own)
SETS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "camvid": ("image_segmenter", "camvid_240x180/camvid_240x180.zip", {"ignore": ["11"], "class_weights": "balanced"}),
}


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    parser = argparse.ArgumentParser()
    parser.add_argument("set", choices=list(SETS))
    parser.add_argument("--minutes", type=float, help="how long the training may take: epochs by the pace of ten steps")
    recipe, place, defaults = SETS[parser.parse_known_args()[0].set]
    spec = get_recipe(recipe)
    for name, field in spec.train_params.model_fields.items():
        if not str(field.annotation).startswith("list"):
            parser.add_argument(f"--{name.replace('_', '-')}")
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    title, minutes = given.pop("set"), given.pop("minutes", None)
    folder, _, file = place.partition("/")
    run(title, spec, test_data(folder) / file, validate_params(spec.train_params, defaults | given), minutes)


def run(title: str, spec: Any, upload: Path, params: Any, minutes: float | None) -> None:
    """Import as an upload, train, report, print, each simple answer too, and the verdict."""
    from shared.datasets import Limits, import_dataset
    from shared.ids import new_id
    from shared.jobs.job import InputRef
    from shared.volume.volume import Volume
    from worker.artifacts import publishing
    from worker.context import Context
    from worker.inputs import open_inputs
    from worker.recipe import code_of, optional
    from worker.training.fit import fit
    from worker.verdict import judge

    class Printing(Context):
        def series_row(self, row: dict[str, Any]) -> None:
            super().series_row(row)
            if spec.criterion.metric in row:
                value = row[spec.criterion.metric]
                print(
                    f"epoch {row['epoch']:g}: loss {row['loss']:.4f}, {spec.criterion.metric} {value:.4f}", flush=True
                )

    code = code_of(spec)
    with tempfile.TemporaryDirectory() as place:
        volume = Volume(Path(place))
        volume.ensure()
        job_id = new_id()
        context = Printing(volume.start_attempt(job_id, 1), volume, job_id, checkpoint_interval_s=1e9)
        with upload.open("rb") as file:
            dataset = import_dataset(volume, Limits(), [(upload.name, file)])
        for warned in dataset.report.warnings:
            print(f"{warned.code}: {warned.message}")
        inputs = open_inputs({"data": InputRef(dataset_id=dataset.id)}, context)
        data = code.load(inputs, params, context)
        if minutes is not None:
            steps_per_s = _pace(code, params, data)
            epochs = max(1, int(60 * minutes * steps_per_s / data.steps_per_epoch))
            print(f"{steps_per_s:.2f} steps/s: {epochs} epochs in {minutes:g} minutes", flush=True)
            params = params.model_copy(update={"epochs": epochs})
            data = code.load(inputs, params, context)
        began, cpu = time.monotonic(), time.process_time()
        outcome = fit(spec, params, data, context)
        wall, cpu = time.monotonic() - began, time.process_time() - cpu
        with publishing(volume, Path(place) / "shown") as (files, _):
            report = code.report(outcome.model, outcome.data, params, context, files, outcome.stages)
        simple = optional(code, "baselines")
        assert simple is not None and report.judge is not None
        beside = simple(data, params, context)
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
        ).stdout
        print(
            f"{title}, commit {commit.strip()}, {os.cpu_count()} cores: {outcome.total_steps} steps, "
            f"{outcome.model.count_params():,} weights, {wall:.0f} s wall, {cpu:.0f} s CPU, split {data.split}"
        )
        print("; ".join(data.notes))
        print("the model", {name: round(value, 4) for name, value in report.metrics.items()})
        for output in report.outputs:
            if output.kind == "table":
                for row in [output.columns, *output.rows]:
                    print("  ", row)
        for each in beside:
            print(each.name, {name: round(value, 4) for name, value in each.metrics.items()})
        verdict = judge(report.judge, report.predictions, [(one.name, one.predictions) for one in beside], report.rows)
        print(verdict.sentence if verdict else "no verdict")
        print("params that differ from the defaults:", params.model_dump(exclude_defaults=True), flush=True)


def _pace(code: Any, params: Any, data: Any) -> float:
    """Steps a second of a model that is thrown away, after one that compiles."""
    from worker.recipe import build_model

    model = build_model(code, params, data.assets, {})
    model.compile("adamw", **code.compile_args(params, data.assets))
    batches = iter(data.train(0))
    model.train_on_batch(*next(batches))
    began, steps = time.monotonic(), min(10, data.total_steps - 1)
    for _ in range(steps):
        model.train_on_batch(*next(batches))
    return steps / max(time.monotonic() - began, 1e-9)


if __name__ == "__main__":
    main()
