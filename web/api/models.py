"""/models: names for checkpoints. A finished training leaves one by itself, with the job's own id."""

from flask import jsonify
from pydantic import BaseModel, ConfigDict, Field

from shared.errors import InvalidParams, NotFound, Problem, VolumeFull
from shared.ids import new_id
from shared.jobs.models import Model, save_model
from shared.jobs.pins import pin_for_model, unpin_model
from shared.recipes import RECIPES
from web import access
from web.api.common import JOB_ID, Asked, Reply, resource
from web.api.shapes import ModelList
from web.deletion import forget_model
from web.identity import current_owner
from web.job_body import CheckpointChoice
from web.job_inputs import resolve_checkpoint
from web.problems import documented
from web.representation import API
from web.services import Services, services

blueprint = resource("models", "Names for checkpoints.")


class ModelPath(Asked):
    """A model's id."""

    model_id: str = Field(pattern=JOB_ID)


class ModelBody(BaseModel):
    """A checkpoint to name."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    checkpoint: CheckpointChoice


def name_checkpoint(here: Services, body: ModelBody) -> Model:
    """Save a model. Raises InvalidParams when there is no such checkpoint."""
    problems = []
    ref, training = resolve_checkpoint(here, body.checkpoint, "checkpoint", problems)
    if ref is None or training is None:
        raise InvalidParams(problems)
    model_id = new_id()
    try:
        pin_for_model(here.volume, ref, model_id)  # from now on the checkpoint stays, also while its training goes on
        named = here.volume.checkpoint(ref)
    except NotFound as err:
        raise InvalidParams([Problem(field="checkpoint", message=err.message)]) from err
    own, spec = _own_model(training.id), RECIPES.get(training.recipe)
    same = (
        own if own and own.checkpoint == ref else None
    )  # what only the final report knows holds for this very state alone
    metrics = named.metrics | (same.metrics if same else {})
    judged_by = spec.criterion.metric if spec else ""
    model = Model(
        id=model_id,
        name=body.name.strip(),
        owner=current_owner(),
        recipe=training.recipe,
        recipe_version=training.recipe_version,
        checkpoint=ref,
        metrics=metrics,
        needs=named.needs,
        criterion=judged_by,
        value=metrics.get(judged_by),
        params=training.params,
        inputs=training.inputs,
        split=own.split if own else {},
        baselines=own.baselines if own else {},
        verdict=same.verdict if same else None,  # of any other state nobody has judged
        privacy=same.privacy if same else None,
        stages=same.stages if same else [],
        cost=same.cost if same else {},
    )
    try:
        save_model(here.volume, model)
    except NotFound as err:
        unpin_model(here.volume, ref, model_id)
        raise InvalidParams(
            [Problem(field="checkpoint", message=f"what it is built upon is gone: {err.message}")]
        ) from err
    except VolumeFull:
        unpin_model(here.volume, ref, model_id)
        raise
    return model


def _own_model(job_id: str) -> Model | None:
    """The model that a training has left under its own id: it knows how the data were split."""
    try:
        return access.model(job_id)
    except NotFound:
        return None


@blueprint.get("/models", summary="List models, newest first", responses={"200": ModelList})
def models() -> Reply:
    return jsonify({"models": [m.model_dump(mode="json") for m in access.models()]})


@blueprint.post("/models", summary="Name a checkpoint", responses={"201": Model, **documented(413, 415, 507)})
def add_model(body: ModelBody) -> Reply:
    model = name_checkpoint(services(), body)
    response = jsonify(model.model_dump(mode="json"))
    response.status_code = 201
    response.headers["Location"] = f"{API}/models/{model.id}"
    return response


@blueprint.get("/models/<model_id>", summary="One model", responses={"200": Model})
def model(path: ModelPath) -> Reply:
    return jsonify(access.model(path.model_id).model_dump(mode="json"))


@blueprint.delete(
    "/models/<model_id>",
    summary="Forget a model's name",
    description="The checkpoint stays with its job. Refused while a job waits for this model by its name.",
    responses={"204": None, **documented(409, 413, 415)},
)
def remove_model(path: ModelPath) -> Reply:
    forget_model(services(), path.model_id)
    return "", 204
