"""/formats: what can be uploaded as a dataset, with the JSON Schema of each format's options."""

from typing import Any

from flask import jsonify

from shared.datasets.examples import list_examples
from shared.datasets.formats import FORMATS
from shared.datasets.formats.base import Format
from web.api.common import Reply, resource
from web.api.shapes import FormatList
from web.services import services

blueprint = resource("formats", "Kinds of datasets.")


def _shape(format: Format) -> dict[str, Any]:
    return {
        "name": format.name,
        "title": format.title,
        "help": format.help,
        "suffixes": list(format.suffixes),
        "options": format.options.model_json_schema(),
        "examples": [one for one in list_examples() if one["format"] == format.name],
    }


@blueprint.get("/formats", summary="All dataset formats", responses={"200": FormatList})
def formats() -> Reply:
    limit = services().settings.max_upload_bytes
    return jsonify({"formats": [_shape(format) for format in FORMATS.values()], "max_upload_bytes": limit})
