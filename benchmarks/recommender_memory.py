"""Memory and time of millions of made-up interactions: imported, read, cleaned, split and made ready; some steps of a training.

A few people and items have most of the rows; written as Parquet, imported as an upload. Told: anonymous memory (RssAnon)
before, its peak of each part. Each part runs in a process of its own.
Run: python -m benchmarks.recommender_memory [--rows 10000000 --people 200000 --items 50000 --steps 100]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data_memory import Memory
from benchmarks.here import ROOT

_AT_ONCE = 1_000_000


def made(place: Path, rows: int, people: int, items: int) -> None:
    """Write the table, a million rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, writer = np.random.default_rng(0), None
    for start in range(0, rows, _AT_ONCE):
        count = min(_AT_ONCE, rows - start)
        columns = {
            "user": (people * rng.random(count) ** 2).astype(np.int64),
            "item": (items * rng.random(count) ** 3).astype(np.int64),
            "when": 1_600_000_000 + rng.integers(0, 10**8, count),
        }
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(place, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def child(what: str, volume_path: Path, table: Path, dataset: str, steps: int) -> None:
    """Carry out one part; prints its figures as JSON."""
    from shared.datasets import Limits, import_dataset
    from shared.volume.volume import Volume

    volume = Volume(volume_path)
    volume.ensure()
    said: dict[str, object] = {}
    if what == "import":
        before, memory, began, cpu = Memory.now_mb(), Memory(), time.monotonic(), time.process_time()
        memory.start()
        with table.open("rb") as file:
            said["dataset"] = import_dataset(volume, Limits(), [("taken.parquet", file)], name="taken").id
    else:
        from shared.ids import new_id
        from shared.jobs.job import InputRef
        from shared.recipes import get_recipe
        from shared.recipes.base import validate_params
        from worker.context import Context
        from worker.inputs import open_inputs
        from worker.recipe import code_of

        spec = get_recipe("recommender_mf")
        code = code_of(spec)
        params = validate_params(spec.train_params, {"user": "user", "item": "item", "time": "when"})
        job = new_id()
        context = Context(volume.start_attempt(job, 1), volume, job, cache_dir=volume.root / "cache")
        before, memory, began, cpu = Memory.now_mb(), Memory(), time.monotonic(), time.process_time()
        memory.start()
        data: Any = code.load(open_inputs({"data": InputRef(dataset_id=dataset)}, context), params, context)
        said |= {"people": data.users, "items": data.items, "interactions": len(data.found)}
        for number, _ in enumerate(data.train(0)):
            if number == steps:
                break
    said |= {"before_mb": before, "peak_mb": memory.peak_mb, "wall_s": time.monotonic() - began}
    print(json.dumps(said | {"cpu_s": time.process_time() - cpu}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("rows", 10_000_000), ("people", 200_000), ("items", 50_000), ("steps", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--child", nargs=4, metavar=("WHAT", "VOLUME", "TABLE", "DATASET"))
    flags = parser.parse_args()
    if flags.child:
        what, volume, table, dataset = flags.child
        child(what, Path(volume), Path(table), dataset, flags.steps)
        return
    with tempfile.TemporaryDirectory() as place:
        table, dataset = Path(place) / "taken.parquet", ""
        made(table, flags.rows, flags.people, flags.items)
        print(f"{flags.rows:,} rows, {table.stat().st_size / 1e6:.0f} MB", flush=True)
        for what in ("import", "load", "load again"):
            command = [sys.executable, "-m", "benchmarks.recommender_memory", "--steps", str(flags.steps), "--child"]
            command += [what, f"{place}/volume", str(table), dataset]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            said = json.loads(done.stdout.splitlines()[-1])
            dataset = said.pop("dataset", dataset)
            print(what, {name: round(value, 1) for name, value in said.items()}, flush=True)


if __name__ == "__main__":
    main()
