"""What differential privacy costs in quality: the same training at several epsilons, beside the plain one.

    python -m benchmarks.privacy_figures adult                                     # epsilon 1, 3 and 8; its own test part
    python -m benchmarks.privacy_figures rt_polarity --base FOLDER --method frozen # upon an encoder: see encoder_vectors.py
    python -m benchmarks.privacy_figures adult --epsilons 3 --batch_size 2048

Any param of the recipe may be given; those of the sets below are the defaults. Public data: see here.py.
"""

import argparse
import io
from pathlib import Path
from typing import Any

from benchmarks.here import add_params, given
from benchmarks.one_training import trained
from benchmarks.tabular_figures import adult
from benchmarks.text_classifier_figures import hotel, rt_polarity

FIGURES = ("test_roc_auc", "test_accuracy", "test_log_loss")
PRIVATE: dict[str, dict[str, Any]] = {
    "adult": {"batch_size": 1024, "learning_rate": 5e-3},
    "rt_polarity": {"batch_size": 512},
    "hotel": {"batch_size": 512},
}
PLAIN: dict[str, dict[str, Any]] = {  # what is common to both
    "adult": {"members": 1, "width": 64, "layers": 2, "epochs": 16},
    "rt_polarity": {"folds": 0, "test_fraction": 0.2},
    "hotel": {"folds": 0, "test_fraction": 0.2},
}
SETS = {
    "adult": ("tabular", adult),
    "rt_polarity": ("text_classifier", rt_polarity),
    "hotel": ("text_classifier", hotel),
}


def main() -> None:
    from shared.recipes import get_recipe

    parser = argparse.ArgumentParser(conflict_handler="resolve")
    parser.add_argument("set", choices=list(SETS))
    parser.add_argument("--base", type=Path, help="a folder of an encoder's open weights")
    parser.add_argument("--epsilons", nargs="+", type=float, default=[1.0, 3.0, 8.0])
    parser.add_argument("--no-plain", action="store_true", help="leave the plain training out")
    name = parser.parse_known_args()[0].set
    recipe, make = SETS[name]
    spec = get_recipe(recipe)
    add_params(parser, spec)
    told = given(parser)
    base, epsilons, no_plain = told.pop("base", None), told.pop("epsilons"), told.pop("no_plain")
    told.pop("set")
    body, defaults = make()
    common = defaults | PLAIN[name]
    runs: list[dict[str, Any]] = [] if no_plain else [common | {k: v for k, v in told.items() if k != "batch_size"}]
    runs += [common | PRIVATE[name] | told | {"epsilon": epsilon} for epsilon in epsilons]
    for values in runs:
        run(name, spec, body, values, base)


def run(name: str, spec: Any, body: bytes, values: dict[str, Any], base: Path | None) -> None:
    """Train and print what it reached, and what was spent."""
    from shared.recipes.base import validate_params
    from worker.privacy import told

    params = validate_params(spec.train_params, values)
    with trained(name, spec, params, [(f"{name}.csv", io.BytesIO(body))], base=base) as made:
        made.say()
        if made.data.privacy is not None:
            info = told(made.data.privacy, made.outcome.step, made.outcome.metrics.get("clipped_share"), "")
            print(info.model_dump_json(exclude={"sentence"}))
        figures = {figure: round(made.report.metrics[figure], 4) for figure in FIGURES if figure in made.report.metrics}
        print(f"RESULT {name} epsilon {values.get('epsilon')}: {figures}", flush=True)


if __name__ == "__main__":
    main()
