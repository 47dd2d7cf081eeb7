"""The Flask front end: JSON API, pages, and nothing that imports TensorFlow or the worker."""

from web.app import create_app

__all__ = ["create_app"]
