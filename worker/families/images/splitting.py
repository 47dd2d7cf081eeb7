"""Splits pictures into train, validation and test without leakage: a duplicate never sits on both sides."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """Numbers of pictures, int64, sorted. test may be empty; val is empty only when there is nothing to hold out.

    val_is_test: the test part is watched during training, so its final figure is slightly optimistic.
    """

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    val_is_test: bool
    notes: list[str]


def split_pictures(
    parts: Sequence[str], labels: np.ndarray, digests: np.ndarray, validation_fraction: float, seed: int
) -> Split:
    """Take the dataset's own val and test folders where given; hold out a stratified share of train otherwise.

    parts: "train", "val" or "test" of each picture. labels: int64 (n,). digests: (n,), equal for the same pixels: of such
    duplicates one stays, in test before val before train.
    """
    order = np.argsort([("test", "val", "train").index(part) for part in parts], kind="stable")
    first: dict[bytes, int] = {}
    keep = np.zeros(len(order), dtype=bool)
    conflicting = 0
    for i in order:
        digest = digests[i].tobytes()
        if digest not in first:
            first[digest], keep[i] = i, True
        else:
            conflicting += int(labels[first[digest]] != labels[i])
    notes = []
    if dropped := int((~keep).sum()):
        notes.append(f"{dropped} duplicate pictures left out, so that none is both trained on and tested with")
    if conflicting:
        notes.append(f"{conflicting} of them carried another label than their twin")
    there = np.array(parts)
    train, val, test = (np.flatnonzero(keep & (there == part)) for part in ("train", "val", "test"))
    if not len(train):  # only a test folder: nothing else can be meant
        train, test = test, train
    val_is_test = False
    if not len(val):
        if validation_fraction:
            train, val = _hold_out(train, labels[train], validation_fraction, seed)
        else:
            val, val_is_test = test, len(test) > 0
    return Split(train, val, test, val_is_test, notes)


def _hold_out(indices: np.ndarray, labels: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a share of each class, at least one of classes with two or more; returns (rest, drawn)."""
    rng = np.random.default_rng([seed, 1])
    drawn = []
    for label in np.unique(labels):
        members = rng.permutation(indices[labels == label])
        count = min(max(round(len(members) * fraction), 1), len(members) - 1)
        drawn.append(members[:count])
    held = np.sort(np.concatenate(drawn))
    return np.setdiff1d(indices, held), held
