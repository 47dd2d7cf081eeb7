"""What a token says by itself: how much more often it stands in texts of a label than in others. Called by data.py."""

import numpy as np

from worker.context import Context
from worker.families.text_labels.labels import Labels
from worker.families.text_labels.tokenizer import PAD, UNKNOWN
from worker.families.text_labels.tokens import Tokens

_MOST_TEXTS = 200_000  # counted
_AT_ONCE = 1_024


def token_evidence(tokens: Tokens, labels: Labels, places: np.ndarray, kinds: int, context: Context) -> np.ndarray:
    """float32 (kinds, labels): log of the share of a label's texts with the token, less that of the other texts.

    places: of the training part. A token counts once in a text; one is added to each count. What fills up and what is unknown
    says nothing. Source: naive Bayes weights, Wang, Manning 2012, Baselines and Bigrams.
    """
    every = max(1, -(-len(places) // _MOST_TEXTS))
    places = places[::every]
    found = np.zeros((kinds, len(labels.names)), np.float64)
    everywhere = np.zeros(kinds, np.float64)
    for number, place in enumerate(places.tolist()):
        if number % _AT_ONCE == 0:
            context.check()
        once = np.unique(tokens.text(place))
        everywhere[once] += 1
        for label in labels.numbers(place):
            found[once, label] += 1
    texts = labels.counts(places).astype(np.float64)
    own = np.log((found + 1) / (texts + 2))
    others = np.log((everywhere[:, None] - found + 1) / (len(places) - texts + 2))
    evidence = (own - others).astype(np.float32)
    evidence[[PAD, UNKNOWN]] = 0
    return evidence
