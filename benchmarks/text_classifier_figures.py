"""What the text classifier reaches on public texts, beside TF-IDF with logistic regression on the same folds.

    python -m benchmarks.text_classifier_figures rt_polarity   # English sentences, 5 folds, seed 0
    python -m benchmarks.text_classifier_figures hotel         # Chinese reviews, 5 folds, seed 0
    python -m benchmarks.text_classifier_figures topics        # a fifth of the paragraphs of Python's documentation
    python -m benchmarks.text_classifier_figures rt_polarity --base FOLDER --method full    # upon an encoder (encoder_vectors.py)

Any param of the recipe may be given: --network bilstm --width 64 --folds 0. Public data: see here.py.
"""

import argparse
import csv
import io
from pathlib import Path
from typing import Any

from benchmarks.here import add_params, given, test_data
from benchmarks.tabular_figures import run

FOLDS = {"folds": 5, "test_fraction": 0.0}


def rt_polarity() -> tuple[bytes, dict[str, Any]]:
    """Sentences from film reviews, 5,331 of each kind. Pang, Lee 2005."""
    folder = test_data("en_sentiment_rt_polarity")
    rows = [
        [line.strip(), kind]
        for kind in ("neg", "pos")
        for line in (folder / f"rt-polarity.{kind}").read_text(encoding="utf-8").splitlines()
    ]
    return _csv(["sentence", "opinion"], rows), {"texts": ["sentence"], "labels": ["opinion"], **FOLDS}


def hotel() -> tuple[bytes, dict[str, Any]]:
    """Reviews of Chinese hotels, two thirds of them positive."""
    body = (test_data("zh_sentiment_hotel") / "ChnSentiCorp_htl_all.csv").read_bytes()
    return body, {"texts": ["review"], "labels": ["label"], **FOLDS}


def topics() -> tuple[bytes, dict[str, Any]]:
    """The example that needs no upload."""
    from shared.datasets.formats import FORMATS

    (example,) = (one for one in FORMATS["table"].examples if one.recipe == "text_classifier")
    ((_, body),) = example.make()
    return body, {"texts": ["paragraph"], "labels": ["section"]}


def _csv(head: list[str], rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([head, *rows])
    return out.getvalue().encode()


TEXTS = {"rt_polarity": rt_polarity, "hotel": hotel, "topics": topics}


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec, parser = get_recipe("text_classifier"), argparse.ArgumentParser()
    parser.add_argument("texts_of", nargs="+", choices=list(TEXTS))
    parser.add_argument("--base", type=Path, help="a folder of an encoder's open weights")
    add_params(parser, spec)
    told = given(parser)
    base = told.pop("base", None)
    for name in told.pop("texts_of"):
        body, defaults = TEXTS[name]()
        run(name, spec, body, validate_params(spec.train_params, defaults | told), base)


if __name__ == "__main__":
    main()
