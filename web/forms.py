"""Forms made from a model of params, or of a format's options.

Everything shown comes from the model's JSON Schema (description, ranges, choices, defaults) and from the
json_schema_extra that shared/recipes/base.py describes. Nothing here knows any recipe. Called by web/pages; what comes
back from such a form is read by web/posted.py.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from shared.datasets.report import ColumnReport
from shared.errors import Problem
from shared.recipes.base import TrainParams
from shared.volume.files import FileInfo
from web.cells import Cell

_ACRONYMS = {"l1": "L1", "xla": "XLA", "bpe": "BPE", "id": "ID", "gpu": "GPU"}
_LONG_TEXT = 200  # a guess: strings that may be longer than this get several lines


@dataclass(frozen=True)
class ColumnChoice:
    """A column that may be picked. about: its kind, or that the dataset has none of this name."""

    name: str
    about: str
    chosen: bool


@dataclass
class FormField:
    """One input. value is the text shown in it (a bool for "flag"); problems are shown beside it.

    widget: "number", "choice", "flag", "text", "lines" (long text), "list" (one item a line), "column", "rows" or "files".
    limits: the legal range in words, "" when there is none. short: shown in the small form beside a model. trained: means nothing
    where a base is used as it came.
    columns: what a picker of columns of the dataset in a role offers, None while no dataset is chosen; many: several at once.
    cells: of "rows", the one row that is asked for cell by cell (web/cells.py), None where its columns are not known.
    files: those uploaded already; accepts: media types; most_files: how many it takes. paints: of masks, the field whose pictures
    are painted over. when: params of a training, of whose models alone it means something.
    """

    name: str
    label: str
    widget: str
    help: str = ""
    unit: str = ""
    group: str = ""
    advanced: bool = False
    short: bool = False
    trained: bool = False
    needed_of_base: bool = False
    required: bool = False
    integer: bool = False
    value: Any = ""
    default: Any = ""
    needed: bool = False  # it has a default, which is refused with what there is to choose
    empty: str = "none"  # what choosing none means
    drawn: bool = False  # when left out: what it was stands in the job
    limits: str = ""
    lowest: float | None = None
    highest: float | None = None
    above: float | None = None
    below: float | None = None
    max_length: int | None = None
    choices: list[str] = field(default_factory=list)
    role: str = ""
    kinds: tuple[str, ...] = ()
    many: bool = False
    columns: list[ColumnChoice] | None = None
    parted: bool = True  # whether the dataset chosen has columns at all
    cells: list[Cell] | None = None
    accepts: tuple[str, ...] = ()
    most_files: int = 1
    paints: str = ""
    when: dict[str, Any] = field(default_factory=dict)
    files: list[FileInfo] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    prefix: str = "p"  # of the id; differs between two forms on one page
    path_prefix: str = "params"

    @property
    def path(self) -> str:
        """Name of the input, and the field of a Problem about it."""
        return f"{self.path_prefix}.{self.name}"

    @property
    def typed_path(self) -> str:
        """Name of the input that takes several columns as lines of text, while there is no picker."""
        return f"typed.{self.name}"

    @property
    def id(self) -> str:
        return f"{self.prefix}-{self.name.replace('_', '-')}"

    @property
    def changed(self) -> bool:
        """Whether the value differs from the default, so that folding it away would hide something."""
        if self.widget == "flag":  # as posted, or as the model has it
            return str(self.value).lower() != str(self.default).lower()
        return self.value != self.default


@dataclass
class FormGroup:
    """Fields under one heading; "" for the first, ungrouped ones."""

    title: str
    fields: list[FormField]


@dataclass
class Form:
    """A whole form. problems: those about no single field, and, through all_problems, everything that is wrong."""

    groups: list[FormGroup]
    advanced: list[FormGroup]
    problems: list[Problem] = field(default_factory=list)

    @property
    def fields(self) -> list[FormField]:
        return [f for g in self.groups + self.advanced for f in g.fields]

    @property
    def open_advanced(self) -> bool:
        """Whether the folded part should be open: it holds a changed value or a problem."""
        return any(f.changed or f.problems for g in self.advanced for f in g.fields)

    def get(self, name: str) -> FormField | None:
        return next((f for f in self.fields if f.name == name), None)

    def leave_out(self, unwanted: Callable[[FormField], bool]) -> None:
        for group in self.groups + self.advanced:
            group.fields = [f for f in group.fields if not unwanted(f)]


def label_of(name: str) -> str:
    """Turn a param's name into words: "learning_rate" -> "Learning rate"."""
    words = [_ACRONYMS.get(word, word) for word in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def to_text(value: Any) -> Any:
    """Write a param's value as its input shows it; bools stay bools."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, list | tuple):
        return "\n".join(str(to_text(item)) for item in value)
    return str(value)


def build_form(
    model: type[BaseModel],
    values: Mapping[str, Any] | None = None,
    problems: Sequence[Problem] = (),
    *,
    columns: Mapping[str, Sequence[ColumnReport]] | None = None,
    find_file: Callable[[str], FileInfo | None] = lambda file_id: None,
    path_prefix: str = "params",
) -> Form:
    """Make the form of a model.

    values: what the inputs show (params of a job, or read_values of a refused post); others show their default.
    problems: shown at their field; those of no field of the model stay in Form.problems. columns: of the datasets chosen, by
    role. find_file: what is known of an uploaded file. path_prefix: first part of the inputs' names and of problems' fields.
    """
    schema = model.model_json_schema()
    fields = [
        _field(name, _resolve(part, schema), name in schema.get("required", ())) for name, part in _properties(schema)
    ]
    by_name = {f.name: f for f in fields}
    given = {name: value for name, value in (values or {}).items() if name in by_name}
    for name, value in given.items():
        by_name[name].value = to_text(value)
    for item in fields:
        item.path_prefix = path_prefix
        if item.widget == "column" and item.role in (columns or {}):
            item.columns = _choices(item, (columns or {})[item.role], _as_list(given.get(item.name)))
            item.parted = bool((columns or {})[item.role])
        elif item.widget == "files":
            item.files = [found for one in _as_list(given.get(item.name)) if (found := find_file(one))]
    rest = []
    for problem in problems:
        parts = problem.field.split(".")
        if parts[0] == path_prefix and len(parts) > 1 and parts[1] in by_name:
            by_name[parts[1]].problems.append(problem.message)
        else:
            rest.append(problem)
    return Form(_grouped([f for f in fields if not f.advanced]), _grouped([f for f in fields if f.advanced]), rest)


def _as_list(value: Any) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list | tuple) else [value] if value else [])]


def _choices(item: FormField, columns: Sequence[ColumnReport], chosen: list[str]) -> list[ColumnChoice]:
    """Columns of a kind that fits, and whatever has been chosen, so that nothing chosen disappears unseen."""
    known = {column.name: column for column in columns}
    gone = [ColumnChoice(name, "not in this dataset", True) for name in dict.fromkeys(chosen) if name not in known]
    fitting = [
        ColumnChoice(column.name, column.kind, column.name in chosen)
        for column in columns
        if not item.kinds or column.kind in item.kinds or column.name in chosen
    ]
    return gone + fitting


def _properties(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return list(schema.get("properties", {}).items())


def _resolve(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Follow $ref and "X or null", keeping what is said beside them."""
    part = dict(part)
    for option in part.pop("anyOf", []):
        if option.get("type") != "null":
            part = {**option, **part}
    if "$ref" in part:
        target = schema["$defs"][part.pop("$ref").rsplit("/", 1)[-1]]
        part = {**target, **part}
    if "$ref" in part.get("items", {}):
        part["items"] = _resolve(part["items"], schema)
    return part


def _field(name: str, part: dict[str, Any], required: bool) -> FormField:
    default = to_text(part.get("default"))
    drawn = bool(part.get("drawn"))
    item = FormField(
        name=name,
        label=label_of(name),
        widget=_widget(part),
        help=part.get("description", ""),
        unit=part.get("unit", ""),
        group=part.get("group", ""),
        advanced=bool(part.get("advanced")),
        required=required,
        integer=part.get("type") == "integer",
        default=default,
        needed=required or bool(part.get("needed")),
        empty=part.get("empty", "none"),
        drawn=drawn,
        value=default,
        lowest=part.get("minimum"),
        highest=part.get("maximum"),
        above=part.get("exclusiveMinimum"),
        below=part.get("exclusiveMaximum"),
        max_length=part.get("maxLength"),
        short=bool(part.get("short")),
        trained=bool(part.get("trained")),
        needed_of_base=bool(part.get("needed_of_base")),
        role=part.get("role", ""),
        kinds=tuple(part.get("kinds") or ()),
        many=part.get("type") == "array",
        accepts=tuple(part.get("accepts") or ()),
        most_files=part.get("maxItems", 1),
        paints=part.get("paints", ""),
        when=dict(part.get("when") or {}),
        choices=[str(choice) for choice in part.get("enum", [part["const"]] if "const" in part else [])],
    )
    item.limits = _limits(item) if item.widget == "number" else ""
    return item


def _widget(part: dict[str, Any]) -> str:
    if part.get("widget") in ("column", "files", "lines", "rows", "text"):
        return part["widget"]
    if "enum" in part or "const" in part:
        return "choice"
    match part.get("type"):
        case "integer" | "number":
            return "number"
        case "boolean":
            return "flag"
        case "array":
            return "list"
    return "lines" if part.get("maxLength", _LONG_TEXT + 1) > _LONG_TEXT else "text"


def _limits(item: FormField) -> str:
    """The legal range in words: "1 to 65,536", "above 0, at most 10"."""
    low, high, above, below = item.lowest, item.highest, item.above, item.below
    if low is not None and high is not None:
        return f"{_number(low)} to {_number(high)}"
    words = []
    for word, bound in (("at least", low), ("above", above), ("at most", high), ("below", below)):
        if bound is not None:
            words.append(f"{word} {_number(bound)}")
    return ", ".join(words)


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


def _grouped(fields: list[FormField]) -> list[FormGroup]:
    groups: dict[str, FormGroup] = {}

    # What it works on first, then the ungrouped, and of those the recipe's own (how long to train) before what all share.
    def place(item: FormField) -> tuple[bool, bool, bool]:
        return item.widget not in ("column", "files"), item.group != "", item.name in TrainParams.model_fields

    for item in sorted(fields, key=place):
        groups.setdefault(item.group, FormGroup(item.group, [])).fields.append(item)
    return list(groups.values())


def params_json(params: Mapping[str, Any]) -> str:
    """Params as indented JSON, Chinese text kept readable, for showing."""
    return json.dumps(params, ensure_ascii=False, indent=2)
