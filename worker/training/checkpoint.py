"""Turns a training's whole state into files and back, exactly or not at all. worker/training/checkpoint_writer.py schedules it.

A checkpoint folder holds state.safetensors (every variable, named by its place in the order), state.json (what each
variable is, the loop's state, random-number generators, recipe, params, environment) and assets/assets.json (what
using the model needs besides weights). Models are rebuilt by recipe code and never deserialised, so reading a
checkpoint runs no code of the file's. Keras' own savers are not used: they leave out seed generators, metric state and
data position, and match by name in silence.
"""

import errno
import json
import os
import platform
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.random.seed_generator import global_seed_generator  # no public way to reach its state
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from shared.errors import CheckpointCorrupt
from worker.recipe import RecipeCode, build_model, recipe_code

FORMAT = 1
TENSORS, STATE, ASSETS = "state.safetensors", "state.json", "assets/assets.json"


@dataclass
class Snapshot:
    """A host copy of everything, taken at a step border.

    entries: one dict per variable: role ("model", "optimizer", "metric", "global"), name, shape, dtype.
    state: the rest of state.json.
    """

    entries: list[dict[str, Any]]
    arrays: list[np.ndarray]
    state: dict[str, Any]
    assets: dict[str, Any]

    @property
    def step(self) -> int:
        return self.state["step"]


def variables_of(model: keras.Model) -> list[tuple[str, Any]]:
    """Return every variable a training depends on, as (role, variable), each once, in a fixed order.

    The model must be built and, for training, compiled with optimizer and metrics built.
    """
    roles = [("model", model.variables)]
    if getattr(model, "optimizer", None) is not None:  # not compiled: a model loaded to generate
        roles += [("optimizer", model.optimizer.variables), ("metric", model.metrics_variables)]
        roles += [("global", [global_seed_generator().state])]
    found, seen = [], set()
    for role, variables in roles:
        for variable in variables:
            if id(variable) not in seen:
                seen.add(id(variable))
                found.append((role, variable))
    return found


def _entry(role: str, variable: Any) -> dict[str, Any]:
    dtype = keras.backend.standardize_dtype(variable.dtype)
    return {"role": role, "name": variable.name, "shape": list(variable.shape), "dtype": dtype}


def take_snapshot(model: keras.Model, state: dict[str, Any], assets: dict[str, Any]) -> Snapshot:
    """Copy all variables and random-number generators to the host. The only pause a checkpoint costs the training."""
    found = variables_of(model)
    arrays = [tf.convert_to_tensor(variable.value).numpy().copy() for _, variable in found]
    rng = {"python": random.getstate(), "numpy": _numpy_rng()}
    return Snapshot([_entry(*pair) for pair in found], arrays, {**state, "rng": rng}, assets)


def _numpy_rng() -> list[Any]:
    kind, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    return [kind, np.asarray(keys).tolist(), int(position), int(has_gauss), float(gauss)]


def set_rng(rng: dict[str, Any]) -> None:
    """Put Python's and NumPy's global generators back to a state read from state.json."""
    version, keys, gauss = rng["python"]
    random.setstate((version, tuple(keys), gauss))
    kind, numbers, *rest = rng["numpy"]
    np.random.set_state((kind, np.array(numbers, dtype=np.uint32), *rest))


