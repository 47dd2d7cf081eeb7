"""Small convolutional networks trained from scratch: ResNet, VGG and Inception in miniature.

All end alike: a layer "features" (batch, h, w, c), global average pooling, dropout, a layer "logits". From the first
and the last a class-activation map is drawn. Each stage halves the side and doubles the channels.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

LAST_SIDE = 7  # pixels of the last stage's map, about; from the ResNet family on 28 and 32 pixel pictures
STEM_STRIDE_FROM = 64  # sides from which the stem halves the picture at once, as ResNet does on 224
# Moving averages must settle within the few hundred steps of a small dataset; Keras' 0.99 takes thousands (tried).
BN_MOMENTUM = 0.9


class FusedBatchNorm(layers.BatchNormalization):
    """Batch normalisation of (batch, height, width, channels) by TensorFlow's one fused kernel while training.

    Keras' own takes moments and scales in separate passes: a training step of a small ResNet on 28 pixels, batch 128,
    took 80 ms with it and 52 ms with this one on two cores (measured).
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not training or not self.trainable:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            ops.cast(inputs, "float32"),
            ops.cast(self.gamma, "float32"),
            ops.cast(self.beta, "float32"),
            epsilon=self.epsilon,
            is_training=True,
        )
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            assert moving is not None
            moving.assign(moving * self.momentum + now * (1.0 - self.momentum))
        return ops.cast(outputs, self.compute_dtype)


def conv_bn(x: Any, channels: int, size: int, *, strides: int = 1, dilation: int = 1, relu: bool = True) -> Any:
    """Convolution, batch normalisation and, unless relu is False, ReLU."""
    x = layers.Conv2D(
        channels, size, strides, "same", dilation_rate=dilation, use_bias=False, kernel_initializer="he_normal"
    )(x)
    x = FusedBatchNorm(momentum=BN_MOMENTUM)(x)
    return layers.ReLU()(x) if relu else x


def resnet_block(x: Any, channels: int, strides: int) -> Any:
    """Two 3x3 convolutions beside an identity, or a 1x1 projection where the shape changes.

    The projection takes every second pixel and then a 1x1 of stride 1: the same sum as a 1x1 of stride 2, whose gradient in oneDNN
    writes outside its memory where there are few channels (width 4, 5, 8 at 128 pixels, 8 and 12 at 224; tried with 2.21).
    """
    y = conv_bn(x, channels, 3, strides=strides)
    y = conv_bn(y, channels, 3, relu=False)
    if strides != 1 or x.shape[-1] != channels:
        thinned = x if strides == 1 else x[:, ::strides, ::strides]
        x = conv_bn(thinned, channels, 1, relu=False)
    return layers.ReLU()(layers.Add()([x, y]))


def _vgg_block(x: Any, channels: int, strides: int) -> Any:
    """Max pooling where the stage begins, then one 3x3 convolution."""
    if strides != 1:
        x = layers.MaxPooling2D(2, padding="same")(x)
    return conv_bn(x, channels, 3)


def _inception_block(x: Any, channels: int, strides: int) -> Any:
    """Four branches side by side: 1x1; 3x3; two 3x3 (a 5x5); pooling. A quarter of the channels each."""
    if strides != 1:
        x = layers.MaxPooling2D(2, padding="same")(x)
    part = max(channels // 4, 1)
    one = conv_bn(x, channels - 3 * part, 1)
    three = conv_bn(conv_bn(x, part, 1), part, 3)
    five = conv_bn(conv_bn(conv_bn(x, part, 1), part, 3), part, 3)
    pool = conv_bn(layers.MaxPooling2D(3, strides=1, padding="same")(x), part, 1)
    return layers.Concatenate()([one, three, five, pool])


BLOCKS: dict[str, Callable[[Any, int, int], Any]] = {
    "resnet": resnet_block,
    "vgg": _vgg_block,
    "inception": _inception_block,
}


def stages_for(side: int) -> int:
    """How many stages bring a side down to about LAST_SIDE: 28 and 32 -> 3, 8 -> 1, 96 (after the stem) -> 4."""
    side = -(-side // 2) if side >= STEM_STRIDE_FROM else side
    return max(1, round(math.log2(side / LAST_SIDE)) + 1) if side > LAST_SIDE else 1


def classifier(
    architecture: str,
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    width: int,
    depth: int,
    dropout: float,
    mean: Sequence[float],
    std: Sequence[float],
) -> keras.Model:
    """Build a network from pixels 0..255, float32 (batch, height, width, channels), to logits (batch, classes).

    width: channels of the first stage. depth: blocks per stage. mean, std: of the pixels, per channel, in 0..1.
    """
    block = BLOCKS[architecture]
    inputs = keras.Input(input_shape)
    offset: Any = [-m / s for m, s in zip(mean, std, strict=True)]
    scale: Any = [1 / (255 * s) for s in std]
    x = layers.Rescaling(scale, offset)(inputs)
    side = max(input_shape[:2])
    x = conv_bn(x, width, 3, strides=2 if side >= STEM_STRIDE_FROM else 1)
    for stage in range(stages_for(side)):
        for place in range(depth):
            x = block(x, width * 2**stage, 2 if stage and not place else 1)
    x = layers.Activation("linear", name="features")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout)(x)
    outputs = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(inputs, outputs)
