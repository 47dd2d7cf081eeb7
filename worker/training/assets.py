"""Assets on the volume: written once per job and stage, named by their hash, which checkpoints refer to.

    jobs/<job id>/assets/<hash>/assets.json, arrays.safetensors, manifest.json

Equal assets have equal hashes in every process, so that every attempt of a job finds what an earlier one has written.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from shared.errors import CheckpointCorrupt, Conflict
from shared.volume import staging
from shared.volume.assets import JSON
from worker.recipe import Assets

ARRAYS = "arrays.safetensors"


def settled(assets: Assets) -> Assets:
    """Return assets as they come back from the volume, so that training and generation see the same: keys are sorted texts.

    Arrays are contiguous and little-endian, not copied where they are so already. Raises TypeError or ValueError for what no file
    could hold.
    """
    return Assets(
        json.loads(_dump(json.loads(_dump(assets.json, sort=False)))),
        {name: _plain(name, assets.arrays[name]) for name in sorted(assets.arrays)},
    )


def assets_hash(assets: Assets) -> str:
    """32 hex digits that depend on the content of settled assets alone."""
    digest = hashlib.sha256(_dump(assets.json).encode())
    for name, array in assets.arrays.items():
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()[:32]


def same(name: str, one: Assets, other: Assets) -> bool:
    """Whether two settled assets agree in an entry of json or an array."""
    if name in one.arrays or name in other.arrays:
        return name in one.arrays and name in other.arrays and np.array_equal(one.arrays[name], other.arrays[name])
    return one.json.get(name) == other.json.get(name)


def write_assets(job_dir: Path, assets: Assets) -> str:
    """Put settled assets on the volume, if they are not there already. Returns their hash. Raises VolumeFull."""
    name = assets_hash(assets)
    folder = job_dir / "assets"
    with staging.full_is_said():
        folder.mkdir(exist_ok=True)
    if staging.verify(folder / name):
        return name
    if (folder / name).exists():  # damaged: what it should hold is known here
        staging.remove(folder / name)
    with staging.staged(folder) as stage:
        (stage.path / JSON).write_text(_dump(assets.json), encoding="utf-8")
        save_file(assets.arrays, stage.path / ARRAYS)
        try:
            stage.publish(folder / name, {"hash": name})
        except Conflict:  # another attempt was quicker
            if not staging.verify(folder / name):
                raise
    return name


def read_assets(job_dir: Path, name: str) -> Assets:
    """Read assets by their hash, after holding the files against their manifest. Raises CheckpointCorrupt."""
    folder = job_dir / "assets" / name
    if staging.read_manifest(folder) is None:
        raise CheckpointCorrupt(f"the checkpoint's assets {name} are no longer on the volume")
    if not staging.verify(folder):
        raise CheckpointCorrupt(f"the checkpoint's assets {name} differ from their manifest")
    try:
        with safe_open(folder / ARRAYS, framework="numpy") as file:
            arrays = {key: file.get_tensor(key) for key in sorted(file.keys())}
        assets = Assets(json.loads((folder / JSON).read_text(encoding="utf-8")), arrays)
    except (OSError, ValueError, SafetensorError) as err:
        raise CheckpointCorrupt(f"the checkpoint's assets {name}: {err}") from err
    if assets_hash(assets) != name:
        raise CheckpointCorrupt(f"the checkpoint's assets {name} are others than their name says")
    return assets


def _dump(value: Any, *, sort: bool = True) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=sort)


def _plain(name: str, array: Any) -> np.ndarray:
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"asset {name!r} is an array of {array.dtype}: numbers and booleans can be kept, texts belong in json"
        )
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
