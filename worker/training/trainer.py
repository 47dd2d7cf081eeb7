"""Runs one training job inside the trainer process: inputs, recipe, fit, report, artifacts, model. Thin glue.

Called by worker/process.py. Raises what ends the attempt (see worker/supervision/failure.py) or an Interrupted.
"""

import math
from typing import Any

from shared.errors import RecipeFailed
from shared.jobs.job import START_FROM, Job, Progress
from shared.jobs.models import Model, VerdictInfo, save_model
from shared.outputs import MOST_ROWS, Output, Table, headline
from shared.recipes import get_recipe
from shared.recipes.base import RecipeSpec, validate_params
from shared.recipes.privacy import is_private, start_problem
from shared.volume.secret import has_secret
from shared.volume.volume import CheckpointInfo
from worker.artifacts import publishing
from worker.context import Context
from worker.inputs import checkpoint_of, find_checkpoint, open_inputs
from worker.privacy import in_short, privacy_outputs, told
from worker.recipe import Baseline, Inputs, Report, code_of, optional
from worker.training.beside import cost_of_privacy, plain_beside
from worker.training.fit import FitOutcome, fit
from worker.training.private_steps import CLIPPED
from worker.training.reporting import Lively
from worker.verdict import judge

BESIDE = "Beside simple answers"


def run_train(job: Job, context: Context) -> dict[str, Any]:
    """Train job to its end and return job.result: metrics, the checkpoint to use, the model's id, how many outputs.

    Goes on from the newest valid checkpoint of an earlier attempt. The model it leaves is named by the job's own id.
    """
    assert context.volume is not None and context.attempt_dir is not None
    loading = Lively(context, Progress(phase="loading"))
    spec = get_recipe(job.recipe)
    code, params = code_of(spec), validate_params(spec.train_params, job.params)
    if START_FROM in job.inputs and (why := start_problem(params)):
        raise RecipeFailed(f"start_from: {why}")
    resume = context.volume.newest_checkpoint(job.id, below_attempt=job.attempt, recorded=job.checkpoint)
    if resume is not None and is_private(params) and not has_secret(context.volume, job.id):
        raise RecipeFailed(
            "the secret of this private training is gone: what its noise was cannot be known, start it anew"
        )
    inputs = open_inputs({role: ref for role, ref in job.inputs.items() if role != START_FROM}, context)
    loading.check()
    data = code.load(inputs, params, loading)
    for note in data.notes:
        context.event("note", {"level": "info", "message": note})
    context.check()

    if resume is not None:
        message = f"going on from step {resume.ref.step}, written by attempt {resume.ref.attempt}"
        context.event("note", {"level": "info", "message": message, "resumed_from_step": resume.ref.step})
    start_from = None
    if resume is None or optional(code, "stages") is not None:  # a further stage begins from there too
        start_from = _start_from(job, context)
    outcome = fit(spec, params, data, context, resume, inputs=inputs, start_from=start_from)

    at = Progress(phase="reporting", step=outcome.step, total_steps=outcome.total_steps, metrics=outcome.metrics)
    return _conclude(job, spec, params, outcome, inputs, Lively(context, at))


def _start_from(job: Job, context: Context) -> CheckpointInfo | None:
    ref = job.inputs.get(START_FROM)
    return find_checkpoint(checkpoint_of(ref, context), context) if ref else None


