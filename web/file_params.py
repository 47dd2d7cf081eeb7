"""Params that hold uploaded files (fields.Files): each must be there, be its owner's, and be of a kind that the param takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from shared.errors import NotFound, Problem
from shared.recipes.base import Params
from web import access


@dataclass(frozen=True)
class FileParam:
    """A param that holds uploaded files. accepts: media types, "image/*" among them, () all. most: how many."""

    name: str
    accepts: tuple[str, ...]
    most: int


@cache  # a schema takes a millisecond to make, and every submission asks
def file_params(model: type[Params]) -> tuple[FileParam, ...]:
    """The params of a model that hold uploaded files."""
    return tuple(
        FileParam(name, tuple(part.get("accepts") or ()), part.get("maxItems", 1))
        for name, part in model.model_json_schema().get("properties", {}).items()
        if part.get("widget") == "files"
    )


def check_files(model: type[Params], values: Mapping[str, Any], problems: list[Problem]) -> list[str]:
    """The ids of all files that params name, each once; problems says which cannot be used.

    values: of the params, validated or as they came: what is of a wrong type is somebody else's to name.
    """
    found: dict[str, None] = {}
    for param in file_params(model):
        ids = values.get(param.name)
        for number, file_id in enumerate(ids[: param.most] if isinstance(ids, list | tuple) else ()):
            if isinstance(file_id, str):
                found[file_id] = None
                if wrong := _wrong(file_id, param.accepts):
                    problems.append(Problem(field=f"params.{param.name}.{number}", message=wrong))
    return list(found)


def _wrong(file_id: str, accepts: tuple[str, ...]) -> str:
    """Why a file cannot be used, "" when it can."""
    try:
        info, _ = access.file(file_id)
    except NotFound as err:
        return err.message
    if not info.bytes:
        return f"{info.name!r:.80} is empty"
    if not accepts or any(fnmatchcase(info.media_type, kind) for kind in accepts):
        return ""
    return f"{info.name!r:.80} is of type {info.media_type}; taken are {', '.join(accepts)}"
