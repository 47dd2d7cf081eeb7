"""A pre-trained network for pictures, built from its config and filled with a base's weights.

What it says of each place of a picture is the layer "features"; whoever builds upon it pools and goes on from there, or takes
what its blocks say at every size on the way.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from safetensors import safe_open

from shared.bases.backbone import STEM_POOL, BackboneBlock, BackboneConfig
from shared.bases.weights_file import WEIGHTS
from worker.recipe import Assets, OpenInput

SIDE_UPON_BACKBONE = 128  # pixels at most, where none are asked for. A guess at what a CPU bears
_LEFT_OUT = {"scores", "head", "head.norm"}  # of a network that somebody builds upon

ops: Any = keras.ops  # its declared types say None where there is none


class Backbone:
    """Makes the layers of a config. variables: each by the name its tensor has on the volume, once features() has run.

    Norms keep the moments they came with, while their scales learn: those of a small dataset's batches would be too rough.
    """

    def __init__(self, config: BackboneConfig):
        self.config = config
        self._layers: dict[str, Any] = {}

    @property
    def variables(self) -> dict[str, Any]:
        found = {}
        for name in self.config.tensors():
            owner, _, last = name.rpartition(".")
            if owner in _LEFT_OUT and owner not in self._layers:
                continue
            layer = self._layers[owner]
            attribute = {"mean": "moving_mean", "variance": "moving_variance"}.get(last, last)
            found[name] = getattr(layer, attribute)
        return found

    def features(self, x: Any) -> Any:
        """float32 (batch, height, width, 1 or 3), pixels 0..255, to (batch, h, w, config.width)."""
        x = list(self.maps(x).values())[-1]
        if self.config.head:
            x = self._activated(self._conv(x, "head", self.config.head, 1, 1))
        return layers.Activation("linear", name="features")(x)

    def maps(self, x: Any) -> dict[int, Any]:
        """As features() takes it, to the last map of each size: by how many pixels a place stands for, 2, 4, ..., the finest first.

        The network's head is left out.
        """
        c = self.config
        if x.shape[-1] == 1:
            x = layers.Concatenate(name="backbone_grey")([x, x, x])
        if c.bgr:
            x = _Reversed(name="backbone_bgr")(x)
        scale: Any = [1 / part for part in c.std]
        offset: Any = [-m / s for m, s in zip(c.mean, c.std, strict=True)]
        x = layers.Rescaling(scale, offset, name="backbone_scaled")(x)
        x = self._activated(self._conv(x, "stem", c.stem, c.stem_kernel, 2))
        if c.pools:
            x = layers.ZeroPadding2D(STEM_POOL // 2, name="backbone_pool_pad")(x)  # after a ReLU zeros never win
            x = layers.MaxPooling2D(STEM_POOL, 2, name="backbone_pool")(x)
        stride = 4 if c.pools else 2
        found = {stride: x}
        for number, block in enumerate(c.blocks):
            made = self._inverted if block.kind == "inverted" else self._residual
            x = made(x, f"blocks.{number}", block)
            stride *= block.stride
            found[stride] = x
        return found

    def scores(self, x: Any) -> Any:
        """Scores of the classes it was trained on, from features: float32 (batch, config.classes)."""
        x = layers.GlobalAveragePooling2D(name="backbone_mean")(x)
        layer = self._layers["scores"] = layers.Dense(self.config.classes, dtype="float32", name="backbone_scores")
        return layer(x)

    def assign(self, folder: Path) -> None:
        """Fill what was built with the weights of the base in `folder`, whose hash the caller has checked."""
        with safe_open(folder / WEIGHTS, framework="numpy") as file:
            for name, variable in self.variables.items():
                variable.assign(_as_keras(file.get_tensor(name), name))

    def stand_ready(self, folder: Path, method: str, share: float) -> None:
        """assign(), and what of it learns. method: "full" or "frozen". share: of the step size, for what learns."""
        self.assign(folder)
        for variable in self.variables.values():
            variable.step_share, variable.fixed = share, method == "frozen"
            variable.trainable = variable.trainable and method == "full"

    # --- parts --------------------------------------------------------------------------------------------------------------

    def _inverted(self, x: Any, name: str, block: BackboneBlock) -> Any:
        y = x
        if block.expands:
            y = self._activated(self._conv(y, f"{name}.expand", block.inner, 1, 1))
        y = self._activated(self._conv(y, f"{name}.depthwise", 0, block.kernel, block.stride))
        if block.squeeze:
            y = self._squeezed(y, name, block)
        y = self._conv(y, f"{name}.project", block.outputs, 1, 1)
        return y if block.changes else layers.Add(name=_layer_name(f"{name}.add"))([x, y])

    def _squeezed(self, y: Any, name: str, block: BackboneBlock) -> Any:
        """Channels weighed by what the whole picture holds."""
        w = layers.GlobalAveragePooling2D(keepdims=True, name=_layer_name(f"{name}.mean"))(y)
        for part, channels, activation in (
            ("reduce", block.squeeze, self.config.activation),
            ("restore", block.inner, "sigmoid"),
        ):
            layer = layers.Conv2D(channels, 1, activation=activation, name=_layer_name(f"{name}.{part}"))
            self._layers[f"{name}.{part}"] = layer
            w = layer(w)
        return layers.Multiply(name=_layer_name(f"{name}.weighed"))([y, w])

    def _residual(self, x: Any, name: str, block: BackboneBlock) -> Any:
        if block.kind == "basic":
            sizes = ((block.outputs, 3, block.stride), (block.outputs, 3, 1))
        else:
            first, second = (block.stride, 1) if self.config.early_stride else (1, block.stride)
            sizes = ((block.inner, 1, first), (block.inner, 3, second), (block.outputs, 1, 1))
        y = x
        for number, (channels, side, stride) in enumerate(sizes, 1):
            y = self._conv(y, f"{name}.conv_{number}", channels, side, stride)
            if number < len(sizes):
                y = self._activated(y)
        if block.changes:
            x = self._conv(x, f"{name}.shortcut", block.outputs, 1, block.stride)
        return self._activated(layers.Add(name=_layer_name(f"{name}.add"))([x, y]))

    def _conv(self, x: Any, name: str, channels: int, side: int, stride: int) -> Any:
        """A convolution and its norm; channels 0: channel by channel. A stride of a 1x1 is taken by leaving pixels out, see
        networks.resnet_block."""
        if side == 1 and stride > 1:
            x, stride = x[:, ::stride, ::stride], 1
        padding = "same"
        if self.config.padding == "symmetric" and side > 1:
            x = layers.ZeroPadding2D(side // 2, name=_layer_name(f"{name}.pad"))(x)
            padding = "valid"
        common: dict[str, Any] = {
            "strides": stride,
            "padding": padding,
            "use_bias": self.config.conv_bias,
            "name": _layer_name(name),
        }
        layer: Any = layers.Conv2D(channels, side, **common) if channels else layers.DepthwiseConv2D(side, **common)
        norm = KeptNorm(epsilon=self.config.norm_epsilon, name=_layer_name(f"{name}.norm"))
        self._layers |= {name: layer, f"{name}.norm": norm}
        return norm(layer(x))

    def _activated(self, x: Any) -> Any:
        return layers.Activation(self.config.activation)(x)


@keras.saving.register_keras_serializable(package="trainyard")
class KeptNorm(layers.BatchNormalization):
    """Batch normalisation by the moments it came with, also while its scales learn.

    A call with training=False does not do it: a functional model passes its own `training` on to every layer.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return super().call(inputs, training=False, mask=mask)


