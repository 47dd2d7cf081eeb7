"""Whether the defaults of image_classifier hold: beside a small search over the same data, by accuracy on the test part.

    python -m benchmarks.defaults digits faces cifar          # the defaults, then each of SEARCH
    python -m benchmarks.defaults /folder/of/idx/files        # any set in MNIST's format
    python -m benchmarks.defaults cells --only defaults "strength 1"

The search looks at the test part, which no user may: what it finds is a bound on what a search could, not a result.
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.here import add_params, given
from benchmarks.labelled_sets import SETS, idx_folder
from benchmarks.one_training import trained

LENGTH = "length"  # no param: the default length times this
FULL: dict[str, Any] = {"rotation": 10, "translation": 0.1, "zoom": 0.1}


def strength(share: float, **more: Any) -> dict[str, Any]:
    return {"augmentation": "full"} | {name: value * share for name, value in FULL.items()} | more


SEARCH: dict[str, dict[str, Any]] = {
    "defaults": {},
    "strength 0": strength(0),
    "strength 0.25": strength(0.25),
    "strength 0.5": strength(0.5),
    "strength 1": strength(1),
    "strength 2": strength(2),
    "width 16": {"width": 16},
    "width 64": {"width": 64},
    "half as long": {LENGTH: 0.5},
    "twice as long": {LENGTH: 2},
}


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec, parser = get_recipe("image_classifier"), argparse.ArgumentParser()
    parser.add_argument("sets", nargs="+", help=f"{', '.join(SETS)}, or a folder")
    parser.add_argument("--only", nargs="+", default=list(SEARCH), choices=list(SEARCH))
    add_params(parser, spec)
    told = given(parser)
    names, only = told.pop("sets"), told.pop("only")
    for name in names:
        uploads = SETS[name]() if name in SETS else idx_folder(Path(name))
        for title in only:
            differs = dict(SEARCH[title])
            times = differs.pop(LENGTH, 1)
            params = validate_params(spec.train_params, differs | told)
            opened = [(file, io.BytesIO(data)) for file, data in uploads]
            with trained(f"{Path(name).name}: {title}", spec, params, opened, adjust=longer(times)) as made:
                made.say()


def longer(times: float) -> Callable[[Any, Any, Any], Any]:
    """Params with so many times the epochs that the recipe takes of the data."""

    def adjust(code: Any, params: Any, data: Any) -> Any:
        return params.model_copy(update={"epochs": max(1, round(times * data.total_steps / data.steps_per_epoch))})

    return adjust


if __name__ == "__main__":
    main()
