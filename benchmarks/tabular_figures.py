"""What the table predictor reaches on public tables, beside logistic regression and gradient boosting.

    python -m benchmarks.tabular_figures adult                # its own test part
    python -m benchmarks.tabular_figures breast_cancer pima   # 5 folds, seed 0, the same for all

Any param of the recipe may be given: --members 16 --width 192. Public data: see here.py.
"""

import argparse
import csv
import io
from pathlib import Path
from typing import Any

from benchmarks.here import add_params, given, test_data
from benchmarks.one_training import rounded, trained

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

    spec, parser = get_recipe("tabular"), argparse.ArgumentParser()
    parser.add_argument("tables", nargs="+", choices=list(TABLES))
    add_params(parser, spec)
    told = given(parser)
    for name in told.pop("tables"):
        body, defaults = TABLES[name]()
        run(name, spec, body, validate_params(spec.train_params, defaults | told))


def run(title: str, spec: Any, body: bytes, params: Any, base: Path | None = None) -> None:
    """Train and print, with folds the mean of the simple answers of each fold too. base: a folder of open weights."""
    with trained(title, spec, params, [(f"{title}.csv", io.BytesIO(body))], base=base) as made:
        made.say()
        folds = made.code.stages(made.data)[:-1] if params.folds else [made.data]
        beside: dict[str, dict[str, list[float]]] = {}
        for fold in folds:
            for each in made.code.baselines(fold, made.params, made.context):
                for name in ("test_roc_auc", "test_accuracy"):
                    beside.setdefault(each.name.split("'")[0], {}).setdefault(name, []).append(
                        each.metrics.get(name, 0.5)
                    )
        for name, figures in beside.items():
            print(name, rounded({key: sum(values) / len(values) for key, values in figures.items()}))


if __name__ == "__main__":
    main()
