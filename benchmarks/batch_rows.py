"""Rows a second of a batch prediction over a large table, beside a bare model.predict of the same network on the encoded arrays.

A table like Adult (6 numbers, 8 categories) is made by a formula and imported; a network of the default size is built (how good it
is changes no time). The batch runs as a job does: its rows are read from the dataset, encoded, answered, and written with every
column of the table and both probabilities. The bare one gets arrays encoded beforehand, in the same process, taking turns.
Told: rows/s of both, their ratio, CPU seconds, and the peak of anonymous memory beyond what was there when the batch began.
Run: python -m benchmarks.batch_rows [--rows 1000000 --rounds 2 --format csv|jsonl|parquet]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.data_memory import Memory  # noqa: E402

NUMBERS, CATEGORIES = 6, 8


def lines(rows: int) -> Iterator[bytes]:
    """The table as CSV, some ten thousand rows at a time."""
    rng = np.random.default_rng(0)
    heads = [*(f"n{i}" for i in range(NUMBERS)), *(f"c{i}" for i in range(CATEGORIES)), "answer"]
    yield (",".join(heads) + "\n").encode()
    for start in range(0, rows, 50_000):
        count = min(50_000, rows - start)
        numbers = rng.integers(0, 10_000, (count, NUMBERS)) / 4
        codes = rng.integers(0, 16, (count, CATEGORIES))
        answers = np.where(numbers[:, 0] + 100 * codes[:, 0] > 2_000, "yes", "no")
        told = [
            ",".join([*map(str, one), *(f"value-{code}" for code in some), answer])
            for one, some, answer in zip(numbers.tolist(), codes.tolist(), answers.tolist(), strict=True)
        ]
        yield ("\n".join(told) + "\n").encode()


def dataset_of(volume: Any, rows: int) -> Any:
    from shared.datasets import Limits, import_dataset

    with tempfile.TemporaryFile() as file:
        for piece in lines(rows):
            file.write(piece)
        file.seek(0)
        return import_dataset(volume, Limits(), [("rows.csv", file)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--format", default="csv", choices=["csv", "jsonl", "parquet"])
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        measure(Path(place), flags)


def measure(place: Path, flags: Any) -> None:
    from shared.datasets.tables.reading import open_table
    from shared.ids import new_id
    from shared.jobs.job import InputRef
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params
    from shared.volume.volume import Volume
    from worker.artifacts import publishing
    from worker.context import Context
    from worker.inputs import open_inputs
    from worker.recipe import build_model, code_of

    spec = get_recipe("tabular")
    code: Any = code_of(spec)
    volume = Volume(place / "data")
    volume.ensure()
    learnt = dataset_of(volume, 20_000)
    began = time.monotonic()
    large = dataset_of(volume, flags.rows)
    print(f"imported {flags.rows:,} rows in {time.monotonic() - began:.0f} s", flush=True)
    context = Context(volume=volume)
    params = validate_params(spec.train_params, {"target": "answer"})
    data = code.load(open_inputs({"data": InputRef(dataset_id=learnt.id)}, context), params, context)
    model = build_model(code, params, data.assets, {})
    predictor = code.open_generator(model, params, data.assets)
    inputs = open_inputs({"data": InputRef(dataset_id=large.id)}, context)
    with open_table(inputs["data"].folder) as table:
        arrays, _ = data.features.encode(table.arrays(columns=data.features.columns))
    arrays["numbers"] = arrays["numbers"].astype(np.float32)
    model.predict(arrays, batch_size=4_096, verbose=0)  # compiled once
    use = validate_params(spec.use("batch").params, {"format": flags.format})
    ratios = []
    for number in range(1, flags.rounds + 1):
        bare_s, bare_cpu = timed(lambda: model.predict(arrays, batch_size=4_096, verbose=0))
        job_id = new_id()
        own = Context(volume.start_attempt(job_id, 1), volume, job_id, 1)
        watch = Memory()
        before = watch.now_mb()
        watch.start()

        def batch(own: Any = own, job_id: str = job_id) -> None:
            with publishing(volume, volume.attempt_dir(job_id, 1) / "artifacts") as (files, outputs):
                outputs += predictor.batch(use, inputs, own, files).outputs

        batch_s, batch_cpu = timed(batch)
        peak = watch.peak_mb - before
        ratios.append(bare_s / batch_s)
        size = (volume.attempt_dir(job_id, 1) / "artifacts" / f"rows.{flags.format}").stat().st_size
        bare, own_rate = f"{flags.rows / bare_s:,.0f}", f"{flags.rows / batch_s:,.0f}"
        print(
            f"round {number}: bare {bare} rows/s ({bare_cpu:.0f} s CPU), batch {own_rate} rows/s ({batch_cpu:.0f} s CPU), "
            f"ratio {ratios[-1]:.2f}; {peak:.0f} MB more at most, {size / 1e6:.0f} MB {flags.format}",
            flush=True,
        )
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    print(f"commit {commit.strip()}: median ratio {statistics.median(ratios):.2f}, {model.count_params():,} weights")


def timed(what: Any) -> tuple[float, float]:
    """(wall seconds, CPU seconds)."""
    began, cpu = time.monotonic(), time.process_time()
    what()
    return time.monotonic() - began, time.process_time() - cpu


if __name__ == "__main__":
    main()
