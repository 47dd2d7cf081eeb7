"""The row that a model is asked about, cell by cell: what its columns are, and a row of its dataset to begin with."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from shared.datasets.looking import get_preview
from shared.datasets.report import ColumnReport
from shared.datasets.tables.typed import one_row
from shared.errors import ClientError, DatasetInvalid
from shared.jobs.job import MODEL, InputRef, Job
from shared.outputs import Table
from shared.recipes import RECIPES, RecipeSpec
from web import access
from web.cells import MOST_CELLS, cells_of
from web.forms import Form, FormField, build_form, to_text
from web.pages.reach import services
from web.pages.roles import key_of, read_source


@dataclass(frozen=True)
class WhatIf:
    """A use of a model to be asked again. key: of the model. rows: its cells; others: the params beside it, as they were."""

    spec: RecipeSpec
    use: str
    verb: str
    key: str
    rows: FormField
    others: list[FormField] = field(default_factory=list)


def what_if(job: Job) -> WhatIf | None:
    """The form under an answer in which a value is changed and asked again; None for what was told of more than one row."""
    spec = RECIPES.get(job.recipe)
    use = spec.uses.get(job.use or "generate") if spec and job.kind == "generate" else None
    if spec is None or use is None or use.inputs or MODEL not in job.inputs:
        return None
    key = key_of(job.inputs[MODEL])
    form = build_form(use.params, job.params)
    for item in form.fields:
        item.prefix = "if"
        if item.widget == "rows":
            fill_cells(spec, key, item)
            if item.cells and not item.value:
                others = [f for f in form.fields if f is not item and f.widget not in ("files", "column")]
                return WhatIf(spec, job.use or "generate", use.verb, key, item, others)
    return None


def fill_cells(spec: RecipeSpec, key: str, item: FormField) -> None:
    """Have a field of rows ask for one row cell by cell, if it can be known which. key: of the model.

    What the field holds already goes into the cells if it is one row; else they hold the first row of the model's dataset.
    """
    with contextlib.suppress(ClientError, DatasetInvalid, ValidationError):
        params, inputs = _trained_with(key)
        main = inputs.get(spec.inputs[0].role)
        dataset = access.dataset_with_report(main.dataset_id or "" if main else "")
        wanted = spec.row_columns(spec.train_params.model_validate(params), dataset.report)
        columns = [found for name in wanted if (found := dataset.report.column(name)) is not None]
        if not 0 < len(columns) <= MOST_CELLS:
            return
        row = one_row(item.value) if item.value else _first_row(dataset, columns)
        item.cells = cells_of(item.name, columns, row or {})
        item.value = "" if row else item.value


def _trained_with(key: str) -> tuple[Mapping[str, Any], Mapping[str, InputRef]]:
    """Params and inputs of the training that left a model. Raises NotFound, InvalidParams."""
    made = access.job(read_source(key).job_id) if "/" in key else access.model(key)
    return made.params, made.inputs


def without_what_means_nothing(key: str, form: Form) -> None:
    """Leave out fields that are for models of another kind of training. key: of the model."""
    with contextlib.suppress(ClientError):
        params, _ = _trained_with(key)
        form.leave_out(lambda item: any(params.get(name, value) != value for name, value in item.when.items()))


def _first_row(dataset: Any, columns: list[ColumnReport]) -> dict[str, str] | None:
    for shown in get_preview(services().volume, dataset, most=1):
        if isinstance(shown, Table) and shown.rows:
            row = dict(zip(shown.columns, shown.rows[0], strict=True))
            return {column.name: str(_said(row.get(column.name))) for column in columns}
    return None


def _said(cell: Any) -> Any:
    return ("true" if cell else "false") if isinstance(cell, bool) else to_text(cell)