def _conclude(
    job: Job, spec: RecipeSpec, params: Any, outcome: FitOutcome, inputs: Inputs, context: Lively
) -> dict[str, Any]:
    """Report, put what there is to see on the volume, compare, name the model, and sum up."""
    assert context.volume is not None and context.attempt_dir is not None
    code = code_of(spec)
    with publishing(context.volume, context.attempt_dir / "artifacts") as (files, outputs):
        report = code.report(outcome.model, outcome.data, params, context, files, outcome.stages)
        metrics = {**outcome.metrics, **report.metrics}
        outputs += report.outputs
        compare = optional(code, "baselines")
        if compare:
            context.enter("baselines")
        baselines = list(compare(outcome.data, params, context)) if compare else []
        privacy = None
        if outcome.data.privacy is not None:
            cost = ""
            if params.beside_plain:
                baselines.append(plain_beside(spec, params, inputs, context, "baselines"))
                cost = cost_of_privacy(report, baselines[-1], params.seed, context)
            privacy = told(outcome.data.privacy, outcome.step, outcome.metrics.get(CLIPPED), cost)
        outputs += _beside(Baseline(spec.title, metrics, seconds=outcome.device_s), baselines)
        summary = headline(outputs)
        if privacy is not None:
            outputs[:0] = privacy_outputs(privacy)
        verdict = _verdict(report, baselines, params, context)
        written = files.names()
    result = {
        "headline": summary,
        "outputs": len(outputs),
        **({"verdict": verdict.model_dump()} if verdict else {}),
        **({"privacy": in_short(outcome.data.privacy, privacy.epsilon)} if privacy and outcome.data.privacy else {}),
        "metrics": metrics,
        "artifacts": len(written),
        "steps": outcome.step,
        "total_steps": outcome.total_steps,
        "stopped_early": outcome.stopped_early,
        "best_step": outcome.best_step,
        "best_value": outcome.best_value,
        "steps_per_s": outcome.steps_per_s,
        "device_s": outcome.device_s,
    }
    if outcome.checkpoint is not None:
        model = _model(job, spec, outcome, metrics, baselines, verdict).model_copy(update={"privacy": privacy})
        needs = context.volume.checkpoint(outcome.checkpoint).needs
        save_model(context.volume, model.model_copy(update={"needs": needs}))
        result |= {"model_id": job.id, "checkpoint": outcome.checkpoint.model_dump(mode="json")}
    return result


def _verdict(report: Report, baselines: list[Baseline], params: Any, context: Context) -> VerdictInfo | None:
    """Whether the model is better than the best baseline, by what the report says how to judge."""
    others = [(each.name, each.predictions) for each in baselines if each.predictions is not None]
    if report.judge is None or report.rows < 1:
        return None
    found = judge(report.judge, report.predictions, others, report.rows, params.seed, context.check)
    if found is None:
        return None
    difference, low, high = (_cell(value) for value in (found.difference, found.low, found.high))
    if difference is None:
        return None
    return VerdictInfo(
        sentence=found.sentence, better=found.better, against=found.against, difference=difference, low=low, high=high
    )


def _beside(own: Baseline, baselines: list[Baseline]) -> list[Output]:
    """The model's own figures above those of its baselines, by the metrics that they were measured with.

    How long each has learnt stands before them where a baseline tells it.
    """
    names = list(dict.fromkeys(name for each in baselines for name in each.metrics))
    if not names:
        return []
    timed = any(each.seconds is not None for each in baselines)
    rows = [
        [each.name, *([_seconds(each.seconds)] if timed else []), *(_cell(each.metrics.get(name)) for name in names)]
        for each in [own, *baselines]
    ]
    columns = ["", *(["learnt for (s)"] if timed else []), *(name.replace("_", " ") for name in names)]
    return [Table(title=BESIDE, columns=columns, rows=rows[:MOST_ROWS], count=len(rows))]


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _cell(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _model(
    job: Job,
    spec: RecipeSpec,
    outcome: FitOutcome,
    metrics: dict[str, float],
    baselines: list[Baseline],
    verdict: VerdictInfo | None,
) -> Model:
    assert outcome.checkpoint is not None
    return Model(
        id=job.id,
        name=job.name or f"{job.recipe} {job.id[-6:]}",
        owner=job.owner,
        recipe=job.recipe,
        recipe_version=job.recipe_version,
        checkpoint=outcome.checkpoint,
        metrics=metrics,
        criterion=spec.criterion.metric,
        value=outcome.metrics.get(spec.criterion.metric),
        params=job.params,
        inputs=job.inputs,
        split=outcome.data.split,
        stages=outcome.stages if len(outcome.stages) > 1 else [],
        baselines={each.name: each.metrics for each in baselines},
        verdict=verdict,
        cost={"steps": outcome.step, "device_s": outcome.device_s},
    )
