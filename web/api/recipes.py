"""/recipes: what can be trained and what its models do, with roles and the JSON Schema of every params model."""

from typing import Any

from flask import jsonify
from pydantic import Field

from shared.errors import NotFound, UnknownRecipe
from shared.recipes import RECIPES, RecipeSpec, get_recipe
from shared.recipes.base import Input
from web.api.common import Asked, Reply, resource
from web.api.shapes import RecipeList, RecipeShape

blueprint = resource("recipes", "Named ways to train and use a model.")


class RecipePath(Asked):
    """A recipe's name."""

    name: str = Field(max_length=100)


def _shape(spec: RecipeSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "version": spec.version,
        "title": spec.title,
        "summary": spec.summary,
        "family": spec.family,
        "verb": spec.verb,
        "formats": list(spec.formats),
        "source": spec.source,
        "criterion": {"metric": spec.criterion.metric, "mode": spec.criterion.mode},
        "inputs": _inputs(spec, spec.inputs_of("train")),
        "train_params": spec.train_params.model_json_schema(),
        "uses": {
            name: {
                "verb": use.verb,
                "help": use.help,
                "streams": use.streams,
                "inputs": _inputs(spec, spec.inputs_of("generate", name)),
                "params": use.params.model_json_schema(),
            }
            for name, use in spec.uses.items()
        },
    }


def _inputs(spec: RecipeSpec, roles: tuple[Input, ...]) -> list[dict[str, Any]]:
    """Roles as JSON; a recipe's own models are written out by its name."""
    return [
        {
            "role": taken.role,
            "title": taken.title,
            "help": taken.help,
            "formats": list(taken.formats),
            "recipes": [spec.name if name == "*" else name for name in taken.recipes],
            "bases": list(taken.bases),
            "required": taken.required,
        }
        for taken in roles
    ]


@blueprint.get("/recipes", summary="All recipes", responses={"200": RecipeList})
def recipes() -> Reply:
    return jsonify({"recipes": [_shape(spec) for spec in RECIPES.values()]})


@blueprint.get("/recipes/<name>", summary="One recipe", responses={"200": RecipeShape})
def recipe(path: RecipePath) -> Reply:
    try:
        return jsonify(_shape(get_recipe(path.name)))
    except UnknownRecipe as err:
        raise NotFound(err.message) from err
