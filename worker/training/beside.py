"""The same training without privacy, beside a private one: what privacy costs in quality. Called by trainer.py, never kept."""

import tempfile
from pathlib import Path
from typing import Any

from shared.jobs.job import Progress
from shared.recipes.base import RecipeSpec
from worker.artifacts import Files
from worker.context import Context
from worker.recipe import Baseline, Inputs, Report, code_of
from worker.training.fit import fit
from worker.verdict import judge

NAME = "the same without privacy"


class _Aside(Context):
    """Neither a volume nor a folder: nothing is written. Stops are passed on, and how far it is."""

    outer: Context
    phase: str

    def check(self) -> None:
        self.outer.check()

    def progress(self, progress: Progress) -> None:
        if progress.total_steps:
            self.outer.progress(Progress(phase=self.phase, part=progress.step, parts=progress.total_steps))


def plain_beside(spec: RecipeSpec, params: Any, inputs: Inputs, context: Context, phase: str) -> Baseline:
    """Train and report with the same params but epsilon. A job that is killed meanwhile begins this anew, and nothing else."""
    code, plain = code_of(spec), params.model_copy(update={"epsilon": None})
    aside = _Aside(cache_dir=context.cache_dir, max_cache_bytes=context.max_cache_bytes)
    aside.outer, aside.phase = context, phase
    outcome = fit(spec, plain, code.load(inputs, plain, aside), aside, inputs=inputs)
    with tempfile.TemporaryDirectory() as folder:
        report = code.report(outcome.model, outcome.data, plain, aside, Files(Path(folder)), outcome.stages)
    return Baseline(NAME, {**outcome.metrics, **report.metrics}, report.predictions, seconds=outcome.device_s)


def cost_of_privacy(report: Report, plain: Baseline, seed: int, context: Context) -> str:
    """How much better or worse the private model is, in a sentence; "" where that cannot be told."""
    if report.judge is None or plain.predictions is None or report.rows < 1:
        return ""
    found = judge(report.judge, report.predictions, [(plain.name, plain.predictions)], report.rows, seed, context.check)
    return found.sentence if found else ""
