"""Runs generation jobs inside the generator process, which stays between jobs with its models loaded and compiled.

Called by worker/process.py. Thin glue: the recipe's Generator does the work.
"""

from collections import OrderedDict
from typing import Any

from shared.errors import InputMissing, NotFound
from shared.jobs.job import CheckpointRef, Job, Progress
from shared.jobs.models import get_model
from shared.jobs.record import source_key
from shared.recipes import get_recipe
from shared.recipes.base import validate_params
from shared.volume.volume import Volume
from worker.artifacts import publish_artifacts
from worker.context import Context
from worker.recipe import Generator
from worker.sources import find_source
from worker.training.checkpoint import load_model


class WarmModels:
    """Loaded models by checkpoint; the least recently used goes first. limit: how many; 0 keeps only the one in use."""

    def __init__(self, limit: int):
        self._limit = max(limit, 1)
        self._kept: OrderedDict[str, Generator] = OrderedDict()

    def keys(self) -> list[str]:
        """What is held, as shared.jobs.record.source_key names it, least recently used first."""
        return list(self._kept)

    def __contains__(self, ref: CheckpointRef) -> bool:
        return source_key(ref) in self._kept

    def get(self, ref: CheckpointRef, volume: Volume) -> Generator:
        """Return the generator of a checkpoint, loading it when it is not held.

        Raises InputMissing when it is no longer on the volume, CheckpointCorrupt when its hashes do not match.
        """
        key = source_key(ref)
        if key not in self._kept:
            while len(self._kept) >= self._limit:
                self._kept.popitem(last=False)
            self._kept[key] = _open(ref, volume)
        self._kept.move_to_end(key)
        return self._kept[key]


def _open(ref: CheckpointRef, volume: Volume) -> Generator:
    info = find_source(volume, ref)
    loaded = load_model(info.path)
    return loaded.code.open_generator(loaded.model, loaded.params, loaded.assets)


def run_generate(job: Job, context: Context, warm: WarmModels) -> dict[str, Any]:
    """Carry out one generation job and return job.result: the recipe's summary, and names of artifacts if any."""
    assert context.volume is not None and context.attempt_dir is not None
    source = job.source or _source_of(job, context.volume)
    params = validate_params(get_recipe(job.recipe).generate_params, job.params)
    if source not in warm:
        context.progress(Progress(phase="loading"))
    generator = warm.get(source, context.volume)
    context.check()
    result = generator.generate(params, context)
    names = publish_artifacts(context.volume, context.attempt_dir, result.artifacts)
    return {**result.summary, "artifacts": names} if names else result.summary


def _source_of(job: Job, volume: Volume) -> CheckpointRef:
    """The checkpoint of a job that was submitted before the training it waited for had left its model."""
    try:
        return get_model(volume, job.model_id or "").checkpoint
    except NotFound as err:
        raise InputMissing(f"model {job.model_id} is not on the volume") from err
