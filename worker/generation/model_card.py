"""The model card: what a model is, what it was trained on, how good it is beside simple answers, what it cost, its limits.

Markdown, the same for every recipe.
"""

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from shared.datasets.manifest import DatasetManifest
from shared.jobs.models import Model
from shared.recipes.base import RecipeSpec
from worker.privacy import Privacy, promise
from worker.training.checkpoint import LoadedModel

_PACKAGES: tuple[Any, ...] = (tf, keras, np)
_MOST_CLASSES = 50  # named with their counts
_LIMITS = (
    "Its figures hold for data like those it was trained on; on others nobody has measured it.",
    "Whatever is wrong or one-sided in the data is in the model too.",
)


def model_card(
    spec: RecipeSpec,
    loaded: LoadedModel,
    model: Model | None,
    arrays: dict[str, np.ndarray],
    datasets: Mapping[str, DatasetManifest],
    *,
    taken_away: bool,
) -> str:
    """Write the card. model: what the training left, None for a checkpoint taken on the way. arrays: the model's variables.

    datasets: those of its inputs that are still there, by role. taken_away: the export has a SavedModel and an example.
    """
    weights = sum(array.size for array in arrays.values())
    lines = [f"# {model.name if model else spec.title}", "", spec.summary, ""]
    if model and model.verdict:
        lines += [f"**{model.verdict.sentence}**", ""]
    lines += _privacy(loaded, model)
    lines += [
        f"- Recipe: {spec.name}, version {spec.version} ({spec.title})",
        f"- Checkpoint: step {loaded.step:,}",
        f"- Weights: {weights:,} numbers in {len(arrays):,} variables",
        *([f"- Trained until: {model.created_at:%Y-%m-%d %H:%M} UTC"] if model else []),
        f"- After: {spec.source}",
    ]
    if model:
        lines += _section("Trained on", {role: _named(ref.model_dump()) for role, ref in model.inputs.items()})
        for role, dataset in datasets.items():
            lines += _section(f"The data: {role}", _data(dataset))
        lines += _section("Examples by part", {part: f"{count:,}" for part, count in model.split.items()})
        lines += _figures(model)
        lines += _section("Cost", _cost(model.cost))
    else:
        lines += ["", "This checkpoint was taken on the way: no final figures belong to it."]
    limits = ([spec.limits] if spec.limits else []) + list(_LIMITS)
    lines += ["", "## Limits", "", *(f"- {limit}" for limit in limits)]
    lines += _section("Params", loaded.params.model_dump(mode="json"))
    lines += _section(
        "Exported with", {"python": platform.python_version(), **{p.__name__: p.__version__ for p in _PACKAGES}}
    )
    lines += ["", "config.json says which variable of weights.safetensors stands where in the model.", ""]
    if taken_away:
        lines += ["`python example.py` answers with saved_model/ alone; its first line says what it needs.", ""]
    return "\n".join(lines)


def _privacy(loaded: LoadedModel, model: Model | None) -> list[str]:
    """What a private training promises; of a checkpoint taken on the way what the whole of it would have spent, which is more."""
    planned = loaded.assets.json.get("privacy")
    if planned is None:
        return []
    info = model.privacy if model else None
    if info is None:
        bound = Privacy(**planned)
        return [f"At most: {promise(bound, bound.epsilon)}", ""]
    rows = {
        "noise multiplier": f"{info.noise_multiplier:.4g}",
        "largest norm of a row's gradient": f"{info.example_clip_norm:g}",
    }
    if info.clipped_share is not None:
        rows["share of gradients cut to it"] = f"{info.clipped_share:.3g}"
    rows |= {"chance of a row to be drawn": f"{info.rate:.4g}", "steps": f"{info.steps:,}"}
    cost = [f"What it costs: {info.cost}", ""] if info.cost else []
    return [info.sentence, "", *cost, "With " + ", ".join(f"{name} {value}" for name, value in rows.items()) + ".", ""]


def _named(ref: Mapping[str, Any]) -> str:
    """What was given in a role."""
    return ", ".join(f"{name} {value}" for name, value in ref.items() if value)


def _data(dataset: DatasetManifest) -> dict[str, str]:
    """A dataset in a few rows, with what its report warns of."""
    report = dataset.report
    rows = {"name": dataset.name, "format": dataset.format, report.unit: f"{report.rows:,}"}
    if report.classes:
        named = [f"{name} {count:,}" for name, count in list(report.classes.items())[:_MOST_CLASSES]]
        more = len(report.classes) - len(named)
        rows["classes"] = ", ".join(named) + (f" and {more:,} more" if more else "")
    if report.columns:
        rows["columns"] = ", ".join(f"{column.name} ({column.kind})" for column in report.columns[:_MOST_CLASSES])
    dropped = {name: n for name, n in report.dropped.model_dump(exclude={"named"}).items() if n}
    if dropped:
        rows["left out on import"] = ", ".join(f"{name} {n:,}" for name, n in dropped.items())
    if report.leakage:
        rows["in two parts"] = ", ".join(f"{parts} {n:,}" for parts, n in report.leakage.items())
    return rows | {f"warning {i}": warned.message for i, warned in enumerate(report.warnings, 1)}


def _figures(model: Model) -> list[str]:
    """The model's figures beside those of its baselines."""
    answers = {"this model": model.metrics, **model.baselines}
    names = dict.fromkeys(name for metrics in answers.values() for name in metrics)
    rows = {name: [_number(metrics.get(name)) for metrics in answers.values()] for name in names}
    return _table("Measured at the end of its training", list(answers), rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _cost(cost: Mapping[str, float]) -> dict[str, str]:
    titles = {"steps": "steps", "device_s": "seconds on its device, all attempts together"}
    return {title: f"{cost[name]:,.6g}" for name, title in titles.items() if name in cost}


def _section(title: str, rows: Mapping[str, Any]) -> list[str]:
    """A heading and a table of two columns, nothing for no rows."""
    return _table(title, [""], {name: [value] for name, value in rows.items()})


def _table(title: str, columns: Sequence[str], rows: Mapping[str, Sequence[Any]]) -> list[str]:
    """A heading and a table, nothing for no rows."""
    if not rows:
        return []
    head = f"| | {' | '.join(map(_cell, columns))} |".replace("|  |", "| |")
    cells = [f"| {_cell(name)} | {' | '.join(map(_cell, values))} |" for name, values in rows.items()]
    return ["", f"## {title}", "", head, "|---" * (len(columns) + 1) + "|", *cells]


def _cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "/").split())
