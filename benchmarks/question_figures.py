"""What question_answering reaches on XQuAD, beside the sentence most like the question and the longest number or name in it.

    python -m benchmarks.question_figures en zh                      # 240 passages each, 5 folds over them, seed 0
    python -m benchmarks.question_figures both                       # English and Chinese in one training
    python -m benchmarks.question_figures en --base FOLDER           # upon an encoder (encoder_vectors.py says where to get one)
    python -m benchmarks.question_figures en --folds 0 --test-fraction 0.2    # one split instead: a sixth of the time

Any param of the recipe may be given. Public data: see here.py.
"""

import argparse
import io
from pathlib import Path
from typing import Any

from benchmarks.here import add_params, given, test_data
from benchmarks.one_training import rounded, trained

FOLDS = {"folds": 5, "test_fraction": 0.0}
SETS = {"en": ["en"], "zh": ["zh"], "both": ["en", "zh"]}


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec, parser = get_recipe("question_answering"), argparse.ArgumentParser()
    parser.add_argument("sets", nargs="+", choices=list(SETS))
    parser.add_argument("--base", type=Path, help="a folder of an encoder's open weights")
    add_params(parser, spec)
    told = given(parser)
    base = told.pop("base", None)
    for name in told.pop("sets"):
        run(name, spec, validate_params(spec.train_params, FOLDS | told), base)


def run(name: str, spec: Any, params: Any, base: Path | None) -> None:
    """Train and print, with folds the mean of the simple answers of each fold too."""
    folder = test_data("xquad_en_zh")
    files = [(f"xquad.{one}.json", io.BytesIO((folder / f"xquad.{one}.json").read_bytes())) for one in SETS[name]]
    with trained(f"XQuAD {name}", spec, params, files, base=base) as made:
        made.say()
        if not params.folds:
            made.say_verdict()
            return
        beside: dict[str, dict[str, list[float]]] = {}
        for fold in made.code.stages(made.data)[:-1]:
            for each in made.code.baselines(fold, made.params, made.context):
                for figure in ("test_exact_match", "test_f1"):
                    beside.setdefault(each.name, {}).setdefault(figure, []).append(each.metrics[figure])
        for name, figures in beside.items():
            print(name, rounded({key: sum(values) / len(values) for key, values in figures.items()}))


if __name__ == "__main__":
    main()
