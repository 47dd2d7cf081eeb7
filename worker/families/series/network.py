"""Networks from a window of the past to the steps after it: linear ones, LSTM, causal Transformer. All channels share one.

Sources: Zeng et al. 2022, arXiv:2205.13504 (DLinear, NLinear); Lin et al. 2023, arXiv:2308.11200, and Nie et al. 2022,
arXiv:2211.14730 (pieces of the past as tokens); Kim et al. 2022 (windows normalised, and their forecasts back).
"""

from typing import Any

import keras
from keras import layers

ops: Any = keras.ops  # its declared types say None where there is none
_TREND = 25  # steps of DLinear's moving average, from its paper
_LEAST_VARIANCE = 1e-5  # of a window, added: from RevIN
_LONGEST_PATCH, _PATCHES = 16, 8
NORMALISED = {"dlinear": "none", "nlinear": "last", "lstm": "window", "transformer": "window"}  # what "auto" means


def series_network(params: Any, features: int, outputs: int) -> keras.Model:
    """(past float32 (batch, context)[, ahead float32 (batch, context + horizon, features)]) -> float32 (batch, horizon, outputs).

    features: of each step known ahead; 0: "ahead" is no input.
    """
    context, horizon = params.context, params.horizon
    past = keras.Input((context,), dtype="float32", name="past")
    inputs = {"past": past}
    ahead: Any = None
    if features:
        ahead = inputs["ahead"] = keras.Input((context + horizon, features), dtype="float32", name="ahead")
    how = NORMALISED[params.network] if params.normalise == "auto" else params.normalise
    shift, scale = _normal(past, how)
    plain: Any = past if shift is None else past - shift
    plain = plain if scale is None else plain / scale
    if params.network in ("dlinear", "nlinear"):
        said = _linear(plain, params, horizon * outputs)
    else:
        said = _from_pieces(plain, ahead, params, horizon * outputs)
    said = layers.Reshape((horizon, outputs), dtype="float32")(said)
    if features:
        said = said + _known(ahead[:, context:], params, outputs)
    said = said if scale is None else said * scale[..., None]
    said = said if shift is None else said + shift[..., None]
    return keras.Model(inputs, layers.Activation("linear", dtype="float32", name="forecast")(said))


def _normal(past: Any, how: str) -> tuple[Any, Any]:
    """(what is subtracted, what it is divided by), float32 (batch, 1) each, None for nothing."""
    if how == "last":
        return past[:, -1:], None
    if how == "window":
        return ops.mean(past, 1, keepdims=True), ops.sqrt(ops.var(past, 1, keepdims=True) + _LEAST_VARIANCE)
    return None, None


def _linear(plain: Any, params: Any, size: int) -> Any:
    """One matrix, which begins as the last value; of dlinear two, of moving average and rest, which begin as the mean."""
    if params.network == "nlinear":
        return layers.Dense(size, kernel_initializer="zeros", name="line", dtype="float32")(plain)
    width = min(_TREND, params.context - 1 + params.context % 2)
    before, after = (width - 1) // 2, width - 1 - (width - 1) // 2
    padded = ops.concatenate(
        [ops.repeat(plain[:, :1], before, 1), plain, ops.repeat(plain[:, -1:], after, 1)] if width > 1 else [plain], 1
    )
    trend = layers.AveragePooling1D(width, 1, dtype="float32")(padded[..., None])[..., 0]
    rest = layers.Dense(size, kernel_initializer="zeros", name="rest", dtype="float32")(plain - trend)
    mean: Any = keras.initializers.Constant(1 / params.context)
    return layers.Dense(size, kernel_initializer=mean, name="trend", dtype="float32")(trend) + rest


def _from_pieces(plain: Any, ahead: Any, params: Any, size: int) -> Any:
    """A recurrent or an attending network over pieces of the past; the last one's state tells all steps at once."""
    patch = params.patch or min(_LONGEST_PATCH, params.context // _PATCHES)
    patch = max(1, min(patch, params.context // 2))  # two pieces at least: one has nothing to attend to
    lacking = -params.context % patch
    pieces = params.context // patch + (lacking > 0)
    tokens = _cut(plain[..., None], lacking, pieces, patch)
    if ahead is not None:
        known = _cut(ahead[:, : params.context], lacking, pieces, patch)
        tokens = ops.concatenate([tokens, _means(known, pieces, patch, ahead.shape[-1])], -1)
    state = layers.Dense(params.width, name="piece")(tokens)
    if params.network == "lstm":
        for number in range(params.layers):
            last = number == params.layers - 1
            state = layers.LSTM(params.width, return_sequences=not last, name=f"lstm_{number}")(state)
            state = layers.Dropout(params.dropout)(state)
    else:
        numbers = ops.cast(ops.cumsum(ops.ones_like(tokens[..., 0]), axis=1) - 1, "int32")  # 0, 1, ... of each row
        places = layers.Embedding(pieces, params.width, name="places")(numbers)
        state = layers.Dropout(params.dropout)(state + places)
        for number in range(params.layers):
            state = _block(state, params, number)
        state = layers.LayerNormalization(name="norm")(state)[:, -1]
    return layers.Dense(size, name="line", dtype="float32")(state)


def _cut(steps: Any, lacking: int, pieces: int, patch: int) -> Any:
    """(batch, steps, n) -> (batch, pieces, patch * n); the first step is repeated where a piece lacks some."""
    if lacking:
        steps = ops.concatenate([ops.repeat(steps[:, :1], lacking, 1), steps], 1)
    return ops.reshape(steps, (-1, pieces, patch * steps.shape[-1]))


def _means(known: Any, pieces: int, patch: int, features: int) -> Any:
    """(batch, pieces, patch * features) -> (batch, pieces, features)."""
    return ops.mean(ops.reshape(known, (-1, pieces, patch, features)), 2)


def _block(state: Any, params: Any, number: int) -> Any:
    """Attention to earlier pieces alone, then two dense layers, each beside a way around it."""
    inner = layers.LayerNormalization(name=f"norm_{number}_0")(state)
    attention = layers.MultiHeadAttention(
        params.heads, params.width // params.heads, dropout=params.dropout, name=f"attention_{number}"
    )
    state = state + attention(inner, inner, use_causal_mask=True)
    inner = layers.LayerNormalization(name=f"norm_{number}_1")(state)
    inner = layers.Dense(2 * params.width, activation="gelu", name=f"wide_{number}")(inner)
    inner = layers.Dense(params.width, name=f"narrow_{number}")(layers.Dropout(params.dropout)(inner))
    return state + inner


def _known(ahead: Any, params: Any, outputs: int) -> Any:
    """What the calendar and other things known of each step to come add to its forecast; nothing at first."""
    if params.network in ("lstm", "transformer"):
        ahead = layers.Dense(params.width, activation="gelu", name="known_wide", dtype="float32")(ahead)
    return layers.Dense(outputs, kernel_initializer="zeros", name="known", dtype="float32")(ahead)
