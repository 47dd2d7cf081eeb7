"""Base models: the list, importing by upload or from the volume's folder imports, deleting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from shared.bases.families import FAMILIES, family_title
from shared.bases.manifest import Base
from shared.bases.receiving import list_laid
from shared.errors import ClientError, Problem
from shared.jobs.models import Model
from shared.recipes import RECIPES, RecipeSpec
from web import access
from web.api.bases import Taking, take_base, take_laid
from web.deletion import NO_MORE, delete_base, why_not_base
from web.job_inputs import recipes_for
from web.pages.deleting import delete_listed
from web.pages.formatting import size
from web.pages.reach import pages, services, settings, volume


@dataclass(frozen=True)
class BaseRow:
    """A base model as a card. models: those that stand on it."""

    base: Base
    models: list[Model]

    @property
    def recipes(self) -> list[RecipeSpec]:
        """Those that can use it as it is."""
        return [RECIPES[name] for name in recipes_for(self.base.kind)]

    @property
    def trainings(self) -> list[tuple[RecipeSpec, str]]:
        """What can be trained upon it, and in which role it is given."""
        return [(s, i.role) for s in RECIPES.values() for i in s.inputs if self.base.kind in i.bases]

    @property
    def family_title(self) -> str:
        return family_title(self.base.family)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)


@pages.get("/bases")
def bases(problems: list[Problem] | None = None) -> str:
    """Show all base models, newest first. ?added: one has just been imported; ?refused: one was not deleted."""
    found, models = access.bases(), access.models()
    rows = [BaseRow(base, [m for m in models if _stands_on(m, base)]) for base in found]
    return render_template(
        "bases.html",
        active="bases",
        bases=rows,
        problems=problems or _refused(found),
        imports=list_laid(volume()),
        families=[family.title for family in FAMILIES.values()],
        most_bytes=size(settings().max_base_bytes),
        notice=_notice(found),
    )


def _stands_on(model: Model, base: Base) -> bool:
    return any(ref.base_id == base.id for ref in (*model.needs.values(), *model.inputs.values()))


def _notice(found: list[Base]) -> str | None:
    added = next((base for base in found if base.id == request.args.get("added")), None)
    if added is not None:
        return f"“{added.name:.60}” is imported."
    return {"deleted": "The base model is deleted."}.get(request.args.get("done", ""))


def _refused(found: list[Base]) -> list[Problem]:
    """Why a base was not deleted a moment ago."""
    base = next((each for each in found if each.id == request.args.get("refused")), None)
    if base is None:
        return []
    why = why_not_base(services(), base.id) or NO_MORE
    return [Problem(field="", message=f"“{base.name:.60}” was not deleted: {why}")]


@pages.post("/bases")
def upload_base() -> Response | tuple[str, int]:
    """Take an upload from a browser without scripts."""
    return _taken(lambda: take_base("files"))


@pages.post("/bases/imports")
def import_base() -> Response | tuple[str, int]:
    """Import what lies in the folder imports."""
    return _taken(lambda: take_laid(request.form.get("path", "")))


def _taken(take: Callable[[], Taking]) -> Response | tuple[str, int]:
    try:
        base = take()()
    except ClientError as err:
        return bases(err.problems or [Problem(field="", message=err.message)]), err.status
    return redirect(url_for("pages.bases", added=base.id, _anchor=f"base-{base.id}"))


@pages.post("/bases/<base_id>/delete")
def remove_base(base_id: str) -> Response:
    """Delete a base model unless something needs it; one that is gone already is no error."""
    return delete_listed(delete_base, base_id, "pages.bases")
