"""Backbones for pictures: read from timm's and Keras' files, the same network as the one they come from, refused by name."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from safetensors.numpy import load_file, save_file  # noqa: E402

from shared.bases.backbone import BackboneConfig  # noqa: E402
from shared.bases.families import pictures  # noqa: E402
from shared.bases.families.base import Taken  # noqa: E402
from shared.bases.importer import import_base  # noqa: E402
from shared.bases.reshaping import pieces_as  # noqa: E402
from shared.bases.tensor_source import SourceTensor  # noqa: E402
from shared.errors import BaseInvalid  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.tiny_backbones import write_timm  # noqa: E402
from worker.families.images.backbone import backbone_classifier  # noqa: E402

# The first 16 digits of the SHA-256 of "name shape" of every tensor but the counters, sorted, of timm 1.0.31's own networks of 7
# classes (benchmarks/backbone_logits.py says them, and that the answers are the same).
OF_TIMM = {
    "efficientnet_b0": "b2b8435f9cdca982",
    "tf_efficientnet_b1": "92478a5f9828d5e3",
    "efficientnet_lite0": "15e2955f2e4d2015",
    "tf_efficientnet_lite0": "15e2955f2e4d2015",
    "tf_efficientnet_lite2": "b4526e4be805aefd",
    "mobilenetv2_100": "acebe66beb52549d",
    "mobilenetv2_050": "aeb725e9fabb5e50",
    "mobilenetv2_140": "52ea6849a2afb3f7",
    "resnet18": "bd8d5c4209cdcaf5",
    "resnet50": "88a4f2bf155f8b1a",
}
SIDE = 40


def imported(folder: Path, volume: Volume) -> Any:
    return import_base(volume, {path.name: path for path in folder.iterdir()}, name="a backbone", source="a test")


@pytest.mark.parametrize("name", OF_TIMM)
def test_every_tensor_of_timms_networks_is_named_and_shaped_as_there(name: str) -> None:
    made, rest = pictures.TIMM[name]
    config = BackboneConfig(name=name, classes=7, mean=(0, 0, 0), std=(1, 1, 1), **made().made, **rest)
    names = pictures.TIMM_PICTURES.tensors(config)
    lines = sorted(f"{names[ours].name} {list(shape)}" for ours, shape in config.tensors().items())
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] == OF_TIMM[name]


@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetB0"])
def test_a_network_of_keras_answers_here_as_there(name: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    there = getattr(keras.applications, name)(
        weights=None, classes=7, input_shape=(SIDE, SIDE, 3), classifier_activation=None
    )
    for variable in there.variables:
        kind = variable.path.rpartition("/")[2]
        if kind in ("moving_mean", "beta", "bias"):
            variable.assign(random.normal(0, 0.1, variable.shape))
        elif kind in ("moving_variance", "gamma"):
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    for layer in there.layers:
        if isinstance(layer, keras.layers.Normalization):  # as it comes with the weights of ImageNet
            mean, std = (np.array(part, "float32") for part in pictures.IMAGENET)
            layer.adapt_mean.assign(mean)
            layer.adapt_variance.assign(std**2)
            layer.finalize_state()
    folder = tmp_path / "there"
    folder.mkdir()
    tensors = {v.path: np.ascontiguousarray(v.numpy()) for v in there.variables}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "keras_applications", "network": name, "classes": 7}))
    volume = Volume(tmp_path / "volume")
    base = imported(folder, volume)
    assert base.kind == "backbone" and base.parameters <= there.count_params()
    here, made = backbone_classifier(base.backbone, SIDE)
    made.assign(volume.base_dir(base.id))
    x = random.uniform(0, 255, (2, SIDE, SIDE, 3)).astype("float32")
    prepared = keras.applications.mobilenet_v2.preprocess_input(x.copy()) if name == "MobileNetV2" else x
    expected = np.asarray(there(prepared, training=False))
    assert np.asarray(here(x, training=False)) == pytest.approx(expected, abs=1e-4 * float(np.abs(expected).max()))


@pytest.mark.parametrize("name", ["ResNet50", "EfficientNetB3"])  # larger; benchmarks/backbone_logits.py asks them, too
def test_every_variable_of_kerass_networks_has_its_place(name: str) -> None:
    there = getattr(keras.applications, name)(weights=None, classes=7, input_shape=(SIDE, SIDE, 3))
    make, rest, _ = pictures.KERAS[name]
    config = BackboneConfig(name=name, classes=7, mean=(0, 0, 0), std=(1, 1, 1), **make().made, **rest)
    taken = pictures.KERAS_PICTURES.tensors(config)
    ours = {taken[one].name: _shape_there(shape, taken[one]) for one, shape in config.tensors().items()}
    of_pixels = pictures.KERAS_PICTURES.buffers
    assert ours == {v.path: tuple(v.shape) for v in there.variables if not v.path.endswith(of_pixels)}


def _shape_there(shape: tuple[int, ...], taken: Taken) -> tuple[int, ...]:
    if taken.turned:
        return shape[::-1]
    return tuple(shape[taken.axes.index(axis)] for axis in range(len(shape))) if taken.axes else shape


def test_axes_change_places_as_numpys_do() -> None:
    random = np.random.default_rng(0)
    for shape, axes in (((3, 3, 5, 7), (3, 2, 0, 1)), ((5, 5, 6, 1), (2, 3, 0, 1)), ((1, 1, 4, 9), (3, 2, 0, 1))):
        numbers = random.normal(size=shape).astype("float32")
        source = SourceTensor("kernel", "a file", "F32", shape, lambda numbers=numbers: iter([numbers.tobytes()]))
        found = b"".join(pieces_as(source, Taken("kernel", axes=axes)))
        assert found == numbers.transpose(axes).tobytes()


def test_a_backbone_is_refused_with_everything_that_is_wrong(tmp_path: Path) -> None:
    folder, volume = write_timm(tmp_path / "bad", "mobilenetv2_050"), Volume(tmp_path / "volume")
    tensors = load_file(folder / "model.safetensors")
    tensors["blocks.1.0.conv_pw.weight"] = tensors["blocks.1.0.conv_pw.weight"][:-1]
    tensors["attn.weight"] = tensors.pop("blocks.0.0.bn1.running_mean")
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(BaseInvalid) as refused:
        imported(folder, volume)
    assert {problem.field for problem in refused.value.problems} == {
        "blocks.1.0.conv_pw.weight", "blocks.0.0.bn1.running_mean", "attn.weight",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("config", "field", "said"),
    [
        ({"architecture": "vit_base"}, "architecture", "known are efficientnet_b0"),
        ({"model_args": {"drop_path_rate": 0.2}}, "model_args", "is not known"),
        ({"num_classes": "many"}, "num_classes", "whole number"),
        ({"pretrained_cfg": {"mean": [0.5]}}, "pretrained_cfg.mean", "three numbers"),
        ({"in_chans": 12}, "in_chans", "may change"),
    ],
)
def test_a_config_that_cannot_be_followed_is_refused_by_its_key(
    config: dict[str, Any], field: str, said: str, tmp_path: Path
) -> None:
    folder = write_timm(tmp_path / "bad", "mobilenetv2_050")
    whole = json.loads((folder / "config.json").read_text()) | config
    (folder / "config.json").write_text(json.dumps(whole))
    with pytest.raises(BaseInvalid) as refused:
        imported(folder, Volume(tmp_path / "volume"))
    assert any(problem.field == field and said in problem.message for problem in refused.value.problems)
