"""Code of text_classifier: a network from the tokens of a text to its label or labels, small or upon an encoder.

The spec, with every param's meaning and the sources, is shared/recipes/text_classifier.py.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from shared.outputs import Cell, Output, Table
from shared.recipes.text_classifier import TextClassifierTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.text_labels.answering import Answering
from worker.families.text_labels.baselines import text_baselines
from worker.families.text_labels.data import LabelledTexts, fold_stages, load_labelled
from worker.families.text_labels.exporting import export_text_classifier
from worker.families.text_labels.losses import LabelCrossEntropy
from worker.families.text_labels.measuring import evaluate_labelled, report_labelled, told_cells
from worker.families.text_labels.naming import Namer
from worker.families.text_labels.network import text_network
from worker.families.text_labels.tokens import Tokens
from worker.families.text_labels.upon_encoder import fixed_of, text_on_encoder
from worker.families.text_labels.using import Classifier
from worker.recipe import Assets, Baseline, Data, Inputs, OpenInput, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess: see benchmarks/RESULTS.md
STEPS_PER_EXECUTION = 16
NUMBERED_BY = {"tokenizer": "vocabulary"}


def load(inputs: Inputs, params: TextClassifierTrain, context: Context) -> LabelledTexts:
    return load_labelled(inputs, params, context)


def stages(data: LabelledTexts) -> Sequence[Data]:
    return fold_stages(data)


def build(params: TextClassifierTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    if "encoder" in assets.json:
        return text_on_encoder(params, assets, inputs["base"])
    return text_network(
        params.network,
        assets["length"],
        assets["kinds"],
        len(assets["names"]),
        width=params.width,
        layers_=params.layers,
        heads=params.heads,
        dropout=params.dropout,
        evidence=assets.arrays.get("evidence"),
    )


def fixed(model: Any) -> list[Any]:
    return fixed_of(model)


def compile_args(params: TextClassifierTrain, assets: Assets) -> dict[str, Any]:
    if assets["many"]:
        return {"loss": LabelCrossEntropy(assets["weights"])}
    return {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}


def evaluate(model: Any, data: LabelledTexts, look: Callable[[int], None]) -> dict[str, float] | None:
    return evaluate_labelled(model, data, look)


def sample(
    model: Any, params: TextClassifierTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    """Answers to a few validation texts, the same ones each time."""
    answering = Answering(model, assets, params)
    said = answering.all_answers(Tokens(assets.arrays["shown_tokens"], assets.arrays["shown_lengths"]), context.check)
    rows: list[list[Cell]] = []
    for text, truth, one in zip(assets["shown_texts"], assets["shown_labels"], said, strict=True):
        numbers = [answering.names.index(name) for name in truth]
        rows.append([text, *told_cells(answering.names, answering.many, numbers, one)])
    right = sum(row[1] == row[2] for row in rows)
    title = f"{right} of {len(rows)} right"
    return [Table(title=title, columns=["text", "true", "said", "probability"], rows=rows, count=len(rows))]


def report(
    model: Any,
    data: LabelledTexts,
    params: TextClassifierTrain,
    context: Context,
    files: Files,
    stages: list[dict[str, float]],
) -> Report:
    return report_labelled(model, data, params, context, files, stages)


def baselines(data: LabelledTexts, params: TextClassifierTrain, context: Context) -> list[Baseline]:
    return text_baselines(data, params, context)


def export(model: Any, params: TextClassifierTrain, assets: Assets, folder: Path) -> keras.Model | None:
    export_text_classifier(model, assets, folder)
    return None if "encoder" in assets.json else model


def open_base(opened: OpenInput) -> Namer:
    return Namer(opened)


def open_generator(model: Any, params: TextClassifierTrain, assets: Assets) -> Classifier:
    return Classifier(model, assets, params)
