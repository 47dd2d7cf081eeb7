"""Exports: everything a model is made of as one zip, for every recipe alike.

    README.md              the model card: what it was trained on and with, its split, its figures and what they are worth
    config.json            recipe, version, params, and each variable's path, shape and type in the recipe's own order
    weights.safetensors    every variable of the model, by its path
    assets.json            what using it needs besides weights (class names, a vocabulary)
    assets.safetensors     the same in arrays, where there are some

and of recipes with an export():

    model.keras            the model as Keras saves one
    saved_model/           the same for TensorFlow alone, with its preprocessing where TensorFlow can express it
    example.py             about ten lines that answer with saved_model/ where this project is not installed
    tokenizer.json, ...    what example.py needs besides

The same checkpoint makes the same bytes, but for model.keras and saved_model/, which hold the time and a number of their own.
"""

import contextlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from safetensors.numpy import save_file

from shared.datasets.manifest import DatasetManifest, get_dataset
from shared.errors import NotFound
from shared.jobs.job import CheckpointRef, Progress
from shared.jobs.models import Model, get_model
from shared.outputs import Output, Table
from shared.recipes import get_recipe
from shared.volume.staging import full_is_said
from worker.artifacts import Files
from worker.context import Context
from worker.generation.model_card import model_card
from worker.recipe import optional
from worker.training.checkpoint import LoadedModel
from worker.training.variables import fixed_variables

NAME = "model.zip"
_SHOWN = (
    "shown_"  # assets called so are rows to show answers on while training: they are somebody's, and using needs none
)
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can name
_PIECE = 1 << 20


def export_model(loaded: LoadedModel, ref: CheckpointRef, context: Context, files: Files) -> list[Output]:
    """Write model.zip; returns a table of what is in it. ref: the checkpoint that was loaded. Raises VolumeFull."""
    spec = get_recipe(loaded.recipe)
    arrays = _by_path(loaded.model, fixed_variables(loaded.code, loaded.model))
    config = {
        "recipe": spec.name,
        "recipe_version": spec.version,
        "step": loaded.step,
        "checkpoint": ref.model_dump(mode="json"),
        "params": loaded.params.model_dump(mode="json"),
        "variables": [
            {"path": path, "shape": list(array.shape), "dtype": array.dtype.name} for path, array in arrays.items()
        ],
    }
    model = _model_of(ref, context)
    offered = optional(loaded.code, "export")
    texts = {
        "README.md": model_card(spec, loaded, model, arrays, _datasets(model, context), taken_away=offered is not None),
        "config.json": _json(config),
        "assets.json": _json({k: v for k, v in loaded.assets.json.items() if not k.startswith(_SHOWN)}),
    }
    kept = {name: array for name, array in loaded.assets.arrays.items() if not name.startswith(_SHOWN)}
    tensors = {"weights.safetensors": arrays, "assets.safetensors": kept}
    rows: list[list[Any]] = []
    with full_is_said(), zipfile.ZipFile(files.path(NAME), "w", zipfile.ZIP_STORED) as archive:
        for name, text in texts.items():
            body = text.encode()
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), body)
            rows.append([name, len(body)])
        for name, named in tensors.items():
            if named:
                context.check()
                context.progress(Progress(phase="saving"))
                rows.append([name, _add_tensors(archive, name, named, files.path(name))])
        if offered is not None:
            with _written(offered, loaded, files, context) as folder:
                for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                    context.check()
                    rows.append([str(path.relative_to(folder)), _add_file(archive, path, folder)])
    size = files.path(NAME).stat().st_size
    title = f"{NAME}, {size:,} bytes"
    return [Table(title=title, columns=["file", "bytes"], rows=rows, count=len(rows), file=NAME)]


@contextlib.contextmanager
def _written(export: Any, loaded: LoadedModel, files: Files, context: Context) -> Iterator[Path]:
    """A folder with what a recipe's export() writes and model.keras, gone afterwards."""
    folder, scratch = files.path("taken_away"), files.path("scratch")
    folder.mkdir()
    scratch.mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(scratch)  # Keras' own saving leaves AutoGraph's source files there
    try:
        context.check()
        model = export(loaded.model, loaded.params, loaded.assets, folder)
        context.check()
        if model is not None:
            keras.saving.save_model(model, folder / "model.keras")
        yield folder
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder)
        shutil.rmtree(scratch)


def _by_path(model: Any, fixed: list[Any]) -> dict[str, np.ndarray]:
    """Every variable of a model that has been learnt by its path, in its order; paths that repeat are numbered from the second on.

    fixed: those that its base brings.
    """
    found: dict[str, np.ndarray] = {}
    of_base = set(map(id, fixed))
    for variable in model.variables:
        if id(variable) in of_base:
            continue
        path, number = variable.path, 1
        while path in found:
            number += 1
            path = f"{variable.path}#{number}"
        array = tf.convert_to_tensor(variable.value).numpy()
        found[path] = array if array.dtype.kind in "biuf" else array.astype(np.float32)  # NumPy has no bfloat16
    return found


def _add_tensors(archive: zipfile.ZipFile, name: str, arrays: dict[str, np.ndarray], aside: Path) -> int:
    """Add arrays as a .safetensors file, written aside first; returns its size in bytes."""
    try:
        save_file({key: np.ascontiguousarray(array) for key, array in arrays.items()}, aside)
        return _add_file(archive, aside, aside.parent)
    finally:
        aside.unlink(missing_ok=True)


def _add_file(archive: zipfile.ZipFile, path: Path, folder: Path) -> int:
    """Add a file by its path below a folder, a piece at a time; returns its size in bytes."""
    entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _MOMENT)
    with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as out:
        while piece := file.read(_PIECE):
            out.write(piece)
    return path.stat().st_size


def _datasets(model: Model | None, context: Context) -> dict[str, DatasetManifest]:
    """The datasets of a training by role, those that are still there."""
    found: dict[str, DatasetManifest] = {}
    if model is None or context.volume is None:
        return found
    for role, ref in model.inputs.items():
        with contextlib.suppress(NotFound):  # deleted since: the card has its id
            if ref.dataset_id:
                found[role] = get_dataset(context.volume, ref.dataset_id)
    return found


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _model_of(ref: CheckpointRef, context: Context) -> Model | None:
    """What was kept of the training when it ended, None for a checkpoint that no finished training left."""
    try:
        model = get_model(context.volume, ref.job_id) if context.volume is not None else None
    except NotFound:
        return None
    return model if model is not None and model.checkpoint == ref else None
