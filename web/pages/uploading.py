"""What the pages say about uploads, and taking one from a form without scripts: formats, their options, ways on after a refusal."""

from dataclasses import dataclass, field
from typing import Any

from flask import request

from shared.datasets.examples import example_params, list_examples
from shared.datasets.formats import FORMATS
from shared.datasets.importer import Imported, import_dataset
from shared.errors import Choice, ClientError, DatasetInvalid, InvalidParams, Problem
from web.api.datasets import read_options
from web.forms import Form, build_form
from web.identity import current_owner
from web.pages.formatting import size
from web.pages.reach import settings, volume
from web.posted import read_values


@dataclass(frozen=True)
class OfferedFormat:
    """A format that may be uploaded, with a form of its options (None: it has none)."""

    name: str
    title: str
    help: str
    options: Form | None


@dataclass
class Refusal:
    """Why an upload was refused, the ways on that the user may choose, and what was typed."""

    problems: list[Problem] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    format: str = ""
    name: str = ""
    status: int = 422


def offered_formats(names: tuple[str, ...] = (), refusal: Refusal | None = None) -> list[OfferedFormat]:
    """The formats of these names, all where there are none, as this installation knows them."""
    found = []
    for format in FORMATS.values():
        if not names or format.name in names:
            prefix = f"options.{format.name}"
            form, typed = None, {}
            if format.options.model_fields:
                if refusal is not None:
                    typed, _ = read_values(format.options, request.form, path_prefix=prefix)
                form = build_form(format.options, typed, path_prefix=prefix)
                for item in form.fields:
                    item.prefix = f"o-{format.name}"
            found.append(OfferedFormat(format.name, format.title, format.help, form))
    return found


def most_bytes() -> str:
    return size(settings().max_upload_bytes)


def examples(formats: tuple[str, ...] = (), recipe: str = "", *, fill: bool = False) -> list[dict[str, Any]]:
    """Datasets that need no upload, of the formats where some are named: name, title, format, recipe, params.

    recipe: those meant for it, where there are some, else those that any training can use without a param of its own. fill: with
    the params that its training needs.
    """
    fitting = [example for example in list_examples() if not formats or example["format"] in formats]
    meant = [example for example in fitting if not recipe or example["recipe"] == recipe]
    others = [example for example in fitting if not example_params(example["name"])]
    return [
        {**example, "params": example_params(example["name"]) if fill and meant else {}} for example in meant or others
    ]


def take_upload(field_name: str, name: str = "", format: str = "") -> Imported:
    """Import the files of one field of the posted form. Raises ClientError with what is wrong."""
    uploads = [(f.filename or "", f.stream) for f in request.files.getlist(field_name) if f.filename]
    if not uploads:
        raise InvalidParams([Problem(field="", message="choose at least one file")])
    problems: list[Problem] = []
    options = _options(format, problems)
    if problems:
        raise InvalidParams(problems)
    return import_dataset(
        volume(),
        settings(),
        uploads,
        name=name.strip()[:200],
        owner=current_owner(),
        format=format or None,
        options=options,
    )


def _options(format: str, problems: list[Problem]) -> dict[str, Any]:
    """The options of the format chosen, as typed, and the way on that was chosen after a refusal."""
    options: dict[str, Any] = read_options(request.form.get("options", ""), problems)
    if format in FORMATS:
        typed, _ = read_values(FORMATS[format].options, request.form, path_prefix=f"options.{format}")
        options |= typed
    for choice in request.form.getlist("choice"):
        name, _, value = choice.partition("=")
        if name:
            options[name] = value
    return options


def refusal_of(err: ClientError) -> Refusal:
    """Why the posted upload was refused, with what was typed."""
    problems = err.problems or [Problem(field="", message=err.message)]
    choices = err.choices if isinstance(err, DatasetInvalid) else []
    form = request.form
    return Refusal(problems, choices, form.get("format", ""), form.get("name", ""), err.status)
