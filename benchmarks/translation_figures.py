"""What the translator reaches on public pairs of texts, beside copying, the first sentence and the nearest source; and on what
terms.

    python -m benchmarks.translation_figures english_chinese --minutes 30   # Tatoeba, split by distinct English sentence;
    BLEU, chrF python -m benchmarks.translation_figures headlines --minutes 30         # BBC news, text to title, the set's own
    parts; ROUGE

Any param of the recipe may be given: --architecture lstm --width 128. The figures are by the params' beams and greedy in one run.
Public data: see here.py.
"""

import argparse
import contextlib
import io
from typing import IO, Any

from benchmarks.here import add_params, given, test_data
from benchmarks.one_training import trained
from benchmarks.picture_figures import epochs_in


def english_chinese() -> tuple[list[tuple[str, IO[bytes]]], dict[str, Any]]:
    """20,133 pairs of sentences, 19,604 different English ones."""
    body = (test_data("en_zh_tatoeba") / "cmn.txt").read_bytes()
    return [("cmn.tsv", io.BytesIO(b"english\tchinese\n" + body))], {"source": "english", "target": "chinese"}


def headlines() -> tuple[list[tuple[str, IO[bytes]]], dict[str, Any]]:
    """2,092 articles, in the parts that the set has."""
    folder = test_data("bbc_news_summary")
    files: list[tuple[str, IO[bytes]]] = [
        (f"{part}.jsonl", io.BytesIO((folder / f"{part}.jsonl").read_bytes())) for part in ("train", "val", "test")
    ]
    return files, {"source": "text", "target": "title", "measure": "summary", "max_target_length": 32}


SETS = {"english_chinese": english_chinese, "headlines": headlines}


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec, parser = get_recipe("seq2seq"), argparse.ArgumentParser()
    parser.add_argument("set", choices=list(SETS))
    parser.add_argument("--minutes", type=float, help="how long the training may take: epochs by the pace of ten steps")
    add_params(parser, spec)
    told = given(parser)
    title, minutes = told.pop("set"), told.pop("minutes", None)
    uploads, defaults = SETS[title]()

    params = validate_params(spec.train_params, defaults | told)
    with contextlib.ExitStack() as opened:
        made = opened.enter_context(trained(title, spec, params, uploads, adjust=epochs_in(minutes)))
        made.say()
        for output in made.report.outputs:
            for row in [output.columns, *output.rows]:
                print("  ", row)
        made.say_verdict()


if __name__ == "__main__":
    main()
