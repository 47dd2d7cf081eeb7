"""Code of image_classifier: a small convolutional network from pixels to class probabilities.

The spec, with every param's meaning and the sources, is shared/recipes/image_classifier.py.
"""

from typing import Any

import keras
import numpy as np

from shared.outputs import Output, Picture, Score, Scores
from shared.recipes.image_classifier import ImageClassifierTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.classification import classification_metrics, confusion_matrix
from worker.families.confusion import confusion_csv, confusion_output
from worker.families.images.data import PictureData, load_pictures
from worker.families.images.drawing import legend_of, picture_png, prediction_grid
from worker.families.images.labelling import Labeller, probabilities_of, probabilities_over
from worker.families.images.networks import classifier
from worker.recipe import Assets, Inputs, Report, XlaChoice

XLA: XlaChoice = "slower"  # measured: see benchmarks/RESULTS.md, image_classifier
STEPS_PER_EXECUTION = 16
MISTAKES = 6  # shown in the report
_PARTS = {"test": "test part", "val": "validation part", "train": "training part"}


def load(inputs: Inputs, params: ImageClassifierTrain, context: Context) -> PictureData:
    return load_pictures(inputs, params, context)


def build(params: ImageClassifierTrain, assets: Assets, inputs: Inputs) -> keras.Model:
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


def compile_args(params: ImageClassifierTrain, assets: Assets) -> dict[str, Any]:
    """Smoothing is in the training targets, so that val_loss is the plain cross-entropy."""
    return {
        "loss": keras.losses.CategoricalCrossentropy(from_logits=True),
        "metrics": [keras.metrics.CategoricalAccuracy(name="accuracy")],
    }


def sample(model: Any, params: ImageClassifierTrain, assets: Assets, *, seed: int, files: Files) -> list[Output]:
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
    for part, title in _PARTS.items():
        places = data.places[part]
        if not len(places) or (part == "train" and metrics):
            continue
        labels = data.labels[places]
        probabilities = probabilities_over(model, data.pixels, places, context)
        metrics |= {f"{part}_{key}": value for key, value in classification_metrics(labels, probabilities).items()}
        if not outputs:
            matrix = confusion_matrix(labels, probabilities.argmax(1), len(data.classes))
            outputs.append(confusion_output(matrix, data.classes, f"Confusion matrix, {title}"))
            files.write("confusion_matrix.csv", confusion_csv(matrix, data.classes))
            outputs += _worst_mistakes(data, places, labels, probabilities, files)
    return Report(metrics, outputs)


def _worst_mistakes(
    data: PictureData, places: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, files: Files
) -> list[Output]:
    """The pictures that the model was surest of and wrong about, with what it said and what they are."""
    said = probabilities.argmax(1)
    wrong = np.flatnonzero(said != labels)
    surest = wrong[np.argsort(-probabilities[wrong, said[wrong]], kind="stable")][:MISTAKES]
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


def open_generator(model: Any, params: ImageClassifierTrain, assets: Assets) -> Labeller:
    return Labeller(model, assets)
