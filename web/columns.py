"""Params that name columns of a dataset (fields.Column): what the pickers offer and what is wrong with what was picked.

All from the JSON Schema of the params and the report of the dataset; nothing here knows any recipe.
"""

import difflib
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from shared.datasets.manifest import DatasetManifest
from shared.datasets.report import ColumnReport
from shared.errors import Problem
from shared.recipes.base import Params

_MOST_SUGGESTED = 10  # wrong names of a param for which a nearest one is looked for
_MOST_COMPARED = 20  # columns compared closely, which takes a millisecond each; they share the most letters
_ALIKE = 0.5  # a guess: share of letters in the same order that two names must have for one to be meant by the other
_NAMED = 8  # columns listed where none is near
_KINDS = {
    "number": "numbers",
    "category": "categories",
    "text": "texts",
    "date": "dates",
    "boolean": "yes or no",
    "id": "ids",
    "constant": "one value only",
    "empty": "nothing",
}


@dataclass(frozen=True)
class ColumnParam:
    """A param that names columns of the dataset in a role. kinds: those it takes, () all."""

    name: str
    role: str
    kinds: tuple[str, ...]
    many: bool

    def takes(self, column: ColumnReport) -> bool:
        return not self.kinds or column.kind in self.kinds


@cache  # a schema takes a millisecond to make, and every submission asks
def column_params(model: type[Params]) -> tuple[ColumnParam, ...]:
    """The params of a model that name columns."""
    found = []
    for name, part in model.model_json_schema().get("properties", {}).items():
        if part.get("widget") == "column":
            kinds = tuple(part.get("kinds") or ())
            found.append(ColumnParam(name, part.get("role", "data"), kinds, part.get("type") == "array"))
    return tuple(found)


def offered(param: ColumnParam, dataset: DatasetManifest) -> list[str]:
    """Names of the columns of a dataset that a param takes."""
    return [column.name for column in dataset.report.columns if param.takes(column)]


def check_columns(
    model: type[Params], values: Mapping[str, Any], datasets: Mapping[str, DatasetManifest]
) -> list[Problem]:
    """Name every column that is not there, is of a kind that its param does not take, or is named twice.

    values: of the params, validated or as they came: what is of a wrong type is somebody else's to name. datasets: by role; of
    a role without one nothing can be said.
    """
    problems: list[Problem] = []
    for param in column_params(model):
        dataset, value = datasets.get(param.role), values.get(param.name)
        if dataset is None or not value:
            continue
        named = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
        problems += _wrong(param, [name for name in named if isinstance(name, str)], dataset)
    return problems


def _wrong(param: ColumnParam, named: list[str], dataset: DatasetManifest) -> list[Problem]:
    columns = {column.name: column for column in dataset.report.columns}
    messages: list[str] = []
    suggested = 0
    for name in dict.fromkeys(named):
        column = columns.get(name)
        if column is None:
            near = _nearest(name, param, dataset) if suggested < _MOST_SUGGESTED else ""
            messages.append(f"there is no column {name!r:.80}{near}")
            suggested += 1
        elif not param.takes(column):
            wanted = " or ".join(_KINDS[kind] for kind in param.kinds if kind in _KINDS)
            messages.append(f"column {name!r:.80} holds {_KINDS[column.kind]}; wanted are {wanted}")
        if named.count(name) > 1:
            messages.append(f"column {name!r:.80} is named {named.count(name)} times")
    return [Problem(field=f"params.{param.name}", message=message) for message in messages]


def _nearest(name: str, param: ColumnParam, dataset: DatasetManifest) -> str:
    """What may have been meant by a name that is no column, as the end of a sentence."""
    fitting = offered(param, dataset) or [column.name for column in dataset.report.columns]
    if not fitting:
        return f": {dataset.name!r:.60} has no columns"
    if near := _most_alike(name, fitting):
        return f"; did you mean {near!r:.80}?"
    more = f" and {len(fitting) - _NAMED} more" if len(fitting) > _NAMED else ""
    return f"; there are {', '.join(f'{other:.60}' for other in fitting[:_NAMED])}{more}"


def _most_alike(name: str, others: Sequence[str]) -> str:
    """The one of the others that looks most like a name, "" when none does."""
    by_look = {_look(other): other for other in reversed(others)}
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(_look(name))

    def letters(look: str) -> float:
        matcher.set_seq1(look)
        return matcher.quick_ratio()

    def order(look: str) -> float:
        matcher.set_seq1(look)
        return matcher.ratio()

    best = max(heapq.nlargest(_MOST_COMPARED, by_look, key=letters), key=order)
    return by_look[best] if order(best) >= _ALIKE else ""


def _look(name: str) -> str:
    """A name as it is compared: without case, and of a long one both ends."""
    name = name.casefold()
    return name if len(name) <= 60 else name[:30] + name[-30:]
