"""What the pages read and act through: the services web/app.py gave the application."""

from flask import Blueprint

from shared.jobs.store import JobStore
from shared.recipes import RECIPES, RecipeSpec
from shared.settings import Settings
from shared.volume.volume import Volume
from web.representation import API
from web.services import services

__all__ = ["API", "pages", "recipe_title", "services", "settings", "store", "volume"]

pages = Blueprint(
    "pages", __name__, template_folder="../templates", static_folder="../static", static_url_path="/static"
)


def store() -> JobStore:
    return services().store


def volume() -> Volume:
    return services().volume


def settings() -> Settings:
    return services().settings


def recipe_title(name: str) -> str:
    """A recipe's title; its name when this installation no longer knows it."""
    spec: RecipeSpec | None = RECIPES.get(name)
    return spec.title if spec else name
