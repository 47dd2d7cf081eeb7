"""What speaks as OpenAI's API does, so that its clients work with /v1 as their base: one file per resource.

A request becomes an ordinary job of its owner, and its answer is what the job made. Errors: web/openai_error.py.
"""

from flask_openapi3.openapi import OpenAPI

from web.openai_api import images, models

_RESOURCES = (models, images)


def register(app: OpenAPI) -> None:
    """Add all resources to an application."""
    for resource in _RESOURCES:
        app.register_api(resource.blueprint)
