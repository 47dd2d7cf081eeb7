"""What the pages read and act through: the services web/app.py gave the application."""

from flask import Blueprint

from shared.jobs.job import Job
from shared.jobs.store import JobStore
from shared.recipes import RECIPES, RecipeSpec
from shared.settings import Settings
from shared.volume.volume import Volume
from web.representation import API
from web.services import services

__all__ = ["API", "pages", "recipe_title", "services", "settings", "store", "use_title", "volume"]

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


def use_title(job: Job) -> str:
    """What a job does, in a word or two: "Training", or what its recipe calls that use of a model."""
    if job.kind == "train":
        return "Training"
    spec = RECIPES.get(job.recipe)
    use = spec.uses.get(job.use or "generate") if spec else None
    return use.verb if use else "Generation"
