"""What a training shows: pictures held out as the network stylises them, and in the end how far both losses fall."""

import numpy as np
import tensorflow as tf

from shared.outputs import Output, Picture, Text
from worker.artifacts import Files
from worker.context import Context
from worker.families.images.drawing import captioned_grid, picture_png
from worker.families.images.preview import MOST, TITLE, in_bytes
from worker.families.styling.colours import whole
from worker.families.styling.data import StylingData
from worker.families.styling.measuring import (
    COLOURS,
    UNTOUCHED,
    figures_of,
    judged,
    losses_beside,
    measured,
    simple_answers,
    styling_judge,
)
from worker.families.styling.network import Styler
from worker.recipe import Assets, Report

_GAP = 6  # white pixels between pictures


def style_preview(pixels: np.ndarray, assets: Assets, files: Files) -> list[Output]:
    """The pictures of a batch, float (batch, side, side, 3), and the style that they are to get."""
    shown = in_bytes(pixels[:MOST])
    grid = files.write("learnt_from.png", captioned_grid(list(shown), [""] * len(shown)))
    return [Picture(title=TITLE, file=grid), *_styles(assets, files)]


def _styles(assets: Assets, files: Files) -> list[Output]:
    found = list[Output]()
    for number in range(assets["styles"]):
        title = "The style" if assets["styles"] == 1 else f"Style {number + 1}"
        file = files.write(f"style_{number + 1}.png", picture_png(assets.arrays[f"painting_{number}"]))
        found.append(Picture(title=title, file=file))
    return found


def shown_styled(model: Styler, assets: Assets, context: Context, files: Files) -> list[Output]:
    """The pictures in the assets as the model stylises them now, each beside what it was made of."""
    found = list[Output]()
    for number, name in enumerate(assets["shown"]):
        context.check()
        given = assets.arrays["shown"][number]
        made = styled(model, given)
        content, style = losses_beside(model.features, model.style, made, given)
        title = f"{name}: content loss {content:.2f}, style loss {style:.3f}"
        file = files.write(f"styled_{number + 1}.png", picture_png(beside(given, made)))
        found.append(Picture(title=title, file=file))
    return found


def beside(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Two pictures of a size, uint8 (height, width, 3), wide ones below each other, so that they fit into a square."""
    height, width = one.shape[:2]
    along, shape = (0, (_GAP, width, 3)) if width > height else (1, (height, _GAP, 3))
    return np.concatenate([one, np.full(shape, 255, np.uint8), other], along)


def styled(model: Styler, picture: np.ndarray) -> np.ndarray:
    """uint8 (height, width, 3); sides are multiples of 4, or come back as the next one."""
    more = [-side % 4 for side in picture.shape[:2]]
    wide = np.pad(picture, ((0, more[0]), (0, more[1]), (0, 0)), mode="symmetric")
    made = np.asarray(model(tf.constant(wide[None], tf.float32), training=False))[0]
    return whole(made[: picture.shape[0], : picture.shape[1]])


def report_styled(model: Styler, data: StylingData, context: Context, files: Files) -> Report:
    """Both losses of the network, and what to say of them; the pictures last shown, and the style's."""
    part, places = judged(data)
    own, simple = measured(data, lambda given: styled(model, given), context), simple_answers(data, context)
    said = _said(*(found.mean(0) for found in (own, simple[UNTOUCHED], simple[COLOURS])))
    outputs: list[Output] = [Text(text=said), *shown_styled(model, data.assets, context, files)]
    outputs += _styles(data.assets, files)
    metrics = figures_of(part, own, model.weighed)
    if part == "train":
        return Report(metrics, outputs)
    return Report(metrics, outputs, model.weighed.total(own[:, 0], own[:, 1]), styling_judge(), len(places))


def _said(own: np.ndarray, before: np.ndarray, moved: np.ndarray) -> str:
    """own, before, moved: (content loss, style loss) of the network, of pictures as they are, of their colours moved."""
    if own[1] >= before[1]:
        return f"The style loss does not fall: {before[1]:.3f} of the pictures as they are, {own[1]:.3f} stylised. Train longer."
    than = "below" if own[1] < moved[1] else "not below"
    return (
        f"The style loss falls to {own[1] / before[1]:.0%}: {before[1]:.3f} of the pictures as they are, {own[1]:.3f} stylised,"
        f" {than} the {moved[1]:.3f} of moving their colours alone. The content loss rises from 0 to {own[0]:.2f}, of moving"
        f" colours alone to {moved[0]:.2f}."
    )
