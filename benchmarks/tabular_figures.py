"""What the table predictor reaches on public tables, beside logistic regression and gradient boosting.

    python -m benchmarks.tabular_figures adult                # its own test part
    python -m benchmarks.tabular_figures breast_cancer pima   # 5 folds, seed 0, the same for all

Any param of the recipe may be given: --members 16 --width 192. Public data: see image_figures.py.
"""

import argparse
import csv
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

ADULT = (
    "age,workclass,fnlwgt,education,education_num,marital_status,occupation,relationship,race,sex,capital_gain,capital_loss,"
    "hours_per_week,country,income"
)
PIMA = "pregnancies,glucose,pressure,skin,insulin,bmi,pedigree,age,diabetes"


def adult() -> tuple[bytes, dict[str, Any]]:
    """Both files, the test one last; its answers end with a point."""
    folder = test_data("adult_income")
    lines = [f"{ADULT},part"]
    for part in ("train", "test"):
        text = (folder / f"adult-{part}.csv").read_text()
        lines += [f"{line.strip().rstrip('.')},{part}" for line in text.splitlines() if line.count(",") == 14]
    return "\n".join(lines).encode(), {"target": "income", "members": 16, "width": 192, "epochs": 16}


def breast_cancer() -> tuple[bytes, dict[str, Any]]:
    with (test_data("sklearn_small") / "breast_cancer.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    out = io.StringIO()
    csv.writer(out).writerows(
        [[f"x{i}" for i in range(30)] + ["is"], *([*row[:-1], head[2 + int(row[-1])]] for row in rows)]
    )
    return out.getvalue().encode(), {"target": "is", "folds": 5, "test_fraction": 0.0}


def pima() -> tuple[bytes, dict[str, Any]]:
    text = (test_data("pima_diabetes") / "pima-indians-diabetes.csv").read_text()
    return f"{PIMA}\n{text}".encode(), {"target": "diabetes", "folds": 5, "test_fraction": 0.0}


TABLES = {"adult": adult, "breast_cancer": breast_cancer, "pima": pima}


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec = get_recipe("tabular")
    parser = argparse.ArgumentParser()
    parser.add_argument("tables", nargs="+", choices=list(TABLES))
    for name in spec.train_params.model_fields:
        parser.add_argument(f"--{name.replace('_', '-')}")
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    for name in given.pop("tables"):
        body, defaults = TABLES[name]()
        run(name, body, validate_params(spec.train_params, defaults | given))


def run(title: str, body: bytes, params: Any, recipe: str = "tabular", base: Path | None = None) -> None:
    """Import a table as an upload, train, report, print; with folds the baselines of each fold too.

    base: a folder of open weights.
    """
    from shared.bases.importer import import_base
    from shared.datasets import Limits, import_dataset
    from shared.ids import new_id
    from shared.jobs.job import InputRef
    from shared.recipes import get_recipe
    from shared.volume.volume import Volume
    from worker.artifacts import publishing
    from worker.context import Context
    from worker.inputs import open_inputs
    from worker.recipe import code_of
    from worker.training.fit import fit

    spec = get_recipe(recipe)
    code = code_of(spec)
    with tempfile.TemporaryDirectory() as place:
        volume = Volume(Path(place))
        volume.ensure()
        job_id = new_id()
        context = Context(volume.start_attempt(job_id, 1), volume, job_id, checkpoint_interval_s=1e9)
        dataset = import_dataset(volume, Limits(), [(f"{title}.csv", io.BytesIO(body))])
        began, cpu = time.monotonic(), time.process_time()
        refs = {"data": InputRef(dataset_id=dataset.id)}
        if base is not None:
            files = {path.name: path for path in base.iterdir() if path.is_file()}
            refs["base"] = InputRef(base_id=import_base(volume, files, name=base.name, source="a benchmark").id)
        inputs = open_inputs(refs, context)
        data = code.load(inputs, params, context)
        outcome = fit(spec, params, data, context, inputs=inputs)
        with publishing(volume, Path(place) / "shown") as (files, _):
            metrics = code.report(outcome.model, outcome.data, params, context, files, outcome.stages).metrics
        wall, cpu = time.monotonic() - began, time.process_time() - cpu
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
        ).stdout
        print(
            f"{title}, commit {commit.strip()}, {os.cpu_count()} cores: {outcome.total_steps} steps, "
            f"{outcome.model.count_params():,} weights, {wall:.0f} s wall, {cpu:.0f} s CPU, split {data.split}"
        )
        print({name: round(value, 4) for name, value in metrics.items()})
        folds = code.stages(data)[:-1] if params.folds else [data]  # pyright: ignore[reportAttributeAccessIssue]
        beside: dict[str, dict[str, list[float]]] = {}
        for fold in folds:
            for each in code.baselines(fold, params, context):  # pyright: ignore[reportAttributeAccessIssue]
                for name in ("test_roc_auc", "test_accuracy"):
                    beside.setdefault(each.name.split("'")[0], {}).setdefault(name, []).append(
                        each.metrics.get(name, 0.5)
                    )
        for name, figures in beside.items():
            print(name, {key: round(sum(values) / len(values), 4) for key, values in figures.items()})
        print("params that differ from the defaults:", params.model_dump(exclude_defaults=True), flush=True)


if __name__ == "__main__":
    main()
