"""What a network for pictures is made of, as pure data: one network (worker/families/images/backbone.py) serves every such config.

Named networks (EfficientNet, MobileNetV2, ResNet) are no more than a way to fill this in: shared/bases/families/pictures.py.
"""

import math
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.bases.tensor_source import count_of

STEM_POOL = 3  # side of the pooling behind a stem that has one


class BackboneBlock(BaseModel):
    """A block. inputs, inner, outputs: channels before, within and behind it.

    inverted: 1x1 to `inner` where that is wider, kernel x kernel channel by channel, squeeze-and-excitation through `squeeze`
    channels (0: none), 1x1 to `outputs`; added to the input where the shape stays. basic: two 3x3; bottleneck: 1x1, 3x3, 1x1; both
    beside a shortcut, through a 1x1 where the shape changes.
    Sources: Sandler et al. 2018, arXiv:1801.04381; Hu et al. 2017, arXiv:1709.01507; He et al. 2015, arXiv:1512.03385.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["inverted", "basic", "bottleneck"]
    inputs: int = Field(gt=0, le=2**14)
    inner: int = Field(gt=0, le=2**16)
    outputs: int = Field(gt=0, le=2**14)
    kernel: int = Field(default=3, ge=1, le=15)
    stride: int = Field(default=1, ge=1, le=2)
    squeeze: int = Field(default=0, ge=0, le=2**14)

    @property
    def expands(self) -> bool:
        return self.inner != self.inputs

    @property
    def changes(self) -> bool:
        """Whether what comes out has another shape than what goes in."""
        return self.stride > 1 or self.inputs != self.outputs

    def convolutions(self) -> dict[str, tuple[int, int, int]]:
        """Part -> (outputs, inputs, side of the kernel) of each that a norm follows; inputs 1: channel by channel."""
        if self.kind == "inverted":
            first = {"expand": (self.inner, self.inputs, 1)} if self.expands else {}
            return first | {"depthwise": (self.inner, 1, self.kernel), "project": (self.outputs, self.inner, 1)}
        if self.kind == "basic":
            found = {"conv_1": (self.outputs, self.inputs, 3), "conv_2": (self.outputs, self.outputs, 3)}
        else:
            found = {
                "conv_1": (self.inner, self.inputs, 1),
                "conv_2": (self.inner, self.inner, 3),
                "conv_3": (self.outputs, self.inner, 1),
            }
        return found | ({"shortcut": (self.outputs, self.inputs, 1)} if self.changes else {})


class BackboneConfig(BaseModel):
    """A stem, blocks, a last 1x1 convolution (head; 0: none), and scores of the classes it was trained on (0: left out).

    name: of the network. size: side of the pictures it was trained on, pixels. stem, stem_kernel: channels and side of the first
    convolution, of stride 2; pools: 3x3 of stride 2 behind it. padding: "same" as TensorFlow has it, or "symmetric" as PyTorch.
    conv_bias: convolutions have one, too. early_stride: of a bottleneck its first convolution has the stride. mean, std: taken from
    and divided by, of pixels 0..255, in the order of the channels as the network wants them. bgr: blue first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(max_length=100)
    size: int = Field(ge=8, le=4096)
    stem: int = Field(gt=0, le=4096)
    stem_kernel: int = Field(ge=1, le=15)
    pools: bool = False
    blocks: tuple[BackboneBlock, ...] = Field(min_length=1, max_length=1000)
    head: int = Field(default=0, ge=0, le=2**16)
    classes: int = Field(default=0, ge=0, le=10**6)
    activation: Literal["relu", "relu6", "silu"]
    norm_epsilon: float = Field(gt=0, lt=1)
    padding: Literal["same", "symmetric"]
    conv_bias: bool = False
    early_stride: bool = False
    bgr: bool = False
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        before = self.stem
        for number, block in enumerate(self.blocks):
            if block.inputs != before:
                raise ValueError(f"block {number} takes {block.inputs} channels, but {before} come")
            before = block.outputs
        if not all(part > 0 for part in self.std):
            raise ValueError("std must be above 0")
        return self

    @property
    def stride(self) -> int:
        """How many pixels, across and down, a place of its last map stands for."""
        return (4 if self.pools else 2) * math.prod(block.stride for block in self.blocks)

    @property
    def width(self) -> int:
        """Channels of what it says of each place."""
        return self.head or self.blocks[-1].outputs

    def convolutions(self) -> dict[str, tuple[int, int, int]]:
        """As BackboneBlock.convolutions, of the whole network."""
        found = {"stem": (self.stem, 3, self.stem_kernel)}
        for number, block in enumerate(self.blocks):
            found |= {f"blocks.{number}.{part}": shape for part, shape in block.convolutions().items()}
        return found | ({"head": (self.head, self.blocks[-1].outputs, 1)} if self.head else {})

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor, in the order of the stored file. A kernel is (outputs, inputs, height, width)."""
        found: dict[str, tuple[int, ...]] = {}
        for name, (outputs, inputs, side) in self.convolutions().items():
            found[f"{name}.kernel"] = (outputs, inputs, side, side)
            if self.conv_bias:
                found[f"{name}.bias"] = (outputs,)
            found |= {f"{name}.norm.{part}": (outputs,) for part in ("gamma", "beta", "mean", "variance")}
        for number, block in enumerate(self.blocks):
            if block.squeeze:
                for part, outputs, inputs in (
                    ("reduce", block.squeeze, block.inner),
                    ("restore", block.inner, block.squeeze),
                ):
                    found[f"blocks.{number}.{part}.kernel"] = (outputs, inputs, 1, 1)
                    found[f"blocks.{number}.{part}.bias"] = (outputs,)
        if self.classes:
            found |= {"scores.kernel": (self.classes, self.width), "scores.bias": (self.classes,)}
        return found

    @property
    def parameters(self) -> int:
        """How many numbers its tensors hold."""
        return sum(count_of(shape) for shape in self.tensors().values())

    def held_bytes(self, tokens: int = 0) -> int:
        """What one picture of its size takes in float32 beside the weights: the widest block's input, inside and output."""
        side = -(-self.size // 2)
        most = side * side * self.stem + 3 * self.size * self.size
        side = -(-side // 2) if self.pools else side
        for block in self.blocks:
            after = -(-side // block.stride)
            inside = side * side * block.inner if block.kind == "inverted" else after * after * block.inner
            most = max(most, side * side * block.inputs + inside + after * after * (block.inner + block.outputs))
            side = after
        return 4 * most
