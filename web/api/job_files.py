"""/jobs/<id>/{metrics,log,outputs,samples,checkpoints,artifacts}: what attempts have written to the volume."""

import json

from flask import jsonify
from pydantic import Field

from shared.errors import NotFound
from shared.outputs import dump_outputs
from shared.volume import readback
from web import access
from web.api.common import JOB_ID, Asked, JobPath, Query, Reply, resource
from web.api.sending import DOCUMENTED, send
from web.api.shapes import ArtifactList, CheckpointList, MetricRows, OutputList, SampleList
from web.services import services

blueprint = resource("results", "Curves, logs, outputs, samples, checkpoints and artifacts of a job.")


class MetricsQuery(Query):
    """How much of the curves."""

    max_points: int = Field(2000, ge=10, le=100_000, description="Thin out to about so many rows, keeping extremes.")


class LogQuery(Query):
    """Which part of the log."""

    attempt: int | None = Field(None, ge=1, le=1_000_000, description="The newest when left out.")
    offset: int | None = Field(
        None, ge=0, le=2**63 - 1, description="Byte to read from; next_offset of the part before."
    )
    tail_bytes: int = Field(65_536, ge=1, le=1_048_576, description="Without offset: so much of the end.")


class SamplePath(Asked):
    """A sample's file."""

    job_id: str = Field(pattern=JOB_ID)
    attempt: int = Field(ge=1, le=1_000_000)
    step: int = Field(ge=0, lt=10**12)
    file: str = Field(max_length=255)


class ArtifactPath(Asked):
    """An artifact's name."""

    job_id: str = Field(pattern=JOB_ID)
    name: str = Field(max_length=255)


@blueprint.get("/jobs/<job_id>/metrics", summary="Learning curves", responses={"200": MetricRows})
def job_metrics(path: JobPath, query: MetricsQuery) -> Reply:
    here = services()
    access.job(path.job_id)
    return jsonify({"rows": readback.series(here.volume, path.job_id, max_points=query.max_points)})


@blueprint.get("/jobs/<job_id>/log", summary="Log of an attempt", responses={"200": readback.LogPart})
def job_log(path: JobPath, query: LogQuery) -> Reply:
    here = services()
    job = access.job(path.job_id)
    attempt = query.attempt or job.attempt
    if not attempt:
        raise NotFound(f"job {job.id} has not been tried yet: there is no log")
    part = readback.log(here.volume, job.id, attempt, offset=query.offset, tail_bytes=query.tail_bytes)
    return jsonify(part.model_dump())


@blueprint.get("/jobs/<job_id>/outputs", summary="What a job made, however long", responses={"200": OutputList})
def job_outputs(path: JobPath) -> Reply:
    here = services()
    access.job(path.job_id)
    made = readback.outputs(here.volume, path.job_id)
    return jsonify({"outputs": json.loads(dump_outputs(made))})


@blueprint.get("/jobs/<job_id>/samples", summary="Outputs of a training on its way", responses={"200": SampleList})
def job_samples(path: JobPath) -> Reply:
    here = services()
    access.job(path.job_id)
    return jsonify({"samples": [s.model_dump(mode="json") for s in readback.samples(here.volume, path.job_id)]})


@blueprint.get(
    "/jobs/<job_id>/samples/<int:attempt>/<int:step>/<file>",
    summary="A file that a sample names",
    description="Pictures are shown; everything else is a download that no browser runs.",
    responses=DOCUMENTED,
)
def job_sample(path: SamplePath) -> Reply:
    found = readback.sample_path(services().volume, path.job_id, path.attempt, path.step, path.file)
    return send(found, path.file)


@blueprint.get("/jobs/<job_id>/checkpoints", summary="Published checkpoints", responses={"200": CheckpointList})
def job_checkpoints(path: JobPath) -> Reply:
    here = services()
    access.job(path.job_id)
    found = [
        {
            "checkpoint": info.ref.model_dump(),
            "metrics": info.metrics,
            "bytes": info.bytes,
            "created_at": info.created_at.isoformat(),
        }
        for info in here.volume.checkpoints(path.job_id)
    ]
    return jsonify({"checkpoints": found})


@blueprint.get("/jobs/<job_id>/artifacts", summary="Files a job made", responses={"200": ArtifactList})
def job_artifacts(path: JobPath) -> Reply:
    here = services()
    access.job(path.job_id)
    return jsonify({"artifacts": [a.model_dump() for a in readback.artifacts(here.volume, path.job_id)]})


@blueprint.get(
    "/jobs/<job_id>/artifacts/<name>",
    summary="Download a file that a job made",
    description="Pictures are shown; everything else is a download that no browser runs.",
    responses=DOCUMENTED,
)
def job_artifact(path: ArtifactPath) -> Reply:
    return send(readback.artifact_path(services().volume, path.job_id, path.name), path.name)
