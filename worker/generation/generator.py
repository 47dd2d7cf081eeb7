"""Runs generation jobs inside the generator process, which stays between jobs with its models loaded and compiled.

Called by worker/process.py. Thin glue: the recipe's Generator does the work, worker/generation/export.py the exports.
"""

import contextlib
import functools
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from shared.errors import Cancelled, RecipeFailed
from shared.jobs.job import MODEL, CheckpointRef, InputRef, Job, Progress
from shared.jobs.record import base_key, source_key
from shared.outputs import headline
from shared.recipes import get_recipe
from shared.recipes.base import validate_params
from worker.artifacts import publishing
from worker.context import Context
from worker.generation.export import export_model
from worker.inputs import checkpoint_of, open_input, open_inputs
from worker.recipe import Generator, Report, optional, recipe_code
from worker.spool import drop
from worker.training.checkpoint import LoadedModel, load_model

_ON_TOP = (
    "tokens",
    "seconds",
    "tokens_per_s",
)  # figures of a use that stand in job.result itself, not among its metrics


class WarmModel:
    """A model as it was loaded; its generator is made when it is first asked for."""

    def __init__(self, loaded: LoadedModel):
        self.loaded = loaded

    @functools.cached_property
    def generator(self) -> Generator:
        return self.loaded.code.open_generator(self.loaded.model, self.loaded.params, self.loaded.assets)


@dataclass(frozen=True)
class WarmBase:
    """A base model that a recipe uses as it came."""

    generator: Generator


class WarmModels:
    """Loaded models and bases; the least recently used goes first. limit: how many; 0 keeps only the one in use."""

    def __init__(self, limit: int):
        self._limit = max(limit, 1)
        self._kept: OrderedDict[str, WarmModel | WarmBase] = OrderedDict()

    def keys(self) -> list[str]:
        """What is held, as shared.jobs.record.warm_key names it, least recently used first."""
        return list(self._kept)

    def get(self, key: str, load: Callable[[], WarmModel | WarmBase]) -> WarmModel | WarmBase:
        """Return what is held under a key, loading it when nothing is. Raises what load raises."""
        if key not in self._kept:
            while len(self._kept) >= self._limit:
                self._kept.popitem(last=False)
            self._kept[key] = load()
        self._kept.move_to_end(key)
        return self._kept[key]


def _opened(job: Job, context: Context, warm: WarmModels) -> tuple[WarmModel | WarmBase, CheckpointRef | None]:
    """The model or the base a generation uses, and which checkpoint it is.

    Raises RecipeFailed when it names none, InputMissing when that is no longer on the volume, CheckpointCorrupt when its hashes do
    not match.
    """
    if MODEL not in job.inputs:
        raise RecipeFailed("this generation names no model", code="no_model")
    given = job.inputs[MODEL]
    ref = None if given.base_id else checkpoint_of(given, context)

    def load() -> WarmModel | WarmBase:
        context.progress(Progress(phase="loading"))
        if ref is not None:
            return WarmModel(load_model(open_input(InputRef(checkpoint=ref), context).folder, context))
        opening = optional(recipe_code(job.recipe), "open_base")
        if opening is None:
            raise RecipeFailed(f"{job.recipe} cannot use a base model as it is: train with it first", code="no_model")
        return WarmBase(opening(open_input(given, context)))

    return warm.get(base_key(given.base_id or "", job.recipe) if ref is None else source_key(ref), load), ref


def run_generate(job: Job, context: Context, warm: WarmModels) -> dict[str, Any]:
    """Carry out one use of a model and return job.result: small; the outputs and their files go to the attempt's artifacts."""
    assert context.volume is not None and context.attempt_dir is not None
    name = job.use or "generate"
    use = get_recipe(job.recipe).use(name)
    params = validate_params(use.params, job.params)
    inputs = open_inputs({role: given for role, given in job.inputs.items() if role != MODEL}, context)
    model, ref = _opened(job, context, warm)
    context.check()
    with _forgotten_when_cancelled(context), publishing(context.volume, context.attempt_dir / "artifacts") as published:
        files, outputs = published
        if name == "export":
            if not isinstance(model, WarmModel) or ref is None:
                raise RecipeFailed(
                    "a base model is where it came from already: export what was trained", code="no_model"
                )
            made = export_model(model.loaded, ref, context, files)
        else:
            method = getattr(model.generator, name)
            made = method(params, inputs, context, files) if use.inputs else method(params, context, files)
        report = made if isinstance(made, Report) else Report(outputs=made)
        outputs += report.outputs
        artifacts = len(files.names())
    drop(context)
    metrics = dict(report.metrics)
    on_top = {name: metrics.pop(name) for name in _ON_TOP if name in metrics}
    result = {"headline": headline(outputs), "outputs": len(outputs), "artifacts": artifacts}
    return {**result, "metrics": metrics, **on_top}


@contextlib.contextmanager
def _forgotten_when_cancelled(context: Context) -> Iterator[None]:
    """Leave nothing of what was to be gone on with."""
    try:
        yield
    except Cancelled:
        drop(context)
        raise
