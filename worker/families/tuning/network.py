"""A decoder that learns from rows of tokens: its steps, its loss, and how it is built upon a base.

The loss of a token is -log p(token | those before it in its row), averaged over the tokens that are learnt. Logits are made of
these alone, some at a time: over a large vocabulary they would take more memory than all else.
"""

import weakref
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from shared.bases.decoder import DecoderConfig
from worker.families.language.network import Decoder
from worker.families.language.weights import assign_base, variables_by_name
from worker.families.tuning.adapters import Adapting, adapted
from worker.families.tuning.preferences import preference_loss
from worker.recipe import POLICIES, OpenInput

MATRICES = ("q", "k", "v", "o", "gate", "up", "down")
LOGITS_AT_ONCE = 2**26  # numbers: 256 MB of them


class TunedDecoder(Decoder):
    """Batches are (x, y, weight): x {"tokens", "segments", "places"}, y int32, weight float32, all (batch, context).

    y: the token after each. weight: 1 where it is learnt. at_once: rows of a batch whose activations are in memory together.
    beta: of DPO, where rows are pairs of a chosen and a rejected answer; 0: they are not. rematerialise: keep of each block its
    input alone, and make the rest again for the gradient.
    """

    def __init__(
        self,
        config: DecoderConfig,
        *,
        at_once: int = 0,
        beta: float = 0.0,
        rematerialise: bool = False,
        **options: Any,
    ):
        super().__init__(config, **options)
        self.at_once, self.beta, self.rematerialise = at_once, beta, rematerialise
        self.upon_base: tuple[str, str] | None = None  # (its folder, type) where nothing of the base learns

    def through(self, block: Any, h: Any, seen: Any, turned: Any, training: bool) -> Any:
        if not (self.rematerialise and training):
            return super().through(block, h, seen, turned, training)
        return tf.recompute_grad(lambda h: block(h, seen, turned, training=training))(h)

    # --- losses ---------------------------------------------------------------------------------------------------------

    def nats(self, x: Any, y: Any, weight: Any, training: bool = False) -> Any:
        """-log p of each token, 0 where weight is 0: float32 (batch, time)."""
        h = self.stream(x, training=training)
        return self._nats_of(h, y, weight)

    def _nats_of(self, h: Any, y: Any, weight: Any) -> Any:
        if self.jit_compile:  # XLA wants one shape
            return self._cross_entropy(h, y) * tf.cast(weight > 0, tf.float32)
        chosen = tf.where(weight > 0)
        found = self._in_pieces(tf.gather_nd(h, chosen), tf.gather_nd(y, chosen), weight.shape[0] * weight.shape[1])
        return tf.scatter_nd(chosen, found, tf.shape(weight, tf.int64))

    def _in_pieces(self, h: Any, y: Any, most: int) -> Any:
        """Cross-entropy of (n, width) against (n,), n at most `most`. Logits of several pieces are made again for the gradient."""
        size = max(1, LOGITS_AT_ONCE // self.config.vocabulary)
        if most <= size:
            return self._cross_entropy(h, y)
        piece = tf.recompute_grad(self._cross_entropy)
        return tf.concat([piece(h[at : at + size], y[at : at + size]) for at in range(0, most, size)], 0)

    def _cross_entropy(self, h: Any, y: Any) -> Any:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(y, self.logits(h))

    def losses(self, x: Any, y: Any, weight: Any, training: bool = False) -> tuple[Any, Any]:
        """(sum of the losses, how much is summed): over tokens, or over pairs."""
        if self.beta:
            return preference_loss(self, x, y, weight, training)
        nats = self.nats(x, y, weight, training)
        return tf.reduce_sum(nats * weight), tf.reduce_sum(weight)

    # --- steps ------------------------------------------------------------------------------------------------------------

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y, weight = data
        rows, at_once = y.shape[0], self.at_once or y.shape[0]
        count = self._counted(weight)
        variables = self.trainable_variables
        if at_once >= rows:
            total, gradients = self._gradients(x, y, weight, count, variables)
        else:
            total, gradients = self._accumulated(x, y, weight, count, variables, at_once)
        self.optimizer.apply(gradients, variables)
        self._loss_tracker.update_state(total / count, sample_weight=count)
        return self.get_metrics_result()

    def _counted(self, weight: Any) -> Any:
        """What the loss of a batch is the mean over: its learnt tokens, or its pairs."""
        there = tf.reshape(weight, (weight.shape[0] // 2, -1)) if self.beta else weight
        summed = tf.reduce_max(there, 1) if self.beta else there
        return tf.maximum(tf.reduce_sum(summed), 1.0)

    def _gradients(self, x: Any, y: Any, weight: Any, count: Any, variables: list[Any]) -> tuple[Any, list[Any]]:
        """(sum of the losses, gradients of the mean over the whole batch)."""
        values = [variable.value for variable in variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            total, _ = self.losses(x, y, weight, training=True)
            loss = total / count
            if hasattr(self.optimizer, "scale_loss"):
                loss = self.optimizer.scale_loss(loss)
        return total, tape.gradient(loss, values)

    def _accumulated(
        self, x: Any, y: Any, weight: Any, count: Any, variables: list[Any], at_once: int
    ) -> tuple[Any, list[Any]]:
        """As _gradients, a few rows after the others: the same but for rounding, in a fraction of the memory."""
        rows = y.shape[0]

        def body(at: Any, total: Any, *gradients: Any) -> Any:
            few = [part[at : at + at_once] for part in (*x.values(), y, weight)]
            for part, whole in zip(few, (*x.values(), y, weight), strict=True):
                part.set_shape((at_once, *whole.shape[1:]))
            some, found = self._gradients(dict(zip(x, few, strict=False)), few[-2], few[-1], count, variables)
            added = [
                one + tf.cast(tf.convert_to_tensor(more), one.dtype) for one, more in zip(gradients, found, strict=True)
            ]
            return at + at_once, total + some, *added

        start = (tf.constant(0), tf.constant(0.0), *(tf.zeros(variable.shape) for variable in variables))
        _, total, *gradients = tf.while_loop(lambda at, *_: at < rows, body, start, parallel_iterations=1)
        return total, list(gradients)

    def test_step(self, data: Any) -> dict[str, Any]:
        x, y, weight = data
        total, count = self.losses(x, y, weight)
        self._loss_tracker.update_state(total / tf.maximum(count, 1e-9), sample_weight=count)
        return self.get_metrics_result()


def build_tuned(params: Any, config: DecoderConfig, folder: Path, pairs: bool) -> TunedDecoder:
    """The decoder of a training or of one of its models, filled with the base in `folder`. params: FinetuneTrain.

    With adapters all else is fixed, and in the type of the arithmetic: half the memory in bfloat16.
    """
    options: dict[str, Any] = {
        "at_once": params.at_once * (2 if pairs else 1),
        "beta": params.beta if pairs else 0.0,
        "rematerialise": params.rematerialise,
    }
    if params.method == "full":
        model = TunedDecoder(config, **options)
        model.build()
    else:
        matrix = Adapting(params.matrices or MATRICES, params.rank, params.alpha, params.lora_dropout)
        return _narrow(config, matrix, folder, **options)
    assign_base(model, folder)
    return model


def build_base(precision: str, opened: OpenInput, *, at_once: int = 0) -> TunedDecoder:
    """The base alone, to compare with or as it came."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        return _narrow(opened.base.config, Adapting((), 0, 1.0, 0.0), opened.folder, at_once=at_once)
    finally:
        keras.config.set_dtype_policy(before)


UPON: dict[
    tuple[str, str], "weakref.WeakSet[TunedDecoder]"
] = {}  # (base's folder, type): models of this process upon it


def _narrow(config: DecoderConfig, matrix: Adapting, folder: Path, **options: Any) -> TunedDecoder:
    """A decoder whose variables have the type of the arithmetic, and of which the adapters alone learn.

    What of it does not learn is shared with every other one upon the same base in this process: a base is loaded once.
    """
    before = keras.config.dtype_policy()
    upon_base = (str(folder), before.compute_dtype)
    alike = UPON.setdefault(upon_base, weakref.WeakSet())
    there = next(iter(alike), None)
    keras.config.set_dtype_policy(before.compute_dtype)
    try:
        model = TunedDecoder(config, matrix=matrix, upon=there, **options)
        model.build()
    finally:
        keras.config.set_dtype_policy(before)
    if there is None:
        assign_base(model, folder)
    alike.add(model)
    model.upon_base = upon_base
    learning = _adapters(model)
    for variable in model.variables:
        variable.trainable = id(variable) in learning
    return model


def _adapters(model: TunedDecoder) -> set[int]:
    return {id(part) for _, layer in adapted(model) for part in (layer.a, layer.b)}


def fixed_of(model: TunedDecoder) -> list[Any]:
    """The variables of the base that do not learn: all where there are adapters, none where everything learns."""
    of_base = set(map(id, variables_by_name(model).values()))
    return [v for v in model.variables if id(v) in of_base and not v.trainable]
