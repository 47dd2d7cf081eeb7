"""The simple answers beside a text network: always the same, TF-IDF with logistic regression, naive Bayes; by scikit-learn.

They learn from the same training part (and its validation part, which they need for nothing else) and answer the same texts.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB

from shared.datasets.tables.reading import open_table
from worker.context import Context
from worker.families.text_labels.data import LabelledTexts
from worker.families.text_labels.measuring import compared_places, figures_of, judged_part
from worker.families.text_labels.rows import each_text
from worker.recipe import Baseline

MOST_TEXTS = 50_000  # learnt from: some minutes
_MOST_CHARACTERS = 50_000_000  # of the texts learnt from: n-grams of all of them are in memory at once
_MOST_COLUMNS = 500_000  # n-grams, the commonest
_MOST_LABELS = 100  # beyond, it takes longer than the network


def text_baselines(data: LabelledTexts, params: Any, context: Context) -> list[Baseline]:
    """Majority, and two that know words, or characters where the texts are read by them. context.check() between the fits."""
    part = judged_part(data)
    answered = compared_places(data)
    learnt = np.sort(np.concatenate([data.places["train"], *([data.places["val"]] if part == "test" else [])]))
    found = [_baseline(*_same(data, learnt, len(answered)), data, part, answered)]
    context.check()
    if len(data.names) > _MOST_LABELS:
        message = f"nothing learnt beside it: {len(data.names)} labels are too many"
        context.event("note", {"level": "info", "message": message})
        return found
    texts, learnt, of = _sample(data, learnt, context)
    for name, answers in _classical(data, texts, learnt, answered, context):
        found.append(_baseline(f"{name}{of}", answers, data, part, answered))
    return found


def _baseline(name: str, answers: np.ndarray, data: LabelledTexts, part: str, answered: np.ndarray) -> Baseline:
    figures = {f"{part}_{key}": value for key, value in figures_of(data, answered, answers).items()}
    return Baseline(name, figures, answers)


def _same(data: LabelledTexts, learnt: np.ndarray, rows: int) -> tuple[str, np.ndarray]:
    shares = data.labels.counts(learnt) / len(learnt)
    name = "how often each label is" if data.many else f"always {data.names[int(shares.argmax())]!r}"
    return name, np.tile(shares, (rows, 1))


def _texts(data: LabelledTexts, places: np.ndarray, context: Context) -> list[str]:
    found = []
    with open_table(data.folder) as table:
        for index, text in each_text(table, data.columns, data.table_rows.rows[places]):
            if index % 1_024 == 0:
                context.check()
            found.append(text)
    return found


def _sample(data: LabelledTexts, learnt: np.ndarray, context: Context) -> tuple[list[str], np.ndarray, str]:
    """(texts, their places, what is to be said of a choice among them)."""
    whole = len(learnt)
    if whole > MOST_TEXTS:
        rng = np.random.default_rng([data.params.seed, 6])
        learnt = np.sort(rng.choice(learnt, MOST_TEXTS, replace=False))
    texts = _texts(data, learnt, context)
    characters = sum(map(len, texts))
    if characters > _MOST_CHARACTERS:
        every = -(-characters // _MOST_CHARACTERS)
        texts, learnt = texts[::every], learnt[::every]
    return texts, learnt, f" (of {len(learnt):,} texts)" if len(learnt) < whole else ""


def _classical(
    data: LabelledTexts, texts: list[str], learnt: np.ndarray, answered: np.ndarray, context: Context
) -> Iterator[tuple[str, np.ndarray]]:
    """(name, answers) of logistic regression on TF-IDF, and of naive Bayes on which tokens a text holds."""
    by_characters = data.assets["tokens"] == "characters"
    asked = _texts(data, answered, context)
    truth = data.truth(learnt)
    options = {"analyzer": "char", "ngram_range": (1, 3)} if by_characters else {"ngram_range": (1, 2)}
    what = "characters and up to three in a row" if by_characters else "words and pairs of them"
    weighed: Any = TfidfVectorizer
    known, unknown = _vectors(weighed(**options, max_features=_MOST_COLUMNS), texts, asked)
    context.check()
    yield (
        f"logistic regression on TF-IDF of {what}",
        _fitted(LogisticRegression(max_iter=300), data, known, truth, unknown),
    )
    context.check()
    held: Any = CountVectorizer
    options = {"analyzer": "char", "ngram_range": (1, 2)} if by_characters else {}
    known, unknown = _vectors(held(**options, binary=True, max_features=_MOST_COLUMNS), texts, asked)
    name = f"naive Bayes on {'characters and pairs of them' if by_characters else 'words'}"
    yield name, _fitted(MultinomialNB(), data, known, truth, unknown)


def _vectors(vectors: Any, texts: list[str], asked: list[str]) -> tuple[Any, Any]:
    try:
        return vectors.fit_transform(texts), vectors.transform(asked)
    except ValueError:  # no text holds a word of two letters: then by characters
        vectors.set_params(analyzer="char", ngram_range=(1, 3))
        return vectors.fit_transform(texts), vectors.transform(asked)


def _fitted(model: Any, data: LabelledTexts, known: Any, truth: np.ndarray, unknown: Any) -> np.ndarray:
    """float64 (n, labels)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what it has by then is the baseline
        warnings.filterwarnings("ignore", message="Label .* is present in all", category=UserWarning)
        if data.many:
            return np.asarray(OneVsRestClassifier(model).fit(known, truth.astype(int)).predict_proba(unknown))
        said = model.fit(known, truth).predict_proba(unknown)
    found = np.zeros((len(said), len(data.names)))
    found[:, model.classes_] = said  # labels that its texts did not hold get none
    return found
