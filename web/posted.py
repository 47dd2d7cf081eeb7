"""What came back from a form that web/forms.py made, as values for its model: unvalidated, nothing lost.

Numbers stay text, the model turns them into numbers. Called by web/pages.
"""

from collections.abc import Callable, Mapping
from typing import IO, Any

from pydantic import BaseModel

from shared.errors import Problem, TooLarge
from shared.volume.files import FileInfo
from web.cells import read_cells
from web.forms import FormField, build_form

Save = Callable[[str, IO[bytes]], FileInfo]


def read_values(
    model: type[BaseModel],
    form: Mapping[str, Any],
    files: Mapping[str, Any] | None = None,
    save: Save | None = None,
    *,
    path_prefix: str = "params",
) -> tuple[dict[str, Any], list[Problem]]:
    """Read a posted form.

    form, files: werkzeug MultiDicts; inputs are named <path_prefix>.<name>. An input left empty is left out, so its default
    holds. save: takes in the files that came with the post; their ids stand in the values, so that a refused form keeps them.
    Returns (values, problems seen already here).
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for item in build_form(model, path_prefix=path_prefix).fields:
        value = _files(item, form, files, save, problems) if item.widget == "files" else _value(item, form)
        if value is not None:
            values[item.name] = value
    return values, problems


def _value(item: FormField, form: Any) -> Any:
    """The value of an input; None for one that is left empty or was not there."""
    texts = [text.replace("\r\n", "\n") for text in _all(form, item.path)]
    if item.widget == "column":
        typed = [line.strip() for text in _all(form, item.typed_path) for line in text.splitlines()]
        names = [name for name in dict.fromkeys([*texts, *typed]) if name]
        return (names if item.many else names[-1]) if names else None
    if item.widget == "rows":
        typed = texts[-1] if texts and texts[-1].strip() else None
        return typed or read_cells(form, item.name)
    if not texts:
        return None
    text = texts[-1]  # a flag sends "false" first and "true" only when ticked
    if item.widget in ("text", "lines"):
        return text if text or item.required else None
    if item.widget == "list":
        return [line for line in text.split("\n") if line.strip()] or None
    return text.strip() or None


def _all(data: Any, name: str) -> list[Any]:
    if data is None:
        return []
    return data.getlist(name) if hasattr(data, "getlist") else [data[name]] if name in data else []


def _files(item: FormField, form: Any, files: Any, save: Save | None, problems: list[Problem]) -> list[str] | None:
    """Ids of the files that were uploaded before and of those that came along, which are kept from now on."""
    ids = list(dict.fromkeys(text for text in _all(form, item.path) if text))
    uploads = [upload for upload in _all(files, item.path) if upload.filename]
    room = item.most_files - len(ids)
    if len(uploads) > room:
        message = f"{len(ids) + len(uploads):,} files; at most {item.most_files}"
        problems.append(Problem(field=item.path, message=message))
    if save is None:
        return ids or None
    for upload in uploads[: max(0, room)]:
        try:
            info = save(upload.filename, upload.stream)
        except TooLarge as err:
            problems.append(Problem(field=item.path, message=err.message))
            continue
        if info.bytes == 0:
            problems.append(Problem(field=item.path, message=f"{info.name} is empty"))
        else:
            ids.append(info.id)
    return ids or None
