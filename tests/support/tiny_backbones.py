"""Random backbones for pictures, written as timm's and Keras' files are, for tests."""

import json
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from safetensors.numpy import save_file

from shared.bases.backbone import BackboneBlock
from shared.bases.families import pictures
from shared.bases.families.networks import Network
from shared.bases.importer import import_base
from shared.jobs.job import InputRef
from shared.volume.volume import Volume

_STAGES = (
    (1, 8, 1, 3, 1),
    (4, 16, 2, 5, 3),
)  # (expansion, channels, stride, kernel, squeezed through) of each stage's block
_TORCH: dict[str, Any] = {"padding": "symmetric", "norm_epsilon": 1e-5}


def _tiny() -> Network:
    blocks, inputs = [], 8
    for expand, channels, stride, kernel, squeeze in _STAGES:
        sizes = {"inputs": inputs, "inner": inputs * expand, "outputs": channels, "kernel": kernel, "stride": stride}
        blocks.append(BackboneBlock(kind="inverted", squeeze=squeeze, **sizes))
        inputs = channels
    made = {"stem": 8, "stem_kernel": 3, "blocks": tuple(blocks), "head": 24, "activation": "silu", "size": 32}
    return Network(made, (1, 1))


def write_timm(folder: Path, architecture: str, classes: int = 3, **about: Any) -> Path:
    """Write the folder of a random network under the names that timm gives its tensors."""
    folder.mkdir(parents=True)
    config = {
        "architecture": architecture,
        "num_classes": classes,
        "pretrained_cfg": {"input_size": [3, 32, 32]},
        **about,
    }
    (folder / "config.json").write_text(json.dumps(config))
    made = pictures.BackboneConfig(
        name=architecture, classes=classes, mean=(0, 0, 0), std=(1, 1, 1),
        **pictures.TIMM[architecture][0]().made, **_TORCH,
    )  # fmt: skip
    random, names = np.random.default_rng(0), pictures.TIMM_PICTURES.tensors(made)
    tensors = {}
    for name, shape in made.tensors().items():
        last = name.rpartition(".")[2]
        near = 1.0 if last in ("gamma", "variance") else 0.0
        spread = max(np.prod(shape[1:]), 1) ** -0.5 if last == "kernel" else 0.1
        tensors[names[name].name] = (near + random.normal(0, spread, shape)).astype("float32")
    save_file(tensors, folder / "model.safetensors")
    return folder


def put_backbone(volume: Volume) -> InputRef:
    """Import a network of two blocks, or find it imported."""
    with mock.patch.dict(pictures.TIMM, {"tiny": (_tiny, _TORCH)}), tempfile.TemporaryDirectory() as scratch:
        folder = write_timm(Path(scratch) / "tiny", "tiny")
        files = {path.name: path for path in folder.iterdir()}
        return InputRef(base_id=import_base(volume, files, name="tiny", source="a test").id)
