"""The model card: what a model is, what it was trained on and with, how it was measured. Markdown, the same for every recipe."""

from typing import Any

import numpy as np

from shared.jobs.models import Model
from shared.recipes.base import RecipeSpec
from worker.training.checkpoint import LoadedModel


def model_card(spec: RecipeSpec, loaded: LoadedModel, model: Model | None, arrays: dict[str, np.ndarray]) -> str:
    """Write the card. model: what the training left, None for a checkpoint taken on the way. arrays: the model's variables."""
    weights = sum(array.size for array in arrays.values())
    lines = [
        f"# {model.name if model else spec.title}",
        "",
        spec.summary,
        "",
        f"- Recipe: {spec.name}, version {spec.version} ({spec.title})",
        f"- Checkpoint: step {loaded.step:,}",
        f"- Weights: {weights:,} numbers in {len(arrays):,} variables",
        f"- After: {spec.source}",
    ]
    about = model.model_dump(mode="json") if model else {}
    lines += _section("Trained on", _inputs(about.get("inputs") or {}))
    lines += _section("Examples by part", about.get("split") or {})
    if model:
        lines += _section("Measured at the end of its training", {k: f"{v:.6g}" for k, v in model.metrics.items()})
    else:
        lines += ["", "This checkpoint was taken on the way: no final figures belong to it."]
    lines += _section("Params", loaded.params.model_dump(mode="json"))
    lines += ["", "config.json says which variable of weights.safetensors stands where in the model.", ""]
    return "\n".join(lines)


def _inputs(inputs: dict[str, Any]) -> dict[str, str]:
    """{role: what was given there}."""
    return {
        role: ", ".join(f"{name} {value}" for name, value in given.items() if value)
        if isinstance(given, dict)
        else given
        for role, given in inputs.items()
    }


def _section(title: str, rows: dict[str, Any]) -> list[str]:
    """A heading and a table of two columns, nothing for no rows."""
    if not rows:
        return []
    cells = [f"| {name} | {str(value).replace('|', '/')} |" for name, value in rows.items()]
    return ["", f"## {title}", "", "| | |", "|---|---|", *cells]
