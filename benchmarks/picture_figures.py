"""What recipes of pictures reach on public ones, beside simple answers of the same run.

    python -m benchmarks.picture_figures camvid                        # 11 classes, the set's own parts, void left out
    python -m benchmarks.picture_figures camvid --minutes 15           # as many epochs as fit, by the pace of the first steps
    python -m benchmarks.picture_figures bccd --minutes 60             # blood cells in boxes, the set's own parts
    python -m benchmarks.picture_figures camvid --backbone FOLDER      # upon a pre-trained one (backbone_logits.py lite0 --keep)
    python -m benchmarks.picture_figures mnist-diffusion --epochs 2    # and mnist-vae, mnist-gan, faces-vae, cifar-diffusion

Any param of the recipe may be given: --width 24 --epochs 40. Public data: see here.py.
"""

import argparse
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.here import add_params, given, test_data
from benchmarks.one_training import trained

# name -> (recipe, folder and zip (or pattern of several files) of the public data, params that differ from the recipe's own)
SETS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "camvid": ("image_segmenter", "camvid_240x180/camvid_240x180.zip", {"ignore": ["11"], "class_weights": "balanced"}),
    "bccd": ("object_detector", "bccd_blood_cells/bccd_blood_cells.zip", {}),
    "mnist-vae": ("image_vae", "mnist/*ubyte.gz", {}),
    "mnist-diffusion": ("image_diffusion", "mnist/*ubyte.gz", {}),
    "mnist-gan": ("image_gan", "mnist/*ubyte.gz", {}),
    "faces-vae": ("image_vae", "orl_faces/orl_faces.zip", {"image_size": 64}),
    "cifar-diffusion": ("image_diffusion", "cifar10_jpg_subset/cifar10_jpg_subset.zip", {"flip": "horizontal"}),
}

_TIMED, _MOST_LOOKED_AT = 10, 60  # steps


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    parser = argparse.ArgumentParser()
    parser.add_argument("set", choices=list(SETS))
    parser.add_argument("--minutes", type=float, help="how long the training may take: epochs by the pace of ten steps")
    parser.add_argument("--backbone", type=Path, help="folder of a backbone to learn upon")
    recipe, place, defaults = SETS[parser.parse_known_args()[0].set]
    spec = get_recipe(recipe)
    add_params(parser, spec)
    told = given(parser)
    title, minutes, backbone = told.pop("set"), told.pop("minutes", None), told.pop("backbone", None)
    if minutes and backbone:
        parser.error("--minutes cannot tell the pace of what learns upon a backbone: give --epochs")

    folder, _, file = place.partition("/")
    params = validate_params(spec.train_params, defaults | told)
    with contextlib.ExitStack() as opened:
        uploads = [(path.name, opened.enter_context(path.open("rb"))) for path in sorted(test_data(folder).glob(file))]
        made = opened.enter_context(trained(title, spec, params, uploads, base=backbone, adjust=epochs_in(minutes)))
        made.say()
        for output in made.report.outputs:
            if output.kind == "table":
                for row in [output.columns, *output.rows]:
                    print("  ", row)
        made.say_verdict()


def epochs_in(minutes: float | None) -> Callable[[Any, Any, Any], Any]:
    """Params with as many epochs as fit, by the pace of the first steps; None: as they are. For `adjust` of trained()."""

    def adjust(code: Any, params: Any, data: Any) -> Any:
        if minutes is None:
            return params
        steps_per_s = pace(code, params, data)
        epochs = max(1, int(60 * minutes * steps_per_s / data.steps_per_epoch))
        print(f"{steps_per_s:.2f} steps/s: {epochs} epochs in {minutes:g} minutes", flush=True)
        return params.model_copy(update={"epochs": epochs})

    return adjust


def pace(code: Any, params: Any, data: Any) -> float:
    """Steps a second of a model that is thrown away: ten whose shapes have been compiled before, batches of texts have several."""
    import keras

    from worker.recipe import build_model

    model = build_model(code, params, data.assets, {})
    model.compile("adamw", **code.compile_args(params, data.assets))
    compiled, taken = set[str](), list[float]()
    for batch in data.train(0).take(min(_MOST_LOOKED_AT, data.total_steps)):
        shapes = str(keras.tree.map_structure(lambda array: array.shape, batch))
        began = time.monotonic()
        model.train_on_batch(*batch)
        if shapes in compiled:
            taken.append(time.monotonic() - began)
        compiled.add(shapes)
        if len(taken) == _TIMED:
            break
    return len(taken) / max(sum(taken), 1e-9) if taken else 1.0  # no shape came twice


if __name__ == "__main__":
    main()
