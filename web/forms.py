"""Forms made from a recipe's params model, and form posts turned back into params.

Everything shown comes from the model's JSON Schema (description, ranges, choices, defaults) and from the
json_schema_extra that shared/recipes/base.py describes. Nothing here knows any recipe. Called by web/pages.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.errors import Problem
from shared.recipes.base import Params, TrainParams

_ACRONYMS = {"l1": "L1", "xla": "XLA", "bpe": "BPE", "id": "ID", "gpu": "GPU"}
_LONG_TEXT = 200  # a guess: strings that may be longer than this get several lines


@dataclass
class FormField:
    """One input. value is the text shown in it (a bool for "flag"); problems are shown beside it.

    widget: "number", "choice", "flag", "text", "lines" (long text), "list" (one item a line), "images" or "dataset".
    limits: the legal range in words, "" when there is none.
    """

    name: str
    label: str
    widget: str
    help: str = ""
    unit: str = ""
    group: str = ""
    advanced: bool = False
    required: bool = False
    integer: bool = False
    value: Any = ""
    default: Any = ""
    limits: str = ""
    lowest: float | None = None
    highest: float | None = None
    above: float | None = None
    below: float | None = None
    max_length: int | None = None
    most_files: int = 1  # of "images", and the bytes of each
    most_file_bytes: int = 0
    choices: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    prefix: str = "p"  # of the id; differs between two forms on one page

    @property
    def path(self) -> str:
        """Name of the input, and the field of a Problem about it."""
        return f"params.{self.name}"

    @property
    def id(self) -> str:
        return f"{self.prefix}-{self.name.replace('_', '-')}"

    @property
    def changed(self) -> bool:
        """Whether the value differs from the default, so that folding it away would hide something."""
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


def label_of(name: str) -> str:
    """Turn a param's name into words: "learning_rate" -> "Learning rate"."""
    words = [_ACRONYMS.get(word, word) for word in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def to_text(value: Any) -> Any:
    """Write a param's value as its input shows it; bools stay bools, uploaded files are not shown again."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, list | tuple):
        return "" if value and isinstance(value[0], dict) else "\n".join(str(to_text(item)) for item in value)
    return str(value)


def build_form(model: type[Params], values: Mapping[str, Any] | None = None, problems: Sequence[Problem] = ()) -> Form:
    """Make the form of a params model.

    values: what the inputs show (params of a job, or read_values of a refused post); others show their default.
    problems: shown at their field; those of no field of the model stay in Form.problems.
    """
    schema = model.model_json_schema()
    fields = [
        _field(name, _resolve(part, schema), name in schema.get("required", ())) for name, part in _properties(schema)
    ]
    by_name = {f.name: f for f in fields}
    for name, value in (values or {}).items():
        if name in by_name:
            by_name[name].value = to_text(value)
    rest = []
    for problem in problems:
        parts = problem.field.split(".")
        if parts[0] == "params" and len(parts) > 1 and parts[1] in by_name:
            by_name[parts[1]].problems.append(problem.message)
        else:
            rest.append(problem)
    return Form(_grouped([f for f in fields if not f.advanced]), _grouped([f for f in fields if f.advanced]), rest)


def read_values(
    model: type[Params], form: Mapping[str, Any], files: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[Problem]]:
    """Read a posted form's params, unvalidated: numbers stay text, the params model turns them into numbers.

    form, files: werkzeug MultiDicts; inputs are named params.<name>. An input left empty is left out, so its default
    holds. Returns (values, problems seen already here).
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for item in build_form(model).fields:
        if item.widget == "images":
            uploads = [f for f in _all(files, item.path) if f.filename]
            if uploads:
                values[item.name] = _images(item, uploads, problems)
            continue
        texts = _all(form, item.path)
        if not texts:
            continue
        text = texts[-1]  # a flag sends "false" first and "true" only when ticked
        if item.widget in ("text", "lines"):
            text = text.replace("\r\n", "\n")
            if text or item.required:
                values[item.name] = text
        elif item.widget == "list":
            lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
            if lines:
                values[item.name] = lines
        elif text.strip():
            values[item.name] = text.strip()
    return values, problems


def _all(data: Any, name: str) -> list[Any]:
    if data is None:
        return []
    return data.getlist(name) if hasattr(data, "getlist") else [data[name]] if name in data else []


def _images(item: FormField, uploads: list[Any], problems: list[Problem]) -> list[dict[str, str]]:
    """The uploads as the params model takes them. What is too many or too large is named and not read."""
    if len(uploads) > item.most_files:
        problems.append(Problem(field=item.path, message=f"{len(uploads):,} files; at most {item.most_files}"))
    found = []
    for upload in uploads[: item.most_files]:
        content = upload.read(item.most_file_bytes + 1)
        if not content:
            problems.append(Problem(field=item.path, message=f"{upload.filename:.200} is empty"))
        elif len(content) > item.most_file_bytes:
            message = (
                f"{upload.filename:.200} has more than {item.most_file_bytes:,} bytes, the most a picture may have"
            )
            problems.append(Problem(field=item.path, message=message))
            content = b""
        found.append({"name": upload.filename[-200:], "data": base64.b64encode(content).decode()})
    return found


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
        value=default,
        lowest=part.get("minimum"),
        highest=part.get("maximum"),
        above=part.get("exclusiveMinimum"),
        below=part.get("exclusiveMaximum"),
        max_length=part.get("maxLength"),
        choices=[str(choice) for choice in part.get("enum", [part["const"]] if "const" in part else [])],
    )
    item.limits = _limits(item) if item.widget == "number" else ""
    if item.widget == "images":
        data = part.get("items", {}).get("properties", {}).get("data", {})  # base64: four characters for three bytes
        item.most_files, item.most_file_bytes = part.get("maxItems", 1), data.get("maxLength", 0) * 3 // 4
    return item


def _widget(part: dict[str, Any]) -> str:
    if part.get("widget") in ("images", "dataset", "lines", "text"):
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
    # Ungrouped first, and of those the recipe's own (how long to train) before what every training shares.
    for item in sorted(fields, key=lambda f: (f.group != "", f.name in TrainParams.model_fields)):
        groups.setdefault(item.group, FormGroup(item.group, [])).fields.append(item)
    return list(groups.values())


def params_json(params: Mapping[str, Any]) -> str:
    """Params as indented JSON, Chinese text kept readable, for showing."""
    return json.dumps(params, ensure_ascii=False, indent=2)
