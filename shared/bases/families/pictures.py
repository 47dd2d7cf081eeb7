"""Backbones for pictures, by the names that timm's and Keras' files give their tensors.

timm (https://github.com/huggingface/pytorch-image-models): a folder with config.json ("architecture", "pretrained_cfg") and
model.safetensors, as its models lie on the Hugging Face hub; ResNets of torchvision have the same names. Keras: what
keras.applications builds, its variables by their paths, beside a config.json that names the network (docs/base-models.md).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from shared.bases.backbone import BackboneConfig
from shared.bases.families.base import Family, Taken
from shared.bases.families.networks import Network, efficientnet, mobilenet, resnet
from shared.bases.keys import Keys

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_CAFFE = ((103.939, 116.779, 123.68), (1.0, 1.0, 1.0))
_NORM = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}
_KERAS_NORM = {"gamma": "gamma", "beta": "beta", "mean": "moving_mean", "variance": "moving_variance"}
_FULL, _DEPTHWISE = (3, 2, 0, 1), (2, 3, 0, 1)  # of Keras' kernels, as Taken.axes

# --- timm -----------------------------------------------------------------------------------------------------------------

_TORCH: dict[str, Any] = {"padding": "symmetric", "norm_epsilon": 1e-5}
_TF: dict[str, Any] = {"padding": "same", "norm_epsilon": 1e-3}
TIMM: dict[str, tuple[Callable[[], Network], dict[str, Any]]] = {}
for _n in range(5):
    TIMM |= {
        f"efficientnet_b{_n}": (lambda n=_n: efficientnet(n, lite=False), _TORCH),
        f"tf_efficientnet_b{_n}": (lambda n=_n: efficientnet(n, lite=False), _TF),
        f"efficientnet_lite{_n}": (lambda n=_n: efficientnet(n, lite=True), _TORCH),
        f"tf_efficientnet_lite{_n}": (lambda n=_n: efficientnet(n, lite=True), _TF),
    }
for _w in (50, 100, 140):
    TIMM[f"mobilenetv2_{_w:03}"] = (lambda w=_w: mobilenet(w / 100), _TORCH)
for _n in (18, 34, 50, 101, 152):
    TIMM[f"resnet{_n}"] = (lambda n=_n: resnet(n), _TORCH)


def _timm(keys: Keys) -> BackboneConfig:
    name = keys.word("architecture", "", {name: name for name in TIMM})
    make, rest = TIMM[name]
    keys.silent("num_features", "global_pool", "pretrained_cfg", "label_names", "label_descriptions")
    keys.only("model_args", {})
    classes = keys.get("num_classes")
    if type(classes) is not int or not 0 <= classes <= 10**6:
        keys.note("num_classes", f"must be a whole number from 0, not {classes!r:.40}")
        classes = 0
    known = keys.get("pretrained_cfg")
    known = known if isinstance(known, dict) else {}
    mean, std = (_three(keys, known, key, default) for key, default in zip(("mean", "std"), IMAGENET, strict=True))
    made: dict[str, Any] = make().made | rest
    size = known.get("input_size")
    if isinstance(size, list) and len(size) == 3 and type(size[1]) is int:
        made["size"] = size[1]
    made |= {"mean": tuple(255 * part for part in mean), "std": tuple(255 * part for part in std)}
    return BackboneConfig(name=name, classes=classes, **made)


def _three(keys: Keys, known: Mapping[str, Any], key: str, default: tuple[float, ...]) -> tuple[float, ...]:
    value = known.get(key, list(default))
    if not isinstance(value, list) or len(value) != 3 or not all(isinstance(part, int | float) for part in value):
        keys.note(f"pretrained_cfg.{key}", f"must be three numbers, not {value!r:.60}")
        return default
    return tuple(float(part) for part in value)


def _timm_tensors(config: BackboneConfig) -> dict[str, Taken]:
    places = _places(config, TIMM[config.name][0]().stages)
    kinds = {"resnet": _resnet_part} if config.pools else {"inverted": _inverted_part}
    (part_of,) = kinds.values()
    found = {}
    for name in config.tensors():
        owner, _, last = name.rpartition(".")
        norm = owner.endswith(".norm")
        owner = owner.removesuffix(".norm")
        if owner == "scores":
            theirs = f"{'fc' if config.pools else 'classifier'}.{'weight' if last == 'kernel' else 'bias'}"
        elif owner in ("stem", "head"):
            stem = (
                ("conv1", "bn1")
                if config.pools
                else {"stem": ("conv_stem", "bn1"), "head": ("conv_head", "bn2")}[owner]
            )
            theirs = f"{stem[norm]}.{_NORM[last] if norm else 'weight'}"
        else:
            _, number, part = owner.split(".")
            conv, bn = part_of(config, int(number), part)
            last = _NORM[last] if norm else {"kernel": "weight", "bias": "bias"}[last]
            theirs = f"{places[int(number)]}.{bn if norm else conv}.{last}"
        found[name] = Taken(theirs)
    return found


def _places(config: BackboneConfig, stages: tuple[int, ...]) -> list[str]:
    """How the name of each block begins."""
    prefix, first = ("layer", 1) if config.pools else ("blocks.", 0)
    return [f"{prefix}{first + stage}.{place}" for stage, count in enumerate(stages) for place in range(count)]


def _inverted_part(config: BackboneConfig, number: int, part: str) -> tuple[str, str]:
    if part in ("reduce", "restore"):
        return {"reduce": "se.conv_reduce", "restore": "se.conv_expand"}[part], ""
    if config.blocks[number].expands:
        return {"expand": ("conv_pw", "bn1"), "depthwise": ("conv_dw", "bn2"), "project": ("conv_pwl", "bn3")}[part]
    return {"depthwise": ("conv_dw", "bn1"), "project": ("conv_pw", "bn2")}[part]


def _resnet_part(config: BackboneConfig, number: int, part: str) -> tuple[str, str]:
    if part == "shortcut":
        return "downsample.0", "downsample.1"
    return part.replace("_", ""), part.replace("conv_", "bn")


# --- Keras ----------------------------------------------------------------------------------------------------------------

_RESNET_V1: dict[str, Any] = {
    "padding": "symmetric", "norm_epsilon": 1.001e-5, "conv_bias": True, "early_stride": True, "bgr": True
}  # fmt: skip
KERAS: dict[str, tuple[Callable[[], Network], dict[str, Any], Any]] = {
    "MobileNetV2": (lambda: mobilenet(1.0), _TF, _HALF),
    "ResNet50": (lambda: resnet(50), _RESNET_V1, _CAFFE),
    "ResNet101": (lambda: resnet(101), _RESNET_V1, _CAFFE),
    "ResNet152": (lambda: resnet(152), _RESNET_V1, _CAFFE),
}
for _n in range(5):
    KERAS[f"EfficientNetB{_n}"] = (lambda n=_n: efficientnet(n, lite=False), _TF, IMAGENET)


def _keras(keys: Keys) -> BackboneConfig:
    name = keys.word("network", "", {name: name for name in KERAS})
    make, rest, (mean, std) = KERAS[name]
    classes = keys.get("classes")
    if type(classes) is not int or not 0 <= classes <= 10**6:
        keys.note("classes", f"must be a whole number, 0 where the top was left out, not {classes!r:.40}")
        classes = 0
    scale = 1 if rest.get("bgr") else 255
    made: dict[str, Any] = make().made | rest
    made |= {"mean": tuple(scale * part for part in mean), "std": tuple(scale * part for part in std)}
    return BackboneConfig(name=name, classes=classes, **made)


def _keras_tensors(config: BackboneConfig) -> dict[str, Taken]:
    stages = KERAS[config.name][0]().stages
    layers_of = _KERAS_LAYERS[re.sub(r"\d.*|B\d", "", config.name)]
    found = {}
    for name in config.tensors():
        owner, _, last = name.rpartition(".")
        norm = owner.endswith(".norm")
        owner = owner.removesuffix(".norm")
        if owner == "scores":
            found[name] = Taken(f"predictions/{last}", turned=last == "kernel")
            continue
        conv, bn = layers_of(stages, owner)
        if norm:
            found[name] = Taken(f"{bn}/{_KERAS_NORM[last]}")
        else:
            axes = () if last == "bias" else _DEPTHWISE if owner.endswith("depthwise") else _FULL
            found[name] = Taken(f"{conv}/{last}", axes=axes)
    return found


def _stage_of(stages: tuple[int, ...], number: int) -> tuple[int, int]:
    """(stage, place in it) of a block."""
    stage = 0
    while number >= stages[stage]:
        number -= stages[stage]
        stage += 1
    return stage, number


def _keras_mobilenet(stages: tuple[int, ...], owner: str) -> tuple[str, str]:
    if owner in ("stem", "head"):
        return {"stem": ("Conv1", "bn_Conv1"), "head": ("Conv_1", "Conv_1_bn")}[owner]
    _, number, part = owner.split(".")
    prefix = f"block_{number}" if int(number) else "expanded_conv"
    return f"{prefix}_{part}", f"{prefix}_{part}_BN"


def _keras_efficientnet(stages: tuple[int, ...], owner: str) -> tuple[str, str]:
    if owner in ("stem", "head"):
        name = "top" if owner == "head" else "stem"
        return f"{name}_conv", f"{name}_bn"
    _, number, part = owner.split(".")
    stage, place = _stage_of(stages, int(number))
    prefix = f"block{stage + 1}{chr(ord('a') + place)}"
    named = {
        "expand": ("expand_conv", "expand_bn"),
        "depthwise": ("dwconv", "bn"),
        "project": ("project_conv", "project_bn"),
        "reduce": ("se_reduce", ""),
        "restore": ("se_expand", ""),
    }
    conv, bn = named[part]
    return f"{prefix}_{conv}", f"{prefix}_{bn}"


def _keras_resnet(stages: tuple[int, ...], owner: str) -> tuple[str, str]:
    if owner == "stem":
        return "conv1_conv", "conv1_bn"
    _, number, part = owner.split(".")
    stage, place = _stage_of(stages, int(number))
    which = {"shortcut": 0, "conv_1": 1, "conv_2": 2, "conv_3": 3}[part]
    prefix = f"conv{stage + 2}_block{place + 1}_{which}"
    return f"{prefix}_conv", f"{prefix}_bn"


_KERAS_LAYERS = {"MobileNetV": _keras_mobilenet, "EfficientNet": _keras_efficientnet, "ResNet": _keras_resnet}

# --- the families -----------------------------------------------------------------------------------------------------------

TIMM_PICTURES = Family(
    "timm",
    "Backbone (timm)",
    "timm",
    (),
    _timm,
    _timm_tensors,
    prefix="",
    buffers=("num_batches_tracked",),
    kind="backbone",
)
KERAS_PICTURES = Family(
    "keras_applications",
    "Backbone (Keras)",
    "keras_applications",
    (),
    _keras,
    _keras_tensors,
    prefix="",
    buffers=("/mean", "/variance", "/count", "seed_generator_state"),  # of how pixels are scaled, which is known
    kind="backbone",
)