@keras.saving.register_keras_serializable(package="trainyard")
class _Reversed(layers.Layer):
    """The last axis from behind: blue first."""

    def call(self, x: Any) -> Any:
        return x[..., ::-1]


def classifier_upon(params: Any, assets: Assets, folder: Path) -> keras.Model:
    """An image classifier upon the backbone in `folder`: pixels 0..255 to scores of the classes, float32 (batch, classes)."""
    made = Backbone(BackboneConfig.model_validate(assets["backbone"]))
    pixels = keras.Input(tuple(assets["shape"]))
    x = layers.GlobalAveragePooling2D()(made.features(pixels))
    x = layers.Dropout(params.dropout)(x)
    model = keras.Model(pixels, layers.Dense(len(assets["classes"]), dtype="float32", name="logits")(x))
    made.stand_ready(folder, params.method, params.backbone_share)
    return model


def fixed_of(model: Any) -> list[Any]:
    """The variables of backbones of which nothing learns; [] of any other model."""
    return [variable for variable in model.variables if getattr(variable, "fixed", False)]


def backbone_of(assets: Assets) -> Backbone | None:
    """The backbone that a training stands on, not yet built; None of one from scratch."""
    return Backbone(BackboneConfig.model_validate(assets["backbone"])) if "backbone" in assets.json else None


def side_upon(opened: OpenInput | None, image_size: int) -> int:
    """The side to which pictures are scaled: the one asked for; without, upon a backbone SIDE_UPON_BACKBONE, or its own if less."""
    return image_size or (min(SIDE_UPON_BACKBONE, opened.base.backbone.size) if opened else 0)


def said_of(opened: OpenInput | None) -> dict[str, Any]:
    """What the assets of a training say of the backbone it stands on, for backbone_of()."""
    return {"backbone": opened.base.config.model_dump(mode="json")} if opened else {}


def backbone_classifier(config: BackboneConfig, side: int | None = None) -> tuple[keras.Model, Backbone]:
    """The network as it came: pixels 0..255 to scores of the classes it was trained on. side: of the pictures; None: any."""
    made = Backbone(config)
    pixels = keras.Input((side, side, 3))
    return keras.Model(pixels, made.scores(made.features(pixels))), made


def _layer_name(name: str) -> str:
    return "backbone_" + name.replace(".", "_")


def _as_keras(array: np.ndarray, name: str) -> np.ndarray:
    """From (outputs, inputs, height, width) to what Keras has, channel by channel (height, width, channels, 1)."""
    if not name.endswith(".kernel"):
        return array
    if array.ndim == 2:
        return array.T
    return array.transpose(2, 3, 0, 1) if name.endswith("depthwise.kernel") else array.transpose(2, 3, 1, 0)
