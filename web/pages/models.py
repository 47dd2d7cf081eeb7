"""Models: the list with a box to try each, naming a checkpoint, forgetting a name."""

from dataclasses import dataclass, field
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from shared.errors import ClientError, Problem
from shared.jobs.models import Model
from shared.jobs.record import source_key
from shared.recipes import RECIPES, RecipeSpec
from shared.recipes.base import Use
from web import access
from web.api.models import ModelBody, name_checkpoint
from web.deletion import NO_MORE, forget_model, why_not_model
from web.forms import FormField, build_form
from web.job_body import CheckpointChoice
from web.pages.deleting import delete_listed
from web.pages.job_inputs import Given, given
from web.pages.judging import key_metrics
from web.pages.reach import pages, services, store
from web.pages.row_form import fill_cells, without_what_means_nothing

_FIGURES = 6  # metrics shown at once
_USE = "generate"


@dataclass
class ModelRow:
    """A model as a card: figures: its first metrics; warm: a worker holds it loaded; use: what it is tried with, None when its
    recipe is no longer known or wants more than params.

    first, more: fields of the little form, those that every use of it needs and those to fold away.
    """

    model: Model
    warm: bool
    figures: dict[str, float]
    spec: RecipeSpec | None = None
    use: Use | None = None
    first: list[FormField] = field(default_factory=list)
    more: list[FormField] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)

    @property
    def baseline_metrics(self) -> list[str]:
        """What the baselines were measured by."""
        return list(dict.fromkeys(name for metrics in self.model.baselines.values() for name in metrics))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


@pages.get("/models")
def models(problems: list[Problem] | None = None) -> str:
    """Show all models, newest first."""
    warm = {key for worker in store().presence.workers() for key in worker.warm}
    found = access.models()
    problems = problems or _refused(found)
    rows = [_row(model, source_key(model.checkpoint) in warm, found) for model in found]
    return render_template("models.html", active="models", models=rows, problems=problems, notice=_notice())


def _refused(found: list[Model]) -> list[Problem]:
    """Why a name was not deleted a moment ago."""
    asked = request.args.get("refused", "")
    model = next((each for each in found if each.id == asked), None)
    if model is None:
        return []
    why = why_not_model(services(), model.id) or NO_MORE
    return [Problem(field="", message=f"“{model.name:.60}” was not deleted: {why}")]


def _notice() -> str | None:
    return {"saved": "The model is saved.", "deleted": "The name is deleted; the checkpoint stays with its job."}.get(
        request.args.get("done", "")
    )


def _row(model: Model, warm: bool, named: list[Model]) -> ModelRow:
    spec = RECIPES.get(model.recipe)
    figures = dict(list(key_metrics(spec, model.metrics).items())[:_FIGURES])
    titles = {taken.role: taken.title for taken in spec.inputs_of("train")} if spec else {}
    row = ModelRow(
        model,
        warm,
        figures,
        spec,
        given=[given(titles.get(role, role.replace("_", " ")), ref, named) for role, ref in model.inputs.items()],
    )
    use = spec.uses.get(_USE) if spec else None
    if use is None or any(taken.required for taken in use.inputs):
        return row
    form = build_form(use.params)
    for item in form.fields:
        item.prefix = model.id
        if item.widget == "rows" and spec:
            fill_cells(spec, model.id, item)
    without_what_means_nothing(model.id, form)
    row.use = use
    row.first = [f for f in form.fields if f.short or f.required]
    row.more = [f for f in form.fields if f not in row.first]
    return row


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
    return delete_listed(forget_model, model_id, "pages.models")
