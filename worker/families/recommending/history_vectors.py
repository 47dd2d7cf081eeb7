"""People as vectors that are made of their histories when they are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from worker.families.evaluation.ranking import Taken
from worker.families.recommending.features import Features
from worker.families.recommending.histories import learnt_histories, padded, whole_histories
from worker.families.recommending.vectors import Vectors
from worker.recipe import Assets

_AT_ONCE = 64  # histories
_ITEMS_AT_ONCE = 8_192


class Told:
    """People by number: told[3], told[[1, 2]] and told[:] are float32 (..., width). Nobody's vector is kept."""

    def __init__(self, model: Any, items: np.ndarray, histories: Taken):
        self.model, self._items, self._histories = model, items, histories
        self._states = tf.function(self._last, autograph=False)

    def __len__(self) -> int:
        return len(self._histories.counts)

    def __getitem__(self, people: Any) -> np.ndarray:
        if isinstance(people, int | np.integer):
            return self[np.array([people])][0]
        some, again = np.unique(np.arange(len(self))[people], return_inverse=True)
        about = None if self.model.person is None else np.asarray(self.model.person(some.astype(np.int32)))
        return self.of([self._histories.of(person) for person in some.tolist()], about)[again]

    def of(self, histories: Sequence[np.ndarray], about: np.ndarray | None = None) -> np.ndarray:
        """float32 (n, width): of histories, places of items by time; zeros of one without any of whom columns tell nothing either.

        about: float32 (n, width), of what columns of people tell; None: nothing.
        """
        found = np.zeros((len(histories), self._items.shape[1]), np.float32)
        about = np.zeros_like(found) if about is None else about
        for start in range(0, len(histories), _AT_ONCE):
            some, told = list(histories[start : start + _AT_ONCE]), about[start : start + _AT_ONCE]
            lacking = _AT_ONCE - len(some)
            places, counts = padded([*some, *[some[0]] * lacking], self.model.length)
            vectors = self._items[np.maximum(places, 0)] * (places >= 0)[..., None]
            states = self._states(vectors, counts, np.pad(told, ((0, lacking), (0, 0))))
            found[start : start + len(some)] = np.asarray(states)[: len(some)]
        return found

    def _last(self, vectors: Any, counts: Any, about: Any) -> Any:
        states = tf.gather(self.model.states(vectors, about), tf.maximum(counts - 1, 0), batch_dims=1)
        return tf.where((counts[:, None] > 0) | tf.reduce_any(about != 0, 1, keepdims=True), states, 0.0)


@dataclass(frozen=True)
class HistoryVectors(Vectors):
    """Of a network of histories; users is a Told."""

    def newcomer(
        self, liked: Sequence[int], values: Sequence[float] | None, penalty: float
    ) -> tuple[np.ndarray, float]:
        """The vector of anybody with that history: the list's order counts where the network heeds it."""
        told: Any = self.users
        return told.of([np.array(list(liked), np.int64)])[0], 0.0

    def by_columns(self, liked: Sequence[int], features: Features) -> np.ndarray:
        """float32 (width,): of somebody of whom columns tell, features of one row, and who may like some items besides."""
        told: Any = self.users
        about = told.model.person.columns.of(features.parts, features.weights, features.numbers)
        return told.of([np.array(list(liked), np.int64)], np.asarray(about))[0]

    def newcomer_module(self) -> Any:
        told: Any = self.users
        return _Newcomer(told.model, self.items)


class _Newcomer(tf.Module):
    def __init__(self, model: Any, items: Any):
        super().__init__()
        self._model, self._items = model, tf.Variable(items)

    def __call__(self, liked: Any) -> Any:
        last = liked[-self._model.length :]
        vectors = tf.gather(self._items, last)
        vectors = tf.pad(vectors, [[0, self._model.length - tf.size(last)], [0, 0]])
        return self._model.states(vectors[None])[0, tf.size(last) - 1]


def measured_vectors(model: Any, assets: Assets) -> HistoryVectors:
    """People by what they took in the training part."""
    return _vectors(model, learnt_histories(assets))


def served_vectors(model: Any, assets: Assets) -> HistoryVectors:
    """People by all that they took."""
    return _vectors(model, whole_histories(assets))


def _vectors(model: Any, histories: Taken) -> HistoryVectors:
    tower, found = model.tower, []
    for start in range(0, tower.count, _ITEMS_AT_ONCE):
        places = np.arange(start, min(start + _ITEMS_AT_ONCE, tower.count), dtype=np.int32)
        found.append(np.asarray(tower(tf.constant(places)), np.float32))
    every = np.concatenate(found)
    items, bias = np.ascontiguousarray(every[:, :-1]), np.ascontiguousarray(every[:, -1])
    users: Any = Told(model, items, histories)
    return HistoryVectors(users, items, np.zeros(len(users), np.float32), bias)
