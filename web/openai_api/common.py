"""What the resources share: blueprints with documented errors, and how a model is named."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from shared.errors import InvalidParams, NotFound, Problem
from shared.jobs.models import Model
from shared.recipes import RECIPES
from shared.recipes.base import Makes
from web import access
from web.areas import OPENAI
from web.identity import current_owner
from web.openai_error import OpenAIErrorDocument, documented

_MOST_NAMED = 20


def resource(name: str, about: str) -> APIBlueprint:
    """A blueprint whose operations all document the errors that can happen anywhere."""
    responses: dict[Any, Any] = {"404": OpenAIErrorDocument} | documented(400, 401, 403, 421, 429, 503)
    return APIBlueprint(
        f"openai_{name}",
        __name__,
        url_prefix=OPENAI,
        abp_tags=[Tag(name=f"openai_{name}", description=about)],
        abp_security=[{"key": []}],
        abp_responses=responses,
    )


def makes_of(recipe: str, use: str = "generate") -> Makes | None:
    """How pictures are asked for of models of a recipe; None where they make none."""
    spec = RECIPES.get(recipe)
    found = spec.uses.get(use) if spec else None
    return found.makes if found else None


def answers(model: Model) -> bool:
    """Whether a model can be used through this API."""
    return makes_of(model.recipe) is not None


def named_model(name: str) -> Model:
    """The model of an id or, among the caller's own that answer here, of a name.

    Raises NotFound where there is none, InvalidParams where there are several, or where it is one that does not answer here.
    """
    try:
        found = access.model(name)
    except NotFound as err:
        missing = err
    else:
        if not answers(found):
            said = f"{name} is a model of recipe {found.recipe}, which makes no pictures; GET {OPENAI}/models lists those that do"
            raise InvalidParams([Problem(field="model", message=said)])
        return found
    own = current_owner()
    alike = [model for model in access.models() if model.owner == own and model.name == name.strip()]
    here = [model for model in alike if answers(model)]
    if len(here) == 1:
        return here[0]
    if here:
        ids = ", ".join(model.id for model in here[:_MOST_NAMED])
        said = f"{len(here)} models are called {name!r:.80}: name one by its id: {ids}"
        raise InvalidParams([Problem(field="model", message=said)])
    if alike:
        said = f"the model {name!r:.80} is of recipe {alike[0].recipe}, which makes no pictures"
        raise InvalidParams([Problem(field="model", message=said)])
    said = f"{missing.message}, and none of yours of this name; GET {OPENAI}/models lists those that make pictures"
    raise NotFound(said, code="model_not_found", problems=[Problem(field="model", message=said)]) from missing
