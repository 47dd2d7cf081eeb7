"""Writes what a recipe's sample() returns below the attempt's samples/ folder and tells of it."""

import os
import random
from pathlib import Path
from typing import Any

import numpy as np

from shared.ids import new_id
from shared.volume.staging import STAGING_PREFIX, full_is_said
from worker.context import Context
from worker.recipe import RecipeCode

TEXT_IN_EVENT = 2_000  # characters; the file holds all


def publish_samples(
    code: RecipeCode, model: Any, params: Any, assets: dict[str, Any], step: int, context: Context
) -> None:
    """Take samples and publish each as samples/<step>.<txt|png>, further ones as <step>-<n>.

    Python's and NumPy's generators are put back afterwards: samples never change a training.
    """
    python_rng, numpy_rng = random.getstate(), np.random.get_state()
    try:
        samples = code.sample(model, params, assets, seed=params.seed)
    finally:
        random.setstate(python_rng)
        np.random.set_state(numpy_rng)
    for n, sample in enumerate(samples):
        data: dict[str, Any] = {"step": step, "title": sample.title}
        body, suffix = (sample.png, "png") if sample.png is not None else ((sample.text or "").encode(), "txt")
        if context.attempt_dir is not None:
            name = f"samples/{step:08d}{f'-{n}' if n else ''}.{suffix}"
            _write(context.attempt_dir / name, body)
            data["artifact"] = name
        if sample.text is not None:
            data["text"] = sample.text[:TEXT_IN_EVENT]
        context.event("sample", data)


def _write(path: Path, body: bytes) -> None:
    """Put a whole file in place or none. Raises VolumeFull."""
    staging = path.parent / f"{STAGING_PREFIX}{new_id()}"
    with full_is_said():
        try:
            path.parent.mkdir(exist_ok=True)
            staging.write_bytes(body)
            os.replace(staging, path)
        finally:
            staging.unlink(missing_ok=True)
