"""Code of image_classifier: a small convolutional network from pixels to class probabilities.

The spec, with every param's meaning and the sources, is shared/recipes/image_classifier.py.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from shared.outputs import Output, Picture, Score, Scores
from shared.recipes.image_classifier import ImageClassifierTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.confusion import confusion_csv
from worker.families.evaluation.classes import class_judge, class_metrics, class_outputs, worst_mistakes
from worker.families.images.backbone import classifier_upon, fixed_of
from worker.families.images.baselines import compared_on, picture_baselines, spread
from worker.families.images.data import PictureData, load_pictures
from worker.families.images.drawing import legend_of, picture_png, prediction_grid
from worker.families.images.exporting import export_classifier
from worker.families.images.labelling import Labeller, probabilities_of, probabilities_over
from worker.families.images.networks import classifier
from worker.families.images.preview import class_preview
from worker.recipe import Assets, Baseline, Inputs, Report, XlaChoice

XLA: XlaChoice = "slower"  # measured: see benchmarks/RESULTS.md, image_classifier
STEPS_PER_EXECUTION = 16
MISTAKES = 6  # shown in the report
_SHORT = frozenset({"accuracy", "precision", "recall", "f1", "roc_auc"})
_PARTS = {"test": "test part", "val": "validation part", "train": "training part"}


def load(inputs: Inputs, params: ImageClassifierTrain, context: Context) -> PictureData:
    return load_pictures(inputs, params, context)


def build(params: ImageClassifierTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    if "backbone" in assets.json:
        return classifier_upon(params, assets, inputs["base"].folder)
    return classifier(
        params.architecture,
        tuple(assets["shape"]),
        len(assets["classes"]),
        width=params.width,
        depth=params.depth,
        dropout=params.dropout,
        mean=assets["mean"],
        std=assets["std"],
    )


def fixed(model: Any) -> list[Any]:
    return fixed_of(model)


def compile_args(params: ImageClassifierTrain, assets: Assets) -> dict[str, Any]:
    """Smoothing is in the training targets, so that val_loss is the plain cross-entropy."""
    return {
        "loss": keras.losses.CategoricalCrossentropy(from_logits=True),
        "metrics": [keras.metrics.CategoricalAccuracy(name="accuracy")],
    }


def preview(batch: Any, assets: Assets, files: Files) -> list[Output]:
    return class_preview(batch[0], batch[1].argmax(1), assets["classes"], files)


def sample(
    model: Any, params: ImageClassifierTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    """Predictions on a few validation pictures, the same ones each time."""
    labels, pixels, classes = assets["shown_labels"], assets.arrays["shown"], assets["classes"]
    if not labels:
        return []
    probabilities = probabilities_of(model, pixels)
    said = probabilities.argmax(1)
    right = int((said == np.array(labels)).sum())
    grid = files.write("predictions.png", prediction_grid(list(pixels), labels, probabilities, classes))
    title = f"{right} of {len(labels)} validation pictures right"
    return [Picture(title=title, file=grid, legend=legend_of(classes, {*labels, *said.tolist()}))]


def report(
    model: Any,
    data: PictureData,
    params: ImageClassifierTrain,
    context: Context,
    files: Files,
    stages: list[dict[str, float]],
) -> Report:
    """Evaluate the test part and validation, or the training part where there is neither; show the first of them."""
    metrics: dict[str, float] = {}
    outputs: list[Output] = []
    compared: dict[str, Any] = {}
    compared_part, judged = compared_on(data)
    for part, title in _PARTS.items():
        places = data.places[part]
        if not len(places) or (part == "train" and metrics):
            continue
        labels = data.labels[places]
        probabilities = probabilities_over(model, data.pixels, places, context)
        found = class_metrics(labels, probabilities)
        if outputs:  # of the second part the usual ones do
            found = {name: value for name, value in found.items() if name in _SHORT}
        metrics |= {f"{part}_{name}": value for name, value in found.items()}
        if part == compared_part:
            rows = spread(len(places), len(judged))
            compared = {
                "predictions": probabilities[rows],
                "judge": class_judge(labels[rows], "accuracy"),
                "rows": len(rows),
            }
        if not outputs:
            files.write("confusion_matrix.csv", confusion_csv(labels, probabilities.argmax(1), data.classes))
            outputs += class_outputs(labels, probabilities, data.classes, title)
            outputs += _worst_mistakes(data, places, labels, probabilities, files)
    return Report(metrics, outputs, **compared)


def baselines(data: PictureData, params: ImageClassifierTrain, context: Context) -> list[Baseline]:
    return picture_baselines(data, params.seed, context)


def _worst_mistakes(
    data: PictureData, places: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, files: Files
) -> list[Output]:
    """The pictures that the model was surest of and wrong about, with what it said and what they are."""
    said = probabilities.argmax(1)
    surest = worst_mistakes(labels, probabilities, MISTAKES)
    found: list[Output] = []
    for number, i in enumerate(surest.tolist(), 1):
        (pixels,) = data.pixels.rows(places[i : i + 1])
        shown = files.write(f"mistake_{number}.png", picture_png(pixels))
        items = [
            Score(name=data.classes[c], value=float(probabilities[i, c]), note=note)
            for c, note in ((said[i], "said"), (labels[i], "true"))
        ]
        found.append(Scores(title="Surely wrong", subject=data.names[places[i]], picture=shown, items=items))
    return found


def export(model: Any, params: ImageClassifierTrain, assets: Assets, folder: Path) -> keras.Model:
    return export_classifier(model, assets, folder)


def open_generator(model: Any, params: ImageClassifierTrain, assets: Assets) -> Labeller:
    return Labeller(model, assets)
