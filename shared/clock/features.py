"""What the cost of a job may go by: numbers and words taken from its request, the same for every recipe."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.jobs.job import JobRequest

_IGNORED = {"seed"}  # it changes what comes out, not what it costs
_LONGEST_WORD = 40  # characters; longer texts are told by their length
_PARAM = "param."  # before the names of params among the sizes
SIZE = "size."  # before the names of sizes of inputs, so that they are no params


@dataclass(frozen=True)
class Features:
    """numbers: all above zero, by name; a count (int) may scale the cost, a rate (float) hardly. words: everything else."""

    numbers: dict[str, float] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)

    def with_words(self, **words: str) -> "Features":
        return Features(self.numbers, self.words | words)


def features_of(request: JobRequest) -> Features:
    """Numbers and words of a request."""
    numbers: dict[str, float] = {}
    words: dict[str, str] = {}
    for name, value in request.params.items():
        if name not in _IGNORED:
            _add(name, value, numbers, words)
    for name, value in request.sizes.items():
        if name.startswith(_PARAM):
            _add(name.removeprefix(_PARAM), int(value) if value == int(value) else value, numbers, words)
        else:
            _add(f"{SIZE}{name}", value, numbers, words)
    for role, ref in request.inputs.items():
        if ref.dataset_id:
            words[f"input.{role}"] = ref.dataset_id[:8]
        elif ref.base_id:
            words[f"input.{role}"] = ref.base_id[:8]
        elif ref.checkpoint:
            words[f"input.{role}"] = ref.checkpoint.job_id[-8:]
    return Features(numbers, words)


def sizes_of_params(params: Mapping[str, Any]) -> dict[str, float]:
    """What is kept among the sizes of a job whose params lie elsewhere, so that its cost can still be told."""
    numbers: dict[str, float] = {}
    for name, value in params.items():
        if name not in _IGNORED:
            _add(name, value, numbers, {})
    return {f"{_PARAM}{name}": value for name, value in numbers.items()}


def _add(name: str, value: Any, numbers: dict[str, float], words: dict[str, str]) -> None:
    if isinstance(value, list | dict | tuple):
        value = len(value)
        name = f"{name}.count"
    if isinstance(value, str) and len(value) > _LONGEST_WORD:
        numbers[f"{name}.length"] = len(value)
    elif isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        numbers[name] = value
    else:
        words[name] = str(value)


def sizes_of(datasets: Mapping[str, Any], bases: Mapping[str, Any] | None = None) -> dict[str, float]:
    """Sizes of what a job is given: rows, columns, classes, bytes, largest sides of pictures, and parameters of bases.

    datasets: role -> DatasetManifest. Of the first role the names stand alone. bases: role -> Base.
    """
    found: dict[str, float] = {}
    for number, (role, dataset) in enumerate(datasets.items()):
        report, before = dataset.report, f"{role}." if number else ""
        sizes = {
            "rows": report.rows,
            "columns": len(report.columns),
            "classes": len(report.classes),
            "bytes": dataset.bytes,
        }
        sizes |= {side: _most(report.facts[side]) for side in ("width", "height") if side in report.facts}
        found |= {f"{before}{name}": value for name, value in sizes.items() if value > 0}
    if bases:
        found["parameters"] = sum(base.parameters for base in bases.values())
    return found


def _most(value: Any) -> int:
    """Of a number, or the two ends of a range."""
    return int(max(value)) if isinstance(value, list) else int(value)
