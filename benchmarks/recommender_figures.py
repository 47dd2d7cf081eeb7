"""What recommenders reach on MovieLens small and on a made-up shop, beside popularity, item-kNN, ALS and means.

    python -m benchmarks.recommender_figures ratings                    # 5 folds of all ratings: RMSE
    python -m benchmarks.recommender_figures ranking                    # each person's last film; nDCG@10, recall@20
    python -m benchmarks.recommender_figures ranking --loss bpr
    python -m benchmarks.recommender_figures shop                       # the example made by a formula

Any param of the recipe may be given: --factors 128 --epochs 5. Public data: see image_figures.py.
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

_COLUMNS = {"user": "userId", "item": "movieId", "time": "timestamp"}


def _ratings_csv() -> bytes:
    return (test_data("movielens_latest_small") / "ratings.csv").read_bytes()


def ratings() -> tuple[bytes, dict[str, Any]]:
    chosen = {"value": "rating", "split": "random", "folds": 5, "test_fraction": 0.0}
    return _ratings_csv(), {**_COLUMNS, **chosen}


def ranking() -> tuple[bytes, dict[str, Any]]:
    return _ratings_csv(), {**_COLUMNS, "goal": "ranking", "split": "last"}


def by_time() -> tuple[bytes, dict[str, Any]]:
    return _ratings_csv(), {**_COLUMNS, "goal": "ranking", "split": "time"}


def shop() -> tuple[bytes, dict[str, Any]]:
    from shared.datasets.tables.examples import examples

    example = next(one for one in examples() if one.name == "purchases")
    return example.make()[0][1], dict(example.params)


TABLES = {"ratings": ratings, "ranking": ranking, "by_time": by_time, "shop": shop}


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    parser = argparse.ArgumentParser()
    parser.add_argument("tables", nargs="+", choices=list(TABLES))
    parser.add_argument("--recipe", default="recommender_mf")
    spec = get_recipe(parser.parse_known_args()[0].recipe)
    for name, field in spec.train_params.model_fields.items():
        if not str(field.annotation).startswith("list"):
            parser.add_argument(f"--{name.replace('_', '-')}")
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    del given["recipe"]
    for name in given.pop("tables"):
        body, defaults = TABLES[name]()
        run(spec, name, body, validate_params(spec.train_params, defaults | given))


def run(spec: Any, title: str, body: bytes, params: Any) -> None:
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
        beside = simple(outcome.data, params, context)
        head = ["git", "rev-parse", "--short", "HEAD"]
        commit = subprocess.run(head, cwd=ROOT, capture_output=True, text=True).stdout.strip()
        print(
            f"{title}, {spec.name}, commit {commit}, {os.cpu_count()} cores: {outcome.total_steps} steps, "
            f"{outcome.model.count_params():,} weights, {wall:.0f} s wall, {cpu:.0f} s CPU, split {outcome.data.split}"
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
