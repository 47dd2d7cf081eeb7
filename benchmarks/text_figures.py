"""What the text recipes reach through fit() on a public text. Used by nanogpt_small.py and char_lstm_vs_pytorch.py."""

from pathlib import Path
from typing import Any

from benchmarks.here import test_data
from benchmarks.one_training import trained


def shakespeare() -> Path:
    """Path of tinyshakespeare; ends the program when it is absent."""
    return test_data("tinyshakespeare") / "input.txt"


def train(recipe: str, values: dict[str, Any], text: Path) -> dict[str, Any]:
    """Import a text as an upload, train, report; prints each evaluation, a summary and a sample.

    Returns {"val_loss", "steps_per_s" (evaluations and checkpoints left out), "wall_s", "cpu_s", "weights"}.
    """
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec = get_recipe(recipe)
    params = validate_params(spec.train_params, values)
    with text.open("rb") as file, trained(recipe, spec, params, [(text.name, file)], format="text") as made:
        made.say()
        model = made.outcome.model
        (shown,) = made.code.sample(model, params, made.data.assets, seed=0, context=made.context, files=made.files)
        print(shown.prompt + shown.text)
        return {
            "val_loss": made.report.metrics["val_loss"], "steps_per_s": made.outcome.steps_per_s,
            "wall_s": made.training.wall_s, "cpu_s": made.training.cpu_s, "weights": model.count_params(),
        }  # fmt: skip
