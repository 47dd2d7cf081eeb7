"""The simple answers beside a table's network: always the same, a linear model, gradient boosting; by scikit-learn.

They learn from the same training part (and its validation part, which they need for nothing else) and answer the same rows.
"""

import warnings
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from worker.context import Context
from worker.families.tables.data import TableData
from worker.families.tables.hashing import BUCKETS
from worker.families.tables.measuring import figures_of, judged_part, measured_rows
from worker.recipe import Baseline

MOST_ROWS = 200_000  # learnt from: some minutes
_MOST_NUMBERS = 40_000_000  # of the table of a linear model
_MOST_CLASSES_LINEAR, _MOST_CLASSES_BOOSTED = 100, 20  # beyond, they take longer than the network
_MOST_BOOSTED_CATEGORIES = 254  # of a column; scikit-learn takes no more
classifier: Any = HistGradientBoostingClassifier  # their declared types say str where anything else is taken
regressor: Any = HistGradientBoostingRegressor
_ONE_HOT = 200  # categories of a column in a linear model


def table_baselines(data: TableData, params: Any, context: Context) -> list[Baseline]:
    """Majority or mean, logistic or linear regression, gradient boosting. context.check() between the fits."""
    part = judged_part(data)
    answered = measured_rows(data, part)
    learnt = np.sort(np.concatenate([data.rows["train"], *([data.rows["val"]] if part == "test" else [])]))
    of = ""
    if len(learnt) > MOST_ROWS:
        learnt = np.sort(np.random.default_rng([params.seed, 6]).choice(learnt, MOST_ROWS, replace=False))
        of = f" (of {MOST_ROWS:,} rows)"
    found = []
    for name, answers in _answers(data, learnt, answered, context):
        figures = {f"{part}_{key}": value for key, value in figures_of(data, answered, answers).items()}
        found.append(Baseline(f"{name}{of}", figures, answers if data.classes else answers[:, 0]))
    return found


def _answers(
    data: TableData, learnt: np.ndarray, answered: np.ndarray, context: Context
) -> list[tuple[str, np.ndarray]]:
    """(name, answers): probabilities (n, classes), or numbers (n, 1)."""
    truth = data.encoded.targets[learnt]
    found = [_same(data, truth, len(answered))]
    context.check()
    classes = len(data.classes)
    known, asked = data.take(learnt), data.take(answered)
    if classes <= _MOST_CLASSES_LINEAR and len(learnt) * max(1, classes) <= _MOST_NUMBERS:
        found.append(_linear(data, known, truth, asked))
        context.check()
    else:
        context.event(
            "note", {"level": "info", "message": f"no logistic regression beside it: {classes} classes are too many"}
        )
    if classes <= _MOST_CLASSES_BOOSTED and set(known) != {"texts"}:
        found.append(_boosted(data, known, truth, asked))
        context.check()
    elif classes > _MOST_CLASSES_BOOSTED:
        context.event(
            "note", {"level": "info", "message": f"no gradient boosting beside it: {classes} classes are too many"}
        )
    return found


def _same(data: TableData, truth: np.ndarray, rows: int) -> tuple[str, np.ndarray]:
    if not data.classes:
        return f"always the mean ({truth.mean():.6g})", np.full((rows, 1), truth.mean())
    shares = np.bincount(truth.astype(np.int64), minlength=len(data.classes)) / len(truth)
    return f"always {data.classes[int(shares.argmax())]!r}", np.tile(shares, (rows, 1))


def _linear(data: TableData, known: Any, truth: np.ndarray, asked: Any) -> tuple[str, np.ndarray]:
    columns = _Columns(data, known)
    x, y = columns.sparse(known), columns.sparse(asked)
    if not data.classes:
        mean = truth.mean()
        return "linear regression", (Ridge(1.0).fit(x, truth - mean).predict(y) + mean)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what it has by then is the baseline
        model = LogisticRegression(max_iter=300).fit(x, truth.astype(np.int64))
    return "logistic regression", _spread(model, model.predict_proba(y), data)


