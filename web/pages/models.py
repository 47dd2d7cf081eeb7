"""Models: the list with a box to try each, naming a checkpoint, forgetting a name."""

import contextlib
from dataclasses import dataclass, field
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from shared.errors import ClientError, NotFound, Problem
from shared.jobs.models import Model
from shared.jobs.record import source_key
from shared.recipes import RECIPES
from web import access
from web.api.models import ModelBody, name_checkpoint
from web.deletion import forget_model
from web.forms import Form, FormField, build_form
from web.job_request import CheckpointChoice
from web.pages.reach import pages, services, store
from web.pages.result_view import key_metrics

_FIGURES = 6  # metrics shown of a model
_FIRST = ("prompt", "images", "max_tokens")  # params shown at once; the others are folded away


@dataclass
class ModelRow:
    """A model with its little form. figures: its first metrics. shows: "text" or "labels"; warm: a worker holds it loaded."""

    model: Model
    warm: bool
    figures: dict[str, float]
    form: Form | None = None
    shows: str = "text"
    try_fields: list[FormField] = field(default_factory=list)
    more_fields: list[FormField] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


@pages.get("/models")
def models(problems: list[Problem] | None = None) -> str:
    """Show all models, newest first."""
    warm = {key for worker in store().presence.workers() for key in worker.warm}
    rows = [_row(model, source_key(model.checkpoint) in warm) for model in access.models()]
    return render_template("models.html", active="models", models=rows, problems=problems or [], notice=_notice())


def _notice() -> str | None:
    return {"saved": "The model is saved.", "deleted": "The name is deleted; the checkpoint stays with its job."}.get(
        request.args.get("done", "")
    )


def _row(model: Model, warm: bool) -> ModelRow:
    spec = RECIPES.get(model.recipe)
    figures = dict(list(key_metrics(model.metrics).items())[:_FIGURES])
    if spec is None:
        return ModelRow(model, warm, figures)
    form = build_form(spec.generate_params)
    for item in form.fields:
        item.prefix = model.id
    first = [f for f in form.fields if f.name in _FIRST]
    more = [f for f in form.fields if f.name not in _FIRST and f.widget != "dataset"]
    return ModelRow(model, warm, figures, form, spec.generates, first, more)


@pages.post("/models")
def save_model() -> Response | tuple[str, int]:
    """Give a checkpoint a name."""
    try:
        job_id, attempt, step = request.form.get("source", "").split("/")
        choice = CheckpointChoice(job_id=job_id, attempt=int(attempt), step=int(step))
        model = name_checkpoint(services(), ModelBody(name=request.form.get("name", "").strip(), checkpoint=choice))
    except ValueError:
        return models([Problem(field="", message="a model needs a name of 1 to 200 characters and a checkpoint")]), 422
    except ClientError as err:
        return models(err.problems or [Problem(field="", message=err.message)]), err.status
    return redirect(url_for("pages.models", done="saved", _anchor=f"model-{model.id}"))


@pages.post("/models/<model_id>/delete")
def delete_model(model_id: str) -> Response:
    """Forget a name; one that is gone already is no error."""
    with contextlib.suppress(NotFound):
        forget_model(services(), model_id)
    return redirect(url_for("pages.models", done="deleted"))
