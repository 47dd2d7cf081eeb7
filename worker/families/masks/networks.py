"""Networks from a picture to a class for each pixel: a U-Net and a DeepLabV3+, both small, from scratch or upon a backbone.

Both go from pixels 0..255, float32 (batch, height, width, channels), sides multiples of multiple_of(), to logits (batch, height,
width, classes). The last layer sees the picture itself beside what was made of it, so that what is one pixel wide is not lost.
Source: Ronneberger et al. 2015, arXiv:1505.04597; Chen et al. 2018, arXiv:1802.02611.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from shared.bases.backbone import BackboneConfig
from worker.families.images.backbone import Backbone
from worker.families.images.networks import conv_bn, resnet_block

STEM_FROM = (
    96  # pixels of the longer side from which on pictures are looked at in half their size: a quarter of the work
)
_DEEPLAB_STAGES = 3  # to a sixteenth, with the stem
_DEEPEST = 16  # pixels that a place of DeepLab's deepest map stands for, at most
_RATES = (2, 4, 6)  # of DeepLab's dilated convolutions: (6, 12, 18) of its paper, for maps a third as large


def multiple_of(architecture: str, depth: int, halved: bool, backbone: BackboneConfig | None = None) -> int:
    """What the sides of a picture must be multiples of."""
    if backbone:
        return backbone.stride
    return (2 if halved else 1) * (2**depth if architecture == "unet" else 2**_DEEPLAB_STAGES)


def segmenter(
    architecture: str,
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    width: int,
    depth: int,
    dropout: float,
    halved: bool,
    mean: Sequence[float],
    std: Sequence[float],
    backbone: Backbone | None = None,
) -> keras.Model:
    """width: channels of the first stage; doubles at each further one. depth: halvings of a U-Net, blocks per stage of DeepLab.

    halved: whether pictures are looked at in half their size. mean, std: of the pixels, per channel, in 0..1.
    backbone: takes the place of all that is on the way down; depth and halved are not asked then.
    """
    inputs = keras.Input(input_shape)
    offset: Any = [-m / s for m, s in zip(mean, std, strict=True)]
    scale: Any = [1 / (255 * s) for s in std]
    picture = layers.Rescaling(scale, offset)(inputs)
    if backbone is not None:
        maps = backbone.maps(inputs)
        if architecture == "unet":
            x = _up(list(maps.values()), width, dropout)
        else:
            deep = max(stride for stride in maps if stride <= _DEEPEST)
            x = _pyramid(maps[min(4, deep)], maps[deep], width, dropout)
        x = _twice(x, input_shape[0] // x.shape[1])
    else:
        x = conv_bn(picture, width, 3, strides=2) if halved else picture
        x = _unet(x, width, depth, dropout) if architecture == "unet" else _deeplab(x, width, depth, dropout)
        x = _twice(x) if halved else x
    x = conv_bn(layers.Concatenate()([x, picture]), width, 3)
    outputs = layers.Conv2D(classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(inputs, outputs)


def _twice(x: Any, times: int = 2) -> Any:
    return layers.UpSampling2D(times, interpolation="bilinear")(x)


def _unet(x: Any, width: int, depth: int, dropout: float) -> Any:
    """Down by pooling, up by doubling; what was there on the way down is laid beside."""
    across = []
    for level in range(depth):
        x = conv_bn(conv_bn(x, width * 2**level, 3), width * 2**level, 3)
        across.append(x)
        x = layers.MaxPooling2D(2)(x)
    return _up([*across, conv_bn(conv_bn(x, width * 2**depth, 3), width * 2**depth, 3)], width, dropout)


def _up(maps: Sequence[Any], width: int, dropout: float) -> Any:
    """From the last of maps, each half as large as the one before, to the size of the first, each laid beside on the way."""
    *across, x = maps
    x = layers.SpatialDropout2D(dropout)(x)
    for level in reversed(range(len(across))):
        x = layers.Concatenate()([_twice(conv_bn(x, width * 2**level, 1)), across[level]])
        x = conv_bn(x, width * 2**level, 3)
    return x


def _deeplab(x: Any, width: int, depth: int, dropout: float) -> Any:
    """Residual stages, dilated convolutions side by side, and what the first stage saw laid beside for the edges."""
    low = x
    for stage in range(_DEEPLAB_STAGES):
        for place in range(depth):
            x = resnet_block(x, width * 2**stage, 1 if place else 2)
        low = x if stage == 0 else low
    return _twice(_pyramid(low, x, width, dropout))


def _pyramid(low: Any, x: Any, width: int, dropout: float) -> Any:
    """x looked at near and far at once, then in the size of low, which has the edges."""
    wide, (height, across) = 2 * width, x.shape[1:3]
    whole = layers.Conv2D(wide, 1, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    parts = [conv_bn(x, wide, 1), *(conv_bn(x, wide, 3, dilation=rate) for rate in _RATES)]
    x = conv_bn(layers.Concatenate()([*parts, layers.UpSampling2D((height, across))(whole)]), wide, 1)
    x = layers.SpatialDropout2D(dropout)(x)
    x = layers.Concatenate()([_twice(x, low.shape[1] // height), conv_bn(low, width, 1)])
    return conv_bn(conv_bn(x, wide, 3), wide, 3)
