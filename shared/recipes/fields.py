"""Kinds of params beyond numbers, choices and texts: columns of a dataset, uploaded files, seeds drawn anew.

The form, the command line and the checks before a job is queued know them by what they write into the JSON Schema; no recipe has
to check them itself.
"""

import secrets
from typing import Annotated, Any

from pydantic import Field, StringConstraints

FileId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]  # of an uploaded file: shared/volume/files.py


def Column(
    description: str,
    *,
    kinds: tuple[str, ...] = (),
    role: str = "data",
    default: Any = ...,
    group: str = "Columns",
    needed: bool = False,
    empty: str = "",
    **more: Any,
) -> Any:
    """A param that names a column (str) or columns (list[str]) of the dataset in a role.

    kinds: those accepted (shared/datasets/report.py, ColumnKind); () all. An optional one has the default "" or [].
    needed: for those whose absence the spec's check tells of, with the columns there are; forms then say that it is required.
    empty: what it means to choose none, as a picker says it.
    """
    about = {"widget": "column", "kinds": list(kinds), "role": role, "group": group}
    about |= {"needed": True} if needed else {}
    about |= {"empty": empty} if empty else {}
    if isinstance(default, list):
        return Field(default_factory=lambda: list(default), description=description, json_schema_extra=about, **more)
    return Field(default, description=description, json_schema_extra=about, max_length=500, **more)


def Groups(role: str = "data") -> Any:
    """A param that names the column whose groups are measured one by one: recipes that decide about people."""
    return Column(
        "Also measure each group of this column, such as sex or age in ranges, and warn where figures differ beyond chance. What is"
        " learnt stays the same.",
        kinds=("category", "boolean", "number"),
        role=role,
        default="",
        empty="no groups",
    )


def Files(
    description: str,
    *,
    accepts: tuple[str, ...],
    most: int = 1,
    short: bool = True,
    default: Any = ...,
    paints: str = "",
    when: dict[str, Any] | None = None,
    needed: bool = False,
    needed_of_base: bool = False,
) -> Any:
    """A param that holds uploaded files, list[FileId]. accepts: media types, "image/*" among them. most: how many.

    paints: of masks, the param with the pictures: a form offers a brush over them. when: params of a training; forms beside
    other models do not ask for it. needed: as of a Column. needed_of_base: it must be given where a base is used as it came.
    """
    about: dict[str, Any] = {"widget": "files", "accepts": list(accepts), "short": short}
    about |= {"needed": True} if needed else {}
    about |= {"needed_of_base": True} if needed_of_base else {}
    about |= {"paints": paints} if paints else {}
    about |= {"when": when} if when else {}
    if default is ...:
        return Field(max_length=most, min_length=1, description=description, json_schema_extra=about)
    return Field(default_factory=list, max_length=most, description=description, json_schema_extra=about)


def DrawnSeed(description: str) -> Any:
    """A seed that is drawn for each job unless given, and stands in its record: the same again is asked for by its number."""
    return Field(
        default_factory=_draw,
        ge=0,
        lt=2**31,
        description=f"{description} Empty: one is drawn.",
        json_schema_extra={"drawn": True},
    )


def _draw() -> int:
    return secrets.randbelow(2**31)


def Rows(description: str, *, max_length: int = 1_000_000) -> Any:
    """A param that holds rows of a table typed in, str: one as a JSON object, several as lines of JSON or as CSV.

    Where it is known which columns a row has (RecipeSpec.row_columns), a form asks for one row cell by cell.
    """
    about = {"widget": "rows", "short": True}
    return Field(min_length=1, max_length=max_length, description=description, json_schema_extra=about)


def refuse_uneven_heads(width: int, heads: int) -> None:
    """Raise ValueError where a width cannot be divided into so many attention heads, naming a number near it that would do."""
    if width % heads:
        fits = [number for number in range(1, min(width, 64) + 1) if width % number == 0]
        near = min(fits, key=lambda number: abs(number - heads))
        raise ValueError(f"width {width} cannot be divided into {heads} heads; {near} heads would do")
