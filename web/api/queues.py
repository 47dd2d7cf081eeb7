"""/queues: how long each line is and who serves it."""

from flask import jsonify

from shared.jobs.queues import queues as read_queues
from web.api.common import Reply, resource
from web.api.shapes import QueueList
from web.services import services

blueprint = resource("queues", "Lines of waiting jobs.")


@blueprint.get("/queues", summary="All queues", responses={"200": QueueList})
def queues() -> Reply:
    return jsonify({"queues": [q.model_dump(mode="json") for q in read_queues(services().store)]})