def _spread(model: Any, shares: np.ndarray, data: TableData) -> np.ndarray:
    """Probabilities of all classes: those that its rows did not hold get none."""
    found = np.zeros((len(shares), len(data.classes)))
    found[:, model.classes_] = shares
    return found


def _boosted(data: TableData, known: Any, truth: np.ndarray, asked: Any) -> tuple[str, np.ndarray]:
    numbers = len(data.features.numbers)
    fits = [len(data.features.known[name]) + 2 <= _MOST_BOOSTED_CATEGORIES for name in data.features.categories]
    categorical = [False] * numbers + fits
    seed = data.params.seed
    name = "gradient boosting" + (" (without the texts)" if data.features.texts else "")
    x, y = _dense(known), _dense(asked)
    if not data.classes:
        model: Any = regressor(categorical_features=categorical, random_state=seed).fit(x, truth)
        return name, model.predict(y)[:, None]
    # No early stopping: it draws a part of its own, which a class with one row breaks.
    model: Any = classifier(categorical_features=categorical, random_state=seed, early_stopping=False).fit(
        x, truth.astype(np.int64)
    )
    return name, _spread(model, model.predict_proba(y), data)


def _dense(arrays: Any) -> np.ndarray:
    """float32 (rows, numbers and categories), NaN where missing: trees take no infinities, so these are very large."""
    parts = []
    if "numbers" in arrays:
        parts.append(np.nan_to_num(arrays["numbers"], nan=np.nan, posinf=3e38, neginf=-3e38))
    if "categories" in arrays:
        parts.append(arrays["categories"].astype(np.float32))
    return np.concatenate(parts, axis=1)


class _Columns:
    """What a linear model takes: numbers standardised, missing ones marked, categories and words as columns of their own."""

    def __init__(self, data: TableData, known: Any):
        self._sizes = [min(len(data.features.known[name]) + 2, _ONE_HOT) for name in data.features.categories]
        if "numbers" in known:
            numbers = self._plain(known["numbers"])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # a column without any number
                self._mean = np.nan_to_num(np.nanmean(numbers, axis=0))
                spread = np.nan_to_num(np.nanstd(numbers, axis=0))
            self._std = np.where(spread > 0, spread, 1.0)

    @staticmethod
    def _plain(numbers: np.ndarray) -> np.ndarray:
        return np.where(np.isfinite(numbers), numbers, np.nan).astype(np.float64)

    def sparse(self, arrays: Any) -> Any:
        """Sparse float64 (rows, columns)."""
        parts: list[Any] = []
        if "numbers" in arrays:
            numbers = (self._plain(arrays["numbers"]) - self._mean) / self._std
            missing = np.isnan(numbers)
            parts += [
                sparse.csr_matrix(np.where(missing, 0.0, numbers.clip(-10, 10))),
                sparse.csr_matrix(missing, dtype=float),
            ]
        if "categories" in arrays:
            for place, size in enumerate(self._sizes):
                codes = np.minimum(arrays["categories"][:, place], size - 1)
                rows = np.arange(len(codes))
                parts.append(sparse.csr_matrix((np.ones(len(codes)), (rows, codes)), (len(codes), size)))
        if "texts" in arrays:
            for place in range(arrays["texts"].shape[1]):
                parts.append(_words(arrays["texts"][:, place]))
        return sparse.hstack(parts, format="csr")


def _words(tokens: np.ndarray) -> Any:
    """Which words a text holds, each row of length 1. tokens: int (rows, TOKENS)."""
    rows, places = np.nonzero(tokens)
    columns = tokens[rows, places].astype(np.int64)
    found = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), (len(tokens), BUCKETS))
    lengths = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
    return sparse.diags(1 / np.where(lengths > 0, lengths, 1)) @ found
