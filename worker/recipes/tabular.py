"""Code of tabular: a network from the columns of a row to a class or a number.

The spec, with every param's meaning and the sources, is shared/recipes/tabular.py.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from shared.outputs import Cell, Output, Table
from shared.recipes.tabular import TabularTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.tables.answering import Answering
from worker.families.tables.baselines import table_baselines
from worker.families.tables.data import TableData, fold_stages, load_table
from worker.families.tables.exporting import export_table
from worker.families.tables.features import Features
from worker.families.tables.losses import GAMMA, MemberCrossEntropy, MemberRegression
from worker.families.tables.measuring import evaluate_table, report_table
from worker.families.tables.network import table_network
from worker.families.tables.predicting import Predictor
from worker.recipe import Assets, Baseline, Data, Inputs, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess: see benchmarks/RESULTS.md
STEPS_PER_EXECUTION = 16
NUMBERED_BY = {"features": "set of columns or of their values"}


def load(inputs: Inputs, params: TabularTrain, context: Context) -> TableData:
    return load_table(inputs, params, context)


def stages(data: TableData) -> Sequence[Data]:
    return fold_stages(data)


def build(params: TabularTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    return table_network(
        Features.from_json(assets["features"]),
        assets.arrays.get("edges"),
        len(assets["classes"]) or 3,
        network=params.network,
        width=params.width,
        layers_=params.layers,
        members=params.members,
        dropout=params.dropout,
    )


def compile_args(params: TabularTrain, assets: Assets) -> dict[str, Any]:
    if not assets["classes"]:
        return {"loss": MemberRegression()}
    return {"loss": MemberCrossEntropy(GAMMA if params.loss == "focal" else 0.0)}


def evaluate(model: Any, data: TableData, look: Callable[[int], None]) -> dict[str, float] | None:
    return evaluate_table(model, data, look)


def sample(
    model: Any, params: TabularTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    """Answers to a few validation rows, the same ones each time."""
    answering = Answering(model, assets, params)
    shown = {name.removeprefix("shown_"): array for name, array in assets.arrays.items() if name.startswith("shown_")}
    truth = shown.pop("truth")
    said = answering.answers(shown)
    rows: list[list[Cell]] = []
    for i, number in enumerate(assets["shown_rows"]):
        if answering.classes:
            best = int(said[i].argmax())
            rows.append(
                [number, answering.classes[int(truth[i])], answering.classes[best], round(float(said[i, best]), 4)]
            )
        else:
            rows.append([number, float(truth[i]), float(said[i, 0]), float(said[i, 0] - truth[i])])
    right = int((said.argmax(1) == truth).sum())
    title = (
        f"{right} of {len(rows)} right"
        if answering.classes
        else f"Off by {np.abs(said[:, 0] - truth).mean():.6g} on average"
    )
    heads = ["row", f"true {answering.target}", "said", "probability" if answering.classes else "error"]
    return [Table(title=title, columns=heads, rows=rows, count=len(rows))]


def report(
    model: Any, data: TableData, params: TabularTrain, context: Context, files: Files, stages: list[dict[str, float]]
) -> Report:
    return report_table(model, data, params, context, files, stages)


def baselines(data: TableData, params: TabularTrain, context: Context) -> list[Baseline]:
    return table_baselines(data, params, context)


def export(model: Any, params: TabularTrain, assets: Assets, folder: Path) -> keras.Model:
    export_table(model, assets, folder)
    return model


def open_generator(model: Any, params: TabularTrain, assets: Assets) -> Predictor:
    return Predictor(model, assets, params)
