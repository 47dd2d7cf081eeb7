"""Kinds of params beyond numbers, choices and texts: columns of a dataset, uploaded files.

The form, the command line and the checks before a job is queued know them by what they write into the JSON Schema; no recipe has
to check them itself.
"""

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
    **more: Any,
) -> Any:
    """A param that names a column (str) or columns (list[str]) of the dataset in a role.

    kinds: those accepted (shared/datasets/report.py, ColumnKind); () all. An optional one has the default "" or [].
    """
    about = {"widget": "column", "kinds": list(kinds), "role": role, "group": group}
    if isinstance(default, list):
        return Field(default_factory=lambda: list(default), description=description, json_schema_extra=about, **more)
    return Field(default, description=description, json_schema_extra=about, max_length=500, **more)


def Files(description: str, *, accepts: tuple[str, ...], most: int = 1, short: bool = True, default: Any = ...) -> Any:
    """A param that holds uploaded files, list[FileId]. accepts: media types, "image/*" among them. most: how many."""
    about = {"widget": "files", "accepts": list(accepts), "short": short}
    if default is ...:
        return Field(max_length=most, min_length=1, description=description, json_schema_extra=about)
    return Field(default_factory=list, max_length=most, description=description, json_schema_extra=about)


def Rows(description: str, *, max_length: int = 1_000_000) -> Any:
    """A param that holds rows of a table typed in, str: one as a JSON object, several as lines of JSON or as CSV.

    Where it is known which columns a row has (RecipeSpec.row_columns), a form asks for one row cell by cell.
    """
    about = {"widget": "rows", "short": True}
    return Field(min_length=1, max_length=max_length, description=description, json_schema_extra=about)
