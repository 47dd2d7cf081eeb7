"""What an encoder of texts is made of, as pure data: one network (worker/families/language/encoder.py) serves every such config.

A family of open weights (BERT, DistilBERT, RoBERTa ...) is no more than a way to fill this in: shared/bases/families/bert.py.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.bases.tensor_source import count_of


class EncoderConfig(BaseModel):
    """A stack of blocks of attention in which every token sees every other, and a perceptron; a layer norm after each shortcut.

    vocabulary: rows of the embedding. context: the most tokens of a text, special ones included. width: of the stream between
    blocks. inner: of the perceptron. norm_epsilon: of every layer norm.
    place_offset: rows of the table of places before that of the first token (RoBERTa). types: kinds of token (first or second
    text of a pair) that have a vector each, 0 where there is none; a text alone is all of kind 0.
    Source: Devlin et al. 2018, arXiv:1810.04805.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    vocabulary: int = Field(gt=0, le=2**22)
    context: int = Field(gt=0, le=2**20)
    width: int = Field(gt=0, le=2**16)
    layers: int = Field(gt=0, le=1024)
    heads: int = Field(gt=0, le=1024)
    inner: int = Field(gt=0, le=2**18)
    norm_epsilon: float = Field(gt=0, lt=1)
    activation: Literal["gelu", "gelu_tanh", "silu", "relu"]
    place_offset: int = Field(default=0, ge=0, le=2**20)
    types: int = Field(default=0, ge=0, le=1024)

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads cannot share a width of {self.width} evenly")
        return self

    @property
    def head_size(self) -> int:
        return self.width // self.heads

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor, in the order of the stored file. A kernel is (outputs, inputs), as sources have it."""
        width, inner = self.width, self.inner
        found: dict[str, tuple[int, ...]] = {
            "tokens.table": (self.vocabulary, width),
            "places.table": (self.place_offset + self.context, width),
        }
        if self.types:
            found["types.table"] = (self.types, width)
        found |= {"norm.gamma": (width,), "norm.beta": (width,)}
        for i in range(self.layers):
            for part, outputs, inputs in (
                ("q", width, width),
                ("k", width, width),
                ("v", width, width),
                ("o", width, width),
                ("norm_1", width, 0),
                ("up", inner, width),
                ("down", width, inner),
                ("norm_2", width, 0),
            ):
                name = f"blocks.{i}.{part}"
                if inputs:
                    found |= {f"{name}.kernel": (outputs, inputs), f"{name}.bias": (outputs,)}
                else:
                    found |= {f"{name}.gamma": (outputs,), f"{name}.beta": (outputs,)}
        return found

    @property
    def parameters(self) -> int:
        """How many numbers its tensors hold."""
        return sum(count_of(shape) for shape in self.tensors().values())

    def held_bytes(self, tokens: int) -> int:
        """What reading a text of so many tokens takes in float32 beside the weights: one block at a time."""
        return 4 * tokens * (6 * self.width + 2 * self.inner + 2 * self.heads * tokens)
