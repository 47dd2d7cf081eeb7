"""What the forecaster reaches on public series, beside the last value, the season before and linear regression.

    python -m benchmarks.series_figures etth1 --network dlinear    # 96 -> 96, the split of 12, 4 and 4 months, 7 series
    python -m benchmarks.series_figures stocks --network lstm      # daily closes of three shares, 20 days ahead
    python -m benchmarks.series_figures passengers                 # the example made by a formula

Any param of the recipe may be given: --width 128 --epochs 5. Public data: see image_figures.py.
"""

import argparse
import io
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

_ETT = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]


def etth1() -> tuple[bytes, dict[str, Any]]:
    body = (test_data("etth1") / "ETTh1.csv").read_bytes()
    return body, {"targets": _ETT, "context": 96, "horizon": 96, "parts": [8_640, 2_880, 2_880]}


def stocks() -> tuple[bytes, dict[str, Any]]:
    """Each trading day is the next step."""
    body = (test_data("stock_daily") / "AAPL_TSLA_COKE_2015_2017.csv").read_bytes()
    columns = {"time": "Date", "targets": ["AdjClose"], "series": "Stock", "frequency": "rows"}
    return body, {**columns, "context": 60, "horizon": 20}


def passengers() -> tuple[bytes, dict[str, Any]]:
    from shared.datasets.tables.examples import examples

    example = next(one for one in examples() if one.name == "passengers")
    return example.make()[0][1], {"targets": ["passengers"], "context": 36, "horizon": 12}


TABLES = {"etth1": etth1, "stocks": stocks, "passengers": passengers}


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec = get_recipe("forecaster")
    parser = argparse.ArgumentParser()
    parser.add_argument("tables", nargs="+", choices=list(TABLES))
    for name, field in spec.train_params.model_fields.items():
        if not str(field.annotation).startswith("list"):
            parser.add_argument(f"--{name.replace('_', '-')}")
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    for name in given.pop("tables"):
        body, defaults = TABLES[name]()
        run(name, body, validate_params(spec.train_params, defaults | given))


def run(title: str, body: bytes, params: Any) -> None:
    """Import as an upload, train, report, print, each simple forecast too, and the verdict."""
    from shared.datasets import Limits, import_dataset
    from shared.ids import new_id
    from shared.jobs.job import InputRef
    from shared.recipes import get_recipe
    from shared.volume.volume import Volume
    from worker.artifacts import publishing
    from worker.context import Context
    from worker.inputs import open_inputs
    from worker.recipe import code_of, optional
    from worker.training.fit import fit
    from worker.verdict import judge

    spec = get_recipe("forecaster")
    code = code_of(spec)
    with tempfile.TemporaryDirectory() as place:
        volume = Volume(Path(place))
        volume.ensure()
        job_id = new_id()
        context = Context(volume.start_attempt(job_id, 1), volume, job_id, checkpoint_interval_s=1e9)
        dataset = import_dataset(volume, Limits(), [(f"{title}.csv", io.BytesIO(body))])
        began, cpu = time.monotonic(), time.process_time()
        data = code.load(open_inputs({"data": InputRef(dataset_id=dataset.id)}, context), params, context)
        outcome = fit(spec, params, data, context)
        with publishing(volume, Path(place) / "shown") as (files, _):
            report = code.report(outcome.model, outcome.data, params, context, files, outcome.stages)
        wall, cpu = time.monotonic() - began, time.process_time() - cpu
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
        for each in beside:
            print(each.name, {name: round(value, 4) for name, value in each.metrics.items()})
        verdict = judge(report.judge, report.predictions, [(one.name, one.predictions) for one in beside], report.rows)
        print(verdict.sentence if verdict else "no verdict")
        print("params that differ from the defaults:", params.model_dump(exclude_defaults=True), flush=True)


if __name__ == "__main__":
    main()
