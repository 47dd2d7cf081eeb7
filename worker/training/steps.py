"""Runs training steps and evaluation passes in the graph. worker/training/fit.py decides how many and when.

Keras' own make_train_function fixes steps_per_execution when it is traced; here the number of steps is a tensor, so
that any border (log, evaluation, checkpoint, stop) is hit exactly by one compiled function. What a step *is* stays
the model's train_step, so custom steps, loss scaling, XLA and tf.distribute work as under model.fit.

AutoGraph is off: nothing here needs it, and it leaves generated source files in the temporary folder of a process that
is killed.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf
from keras import tree

from worker.privacy import Privacy
from worker.training.private_steps import private_step
from worker.training.strategy import distributed

_AHEAD = 4  # batches made while a step runs


def _loss_names(logs: dict[str, Any]) -> list[str]:
    """The logs that must stay finite: "loss" and "..._loss", or all when none is called so."""
    names = [name for name in logs if name == "loss" or name.endswith("_loss")]
    return names or list(logs)


def _read_ahead(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """A few batches are made before they are asked for.

    How many is not left to tf.data: its tuning thread held the end of a training or an evaluation up, for some seconds at a time
    on a busy machine, until it noticed that the iterator was gone (seen with TensorFlow 2.21).
    """
    fixed = tf.data.Options()
    fixed.autotune.enabled = False
    return dataset.prefetch(_AHEAD).with_options(fixed)


class StepRunner:
    """Compiled training and evaluation of one compiled, built model. privacy: of its data; then without a strategy and XLA."""

    def __init__(self, model: keras.Model, strategy: tf.distribute.Strategy | None, privacy: Privacy | None = None):
        self._model = model
        self._step: Callable[[Any], Any] = private_step(model, privacy) if privacy else model.train_step
        self._strategy = strategy
        self._graph: Any = None
        self._run = self._make_run()
        self._results = tf.function(lambda: dict(model.get_metrics_result()), autograph=False)

    def _make_run(self) -> Callable[[Any, Any], Any]:
        model, strategy = self._model, self._strategy

        def one_step(data: Any) -> Any:
            """One train_step; returns whether every loss is finite."""
            if strategy is None:
                logs: Any = self._step(data)
            else:
                local = strategy.experimental_local_results
                logs = strategy.run(model.train_step, args=(data,))
                logs = tree.map_structure(lambda value: tf.reduce_mean(local(value), 0), logs)
            self._graph = tf.compat.v1.get_default_graph()
            flat = [tf.cast(logs[name], tf.float32) for name in _loss_names(logs)]
            return tf.reduce_all(tf.math.is_finite(tf.stack(flat)))

        one_step = tf.function(one_step, jit_compile=model.jit_compile, reduce_retracing=True, autograph=False)

        @tf.function(reduce_retracing=True, autograph=False)
        def run(iterator: Any, count: Any) -> Any:
            def body(done: Any, finite: Any) -> Any:
                return done + 1, one_step(iterator.get_next())

            return tf.while_loop(
                lambda done, finite: tf.logical_and(done < count, finite),
                body,
                (tf.constant(0), tf.constant(True)),
                parallel_iterations=1,
            )

        return run

    @property
    def variables(self) -> list[Any]:
        """The TensorFlow variables that a step uses, known once one has run. [] under a strategy: replicas have their own."""
        return [] if self._graph is None or self._strategy is not None else list(self._graph.variables)

    def iterator(self, dataset: tf.data.Dataset) -> Iterator[Any]:
        """Return an iterator over training batches, read ahead of the steps."""
        return iter(distributed(self._strategy, _read_ahead(dataset)))

    def run(self, iterator: Iterator[Any], count: int) -> tuple[int, bool]:
        """Take up to count steps. Returns (steps taken, finite).

        finite is False when the loss of the last step taken was NaN or infinite; the run ends there. The loss looked
        at is the running mean since the last reset, which turns non-finite at the very step that does.
        """
        done, finite = self._run(iterator, tf.constant(count, tf.int32))
        return int(done), bool(finite)

    def results(self) -> dict[str, float]:
        """Return the metrics gathered since the last reset.

        Keras' own "loss" is left out where a step of the model's own never tells it one: it would read 0.
        """
        found = {name: float(value) for name, value in self._results().items() if _is_scalar(value)}
        tracker: Any = self._model._loss_tracker
        if tracker is not None and tracker.name in found and not float(tf.convert_to_tensor(tracker.count.value)):
            del found[tracker.name]
        return found

    def evaluate(self, dataset: tf.data.Dataset, look: Callable[[int], None]) -> dict[str, float]:
        """Return the metrics over one exact pass; the metric state is reset before and after, whatever happens.

        look(batches done) is called after each few batches and may raise.
        """
        model = self._model
        model.reset_metrics()
        model.make_test_function()
        test: Any = model.test_function
        batches = 0
        try:
            iterator = iter(distributed(self._strategy, _read_ahead(dataset)))
            while True:
                try:
                    test(iterator)
                except StopIteration:
                    break
                batches += model.steps_per_execution
                look(batches)
            return self.results()
        finally:
            model.reset_metrics()


def _is_scalar(value: Any) -> bool:
    return getattr(value, "shape", ()) == ()