def environment(xla: bool) -> dict[str, Any]:
    """What bit-exactness depends on besides the state: recorded, and compared on resume to warn."""
    cpu = tf.config.threading
    return {
        "xla": xla,
        "intra_op_threads": cpu.get_intra_op_parallelism_threads(),
        "inter_op_threads": cpu.get_inter_op_parallelism_threads(),
        "devices": [device.device_type for device in tf.config.list_logical_devices()],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _cpu_model(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", ""),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
    }


def _cpu_model() -> str:
    """The processor's name: kernels are chosen by its instruction sets."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def write(folder: Path, snapshot: Snapshot) -> None:
    """Write a snapshot's files into a staging folder. Raises OSError when the volume is full or gone."""
    tensors = {f"{i:05d}": _storable(array) for i, array in enumerate(snapshot.arrays)}
    try:
        save_file(tensors, folder / TENSORS)
    except SafetensorError as err:  # wraps the system's error in text: "... (os error 28)"
        match = re.search(r"os error (\d+)", str(err))
        code = int(match.group(1)) if match else errno.EIO
        raise OSError(code, f"writing {TENSORS}: {err}") from err
    state = {"format": FORMAT, **snapshot.state, "variables": snapshot.entries}
    (folder / STATE).write_text(json.dumps(state, allow_nan=False), encoding="utf-8")
    (folder / ASSETS).parent.mkdir()
    (folder / ASSETS).write_text(json.dumps(snapshot.assets, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def _storable(array: np.ndarray) -> np.ndarray:
    """Bytes of types that NumPy itself does not have (bfloat16, float8) go as unsigned integers of the same width."""
    array = np.ascontiguousarray(array).reshape(array.shape)
    return array if array.dtype.kind in "biuf" else array.view(f"u{array.dtype.itemsize}")


def read_state(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (state.json, assets) of a checkpoint folder. Raises CheckpointCorrupt."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        assets = json.loads((folder / ASSETS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise CheckpointCorrupt(f"checkpoint {folder.name}: {err}") from err
    if state.get("format") != FORMAT:
        raise CheckpointCorrupt(f"checkpoint {folder.name}: format {state.get('format')!r}, readable is {FORMAT}")
    return state, assets


def restore(model: keras.Model, folder: Path, state: dict[str, Any], *, weights_only: bool = False) -> None:
    """Assign a checkpoint's variables to a model built and compiled the same way.

    Count, order, role, name, shape and dtype must all agree, before anything is assigned: else CheckpointCorrupt.
    weights_only: take the model's own variables and ignore optimizer, metrics and the global seed.
    The files' hashes are the caller's to verify (Volume.verify).
    """
    places = [i for i, entry in enumerate(state["variables"]) if not weights_only or entry["role"] == "model"]
    stored = [state["variables"][i] for i in places]
    found = [pair for pair in variables_of(model) if not weights_only or pair[0] == "model"]
    _require_same(folder, stored, [_entry(*pair) for pair in found])
    try:
        with safe_open(folder / TENSORS, framework="numpy") as file:
            if len(file.keys()) != len(state["variables"]):
                raise CheckpointCorrupt(f"checkpoint {folder.name}: {len(file.keys())} tensors for {len(stored)} names")
            arrays = [file.get_tensor(f"{i:05d}") for i in places]
    except (OSError, SafetensorError) as err:
        raise CheckpointCorrupt(f"checkpoint {folder.name}: {TENSORS}: {err}") from err
    for entry, array in zip(stored, arrays, strict=True):
        if list(array.shape) != entry["shape"]:
            raise CheckpointCorrupt(f"checkpoint {folder.name}: {entry['name']} is {list(array.shape)} in {TENSORS}")
    assign(model, stored, arrays, weights_only=weights_only)


def assign(model: keras.Model, entries: list[dict[str, Any]], arrays: list[np.ndarray], *, weights_only: bool) -> None:
    """Assign arrays to a model's variables in order. entries and arrays belong together, as in a Snapshot."""
    found = [v for role, v in variables_of(model) if not weights_only or role == "model"]
    chosen = [(e, a) for e, a in zip(entries, arrays, strict=True) if not weights_only or e["role"] == "model"]
    for variable, (entry, array) in zip(found, chosen, strict=True):
        dtype = tf.as_dtype(entry["dtype"]).as_numpy_dtype
        variable.assign(array if array.dtype == dtype else array.view(dtype))


def _require_same(folder: Path, stored: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    if len(stored) != len(found):
        raise CheckpointCorrupt(f"checkpoint {folder.name} has {len(stored)} variables, the model {len(found)}")
    for i, (there, here) in enumerate(zip(stored, found, strict=True)):
        if there != here:
            raise CheckpointCorrupt(f"checkpoint {folder.name}, variable {i}: stored {there}, the model has {here}")


@dataclass(frozen=True)
class LoadedModel:
    """A trained model ready to be used. params: of its training. recipe: its name."""

    code: RecipeCode
    params: Any
    assets: Assets
    model: keras.Model
    step: int
    recipe: str


def load_model(folder: Path, context: Context) -> LoadedModel:
    """Rebuild the model of a verified checkpoint folder with its weights, for any use of it.

    Its assets are read from jobs/<id>/assets, found from the folder's path; inputs it cannot be built without are opened through
    context. Raises CheckpointCorrupt when anything differs, InputMissing when such an input is gone, UnknownRecipe when the recipe
    is not installed.
    """
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    state = read_state(folder)
    code = recipe_code(state["recipe"])
    params = validate_params(get_recipe(state["recipe"]).train_params, state["params"])
    assets = read_assets(folder.parents[2], state["assets"])
    model = build_model(code, params, assets, open_recorded(state, context))
    restore(model, folder, state, fixed=fixed_variables(code, model), weights_only=True)
    return LoadedModel(code, params, assets, model, state["step"], state["recipe"])
