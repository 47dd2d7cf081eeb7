"""Turns a training's whole state into files and back, exactly or not at all. worker/training/checkpoint_writer.py schedules it.

A checkpoint folder holds state.safetensors (every variable, named by its place in the order) and state.json (what each
variable is, the loop's state, random-number generators, recipe, params, inputs the model cannot be built without, the hash
of its assets, environment). What using the model needs besides weights lies beside the attempts, once: worker/training/assets.py.
Models are rebuilt by recipe code and never deserialised, so reading a checkpoint runs no code of the file's. Keras' own
savers are not used: they leave out seed generators, metric state and data position, and match by name in silence.
"""

import errno
import hashlib
import json
import os
import platform
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from shared.errors import CheckpointCorrupt
from shared.jobs.job import InputRef
from shared.volume.assets import STATE
from worker.context import Context
from worker.inputs import open_input
from worker.recipe import Assets, OpenInput, RecipeCode, build_model, recipe_code
from worker.training.assets import read_assets
from worker.training.variables import fixed_variables, variables_of

FORMAT = 2
TENSORS = "state.safetensors"


@dataclass
class Snapshot:
    """A host copy of everything, taken at a step border.

    entries: one dict per variable: role ("model", "optimizer", "metric", "global"), name, shape, dtype.
    state: the rest of state.json.
    """

    entries: list[dict[str, Any]]
    arrays: list[np.ndarray]
    state: dict[str, Any]

    @property
    def step(self) -> int:
        return self.state["step"]


def _entry(role: str, variable: Any) -> dict[str, Any]:
    dtype = keras.backend.standardize_dtype(variable.dtype)
    return {"role": role, "name": variable.name, "shape": list(variable.shape), "dtype": dtype}


def take_snapshot(model: keras.Model, state: dict[str, Any], fixed: Iterable[Any] = ()) -> Snapshot:
    """Copy all variables but the fixed ones, and random-number generators, to the host: all a checkpoint costs the training."""
    found = variables_of(model, fixed)
    arrays = [tf.convert_to_tensor(variable.value).numpy().copy() for _, variable in found]
    rng = {"python": random.getstate(), "numpy": _numpy_rng()}
    return Snapshot([_entry(*pair) for pair in found], arrays, {**state, "rng": rng})


def variable_hash(variable: Any) -> str:
    """SHA-256 of a variable's present value."""
    array = np.ascontiguousarray(tf.convert_to_tensor(variable.value).numpy())
    return hashlib.sha256(array.reshape(-1).view(np.uint8).data).hexdigest()


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


def _storable(array: np.ndarray) -> np.ndarray:
    """Bytes of types that NumPy itself does not have (bfloat16, float8) go as unsigned integers of the same width."""
    array = np.ascontiguousarray(array).reshape(array.shape)
    return array if array.dtype.kind in "biuf" else array.view(f"u{array.dtype.itemsize}")


def read_state(folder: Path) -> dict[str, Any]:
    """Return state.json of a checkpoint folder. Raises CheckpointCorrupt."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise CheckpointCorrupt(f"checkpoint {folder.name}: {err}") from err
    if state.get("format") != FORMAT:
        raise CheckpointCorrupt(f"checkpoint {folder.name}: format {state.get('format')!r}, readable is {FORMAT}")
    return state


def restore(
    model: keras.Model, folder: Path, state: dict[str, Any], *, fixed: Iterable[Any] = (), weights_only: bool = False
) -> None:
    """Assign a checkpoint's variables to a model built and compiled the same way.

    Count, order, role, name, shape and dtype must all agree, before anything is assigned: else CheckpointCorrupt.
    fixed: variables of the model that no checkpoint holds. weights_only: take the model's own variables and ignore optimizers,
    metrics and the global seed. The files' hashes are the caller's to verify (Volume.verify).
    """
    places = [i for i, entry in enumerate(state["variables"]) if not weights_only or entry["role"] == "model"]
    stored = [state["variables"][i] for i in places]
    found = [pair for pair in variables_of(model, fixed) if not weights_only or pair[0] == "model"]
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
    _assign([variable for _, variable in found], stored, arrays)


def assign_weights(model: keras.Model, snapshot: Snapshot, fixed: Iterable[Any] = ()) -> None:
    """Put the weights of a snapshot of this very model back, and nothing else of it."""
    chosen = [(e, a) for e, a in zip(snapshot.entries, snapshot.arrays, strict=True) if e["role"] == "model"]
    found = [variable for role, variable in variables_of(model, fixed) if role == "model"]
    _assign(found, [entry for entry, _ in chosen], [array for _, array in chosen])


def _assign(variables: list[Any], entries: list[dict[str, Any]], arrays: list[np.ndarray]) -> None:
    for variable, entry, array in zip(variables, entries, arrays, strict=True):
        dtype = tf.as_dtype(entry["dtype"]).as_numpy_dtype
        variable.assign(array if array.dtype == dtype else array.view(dtype))


def _require_same(folder: Path, stored: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    if len(stored) != len(found):
        raise CheckpointCorrupt(f"checkpoint {folder.name} has {len(stored)} variables, the model {len(found)}")
    for i, (there, here) in enumerate(zip(stored, found, strict=True)):
        if there != here:
            raise CheckpointCorrupt(f"checkpoint {folder.name}, variable {i}: stored {there}, the model has {here}")


def unlike_weights(model: keras.Model, state: dict[str, Any], fixed: Iterable[Any] = ()) -> str:
    """The first difference between a checkpoint's weights and a model's, in words; "" when they are alike."""
    stored = [entry for entry in state["variables"] if entry["role"] == "model"]
    found = [_entry(*pair) for pair in variables_of(model, fixed) if pair[0] == "model"]
    for there, here in zip(stored, found, strict=False):
        if there != here:
            return f"{_said(there)} there is {_said(here)} here"
    return "" if len(stored) == len(found) else f"it has {len(stored)} weights, here there are {len(found)}"


def _said(entry: dict[str, Any]) -> str:
    return f"{entry['name']} {'x'.join(map(str, entry['shape'])) or 'of one number'} ({entry['dtype']})"


def open_recorded(state: dict[str, Any], context: Context) -> dict[str, OpenInput]:
    """Open the inputs a checkpoint's model cannot be built without. Raises InputMissing; CheckpointCorrupt when one has changed."""
    opened = {role: open_input(InputRef.model_validate(at["ref"]), context) for role, at in state["inputs"].items()}
    require_same_inputs(state, opened)
    return opened


def require_same_inputs(state: dict[str, Any], inputs: Mapping[str, OpenInput]) -> None:
    """Raise CheckpointCorrupt unless a model built from these inputs has the fixed variables that the checkpoint goes with."""
    for role, at in state["inputs"].items():
        here = inputs[role].hash if role in inputs else "nothing"
        if here != at["hash"]:
            message = f"its {role} is {here}, but it was trained upon {at['hash']}: its weights fit no other"
            raise CheckpointCorrupt(f"checkpoint at step {state['step']}: {message}")


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
