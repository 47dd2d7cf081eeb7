"""What a segmenter's training shows: a few validation pictures as it goes, and at its end the figures and the worst pictures."""

from typing import Any

import numpy as np

from shared.outputs import Output
from worker.artifacts import Files
from worker.context import Context
from worker.families.images.preview import FEW, TITLE, in_bytes
from worker.families.masks.baselines import compared_on
from worker.families.masks.data import MaskData
from worker.families.masks.drawing import drawn_mask
from worker.families.masks.measuring import counted, mask_judge, mask_metrics, mask_outputs, mean_iou
from worker.families.masks.segmenting import Segmenting
from worker.recipe import Assets, Report

WORST = 4  # pictures shown, each as said and as true
_PARTS = {"test": "test part", "val": "validation part", "train": "training part"}


def mask_preview(pixels: np.ndarray, masks: np.ndarray, assets: Assets, files: Files) -> list[Output]:
    """Crops of a batch with their masks. pixels: float (batch, height, width, channels). masks: uint8 (batch, height, width)."""
    names, colours = assets["classes"], assets["colours"]
    return [
        drawn_mask(TITLE, f"learnt_from_{number + 1}", in_bytes(pixels[number]), masks[number], names, colours, files)
        for number in range(min(FEW, len(pixels)))
    ]


def shown_masks(model: Any, assets: Assets, context: Context, files: Files) -> list[Output]:
    """The validation pictures in the assets as the model sees them now."""
    by, found = Segmenting(model, assets, compiled=False), list[Output]()
    for number, name in enumerate(assets["shown"]):
        context.check()
        pixels, truth = assets.arrays[f"shown_{number}"], assets.arrays[f"true_{number}"]
        said = by.classes(pixels)
        value = mean_iou(counted(truth, said, len(by.names)))
        title = name if value is None else f"{name}: mean IoU {value:.2f}"
        found.append(drawn_mask(title, f"shown_{number + 1}", pixels, said, by.names, by.colours, files))
    return found


def report_masks(model: Any, data: MaskData, context: Context, files: Files, stages: list[dict[str, float]]) -> Report:
    """Measure the test part and validation, or the training part where there is neither; show the worst pictures of the first."""
    by, metrics, outputs = Segmenting(model, data.assets), dict[str, float](), list[Output]()
    compared: dict[str, Any] = {}
    compared_part, judged = compared_on(data)
    names = [name for name, _ in data.classes]
    if stages and "val_loss" in stages[-1]:
        metrics["val_loss"] = stages[-1]["val_loss"]
    for part, title in _PARTS.items():
        places = data.places[part]
        if not len(places) or (part == "train" and outputs):
            continue
        counts = np.zeros((len(places), len(names), len(names)), np.int64)
        for at, number in enumerate(places.tolist()):
            context.look(at, len(places))
            picture, mask = data.pairs.whole(number)
            counts[at] = counted(data.remap[mask], by.classes(picture), len(names))
        metrics |= {f"{part}_{name}": value for name, value in mask_metrics(counts.sum(0)).items()}
        if part == compared_part:
            rows = np.searchsorted(places, judged)
            compared = {"predictions": counts[rows], "judge": mask_judge(), "rows": len(rows)}
        if not outputs:
            outputs += mask_outputs(counts.sum(0), names, title)
            outputs += _worst(by, data, places, counts, files)
    return Report(metrics, outputs, **compared)


def _worst(by: Segmenting, data: MaskData, places: np.ndarray, counts: np.ndarray, files: Files) -> list[Output]:
    """The pictures with the smallest share of right pixels, as said and as true."""
    known = counts.sum((1, 2))
    right = np.where(known > 0, counts.trace(axis1=1, axis2=2) / np.maximum(known, 1), 2.0)
    found: list[Output] = []
    for number, at in enumerate(np.argsort(right, kind="stable")[:WORST].tolist(), 1):
        picture, mask = data.pairs.whole(int(places[at]))
        name = data.pairs.names[places[at]]
        for what, values in (("said", by.classes(picture)), ("true", data.remap[mask])):
            title = f"{name}: {what}, {right[at]:.0%} of its pixels right" if what == "said" else f"{name}: {what}"
            found.append(drawn_mask(title, f"worst_{number}_{what}", picture, values, by.names, by.colours, files))
    return found
