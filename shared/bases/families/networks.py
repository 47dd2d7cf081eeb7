"""Named networks for pictures as our config: which blocks an EfficientNet, a MobileNetV2 or a ResNet is made of.

Sources: EfficientNet: Tan, Le 2019, arXiv:1905.11946; EfficientNet-Lite: tensorflow/tpu, models/official/efficientnet/lite;
MobileNetV2: Sandler et al. 2018, arXiv:1801.04381; ResNet: He et al. 2015, arXiv:1512.03385.
"""

import math
from dataclasses import dataclass
from typing import Any

from shared.bases.backbone import BackboneBlock

# (expansion, channels, blocks, stride, kernel) of each stage
_EFFICIENTNET = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_MOBILENET = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 32, 3, 2, 3),
    (6, 64, 4, 2, 3),
    (6, 96, 3, 1, 3),
    (6, 160, 3, 2, 3),
    (6, 320, 1, 1, 3),
)
_SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2), 3: (1.2, 1.4), 4: (1.4, 1.8)}  # (width, depth) by number
_SIZES = {"b": (224, 240, 260, 300, 380), "lite": (224, 240, 260, 280, 300)}
_RESNETS = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}


@dataclass(frozen=True)
class Network:
    """A named network. made: what of BackboneConfig its architecture decides. stages: blocks of each, for names by stage."""

    made: dict[str, Any]
    stages: tuple[int, ...]


def efficientnet(number: int, *, lite: bool) -> Network:
    """EfficientNet-B<number>, or Lite<number>: without squeeze-and-excitation, with stem, head and end stages of one size."""
    width, depth = _SCALES[number]
    last = len(_EFFICIENTNET) - 1
    stages = []
    for place, (expand, channels, repeats, stride, kernel) in enumerate(_EFFICIENTNET):
        fixed = lite and place in (0, last)
        stages.append(
            (expand, _round(channels, width), repeats if fixed else math.ceil(repeats * depth), stride, kernel)
        )
    stem, head = (32, 1280) if lite else (_round(32, width), _round(1280, width))
    return _inverted(
        stages,
        stem=stem,
        head=head,
        squeezes=not lite,
        activation="relu6" if lite else "silu",
        size=_SIZES["lite" if lite else "b"][number],
    )


def mobilenet(width: float) -> Network:
    """MobileNetV2 of this width multiplier."""
    stages = [(expand, _round(channels, width), *rest) for expand, channels, *rest in _MOBILENET]
    return _inverted(
        stages,
        stem=_round(32, width),
        head=max(1280, _round(1280, width)),
        squeezes=False,
        activation="relu6",
        size=224,
    )


def resnet(number: int) -> Network:
    """ResNet-18, 34, 50, 101 or 152."""
    kind, stages = _RESNETS[number]
    blocks, inputs = [], 64
    for stage, count in enumerate(stages):
        inner = 64 * 2**stage
        outputs = inner * (4 if kind == "bottleneck" else 1)
        for place in range(count):
            stride = 2 if stage and not place else 1
            blocks.append(BackboneBlock(kind=kind, inputs=inputs, inner=inner, outputs=outputs, stride=stride))  # pyright: ignore[reportArgumentType]
            inputs = outputs
    made = {"stem": 64, "stem_kernel": 7, "pools": True, "blocks": tuple(blocks), "activation": "relu", "size": 224}
    return Network(made, stages)


def _inverted(stages: list[Any], *, stem: int, head: int, squeezes: bool, activation: str, size: int) -> Network:
    blocks, inputs = [], stem
    for expand, channels, repeats, first_stride, kernel in stages:
        for place in range(repeats):
            blocks.append(
                BackboneBlock(
                    kind="inverted",
                    inputs=inputs,
                    inner=inputs * expand,
                    outputs=channels,
                    kernel=kernel,
                    stride=1 if place else first_stride,
                    squeeze=max(1, inputs // 4) if squeezes else 0,
                )
            )
            inputs = channels
    made = {"stem": stem, "stem_kernel": 3, "blocks": tuple(blocks), "head": head, "activation": activation}
    return Network(made | {"size": size}, tuple(stage[2] for stage in stages))


def _round(channels: float, width: float) -> int:
    """To the nearest multiple of 8, and never less than nine tenths."""
    wanted = channels * width
    found = max(8, int(wanted + 4) // 8 * 8)
    return found + 8 if found < 0.9 * wanted else found
