"""Networks from tokens to scores of labels, of Keras' own layers alone: int32 (batch, length) to float32 (batch, labels).

What fills a short text up (token 0) never counts: it is zero to convolutions, left out of means, maxima and attention.
"""

from typing import Any

import keras
import numpy as np
from keras import layers

from worker.families.text_labels.tokenizer import PAD

ops: Any = keras.ops  # its declared types say None where there is none
_SIZES = (3, 4, 5)  # tokens of a phrase. Source: Kim 2014
_FAR = -1e4  # what is left out of a maximum; float16 still holds it


def text_network(
    kind: str,
    length: int,
    kinds: int,
    labels: int,
    *,
    width: int,
    layers_: int,
    heads: int,
    dropout: float,
    evidence: np.ndarray | None = None,
) -> keras.Model:
    """kind: "cnn", "bilstm" or "transformer". length: tokens of a window. kinds: of tokens. width: of their vectors.

    evidence: float (kinds, labels), what each token by itself says for a label: its sum over a window of n tokens, divided by the
    root of n, is added to the scores, and learnt on from there. Returns scores before softmax or sigmoid.
    """
    tokens = keras.Input((length,), dtype="int32", name="tokens")
    there = ops.expand_dims(ops.cast(ops.not_equal(tokens, PAD), keras.config.dtype_policy().compute_dtype), -1)
    made = {"cnn": _phrases, "bilstm": _both_ways, "transformer": _attention}[kind]
    summary = made(tokens, there, length, kinds, width, layers_, heads, dropout)
    summary = layers.Dropout(dropout, name="drop")(summary)
    scores = layers.Dense(labels, dtype="float32", name="scores")(summary)
    if evidence is None:
        return keras.Model(tokens, scores, name=kind)
    alone: Any = layers.Embedding(kinds, labels, dtype="float32", name="evidence")
    present = ops.cast(there, "float32")
    count = ops.maximum(ops.sum(present, axis=1), 1)
    model = keras.Model(tokens, scores + ops.sum(alone(tokens) * present, axis=1) / ops.sqrt(count), name=kind)
    alone.embeddings.assign(evidence)
    return model


def _vectors(kinds: int, width: int) -> Any:
    begin: Any = keras.initializers.RandomUniform(-0.25, 0.25)
    return layers.Embedding(kinds, width, embeddings_initializer=begin, name="tokens_")


def _phrases(
    tokens: Any, there: Any, length: int, kinds: int, width: int, layers_: int, heads: int, dropout: float
) -> Any:
    """The strongest find of each filter. Source: Kim 2014, arXiv:1408.5882."""
    h = layers.Dropout(dropout / 2, name="drop_tokens")(_vectors(kinds, width)(tokens)) * there
    for number in range(layers_ - 1):
        further = layers.Conv1D(width, 3, padding="same", activation="relu", name=f"conv_{number}")(h)
        h = layers.LayerNormalization(epsilon=1e-5, name=f"norm_{number}")(h + further) * there
    found = []
    for size in _SIZES:
        one = layers.Conv1D(width, size, padding="same", activation="relu", name=f"phrases_{size}")(h)
        found.append(layers.GlobalMaxPooling1D(name=f"strongest_{size}")(one * there))
    return layers.Concatenate(name="phrases")(found)


def _both_ways(
    tokens: Any, there: Any, length: int, kinds: int, width: int, layers_: int, heads: int, dropout: float
) -> Any:
    """Maximum and mean of what LSTMs from both sides say at each token."""
    h = layers.Dropout(dropout / 2, name="drop_tokens")(_vectors(kinds, width)(tokens)) * there
    mask = ops.not_equal(tokens, PAD)
    for number in range(layers_):
        lstm = layers.LSTM(width, return_sequences=True, use_cudnn=False)  # type: ignore[arg-type]
        h = layers.Bidirectional(lstm, name=f"lstm_{number}")(h, mask=mask)
        if number < layers_ - 1:
            h = layers.Dropout(dropout / 2, name=f"drop_{number}")(h)
    strongest = ops.max(h * there + (1 - there) * _FAR, axis=1)
    return layers.Concatenate(name="both")([strongest, _mean(h, there)])


def _attention(
    tokens: Any, there: Any, length: int, kinds: int, width: int, layers_: int, heads: int, dropout: float
) -> Any:
    """Mean over the tokens of a pre-norm Transformer encoder. Source: Vaswani et al. 2017, arXiv:1706.03762."""
    normal: Any = keras.initializers.RandomNormal(stddev=0.02)
    places = layers.Embedding(length, width, embeddings_initializer=normal, name="places")
    h = layers.Embedding(kinds, width, embeddings_initializer=normal, name="tokens_")(tokens)
    h = layers.Dropout(dropout / 2, name="drop_tokens")(h + places(ops.cumsum(ops.ones_like(tokens), axis=1) - 1))
    mask = ops.expand_dims(ops.not_equal(tokens, PAD), 1)  # (batch, 1, length): what may be looked at
    for number in range(layers_):
        normed = layers.LayerNormalization(epsilon=1e-5, name=f"norm_{number}")(h)
        attention = layers.MultiHeadAttention(heads, width // heads, dropout=dropout / 2, name=f"attention_{number}")
        h = h + attention(normed, normed, attention_mask=mask)
        up = layers.Dense(4 * width, "gelu", name=f"up_{number}")(
            layers.LayerNormalization(epsilon=1e-5, name=f"norm_up_{number}")(h)
        )
        h = h + layers.Dropout(dropout / 2, name=f"drop_{number}")(layers.Dense(width, name=f"down_{number}")(up))
    return _mean(layers.LayerNormalization(epsilon=1e-5, name="norm")(h), there)


def _mean(h: Any, there: Any) -> Any:
    """Over the tokens that are there, at least one."""
    h, there = ops.cast(h, "float32"), ops.cast(there, "float32")
    return ops.sum(h * there, axis=1) / ops.maximum(ops.sum(there, axis=1), 1)
