"""The optimizer, its learning-rate schedule and weight penalties, for every recipe.

L2 ("weight_decay"): adamw shrinks matrices apart from the gradient (Loshchilov, Hutter 2017, arXiv:1711.05101); adam
and sgd add weight_decay * w to the gradient. L1 adds l1 * sign(w) to the gradient. All of it touches matrices
only (two or more axes, not named "bias"), and comes after the gradient was clipped.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from worker.training.together import Flat, Pair, adam_together, small_ones
from worker.training.wishes import asked


@keras.saving.register_keras_serializable(package="trainyard")
class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """Rise linearly over warmup_steps, then stay at peak or fall along half a cosine to final at total_steps.

    Step s counts from 0; its rate is peak * (s + 1) / (warmup_steps + 1) while s < warmup_steps, as in nanoGPT.
    """

    def __init__(self, peak: float, final: float, warmup_steps: int, total_steps: int, kind: str):
        self.peak, self.final, self.kind = float(peak), float(final), kind
        self.warmup_steps, self.total_steps = int(warmup_steps), int(total_steps)

    def __call__(self, iteration: Any) -> Any:
        step: Any = ops.cast(iteration, "float32")
        warm = self.peak * (step + 1.0) / (self.warmup_steps + 1.0)
        if self.kind == "constant":
            after = ops.full_like(step, self.peak)
        else:
            span = max(self.total_steps - self.warmup_steps, 1)
            share: Any = ops.clip((step - self.warmup_steps) / span, 0.0, 1.0)
            cosine: Any = ops.cos(math.pi * share)
            after = self.final + 0.5 * (self.peak - self.final) * (1.0 + cosine)
        return ops.where(step < self.warmup_steps, warm, after)

    def at(self, step: int) -> float:
        """The rate of step `step`, computed on the host (for the series; differs from the graph's by rounding)."""
        if step < self.warmup_steps:
            return self.peak * (step + 1) / (self.warmup_steps + 1)
        if self.kind == "constant":
            return self.peak
        share = min(max((step - self.warmup_steps) / max(self.total_steps - self.warmup_steps, 1), 0.0), 1.0)
        return self.final + 0.5 * (self.peak - self.final) * (1 + math.cos(math.pi * share))

    def get_config(self) -> dict[str, Any]:
        names = ("peak", "final", "warmup_steps", "total_steps", "kind")
        return {name: getattr(self, name) for name in names}


def learning_rate(params: Any, total_steps: int) -> LearningRate:
    """Make the schedule params ask for. Warm-up takes at most a tenth of the run; final never exceeds the peak."""
    peak = asked(params, "learning_rate")
    return LearningRate(
        peak=peak,
        final=min(asked(params, "final_learning_rate"), peak),
        warmup_steps=min(asked(params, "warmup_steps"), total_steps // 10),
        total_steps=total_steps,
        kind=asked(params, "schedule"),
    )


def schedule_of(model: keras.Model) -> LearningRate | None:
    """The schedule a compiled model's optimizer follows, None when that is none of ours."""
    optimizer: Any = model.optimizer
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # a LossScaleOptimizer's
    rate = getattr(inner, "_learning_rate", None)
    return rate if isinstance(rate, LearningRate) else None


def is_matrix(variable: Any) -> bool:
    """True for variables that penalties apply to: kernels and embeddings, not biases, norms and scales."""
    return len(variable.shape) >= 2 and variable.name != "bias"


def _penalised(base: type[Any]) -> type[Any]:
    """Derive from a Keras optimizer one whose gradient of matrices gains l1 * sign(w) + l2 * w after clipping."""

    class Penalised(base):
        l1 = 0.0
        l2 = 0.0
        together = True
        shares: Sequence[float] = ()  # of the learning rate, by the place of a variable

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            gradient = self._with_penalties(gradient, variable)
            if decay := self._decay(variable):
                self.assign_sub(variable, variable * ops.cast(decay * learning_rate, variable.dtype))
            share = self.shares[self._get_variable_index(variable)]
            super().update_step(gradient, variable, learning_rate * share if share != 1 else learning_rate)

        def _apply_weight_decay(self, variables: Any) -> None:
            """Nothing: update_step does it. Keras' own makes the learning rate anew for each variable."""

        def _decay(self, variable: Any) -> float:
            return self.weight_decay if self.weight_decay and self._use_weight_decay(variable) else 0.0

        def _with_penalties(self, gradient: Any, variable: Any) -> Any:
            if is_matrix(variable):
                if self.l1:
                    sign: Any = ops.sign(variable)
                    gradient = gradient + ops.cast(self.l1, variable.dtype) * sign
                if self.l2:
                    gradient = gradient + ops.cast(self.l2, variable.dtype) * variable
            return gradient

        def _distributed_tf_update_step(self, distribution: Any, grads_and_vars: Any, learning_rate: Any) -> None:
            alone = self.together and isinstance(self, keras.optimizers.Adam) and distribution.num_replicas_in_sync == 1
            small, others = small_ones(grads_and_vars) if alone else ([], grads_and_vars)
            if small:
                self._update_small(small, learning_rate)
            super()._distributed_tf_update_step(distribution, others, learning_rate)

        def _update_small(self, pairs: Sequence[Pair], learning_rate: Any) -> None:
            variables = [variable for _, variable in pairs]
            places = [self._get_variable_index(variable) for variable in variables]
            flat = Flat(variables)
            gradient = flat.of([self._with_penalties(*pair) for pair in pairs])
            rates = learning_rate * flat.repeat([self.shares[place] for place in places])
            decay = learning_rate * flat.repeat([self._decay(variable) for variable in variables])
            momentums, velocities = (
                Flat([slots[place] for place in places]) for slots in (self._momentums, self._velocities)
            )
            adam_together(self, flat, momentums, velocities, gradient, rates, decay)

    Penalised.__name__ = base.__name__
    return Penalised


class LossScale(keras.optimizers.LossScaleOptimizer):
    """Scales the loss in float16, so that small gradients are not lost, and leaves a step out whose gradients are not finite.

    Keras' own, as it stands in 3.15, looks at one of the rows only where an embedding's gradient has several of one number, lets
    an infinity in another through and so ends the training.
    """

    def check_finite(self, grads: Sequence[Any]) -> Any:
        return super().check_finite([g.values if isinstance(g, tf.IndexedSlices) else g for g in grads])


def make_optimizer(
    params: Any, total_steps: int, trainable: Sequence[Any], *, together: bool = True
) -> keras.optimizers.Optimizer:
    """Make the optimizer params ask for. trainable: the model's trainable variables, to tell matrices from the rest; one that
    has an attribute step_share learns at the learning rate times this.

    together: many small variables are updated as one vector; not under XLA, which in a loop of steps takes its length for dynamic.
    In float16 its gradients come scaled: see LossScale.
    """
    common: dict[str, Any] = {
        "learning_rate": learning_rate(params, total_steps),
        "global_clipnorm": asked(params, "clip_norm") or None,
    }
    kind, beta_2, decay = (asked(params, name) for name in ("optimizer", "beta_2", "weight_decay"))
    if kind == "sgd":
        optimizer = _penalised(keras.optimizers.SGD)(momentum=0.9, nesterov=True, **common)
    elif kind == "adam":
        optimizer = _penalised(keras.optimizers.Adam)(beta_2=beta_2, **common)
    else:
        optimizer = _penalised(keras.optimizers.AdamW)(beta_2=beta_2, weight_decay=decay, **common)
        optimizer.exclude_from_weight_decay(var_list=[v for v in trainable if not is_matrix(v)])
    optimizer.together = together
    optimizer.l1 = asked(params, "l1")
    optimizer.l2 = decay if kind != "adamw" else 0.0
    optimizer.shares = tuple(getattr(variable, "step_share", 1.0) for variable in trainable)
    return optimizer
