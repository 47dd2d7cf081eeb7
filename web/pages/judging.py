"""Which of a model's metrics say how good it is: the criterion its spec names, and the same measured on the test part. Pure."""

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from shared.jobs.job import Job
from shared.jobs.models import VerdictInfo
from shared.recipes.base import RecipeSpec
from shared.volume.volume import CheckpointInfo
from web.pages.formatting import metric

_WATCHED, _TESTED = "val_", "test_"
_NO_RESULT = frozenset({"learning_rate"})  # logged like a metric, but it says nothing about the model


def key_metrics(spec: RecipeSpec | None, metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics that judge a model: the criterion on the test part, the criterion, then others of the test part."""
    first = _names(spec)

    def rank(name: str) -> tuple[int, int]:
        prefix = 0 if name.startswith(_TESTED) else 1 if name.startswith(_WATCHED) else 2
        return (first.index(name) if name in first else len(first), prefix)

    return {name: metrics[name] for name in sorted(metrics, key=rank) if name not in _NO_RESULT}


def _names(spec: RecipeSpec | None) -> list[str]:
    """The criterion's counterpart on the test part, and the criterion itself."""
    if spec is None:
        return []
    name = spec.criterion.metric
    return [f"{_TESTED}{name.removeprefix(_WATCHED)}", name]


def best_said(spec: RecipeSpec | None, metrics: Mapping[str, float]) -> str:
    """The one figure that stands for a model: "test loss 1.43"; "" where it was not measured."""
    name = next((name for name in _names(spec) if name in metrics), None)
    return f"{name.replace('_', ' ')} {metric(metrics[name])}" if name else ""


def verdict_of(job: Job) -> VerdictInfo | None:
    """Whether the model that a job left is better than simple answers; None where nobody compared."""
    try:
        return VerdictInfo.model_validate((job.result or {}).get("verdict"))
    except ValidationError:
        return None


def best_checkpoint(spec: RecipeSpec | None, infos: Iterable[CheckpointInfo]) -> CheckpointInfo | None:
    """The checkpoint that is best by its own metrics; None where fewer than two were measured."""
    if spec is None:
        return None
    scored = [info for info in infos if spec.criterion.metric in info.metrics]
    best: CheckpointInfo | None = None
    for info in scored:
        if spec.criterion.better(
            info.metrics[spec.criterion.metric], best.metrics[spec.criterion.metric] if best else None
        ):
            best = info
    return best if len(scored) > 1 else None
