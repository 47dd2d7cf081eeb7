"""How good boxes are: mean average precision as COCO measures it, and what the verdict compares by.

Source: Lin et al. 2014 (COCO), arXiv:1405.0312; the figures are those of pycocotools, over boxes of all sizes.
"""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from worker.families.boxes.finding import MOST_FOUND
from worker.verdict import Judge

LEAST_MEASURED = 0.005  # score from which boxes are measured: average precision wants the weak ones too
_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Measured:
    """precision: float (10 overlaps from 0.5 on, 101 recalls, classes), -1 of classes without a true box.

    scores: alike, the score down to which that recall is reached. matches: at an overlap of 0.5.
    """

    precision: np.ndarray
    scores: np.ndarray
    matches: "Matches"

    @property
    def there(self) -> np.ndarray:
        """Which classes have a true box, bool (classes,)."""
        return self.precision[0, 0] > -1

    def map50(self) -> float | None:
        """Mean average precision at an overlap of 0.5, the mean over classes that have a true box; None without any."""
        return float(self.precision[0][:, self.there].mean()) if self.there.any() else None

    def metrics(self) -> dict[str, float]:
        """map50, map50_95. {} without a true box."""
        found = self.map50()
        return {} if found is None else {"map50": found, "map50_95": float(self.precision[:, :, self.there].mean())}


@dataclass(frozen=True)
class Matches:
    """All boxes said, surest first: score, whether it is right, its class and the row of its picture, (n,) each.

    truths: int64 (pictures, classes), true boxes.
    """

    scores: np.ndarray
    right: np.ndarray
    classes: np.ndarray
    rows: np.ndarray
    truths: np.ndarray


def measured(truth: Sequence[np.ndarray], said: Sequence[np.ndarray], classes: int) -> Measured:
    """Compare boxes picture by picture. truth: float (k, 5), a class in the last place. said: float (k, 6), score and class last.

    Both in pixels of the same picture.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # it tells how it goes
        judge = COCOeval(_coco(truth, classes), _coco(said, classes), "bbox")
        judge.params.imgIds, judge.params.catIds = list(range(len(truth))), list(range(classes))
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.params.maxDets = [MOST_FOUND]
        judge.evaluate()
        judge.accumulate()
    return Measured(
        judge.eval["precision"][..., 0, 0], judge.eval["scores"][..., 0, 0], _matches(judge, truth, classes)
    )


def _coco(boxes: Sequence[np.ndarray], classes: int) -> COCO:
    """Boxes as pycocotools wants them: (k, 5) true ones or (k, 6) said ones, of each picture."""
    found = []
    for row, of in enumerate(boxes):
        for box in np.asarray(of, np.float64).tolist():
            x0, y0, x1, y1 = box[:4]
            entry = {
                "id": len(found) + 1,
                "image_id": row,
                "category_id": int(box[-1]),
                "bbox": [x0, y0, x1 - x0, y1 - y0],
            }
            found.append(
                entry | {"area": (x1 - x0) * (y1 - y0), "iscrowd": 0} | ({"score": box[4]} if len(box) == 6 else {})
            )
    coco: Any = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": row} for row in range(len(boxes))],
        "categories": [{"id": number} for number in range(classes)],
        "annotations": found,
    }
    coco.createIndex()
    return coco


def _matches(judge: COCOeval, truth: Sequence[np.ndarray], classes: int) -> Matches:
    scores, right, numbers, rows = [], [], [], []
    for one in judge.evalImgs:
        if one is not None:
            scores.append(np.asarray(one["dtScores"], np.float64))
            right.append(np.asarray(one["dtMatches"])[0] > 0)
            numbers.append(np.full(len(scores[-1]), one["category_id"]))
            rows.append(np.full(len(scores[-1]), one["image_id"]))
    parts = [np.concatenate(part) if part else np.zeros(0) for part in (scores, right, numbers, rows)]
    order = np.argsort(-parts[0], kind="mergesort")
    truths = np.stack(
        [np.bincount(boxes[:, -1].astype(np.int64), minlength=classes) for boxes in map(np.asarray, truth)]
    )
    surest, right, numbers, rows = (part[order] for part in parts)
    return Matches(surest, right.astype(bool), numbers.astype(np.int64), rows.astype(np.int64), truths)


def map50(matches: Matches, rows: np.ndarray) -> float | None:
    """Mean average precision at an overlap of 0.5 over some of the pictures, repeated ones counted as often.

    As pycocotools has it. None where none of them has a box.
    """
    times = np.bincount(rows, minlength=len(matches.truths))
    each = []
    for number in range(matches.truths.shape[1]):
        total = int(matches.truths[:, number] @ times)
        if total:
            of = matches.classes == number
            weight, right = times[matches.rows[of]], matches.right[of]
            each.append(_average(np.cumsum(weight * right), np.cumsum(weight), total))
    return float(np.mean(each)) if each else None


def _average(right: np.ndarray, said: np.ndarray, total: int) -> float:
    """Mean of the best precision at 101 recalls. right, said: counts down to each box, surest first."""
    if not len(said):
        return 0.0
    precision = np.maximum.accumulate((right / np.maximum(said, 1))[::-1])[::-1]
    places = np.searchsorted(right / total, _RECALLS, side="left")
    return float(np.where(places < len(precision), precision[np.minimum(places, len(precision) - 1)], 0.0).mean())


def box_judge() -> Judge:
    """Compares by mAP@0.5 over pictures. Predictions: Matches."""
    return Judge("mAP@0.5", "max", map50)
