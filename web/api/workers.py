"""/workers: who is alive, on which device, doing what."""

from flask import jsonify

from web import access
from web.api.common import Reply, resource
from web.api.shapes import WorkerList

blueprint = resource("workers", "Live workers.")


@blueprint.get("/workers", summary="Live workers", responses={"200": WorkerList})
def workers() -> Reply:
    return jsonify({"workers": [w.model_dump(mode="json") for w in access.workers()]})
