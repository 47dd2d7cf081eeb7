"""Networks from a damaged picture to what it lacks: residual blocks without normalisation, or a U-Net, both small.

Both go from pixels 0..255, float32 (batch, height, width, channels), to pixels 0..255 (batch, scale * height, scale * width,
channels), and learn the difference from what is known already: the picture as it is, or enlarged by bicubic interpolation. The last
layer begins at zero, so a training begins with that very picture, and nothing of a checkerboard is there to be unlearnt.
Source: residual learning, Kim et al. 2016 (VDSR), arXiv:1511.04587; blocks without normalisation, Lim et al. 2017 (EDSR),
arXiv:1707.02921; all work at the small size and one transposed convolution at the end, Dong et al. 2016 (FSRCNN),
arXiv:1608.00367, its kernel as wide as its stride, so that none of its steps overlap (Shi et al. 2016, arXiv:1609.05158).
"""

from typing import Any

import keras
from keras import layers

HOLE = 128  # what stands in the place of missing pixels


def multiple_of(network: str, depth: int) -> int:
    """What the sides of a picture must be multiples of."""
    return 2**depth if network == "unet" else 1


def restorer(network: str, channels: int, *, scale: int, holes: bool, width: int, depth: int) -> keras.Model:
    """network: "residual" or "unet". scale: how many times as large the answer is. width: channels within. depth: halvings of
    a unet, half the number of residual blocks.

    holes: a further channel says which pixels are missing, 255, and which are there, 0; the answer differs in the missing alone.
    """
    inputs: Any = keras.Input((None, None, channels + holes))
    picture = inputs[..., :channels] if holes else inputs
    x = layers.Rescaling(1 / 255, -0.5)(inputs)
    x = _unet(x, width, depth) if network == "unet" else _residual(x, width, depth)
    last: dict[str, Any] = {"kernel_initializer": "zeros", "padding": "same", "dtype": "float32", "name": "difference"}
    if scale > 1:
        x = layers.Conv2DTranspose(channels, scale, strides=scale, **last)(_conv(x, width))
        picture = layers.UpSampling2D(scale, interpolation="bicubic", dtype="float32")(picture)
    else:
        x = layers.Conv2D(channels, 3, **last)(x)
    x = layers.Rescaling(255.0, dtype="float32")(x)
    if holes:
        missing = layers.Rescaling(1 / 255, dtype="float32")(inputs[..., channels:])
        x = layers.Multiply(dtype="float32")([x, missing])
    return keras.Model(inputs, layers.Add(dtype="float32")([picture, x]))


def _conv(x: Any, width: int, *, activation: str | None = "relu", strides: int = 1) -> Any:
    return layers.Conv2D(width, 3, strides, "same", activation=activation, kernel_initializer="he_normal")(x)


def _residual(x: Any, width: int, depth: int) -> Any:
    """Blocks of two convolutions each, and a path around all of them."""
    x = first = _conv(x, width, activation=None)
    for _ in range(2 * depth):
        inner = _conv(_conv(x, width), width, activation=None)
        x = layers.Add()([x, layers.Rescaling(0.3)(inner)])  # the sum of many blocks would grow
    return layers.Add()([first, _conv(x, width, activation=None)])


def _unet(x: Any, width: int, depth: int) -> Any:
    """Down by strides, up by doubling; what was there on the way down is laid beside. Sees far around each pixel."""
    across = []
    for level in range(depth):
        x = _conv(_conv(x, width * 2 ** min(level, 3)), width * 2 ** min(level, 3))
        across.append(x)
        x = _conv(x, width * 2 ** min(level + 1, 3), strides=2)
    x = _conv(x, width * 2 ** min(depth, 3))
    for level in reversed(range(depth)):
        x = layers.UpSampling2D(2)(x)
        x = layers.Concatenate()([_conv(x, width * 2 ** min(level, 3)), across[level]])
        x = _conv(x, width * 2 ** min(level, 3))
    return x
