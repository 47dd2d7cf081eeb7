"""What a family of open weights is: how its config is read, and which of its tensors is which of ours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.bases.keys import Keys

ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
}


@dataclass(frozen=True)
class Taken:
    """Where one of our tensors comes from. name: of the source's tensor.

    turned: the source has it (inputs, outputs). part, parts: rows of it, after turning: the part-th of so many equal ones.
    pairs: heads whose rotary pairs lie beside each other, as GGUF files of Llama have them; they are put half by half.
    less: taken from each number. axes: of the source's, in the order in which ours has them; () as they are.
    """

    name: str
    turned: bool = False
    part: int = 0
    parts: int = 1
    pairs: int = 0
    less: float = 0.0
    axes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Family:
    """A family. name: as people know it. kind: of the base that it gives (shared/bases/manifest.py). model_type, architectures: as
    its config.json names it.

    read: keys -> our config, that of the kind; notes what is wrong in the keys. tensors: config -> where each of our tensors comes
    from in a Hugging Face folder. prefix: what names there may begin with. buffers: last parts of the names of tensors that hold no
    weights. left: how the names of tensors begin, behind the prefix, that are left out although they hold weights. renamed: last
    parts of names that older files have, and what they are today. gguf: the name of its architecture in a GGUF file, "" where none
    is read.
    """

    name: str
    title: str
    model_type: str
    architectures: tuple[str, ...]
    read: Callable[[Keys], Any]
    tensors: Callable[[Any], Mapping[str, Taken]]
    prefix: str
    buffers: tuple[str, ...] = field(default=())
    gguf: str = ""
    kind: Literal["decoder", "encoder", "backbone"] = "decoder"
    left: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
