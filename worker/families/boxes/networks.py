"""A network from a picture to boxes, without anchors: cross-stage partial stages, a path up and down, two heads.

From pixels 0..255, float32 (batch, height, width, channels), sides multiples of 32, to logits (batch, places, 4 * BINS + classes):
of each place (geometry.places) the distances to the sides of a box, and the score of each class. Smaller than YOLOv8's smallest,
which it is made like. Source: cross-stage partial: Wang et al. 2020, arXiv:1911.11929; path aggregation: Liu et al. 2018,
arXiv:1803.01534; decoupled head: Ge et al. 2021, arXiv:2107.08430.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from worker.families.boxes.geometry import BINS, STRIDES
from worker.families.boxes.two_stage import second_stage
from worker.families.images.backbone import Backbone
from worker.families.images.networks import FusedBatchNorm

_MOMENTUM = 0.97  # batches are small: a moving average of about 30 of them
_PRIOR = (
    0.01  # score of every class at every place before anything is learnt. Source: Lin et al. 2017, arXiv:1708.02002
)


def detector(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    width: int,
    depth: int,
    mean: Sequence[float],
    std: Sequence[float],
    two_stage: bool = False,
    backbone: Backbone | None = None,
) -> keras.Model:
    """Build it. two_stage: it says what two_stage.py tells of, instead. backbone: takes the place of the stages.

    width: channels of the first stage, doubled at each of four further ones. depth: residual blocks of a stage.

    mean, std: of the pixels, per channel, in 0..1.
    """
    inputs = keras.Input(input_shape)
    if backbone is None:
        offset: Any = [-m / s for m, s in zip(mean, std, strict=True)]
        scale: Any = [1 / (255 * s) for s in std]
        fine, middle, coarse = _stages(layers.Rescaling(scale, offset)(inputs), width, depth)
    else:
        fine, middle, coarse = _stages_upon(backbone.maps(inputs), width)
    coarse = _pooled(coarse, 16 * width)
    up = _partial(_joined(layers.UpSampling2D(2)(coarse), middle), 8 * width, depth, False)
    fine = _partial(_joined(layers.UpSampling2D(2)(up), fine), 4 * width, depth, False)
    middle = _partial(_joined(_conv(fine, 4 * width, 3, 2), up), 8 * width, depth, False)
    coarse = _partial(_joined(_conv(middle, 8 * width, 3, 2), coarse), 16 * width, depth, False)
    channels = max(3 * width, 32)
    maps = (fine, middle, coarse)
    said = [_head(x, channels, 1 if two_stage else classes) for x in maps]
    outputs = layers.Concatenate(axis=1, dtype="float32", name="something" if two_stage else "said")(said)
    if two_stage:
        outputs = second_stage(outputs, maps, input_shape, classes, channels)
    return keras.Model(inputs, outputs)


def _stages(x: Any, width: int, depth: int) -> Sequence[Any]:
    """Maps whose places stand for STRIDES pixels."""
    x = _conv(x, width, 3, 2)
    x = _partial(_conv(x, 2 * width, 3, 2), 2 * width, depth, True)
    maps = []
    for number in range(len(STRIDES)):
        channels = width * 2 ** (2 + number)
        x = _partial(_conv(x, channels, 3, 2), channels, depth, True)
        maps.append(x)
    return maps


def _stages_upon(maps: dict[int, Any], width: int) -> Sequence[Any]:
    """A backbone's maps as _stages makes them; one that it has not is made of the one before."""
    found = []
    for number, stride in enumerate(STRIDES):
        channels = width * 2 ** (2 + number)
        if stride in maps:
            found.append(_conv(maps[stride], channels, 1))
        else:
            before = max(each for each in [*maps, *STRIDES[:number]] if each < stride)
            x = found[-1] if found else maps[before]
            found.append(_conv(x, channels, 3, stride // before))
    return found


def _conv(x: Any, channels: int, size: int, strides: int = 1) -> Any:
    x = layers.Conv2D(channels, size, strides, "same", use_bias=False, kernel_initializer="he_normal")(x)
    return layers.Activation("silu")(FusedBatchNorm(momentum=_MOMENTUM, epsilon=1e-3)(x))


def _joined(*parts: Any) -> Any:
    return layers.Concatenate()(list(parts))


def _partial(x: Any, channels: int, depth: int, residual: bool) -> Any:
    """Half of the channels go through `depth` blocks of two convolutions, whose results are all kept; the other half goes past."""
    half = max(channels // 2, 1)
    past, y = _conv(x, half, 1), _conv(x, half, 1)
    parts = [past, y]
    for _ in range(depth):
        deeper = _conv(_conv(y, half, 3), half, 3)
        y = layers.Add()([y, deeper]) if residual else deeper
        parts.append(y)
    return _conv(_joined(*parts), channels, 1)


def _pooled(x: Any, channels: int) -> Any:
    """What is around each place, three times wider. Source: spatial pyramid pooling, He et al. 2014, arXiv:1406.4729."""
    parts = [_conv(x, channels // 2, 1)]
    for _ in range(3):
        parts.append(layers.MaxPooling2D(5, 1, "same")(parts[-1]))
    return _conv(_joined(*parts), channels, 1)


def _head(x: Any, channels: int, classes: int) -> Any:
    """Sides and scores of one map, (batch, places, 4 * BINS + classes)."""
    sides, scores = (_conv(_conv(x, channels, 3), channels, 3) for _ in range(2))
    sides = layers.Conv2D(4 * BINS, 1, dtype="float32")(sides)
    prior: Any = keras.initializers.Constant(-math.log((1 - _PRIOR) / _PRIOR))
    scores = layers.Conv2D(classes, 1, dtype="float32", bias_initializer=prior)(scores)
    return layers.Reshape((-1, 4 * BINS + classes), dtype="float32")(
        layers.Concatenate(dtype="float32")([sides, scores])
    )
