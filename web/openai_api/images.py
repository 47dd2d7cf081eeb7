"""/v1/images: pictures of a class that the prompt names, by models that make pictures.

A generation is an ordinary job, which this request waits for: quotas, rates, turns between owners and what the pages show are the
same. A client that leaves does not cancel it.
"""

import base64
import io
import json
import time
import zipfile
from collections.abc import Iterator
from typing import Any, Literal

from flask import Response, jsonify, url_for
from pydantic import BaseModel, ConfigDict, Field

from shared.errors import ClientError, InvalidParams, NotFound, Problem
from shared.jobs.job import MODEL, Job, State
from shared.jobs.models import Model
from shared.recipes.base import Makes
from shared.volume import readback
from shared.volume.assets import known_of
from web import access
from web.api.common import JOB_ID, Asked, KeyHeader, Reply
from web.api.sending import DOCUMENTED, send
from web.job_body import InputChoice, JobBody
from web.job_request import build_request, problems_of_params
from web.openai_api.common import makes_of, named_model, resource
from web.openai_api.prompt import classes_named
from web.openai_error import documented, named, submitted
from web.representation import API
from web.services import Services, services
from web.submission import submit
from web.waiting import wait_seated

blueprint = resource("pictures", "Pictures as OpenAI's Images API makes them.")

_MOST_LISTED = 50  # classes in a refusal
_MOST_NAME = 200  # of a job
_IGNORED = "Accepted, without effect."


class ImagesBody(BaseModel):
    """What is to be made. What OpenAI does not know, seed excepted, is refused, as there; null is the same as left out."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(
        min_length=1, max_length=200, description="Id, or name among your own, of a model that makes pictures."
    )
    prompt: str = Field(
        max_length=4_000, description="Names one class of the model. Of a model without classes it is ignored."
    )
    n: int | None = Field(None, ge=1, description="How many pictures; 1 unless said.")
    size: str | None = Field(None, max_length=20, description="auto, or exactly the model's own, as 28x28.")
    response_format: Literal["b64_json", "url"] | None = Field(
        None, description="b64_json, unless said; url: an address of this service, for the same key."
    )
    seed: int | None = Field(None, ge=0, lt=2**31, description="The same makes the same pictures; not OpenAI's.")
    output_format: Literal["png"] | None = None
    background: Literal["auto", "opaque"] | None = None
    stream: Literal[False] | None = None
    user: str | None = Field(None, max_length=1_000, description=_IGNORED)
    quality: str | None = Field(None, max_length=100, description=_IGNORED)
    style: str | None = Field(None, max_length=100, description=_IGNORED)
    moderation: str | None = Field(None, max_length=100, description=_IGNORED)
    output_compression: int | None = Field(None, ge=0, le=100, description=_IGNORED)
    partial_images: int | None = Field(None, ge=0, le=3, description=_IGNORED)


class ImageShape(BaseModel):
    """One picture, as base64 of a PNG or as an address. revised_prompt: the class it is of, where the model knows classes."""

    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None


class ImagesShape(BaseModel):
    """What was made. created: seconds since 1970."""

    created: int
    output_format: Literal["png"] = "png"
    size: str
    data: list[ImageShape]


class PicturePath(Asked):
    """A picture of a generation, counted from 0."""

    job_id: str = Field(pattern=JOB_ID)
    number: int = Field(ge=0, lt=10**6)


class Busy(ClientError):
    """Everybody who may wait is waiting already. Nothing was submitted."""

    status = 503
    code = "busy"


class JobUnfinished(ClientError):
    """The job has not ended within the time; it goes on."""

    status = 504
    code = "job_unfinished"


class JobStopped(ClientError):
    """Somebody has cancelled or paused the job."""

    status = 409
    code = "job_stopped"


class JobFailed(ClientError):
    """The job has failed, with its own code and message."""

    status = 500
    code = "job_failed"


@blueprint.post(
    "/images/generations",
    summary="Make pictures",
    description="Submits a generation and waits for it, at most TRAINYARD_OPENAI_WAIT_S; then 504 names the job, which goes on. "
    "The same Idempotency-Key with the same body waits for the same job. Its id comes as x-request-id.",
    responses={"200": ImagesShape, **documented(409, 413, 415, 500, 504, 507)},
)
def make_pictures(body: ImagesBody, header: KeyHeader) -> Reply:
    here = services()
    model = named_model(body.model)
    makes = makes_of(model.recipe) or Makes()
    asked, size, label = _asked(here, body, model, makes)
    with here.seats.taken() as seated:
        if not seated:
            raise Busy("as many wait here as may; nothing was submitted, try again in a few seconds")
        try:
            request = build_request(here, asked)
        except InvalidParams as err:
            raise InvalidParams(_as_sent(err.problems, makes)) from err
        job, _ = submit(here, request, header.idempotency_key, body)
        submitted(job.id)
        job = wait_seated(here, job, here.settings.openai_wait_s)
    _must_have_succeeded(here, job)
    return named(_answer(here, job, makes, body, size, label))


@blueprint.get(
    "/images/<job_id>/<int:number>.png",
    summary="One of the pictures made",
    description="As long as the job is kept.",
    responses=DOCUMENTED,
)
def picture(path: PicturePath) -> Reply:
    job = access.job(path.job_id)
    makes = makes_of(job.recipe, job.use or "generate") if job.kind == "generate" else None
    if makes is None:
        raise NotFound(f"the job {job.id} makes no pictures")
    with _opened(services(), job, makes) as archive:
        pictures = archive.infolist()
        if path.number >= len(pictures):
            raise NotFound(f"the job {job.id} has made {len(pictures)} pictures, counted from 0")
        return send(io.BytesIO(archive.read(pictures[path.number])), f"{path.number}.png")


def _asked(here: Services, body: ImagesBody, model: Model, makes: Makes) -> tuple[JobBody, str, str]:
    """(the job to submit, the size of its pictures, their class, "" for none). Raises InvalidParams with every problem."""
    known = known_of(here.volume, model.checkpoint)
    size = f"{known['shape'][1]}x{known['shape'][0]}"
    params: dict[str, Any] = {makes.count: body.n or 1} | ({} if body.seed is None else {makes.seed: body.seed})
    problems = _as_sent(problems_of_params("generate", model.recipe, params), makes)
    if body.size not in (None, "auto", size):
        problems.append(Problem(field="size", message=f"{body.size!r:.40}: this model makes {size}; say that, or auto"))
    label = ""
    if classes := known["classes"]:
        found = classes_named(body.prompt, classes)
        label = found[0] if len(found) == 1 else ""
        if len(found) != 1:
            said = f"names {len(found)} classes, {_listed(found)}" if found else "names no class of this model"
            said += f"; it must name one of {_listed(classes)}"
            problems.append(Problem(field="prompt", message=said))
    if problems:
        raise InvalidParams(problems)
    inputs = {MODEL: InputChoice(model_id=model.id)}
    name = " ".join(body.prompt.split())[:_MOST_NAME]
    return JobBody(kind="generate", inputs=inputs, params=params | {makes.label: label}, name=name), size, label


def _listed(classes: list[str]) -> str:
    more = len(classes) - _MOST_LISTED
    return ", ".join(classes[:_MOST_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def _as_sent(problems: list[Problem], makes: Makes) -> list[Problem]:
    """Problems of a job under the names of this API's fields."""
    names = {f"params.{makes.count}": "n", f"params.{makes.seed}": "seed", f"params.{makes.label}": "prompt"}
    names[f"inputs.{MODEL}"] = "model"
    return [problem.model_copy(update={"field": names.get(problem.field, problem.field)}) for problem in problems]


