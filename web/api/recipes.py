"""/recipes: what can be trained, with the JSON Schema of every params model."""

from typing import Any

from flask import jsonify
from pydantic import Field

from shared.errors import NotFound, UnknownRecipe
from shared.recipes import RECIPES, RecipeSpec, get_recipe
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
        "formats": list(spec.formats),
        "generates": spec.generates,
        "streams": spec.streams,
        "source": spec.source,
        "train_params": spec.train_params.model_json_schema(),
        "generate_params": spec.generate_params.model_json_schema(),
    }


@blueprint.get("/recipes", summary="All recipes", responses={"200": RecipeList})
def recipes() -> Reply:
    return jsonify({"recipes": [_shape(spec) for spec in RECIPES.values()]})


@blueprint.get("/recipes/<name>", summary="One recipe", responses={"200": RecipeShape})
def recipe(path: RecipePath) -> Reply:
    try:
        return jsonify(_shape(get_recipe(path.name)))
    except UnknownRecipe as err:
        raise NotFound(err.message) from err
