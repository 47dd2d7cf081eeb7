"""What a trained recommender comes down to: a vector and a bias for each person and item, and what follows from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from worker.recipe import Assets

LEAST_PENALTY = 1e-3  # of a newcomer's vector, so that there is always one


@dataclass(frozen=True)
class Vectors:
    """users: float32 (users, width), or what gives rows of such a table; items: float32 (items, width); user_bias, item_bias:
    float32 (users,), (items,).

    A score is users[u] @ items[i] + item_bias[i]; a value is mean + std * (score + user_bias[u]), from low to high. Who or what the
    training part did not hold has zeros.
    """

    users: np.ndarray
    items: np.ndarray
    user_bias: np.ndarray
    item_bias: np.ndarray
    mean: float = 0.0
    std: float = 1.0
    low: float = -np.inf
    high: float = np.inf

    def scores(self, people: np.ndarray) -> np.ndarray:
        """float32 (n, items). people: int (n,)."""
        return self.users[people] @ self.items.T + self.item_bias

    def values(self, people: np.ndarray, items: np.ndarray) -> np.ndarray:
        """float64 (n,): the value each person would give an item."""
        score = np.einsum("nw,nw->n", self.users[people], self.items[items], dtype=np.float64)
        return self.as_values(score + self.item_bias[items], self.user_bias[people])

    def as_values(self, scores: np.ndarray, bias: Any) -> np.ndarray:
        return np.clip(self.mean + self.std * (scores.astype(np.float64) + bias), self.low, self.high)

    def newcomer(
        self, liked: Sequence[int], values: Sequence[float] | None, penalty: float
    ) -> tuple[np.ndarray, float]:
        """(vector float32 (width,), bias) of somebody who is not known, by items and, for ratings, their values.

        The items' vectors stay as they are; the best vector for the list has a closed form. Ratings: ridge regression. A
        ranking: what is not in the list counts as not liked, as much as the list together (Hu, Koren, Volinsky 2008); as long
        as people's vectors are in the middle. penalty: as in training, for each row.
        """
        own = self.items[list(liked)].astype(np.float64)
        width = own.shape[1]
        penalty = max(penalty, LEAST_PENALTY)
        if values is not None:
            left = (np.asarray(values, np.float64) - self.mean) / self.std - self.item_bias[list(liked)]
            wide = np.concatenate([own, np.ones((len(own), 1))], 1)
            found = np.linalg.solve(wide.T @ wide + penalty * len(own) * np.eye(width + 1), wide.T @ left)
            return found[:width].astype(np.float32), float(found[width])
        gram = self.gram * len(own) + own.T @ own
        ridge = penalty * np.trace(gram) / width
        found = np.linalg.solve(gram + max(ridge, LEAST_PENALTY) * np.eye(width), own.sum(0))
        norm = float(np.linalg.norm(found))
        return (found * (self.length / norm if norm > 0 else 0.0)).astype(np.float32), 0.0

    def newcomer_module(self) -> Any:
        """A tf.Module, places of liked items int32 (n,) -> vector float32 (width,), as newcomer() has it; None: the closed form."""
        return None

    @cached_property
    def gram(self) -> np.ndarray:
        """float64 (width, width): the mean product of an item's vector with itself."""
        return (self.items.T @ self.items).astype(np.float64) / len(self.items)

    @cached_property
    def length(self) -> float:
        """Of a person's vector, the middle one."""
        norms = np.linalg.norm(self.users, axis=1)
        return float(np.median(norms[norms > 0])) if (norms > 0).any() else 1.0


def factor_vectors(model: Any, assets: Assets) -> Vectors:
    """Of a network with the layers user, item, item_bias and, for ratings, user_bias."""
    users, items, item_bias = (
        np.array(layer.embeddings.numpy(), np.float32) for layer in (model.user, model.item, model.item_bias)
    )
    users[assets.arrays["people"] == 0] = 0.0
    if model.user_bias is None:
        return Vectors(users, items, np.zeros(len(users), np.float32), item_bias[:, 0])
    items[assets.arrays["popularity"] == 0] = 0.0
    mean, std, low, high = assets.arrays["scale"].tolist()
    user_bias = np.array(model.user_bias.embeddings.numpy(), np.float32)
    return Vectors(users, items, user_bias[:, 0], item_bias[:, 0], mean, std, low, high)
