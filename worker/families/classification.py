"""Weights of classes in a training, so that rare ones count as much as common ones."""

from collections.abc import Sequence


def balanced_class_weights(counts: Sequence[int]) -> list[float]:
    """Weigh classes so that each counts the same in sum, with mean weight 1 over the examples.

    counts: examples of each class, each >= 1. Source: scikit-learn's class_weight="balanced", n / (classes * count).
    """
    total = sum(counts)
    return [total / (len(counts) * count) for count in counts]
