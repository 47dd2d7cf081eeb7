"""Compiled decoding in which the models upon one base take turns: each brings its adapters, and nothing is compiled anew."""

import functools
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.families.tuning.adapters import adapted, aside
from worker.families.tuning.network import TunedDecoder
from worker.generation.decode.decoder import DecoderEngine


class BareEngine(DecoderEngine):
    """Decodes a tuned decoder as if it had no adapters: the base alone."""

    def compiled(self, key: Any, graph: Callable[..., Any]) -> Any:
        return super().compiled(key, functools.partial(self._traced, graph))

    def _traced(self, graph: Callable[..., Any], *inputs: Any) -> Any:
        with aside(self._model):
            return graph(*inputs)


class _Seat(DecoderEngine):
    """Decodes with the adapters that lie in its own variables, through the layers of the model it was made with."""

    def __init__(self, model: TunedDecoder):
        super().__init__(model)
        self._places = [tf.Variable(part.value, trainable=False) for part in _parts(model)]
        self._sits: weakref.ref[TunedDecoder] = weakref.ref(model)

    def compiled(self, key: Any, graph: Callable[..., Any]) -> Any:
        return super().compiled(key, functools.partial(self._traced, graph))

    def _traced(self, graph: Callable[..., Any], *inputs: Any) -> Any:
        taken = list(zip(_parts(self._model), self._places, strict=True))
        with keras.StatelessScope(state_mapping=taken):
            return graph(*inputs)

    def take(self, model: TunedDecoder) -> None:
        if self._sits() is not model:
            for place, part in zip(self._places, _parts(model), strict=True):
                place.assign(part.value)
            self._sits = weakref.ref(model)


class SharedEngine:
    """An engine for one model that it shares with every other one upon the same base whose adapters have the same shapes.

    The adapters are read when the model takes its turn: they must not change while it is served. One thread decodes.
    """

    def __init__(self, model: TunedDecoder):
        self._model = model
        self._seat = _shared(_seats, model, _Seat)
        self.vocabulary_size = self._seat.vocabulary_size

    def decode(self, *given: Any, **options: Any) -> Iterator[np.ndarray]:
        """As Engine.decode."""
        self._seat.take(self._model)
        yield from self._seat.decode(*given, **options)


Held = weakref.WeakValueDictionary[Any, Any]  # engines of this process, as long as a model uses them
_seats: Held = Held()
_bare: Held = Held()


def engine_of(model: TunedDecoder, *, jit: bool = True) -> Any:
    """What decodes a tuned model. jit False: its own, which sees what the model learns."""
    return SharedEngine(model) if jit and model.upon_base else DecoderEngine(model, jit=jit)


def bare_engine_of(model: TunedDecoder, *, jit: bool = True) -> BareEngine:
    """What decodes the base of a tuned model."""
    return _shared(_bare, model, BareEngine) if jit and model.upon_base else BareEngine(model, jit=jit)


def _shared(held: Held, model: TunedDecoder, make: Callable[[TunedDecoder], Any]) -> Any:
    shapes = tuple((name, layer.rank, layer.scale) for name, layer in adapted(model))
    key = (model.upon_base, shapes)
    engine = held.get(key)
    if engine is None:
        engine = held[key] = make(model)
    return engine


def _parts(model: TunedDecoder) -> list[Any]:
    return [part for _, layer in adapted(model) for part in (layer.a, layer.b)]
