"""The OpenAPI document in its final form, and Swagger's page over it, without inline scripts.

flask-openapi3 collects the operations; what it writes is mended here so that strict readers (generators, schemathesis) take
it, and every operation names the headers it listens to.
"""

import copy
from typing import Any

from flask import Flask, Response
from flask_openapi3.openapi import OpenAPI

_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Trainyard's API</title>
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <link rel="icon" href="/static/mark.svg">
  <link rel="stylesheet" href="swagger/css/swagger-ui.css">
</head>
<body>
  <noscript><p>This page needs JavaScript. <a href="/openapi.json">The document itself</a> does not.</p></noscript>
  <div id="swagger-ui"></div>
  <script src="swagger/js/swagger-ui-bundle.js"></script>
  <script src="start.js"></script>
</body>
</html>
"""

_START = """SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true });
"""


class DocumentedApp(OpenAPI):
    """OpenAPI with the document mended."""

    def generate_spec_json(self) -> None:
        super().generate_spec_json()
        self.spec_json = _mended(self.spec_json)


def register(app: Flask) -> None:
    """Use our own page instead of the package's, which has inline scripts."""
    app.config["SWAGGER_HTML_STRING"] = _PAGE
    app.config["OPENAPI_HTML_STRING"] = _PAGE

    @app.route("/openapi/start.js")
    def start_swagger() -> Response:
        return Response(_START, mimetype="text/javascript")


def _mended(document: dict[str, Any]) -> dict[str, Any]:
    document = copy.deepcopy(document)
    components = document["components"]
    for name in [name for name, part in components.items() if part is None]:
        del components[name]
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                parameter["schema"] = _without_null(parameter["schema"])
    return document


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema: what is left out is not null, there is no way to write it."""
    schema = dict(schema)
    options = [option for option in schema.pop("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1:
        schema = options[0] | schema
    elif options:
        schema["anyOf"] = options
    if schema.get("default", ...) is None:
        del schema["default"]
    return schema
