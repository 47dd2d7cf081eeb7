"""What the smallest sensible case of a recipe consists of. The cases: recipe_cases.py and picture_cases.py."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.datasets import DatasetManifest
from shared.jobs.job import InputRef
from shared.volume.volume import Volume
from tests.support.tiny_datasets import import_files


@dataclass(frozen=True)
class Case:
    """One recipe's case. A training of params must take at most about a hundred steps of a few milliseconds.

    put: brings data onto a volume, as a dataset. generate: params of a generation; may upload files they name.
    beside: brings what else a training is given, datasets by their roles.
    base: the case whose model it builds upon, in the role "base". weights: the tiny base model instead (tests/fixtures/bases).
    carries: what the data allow of params, where test_extremes.py would ask for more: a number is the most, a word the only one.
    long: left out of the default suite; `make faults` runs it.
    noisy: the loss of a step is of noise that is drawn for it, and tells little; whether it learns, the criterion says.
    stop_after: step from which on the training is killed or stopped, at the first checkpoint that is not at an
    evaluation; again after twice and three times as many.
    bad_params: values each of which must be refused. bad_data: what cannot be imported, or not be trained on.
    """

    recipe: str
    put: Callable[[Volume, Any], DatasetManifest]
    data: Callable[[], Any]
    params: dict[str, Any]
    generate: Callable[[Volume], dict[str, Any]]
    beside: Callable[[Volume], dict[str, DatasetManifest]] = lambda volume: {}
    base: str = ""
    weights: str = ""
    stop_after: int = 5
    stages: int = 1
    noisy: bool = False
    long: bool = False
    carries: dict[str, int | str] = field(default_factory=dict)
    bad_params: list[dict[str, Any]] = field(default_factory=list)
    bad_generate: list[dict[str, Any]] = field(default_factory=list)
    bad_data: list[Any] = field(default_factory=list)


def refs_of(datasets: Mapping[str, DatasetManifest]) -> dict[str, InputRef]:
    """What a job is given in each role."""
    return {role: InputRef(dataset_id=dataset.id) for role, dataset in datasets.items()}


def put_as(format: str) -> Callable[[Volume, Any], DatasetManifest]:
    return lambda volume, files: import_files(volume, files, format)
