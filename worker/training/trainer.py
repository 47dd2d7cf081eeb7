"""Runs one training job inside the trainer process: dataset, recipe, fit, report, artifacts, model. Thin glue.

Called by worker/process.py. Raises what ends the attempt (see worker/supervision/failure.py) or an Interrupted.
"""

from typing import Any

from shared.errors import InputMissing
from shared.jobs.job import Job, Progress
from shared.jobs.models import Model, save_model
from shared.recipes import get_recipe
from shared.recipes.base import validate_params
from worker.artifacts import publish_artifacts
from worker.context import Context
from worker.recipe import recipe_code
from worker.sources import find_source
from worker.training.fit import FitOutcome, fit


def run_train(job: Job, context: Context) -> dict[str, Any]:
    """Train job to its end and return job.result: metrics, the checkpoint to use, the model's id, artifact names.

    Goes on from the newest valid checkpoint of an earlier attempt. The model it leaves is named by the job's own id.
    """
    assert context.volume is not None and context.attempt_dir is not None
    volume = context.volume
    context.progress(Progress(phase="loading"))
    params = validate_params(get_recipe(job.recipe).train_params, job.params)
    code = recipe_code(job.recipe)
    if job.dataset_id is None:
        raise InputMissing("this training names no dataset")
    dataset, folder = context.dataset(job.dataset_id)
    data = code.load(dataset, folder, params)
    for note in data.notes:
        context.event("note", {"level": "info", "message": note})
    context.check()

    resume = volume.newest_checkpoint(job.id, below_attempt=job.attempt, recorded=job.checkpoint)
    start_from = None
    if resume is not None:
        message = f"going on from step {resume.ref.step}, written by attempt {resume.ref.attempt}"
        context.event("note", {"level": "info", "message": message, "resumed_from_step": resume.ref.step})
    elif job.source is not None:
        start_from = find_source(volume, job.source)
    outcome = fit(code, params, data, context, resume, start_from=start_from)

    context.progress(
        Progress(phase="evaluating", step=outcome.step, total_steps=outcome.total_steps, metrics=outcome.metrics)
    )
    report = code.report(outcome.model, data, params)
    names = publish_artifacts(volume, context.attempt_dir, report.artifacts)
    result = _summary(outcome, report.metrics, names)
    if outcome.checkpoint is not None:
        model = Model(
            id=job.id,
            name=job.name or f"{job.recipe} {job.id[-6:]}",
            owner=job.owner,
            recipe=job.recipe,
            recipe_version=job.recipe_version,
            checkpoint=outcome.checkpoint,
            metrics=result["metrics"],
        )
        save_model(volume, model)
        result |= {"model_id": job.id, "checkpoint": outcome.checkpoint.model_dump(mode="json")}
    return result


def _summary(outcome: FitOutcome, report: dict[str, float], artifacts: list[str]) -> dict[str, Any]:
    return {
        "metrics": {**outcome.metrics, **report},
        "steps": outcome.step,
        "total_steps": outcome.total_steps,
        "stopped_early": outcome.stopped_early,
        "best_step": outcome.best_step,
        "best_value": outcome.best_value,
        "steps_per_s": outcome.steps_per_s,
        "device_s": outcome.device_s,
        "artifacts": artifacts,
    }
