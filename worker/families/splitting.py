"""Splits rows into training, validation and test parts: as the table says, else by the seed; and into folds."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold


@dataclass(frozen=True)
class Split:
    """Row numbers, int64, sorted. val and test may be empty. notes: what the user should know."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    notes: list[str] = field(default_factory=list)


def split_rows(
    rows: np.ndarray,
    labels: np.ndarray | None,
    parts: np.ndarray | None,
    val_share: float,
    test_share: float,
    seed: int,
) -> Split:
    """rows: int64 (n,), those that can be used. labels: int (n,) of classes, each at least twice; None for numbers.

    parts: of each row "train", "val", "test" as the table says; None where it says nothing. Then each class is in every part in
    equal shares, as far as its rows go; those of which there are few stay with the training.
    """
    rng = np.random.default_rng([seed, 1])
    notes = []
    if parts is not None:
        train, val, test = (np.flatnonzero(parts == part) for part in ("train", "val", "test"))
        notes.append("the parts are those that the table's own column tells")
    else:
        train, val, test = np.arange(len(rows)), np.array([], np.int64), np.array([], np.int64)
    if parts is None and test_share:
        train, test = _hold_out(train, labels, test_share, rng)
    if not len(val) and val_share:
        train, val = _hold_out(train, labels, val_share, rng)
    return Split(rows[train], rows[val], rows[test], notes)


def _hold_out(
    places: np.ndarray, labels: np.ndarray | None, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a share of the places, of each class where there are some; returns (rest, drawn). At least one stays of each class."""
    groups = [places] if labels is None else [places[labels[places] == label] for label in np.unique(labels[places])]
    drawn: list[np.ndarray] = []
    owed = 0.0  # what rounding has left out so far: of a hundred classes of four rows some still give one
    for group in groups:
        owed += len(group) * share
        count = min(int(owed + 1e-9), len(group) - 1)
        owed -= count
        drawn.append(rng.permutation(group)[: max(count, 0)])
    held = np.sort(np.concatenate(drawn)) if drawn else np.array([], np.int64)
    if not len(held) and len(places) > 2:
        held = np.sort(rng.permutation(max(groups, key=len))[:1])
    return np.setdiff1d(places, held), held


def fold_rows(rows: np.ndarray, labels: np.ndarray | None, folds: int, val_share: float, seed: int) -> list[Split]:
    """k splits in each of which another k-th of the rows is the test part. rows: int64 (n,); labels as split_rows has them."""
    enough = labels is not None and np.bincount(labels).max() >= folds
    kind = StratifiedKFold if enough else KFold
    made = []
    for number, (rest, test) in enumerate(
        _quietly(kind(folds, shuffle=True, random_state=seed), rows, labels if enough else None)
    ):
        own = labels[rest] if labels is not None else None
        inner = split_rows(rows[rest], own, None, val_share, 0.0, seed + number)
        made.append(Split(inner.train, inner.val, rows[test]))
    return made


def _quietly(
    kind: StratifiedKFold | KFold, rows: np.ndarray, labels: np.ndarray | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The parts of scikit-learn, which warns of classes with fewer rows than folds: some folds then lack them."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        return list(kind.split(rows, labels))
