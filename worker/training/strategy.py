"""Where tf.distribute meets training: several GPUs of one slot train one job.

Tried with two logical CPU devices (tests/contract/test_fit_strategy.py); never on real GPUs. XLA is off under a strategy of
several replicas, as Keras' own "auto" has it.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import tensorflow as tf

from shared.errors import InvalidParams, Problem
from worker.recipe import XlaChoice
from worker.training.wishes import asked


def training_strategy(devices: list[str] | None = None) -> tf.distribute.Strategy | None:
    """Return a MirroredStrategy over the slot's GPUs when there are several, else None.

    devices: names to mirror over instead, for tests. The slot's GPUs are all this process can see
    (CUDA_VISIBLE_DEVICES was set before TensorFlow was imported).
    """
    names = slot_devices(devices)
    return tf.distribute.MirroredStrategy(names) if len(names) > 1 else None


def slot_devices(devices: list[str] | None = None) -> list[str]:
    """Names of the slot's GPUs, or those given for tests."""
    return devices if devices is not None else [d.name for d in tf.config.list_logical_devices("GPU")]


def scope(strategy: tf.distribute.Strategy | None) -> AbstractContextManager[Any]:
    """The context in which a model of this strategy is built and compiled."""
    return strategy.scope() if strategy is not None else nullcontext()


def distributed(strategy: tf.distribute.Strategy | None, dataset: tf.data.Dataset) -> Any:
    """Return an iterable whose batches are split over the replicas; the dataset itself without a strategy."""
    if strategy is None:
        return dataset
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return strategy.experimental_distribute_dataset(dataset.with_options(options))


def use_xla(params: Any, choice: XlaChoice, strategy: tf.distribute.Strategy | None) -> bool:
    """Decide whether the step is compiled with XLA. auto: the recipe's measured choice on the CPU, on for one GPU.

    Raises InvalidParams when it is asked for of a recipe that cannot.
    """
    wish = asked(params, "xla")
    if choice == "never":
        if wish == "on":
            message = "'on', but this recipe's step cannot be compiled with XLA; right are auto and off"
            raise InvalidParams([Problem(field="params.xla", message=message)])
        return False
    if strategy is not None or wish == "off":
        return False
    return wish == "on" or choice == "faster" or bool(tf.config.list_logical_devices("GPU"))
