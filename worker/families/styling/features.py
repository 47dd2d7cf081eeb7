"""What a network sees in pictures at several depths: the colours themselves, its first activation, the last at each resolution."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from shared.errors import RecipeFailed
from worker.families.images.backbone import Backbone
from worker.recipe import OpenInput

_PROBE = 256  # pixels of the picture that sizes of maps are found with
_DEEPEST, _CONTENT = (
    16,
    8,
)  # times that a map may be smaller than the picture, of all and of the one that content is compared in
_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601
_ACTIVATIONS = (layers.Activation, layers.ReLU)


class Features:
    """Pixels 0..255 of any size to what is seen of them. network: to one map for each depth. content: which of maps() is compared.

    Normalisation works by the moments it came with, and nothing learns.
    """

    def __init__(self, network: keras.Model, content: int):
        network.trainable = False
        self.network, self.content = network, content
        self._grey = network.input_shape[-1] == 1

    def maps(self, pixels: Any) -> list[Any]:
        """float32 (n, height, width, 3) to float32 (n, h, w, channels) of each depth; the first are the colours themselves."""
        given = tf.reduce_sum(pixels * tf.constant(_GREY), -1, keepdims=True) if self._grey else pixels
        seen = self.network(given, training=False)
        seen = seen if isinstance(seen, list | tuple) else [seen]
        return [(pixels - 128.0) / 64.0, *(tf.cast(one, tf.float32) for one in seen)]


def features_of(opened: OpenInput) -> Features:
    """The features of a backbone, or of an image classifier trained here. Raises RecipeFailed for a network without depths."""
    if opened.base is not None:
        made = Backbone(opened.base.backbone)
        pixels = keras.Input((None, None, 3))
        whole = keras.Model(pixels, made.features(pixels))
        made.assign(opened.folder)
    else:
        loaded = opened.load().model
        pixels = keras.Input((None, None, loaded.input_shape[-1]))
        bare = keras.Model(loaded.inputs, loaded.outputs)  # as it may be compiled
        whole = keras.models.clone_model(bare, input_tensors=[pixels])  # of any size
        whole.set_weights(loaded.get_weights())
    return _tapped(whole)


def _tapped(whole: keras.Model) -> Features:
    """The first activation and the last at each resolution, down to a sixteenth of the picture."""
    outputs = [layer.output for layer in whole.layers]
    sizes = keras.Model(whole.inputs, outputs).compute_output_shape((1, _PROBE, _PROBE, whole.input_shape[-1]))
    last, first = dict[int, Any](), None
    for layer, size in zip(whole.layers, sizes, strict=True):
        if not isinstance(layer, _ACTIVATIONS) or layer.name == "features" or len(size) != 4 or size[1] == 1:
            continue
        times = round(_PROBE / size[1])
        if times <= _DEEPEST:
            first = first or layer
            last[times] = layer
    if first is None:
        raise RecipeFailed("the network has no activations that styles could be compared by", code="no_features")
    found = [first, *(layer for _, layer in sorted(last.items()) if layer is not first)]
    deep = max((times for times in last if times <= _CONTENT), default=min(last))
    network = keras.Model(whole.inputs, [layer.output for layer in found], name="features")
    return Features(network, 1 + found.index(last[deep]))
