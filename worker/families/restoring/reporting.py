"""What a restorer's training shows: pictures of the validation part as it goes, and in the end the figures and the worst."""

from typing import Any

import numpy as np

from shared.outputs import Cell, Output, Picture, Table
from worker.artifacts import Files
from worker.context import Context
from worker.families.images.baselines import spread
from worker.families.images.drawing import captioned_grid, picture_png
from worker.families.images.preview import FEW, TITLE, in_bytes
from worker.families.restoring.baselines import JUDGED, as_given, compared_on, figures_of, measured
from worker.families.restoring.data import RestoringData
from worker.families.restoring.measuring import compared, psnr_judge
from worker.families.restoring.using import Restoring
from worker.recipe import Assets, Report

WORST = 4  # pictures of the measured part that are shown
_SHOWN_SIDE = 384
_GAP = 6  # white pixels between pictures
_PARTS = {"test": "test part", "val": "validation part", "train": "training part"}


def pair_preview(given: np.ndarray, wanted: np.ndarray, assets: Assets, files: Files) -> list[Output]:
    """Pieces of a batch as they are given and as they are wanted, each float (batch, height, width, channels and more)."""
    channels, pictures = assets["channels"], list[np.ndarray]()
    for number in range(min(FEW, len(given))):
        pictures += [in_bytes(given[number, ..., :channels]), in_bytes(wanted[number, ..., :channels])]
    grid = captioned_grid(pictures, ["given", "wanted"] * (len(pictures) // 2))
    return [Picture(title=TITLE, file=files.write("learnt_from.png", grid))]


def shown_restored(model: Any, assets: Assets, context: Context, files: Files) -> list[Output]:
    """The validation pictures in the assets as the model restores them now: given, restored and true."""
    by, found = Restoring(model, assets, compiled=False), list[Output]()
    for number, name in enumerate(assets["shown"]):
        given, wanted = assets.arrays[f"shown_{number}"], assets.arrays[f"true_{number}"]
        found.append(_side_by_side(name, f"shown_{number + 1}", by, given, wanted, context, files))
    return found


def _side_by_side(
    name: str, lead: str, by: Restoring, given: np.ndarray, wanted: np.ndarray, context: Context, files: Files
) -> Picture:
    said = by.restored(given, context.check)
    border = by.scale if by.scale > 1 else 0
    hole = wanted[..., -1] > 0 if by.holes else None
    value, _ = compared(wanted[..., :-1], said, border=border, hole=hole)
    before = given[..., : by.channels].repeat(by.scale, 0).repeat(by.scale, 1)
    along = 0 if said.shape[1] > said.shape[0] else 1  # wide ones below each other, so that they fit into a square
    shape = (_GAP, said.shape[1]) if along == 0 else (said.shape[0], _GAP)
    line = np.full((*shape, by.channels), 255, np.uint8)
    drawn = np.concatenate([before, line, said, line, wanted[..., :-1]], along)
    title = f"{value:.1f} dB: {name}, given, restored and true"
    return Picture(title=title, file=files.write(f"{lead}.png", picture_png(drawn)))


def report_restored(
    model: Any, data: RestoringData, context: Context, files: Files, stages: list[dict[str, float]]
) -> Report:
    """Measure the part that is compared on, or the training part where all were learnt from; show the worst pictures."""
    by = Restoring(model, data.assets)
    metrics = {
        name: value for name, value in (stages[-1] if stages else {}).items() if name in ("val_loss", "val_psnr")
    }
    part, judged = compared_on(data)
    if not part:
        judged = data.places["train"][spread(len(data.places["train"]), JUDGED)]
    simple, given = as_given(data)
    said, before = [], []
    for at, number in enumerate(judged.tolist()):
        context.look(at, len(judged))
        said.append(measured(data, number, lambda picture: by.restored(picture, context.check)))
        before.append(measured(data, number, given))
    metrics |= figures_of(part or "train", said)
    gains = np.array([one[0] - other[0] for one, other in zip(said, before, strict=True)])
    outputs: list[Output] = [_table(data, judged, said, before, simple, _PARTS[part or "train"])]
    for number, at in enumerate(np.argsort(gains, kind="stable")[:WORST].tolist(), 1):
        place = int(judged[at])
        pair = data.middle(place, _SHOWN_SIDE)
        title = f"{data.pictures.names[place]} ({gains[at]:+.1f} dB)"
        outputs.append(_side_by_side(title, f"worst_{number}", by, *pair, context, files))
    if not part:
        return Report(metrics, outputs)
    return Report(metrics, outputs, np.array([one for one, _ in said]), psnr_judge(), len(said))


def _table(
    data: RestoringData, judged: np.ndarray, said: list[Any], before: list[Any], simple: str, part: str
) -> Table:
    names = [data.pictures.names[place] for place in judged.tolist()]
    where = "within the holes" if data.task == "inpaint" else "of the brightness Y"
    rows: list[list[Cell]] = [
        [name, round(one[0], 2), None if one[1] is None else round(one[1], 4), round(other[0], 2)]
        for name, one, other in zip(names, said, before, strict=True)
    ]
    title = f"Picture by picture, {part}: PSNR in dB {where}, SSIM, and PSNR of {simple}"
    return Table(title=title, columns=["picture", "PSNR", "SSIM", f"PSNR, {simple}"], rows=rows[:100], count=len(rows))
