"""What a decoder-only language model is made of, as pure data: one network (worker/families/language) serves every such config.

A family of open weights (GPT-2, Llama, Gemma ...) is no more than a way to fill this in: shared/bases/families.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Rotary(BaseModel):
    """Rotary positions (Su et al. 2021, arXiv:2104.09864). theta: base of the wavelengths.

    scaling: "none"; "linear": places are divided by factor (Chen et al. 2023, arXiv:2306.15595); "llama3": long wavelengths alone
    are, those beyond `original / low` tokens wholly, those below `original / high` not at all (Llama 3.1, Meta 2024).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    theta: float = Field(gt=0)
    scaling: Literal["none", "linear", "llama3"] = "none"
    factor: float = Field(default=1.0, gt=0)
    low: float = Field(default=1.0, gt=0)
    high: float = Field(default=4.0, gt=0)
    original: int = Field(default=8192, gt=0)


class DecoderConfig(BaseModel):
    """A stack of blocks of causal self-attention and a perceptron, each beside a shortcut.

    vocabulary: rows of the embedding. context: the most tokens it has learnt to see at once. width: of the stream between blocks.
    inner: of the perceptron. head_size: of a query, key or value; kv_heads divides heads (grouped keys and values, Ainslie et al.
    2023, arXiv:2305.13245).
    norm: "layer" with a bias (Ba et al. 2016), "rms" without (Zhang, Sennrich 2019), before each part and at the end; its factor is
    norm_offset + what is stored; norm_after: also after each part, before the shortcut adds it.
    rotary: None where places have learnt vectors. local_rotary: of the layers that have a window; None: as the others.
    activation: "gelu_tanh" is GELU by its tanh approximation. gated: the perceptron multiplies two projections, one of them
    activated (SwiGLU, GeGLU; Shazeer 2020, arXiv:2002.05202).
    qk_norm: queries and keys are RMS-normed by head. scale: scores are multiplied by it. attention_cap, logit_cap: c * tanh(x / c)
    of scores and of logits (Gemma 2). windows: by layer, how many tokens it sees at most, its own included; 0: all before.
    tied: the embedding is the last matrix, too. embedding_scale: embeddings are multiplied by it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    vocabulary: int = Field(gt=0, le=2**22)
    context: int = Field(gt=0, le=2**27)
    width: int = Field(gt=0, le=2**16)
    layers: int = Field(gt=0, le=1024)
    heads: int = Field(gt=0, le=1024)
    kv_heads: int = Field(gt=0, le=1024)
    head_size: int = Field(gt=0, le=4096)
    inner: int = Field(gt=0, le=2**18)
    norm: Literal["layer", "rms"]
    norm_epsilon: float = Field(gt=0, lt=1)
    norm_offset: float = 0.0
    norm_after: bool = False
    rotary: Rotary | None = None
    local_rotary: Rotary | None = None
    activation: Literal["gelu", "gelu_tanh", "silu"]
    gated: bool
    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    qk_norm: bool = False
    scale: float = Field(gt=0)
    attention_cap: float | None = Field(default=None, gt=0)
    logit_cap: float | None = Field(default=None, gt=0)
    windows: tuple[int, ...]
    tied: bool
    embedding_scale: float = 1.0

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.heads % self.kv_heads:
            raise ValueError(f"{self.heads} heads cannot share {self.kv_heads} heads of keys and values evenly")
        if self.rotary and self.head_size % 2:
            raise ValueError(f"rotary positions turn pairs: a head of {self.head_size} numbers has an odd one")
        if len(self.windows) != self.layers or min(self.windows) < 0:
            raise ValueError(f"windows has {len(self.windows)} entries for {self.layers} layers")
        return self

    def rotary_of(self, layer: int) -> Rotary | None:
        return self.local_rotary if self.windows[layer] and self.local_rotary else self.rotary

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor, in the order of the stored file.

        A kernel is (outputs, inputs), as sources have it; the network turns it as it is read.
        """
        found: dict[str, tuple[int, ...]] = {"tokens.table": (self.vocabulary, self.width)}
        if self.rotary is None:
            found["places.table"] = (self.context, self.width)
        for i in range(self.layers):
            found |= {f"blocks.{i}.{name}": shape for name, shape in self._block().items()}
        found |= self._norm("norm", self.width)
        if not self.tied:
            found["head.kernel"] = (self.vocabulary, self.width)
        return found

    def _block(self) -> dict[str, tuple[int, ...]]:
        queries, keys = self.heads * self.head_size, self.kv_heads * self.head_size
        found = {
            **self._norm("norm_1", self.width),
            **_matrix("q", queries, self.width, self.qkv_bias),
            **_matrix("k", keys, self.width, self.qkv_bias),
            **_matrix("v", keys, self.width, self.qkv_bias),
        }
        if self.qk_norm:
            found |= {"q_norm.gamma": (self.head_size,), "k_norm.gamma": (self.head_size,)}
        found |= _matrix("o", self.width, queries, self.out_bias)
        if self.norm_after:
            found |= self._norm("after_1", self.width)
        found |= self._norm("norm_2", self.width)
        if self.gated:
            found |= _matrix("gate", self.inner, self.width, self.mlp_bias)
        found |= _matrix("up", self.inner, self.width, self.mlp_bias)
        found |= _matrix("down", self.width, self.inner, self.mlp_bias)
        if self.norm_after:
            found |= self._norm("after_2", self.width)
        return found

    def _norm(self, name: str, size: int) -> dict[str, tuple[int, ...]]:
        beta = {f"{name}.beta": (size,)} if self.norm == "layer" else {}
        return {f"{name}.gamma": (size,), **beta}

    @property
    def parameters(self) -> int:
        """How many numbers its tensors hold."""
        total = 0
        for shape in self.tensors().values():
            count = 1
            for size in shape:
                count *= size
            total += count
        return total

    def held_bytes(self, tokens: int) -> int:
        """What keys and values of so many tokens take in float32."""
        return 2 * 4 * self.layers * self.kv_heads * self.head_size * tokens


def _matrix(name: str, outputs: int, inputs: int, bias: bool) -> dict[str, tuple[int, ...]]:
    return {f"{name}.kernel": (outputs, inputs), **({f"{name}.bias": (outputs,)} if bias else {})}
