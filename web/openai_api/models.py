"""/v1/models: the models that answer here, in OpenAI's shape."""

from typing import Any, Literal

from flask import jsonify
from pydantic import BaseModel, Field

from shared.jobs.models import Model
from web import access
from web.api.common import Asked, Reply
from web.openai_api.common import answers, named_model, resource

blueprint = resource("models", "Models that answer OpenAI's clients.")


class ModelShape(BaseModel):
    """A model. created: seconds since 1970. name, recipe: beyond OpenAI's fields."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    name: str
    recipe: str


class ModelsShape(BaseModel):
    """All of them, newest first."""

    object: Literal["list"] = "list"
    data: list[ModelShape]


class NamePath(Asked):
    """A model's id or name."""

    model: str = Field(min_length=1, max_length=200)


def _shown(model: Model) -> dict[str, Any]:
    created = int(model.created_at.timestamp())
    shape = ModelShape(id=model.id, created=created, owned_by=model.owner, name=model.name, recipe=model.recipe)
    return shape.model_dump()


@blueprint.get("/models", summary="List the models that answer here", responses={"200": ModelsShape})
def list_models() -> Reply:
    return jsonify({"object": "list", "data": [_shown(model) for model in access.models() if answers(model)]})


@blueprint.get("/models/<model>", summary="One model, by its id or name", responses={"200": ModelShape})
def one_model(path: NamePath) -> Reply:
    return jsonify(_shown(named_model(path.model)))