def _must_have_succeeded(here: Services, job: Job) -> None:
    """Raises what became of the job instead."""
    if job.state == State.succeeded:
        return
    if job.state == State.failed:
        why = job.error
        said = f"the job {job.id} has failed: {why.message if why else 'nobody knows why'}"
        raise JobFailed(said, code=why.code if why else None)
    if job.state in (State.cancelled, State.paused):
        raise JobStopped(f"the job {job.id} was {job.state} by somebody or something else")
    waited = "the server stops" if here.seats.closing else f"not ended within {here.settings.openai_wait_s:g} s"
    way = f"it goes on: ask GET {API}/jobs/{job.id}?wait=20, or send the same again with the same Idempotency-Key"
    raise JobUnfinished(f"the job {job.id} is {job.state}: {waited}; {way}")


def _opened(here: Services, job: Job, makes: Makes) -> zipfile.ZipFile:
    """The pictures of a job that has ended. Raises NotFound."""
    path = readback.artifact_path(here.volume, job.id, makes.file)
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as err:
        raise NotFound(f"the pictures of job {job.id} are gone or damaged") from err


def _answer(here: Services, job: Job, makes: Makes, body: ImagesBody, size: str, label: str) -> Response:
    head = {"created": int(time.time()), "output_format": "png", "size": size}
    about = {"revised_prompt": label} if label else {}
    archive = _opened(here, job, makes)
    if body.response_format == "url":
        with archive:
            count = len(archive.infolist())
        ways = [url_for(".picture", job_id=job.id, number=i, _external=True) for i in range(count)]
        return jsonify(head | {"data": [{"url": way} | about for way in ways]})
    response = Response(_written(archive, head, about), mimetype="application/json")
    response.call_on_close(archive.close)
    return response


def _written(archive: zipfile.ZipFile, head: dict[str, Any], about: dict[str, str]) -> Iterator[str]:
    """The answer piece by piece: a thousand large pictures are never in memory at once."""
    yield json.dumps(head)[:-1] + ', "data": ['
    for i, info in enumerate(archive.infolist()):
        coded = base64.b64encode(archive.read(info)).decode()
        yield (", " if i else "") + json.dumps({"b64_json": coded} | about, ensure_ascii=False)
    yield "]}"
