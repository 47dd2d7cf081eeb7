"""The JSON API, one file per resource. Everything lies under /api/v1 but health and Prometheus' metrics."""

from flask_openapi3.openapi import OpenAPI

from web.api import (
    api_keys,
    bases,
    datasets,
    files,
    formats,
    health,
    job_events,
    job_files,
    jobs,
    models,
    queues,
    recipes,
    workers,
)

_RESOURCES = (
    jobs,
    job_events,
    job_files,
    datasets,
    formats,
    files,
    recipes,
    models,
    bases,
    workers,
    queues,
    api_keys,
    health,
)


def register(app: OpenAPI) -> None:
    """Add all resources to an application."""
    for resource in _RESOURCES:
        app.register_api(resource.blueprint)
