"""What a detector's training shows: a few validation pictures as it goes; at its end figures, curves and the worst pictures."""

from functools import partial
from typing import Any

import numpy as np

from shared.datasets.pictures.decoding import opened_picture, upright
from shared.outputs import Boxes, Cell, Line, Output, Series, Table
from worker.artifacts import Files
from worker.context import Context
from worker.families.boxes.baselines import compared_on
from worker.families.boxes.data import BoxData
from worker.families.boxes.drawing import boxes_output, jpeg_bytes
from worker.families.boxes.evaluating import OVERLAP, batched, found_in
from worker.families.boxes.heads import finder
from worker.families.boxes.letterbox import scales
from worker.families.boxes.measuring import Matches, Measured, box_judge, measured
from worker.families.images.drawing import picture_png
from worker.families.images.preview import FEW, TITLE, in_bytes
from worker.recipe import Assets, Report

WORST = 4  # pictures shown, each as said and as true
LEAST_SHOWN = 0.25  # score of a box in a picture, as where nobody asks for another
_MOST_PNG = 1_000_000  # pixels; larger pictures are shown as JPEG, a tenth of the size
_MOST_LINES = 10  # classes with a curve of their own, the most frequent ones
_PARTS = {"test": "test part", "val": "validation part", "train": "training part"}


def box_preview(pixels: np.ndarray, boxes: np.ndarray, assets: Assets, files: Files) -> list[Output]:
    """Pictures of a batch with their boxes. pixels: float (batch, height, width, channels). boxes: as BoxData has them."""
    found = list[Output]()
    for number in range(min(FEW, len(pixels))):
        picture, true = in_bytes(pixels[number]), boxes[number][boxes[number, :, -1] >= 0]
        file = files.write(f"learnt_from_{number + 1}.png", picture_png(picture))
        found.append(boxes_output(TITLE, file, (picture.shape[1], picture.shape[0]), true, assets["classes"]))
    return found


def shown_boxes(model: Any, assets: Assets, context: Context, files: Files) -> list[Output]:
    """The validation pictures in the assets with what the model finds in them now."""
    if not assets["shown"]:
        return []
    search, found = finder(batched(model.predict_on_batch), assets), list[Output]()
    pixels = assets.arrays["shown_pixels"]
    for number, boxes in enumerate(search(pixels, LEAST_SHOWN, OVERLAP)):
        context.check()
        width, height = assets["shown_fitted"][number]
        file = files.write(f"shown_{number + 1}.png", picture_png(pixels[number, :height, :width]))
        found.append(boxes_output(assets["shown"][number], file, (width, height), boxes, assets["classes"]))
    return found


def report_boxes(model: Any, data: BoxData, context: Context, files: Files, stages: list[dict[str, float]]) -> Report:
    """Measure the test part and validation, or the training part where neither has a box; show the worst pictures of the first."""
    metrics, outputs, compared = dict[str, float](), list[Output](), dict[str, Any]()
    compared_part, judged = compared_on(data)
    if stages and "val_loss" in stages[-1]:
        metrics["val_loss"] = stages[-1]["val_loss"]
    for part, title in _PARTS.items():
        places = data.places[part]
        if not data.counts[places].sum() or (part == "train" and outputs):
            continue
        said = found_in(model, data, places, partial(_look, context, len(places)))
        truth = [data.boxed.boxes[number] for number in places.tolist()]
        found = measured(truth, said, len(data.classes))
        metrics |= {f"{part}_{name}": value for name, value in found.metrics().items()}
        if part == compared_part:
            rows = np.searchsorted(places, judged).tolist()
            some = measured([truth[row] for row in rows], [said[row] for row in rows], len(data.classes))
            compared = {"predictions": some.matches, "judge": box_judge(), "rows": len(rows)}
        if not outputs:
            outputs += [_by_class(found, data.classes, title), *_curves(found, data.classes, title)]
            outputs += _worst(data, places, said, found.matches, files)
    return Report(metrics, outputs, **compared)


def _look(context: Context, of: int, done: int) -> None:
    context.look(done, of)


def _by_class(found: Measured, names: list[str], part: str) -> Table:
    """Average precision of each class, and what the score promises at which precision and recall balance best (largest F1)."""
    recalls = np.linspace(0, 1, 101)
    totals = found.matches.truths.sum(0)
    rows: list[list[Cell]] = []
    for number, name in enumerate(names):
        if not totals[number]:
            rows.append([name, 0, None, None, None, None, None])
            continue
        precision = found.precision[0, :, number]
        best = int((2 * precision * recalls / np.maximum(precision + recalls, 1e-9)).argmax())
        figures = (
            precision.mean(),
            found.precision[:, :, number].mean(),
            found.scores[0, best, number],
            recalls[best],
            precision[best],
        )
        shown: list[Cell] = [round(float(value), 4) for value in figures]
        rows.append([name, int(totals[number]), *(shown if precision.any() else [*shown[:2], None, None, None])])
    title = f"Class by class, {part}: found and right at the score at which they balance best"
    columns = ["class", "boxes", "AP@0.5", "AP@[.5:.95]", "score", "found", "right"]
    return Table(title=title, columns=columns, rows=rows[:100], count=len(rows))


def _curves(found: Measured, names: list[str], part: str) -> list[Output]:
    """Precision over recall at an overlap of 0.5, as far as the recall goes; of a class that was never found no line."""
    lines = []
    seen = [number for number in range(len(names)) if found.there[number] and found.precision[0, :, number].any()]
    for number in seen[:_MOST_LINES]:
        precision = found.precision[0, :, number]
        reached = int((precision > 0).sum())
        recall = [round(step / 100, 2) for step in range(reached)]
        lines.append(
            Line(name=names[number], x=list(recall), y=[round(float(value), 4) for value in precision[:reached]])
        )
    title = f"Precision over recall at an overlap of 0.5, {part}"
    return [Series(title=title, x_title="recall", y_title="precision", lines=lines)] if lines else []


def _worst(data: BoxData, places: np.ndarray, said: list[np.ndarray], matches: Matches, files: Files) -> list[Output]:
    """The pictures with the smallest F1 of their boxes, as said and as true, in their full size."""
    sure = matches.scores >= LEAST_SHOWN
    right = np.bincount(matches.rows[sure & matches.right], minlength=len(places))
    told = np.bincount(matches.rows[sure], minlength=len(places))
    true = matches.truths.sum(1)
    balance = np.where(told + true > 0, 2 * right / np.maximum(told + true, 1), 2.0)
    found: list[Output] = []
    for rank, row in enumerate(np.argsort(balance, kind="stable")[:WORST].tolist(), 1):
        number = int(places[row])
        size, name = data.boxed.sizes[number], data.boxed.names[number]
        with opened_picture(data.boxed.root / data.boxed.files[number]) as image:
            picture = upright(image, data.assets["levels"])
        large = picture.width * picture.height > _MOST_PNG
        body = jpeg_bytes(picture) if large else picture_png(np.atleast_3d(np.asarray(picture)))
        file = files.write(f"worst_{rank}.{'jpg' if large else 'png'}", body)
        wrong, missed = told[row] - right[row], true[row] - right[row]
        shown = said[row][said[row][:, 4] >= LEAST_SHOWN]
        title = f"{name}: said, {right[row]} right, {wrong} wrong, {missed} missed"
        for what, boxes in ((title, shown), (f"{name}: true", data.boxed.boxes[number])):
            found.append(_full_size(boxes_output(what, file, size, boxes, data.classes), data.shape))
    return found


def _full_size(output: Boxes, shape: tuple[int, int, int]) -> Boxes:
    """Boxes of the network's pixels in those of the picture."""
    across, down = scales(output.size, shape)[:2]
    boxes = [
        box.model_copy(update={"x0": box.x0 / across, "x1": box.x1 / across, "y0": box.y0 / down, "y1": box.y1 / down})
        for box in output.boxes
    ]
    return output.model_copy(update={"boxes": boxes})
