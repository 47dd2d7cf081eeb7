"""Spec of gpt: a Transformer that learns to continue a text. Code: worker/recipes/gpt.py.

A dataset row: any line of a .txt file, such as

    床前明月光，疑是地上霜。
"""

from pydantic import Field, model_validator

from shared.recipes.base import RecipeSpec, advanced, with_defaults
from shared.recipes.fields import refuse_uneven_heads
from shared.recipes.text_params import TEXT, TEXT_LIMITS, TEXT_SHAPE, TEXT_USES, TextTrain, check_text

_Base = with_defaults(
    TextTrain,
    batch_size=(16, "Windows per step."),
    learning_rate=1e-3,
    warmup_steps=100,
    weight_decay=(0.1, "Decoupled weight decay (L2) of matrices; not of biases and norms."),
)


class GptTrain(_Base):
    """A GPT-2 in miniature: the defaults learn the look of a text in two minutes on two cores."""

    layers: int = Field(default=4, ge=1, le=48, description="Transformer blocks.")
    heads: int = Field(default=4, ge=1, le=64, description="Attention heads; must divide the width.")
    width: int = Field(
        default=128,
        ge=8,
        le=4096,
        description="Length of the vector of a token.",
        json_schema_extra={"unit": "numbers"},
    )
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="Share of activations dropped while training; helps small texts.",
        json_schema_extra=advanced("Regularisation"),
    )  # fmt: skip

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "GptTrain":
        refuse_uneven_heads(self.width, self.heads)
        return self


SPEC = RecipeSpec(
    name="gpt",
    version=1,
    title="Text generator (GPT)",
    summary="Learns to continue texts like yours: a small Transformer trained from scratch, in any language.",
    family="text",
    train_params=GptTrain,
    inputs=(TEXT,),
    uses=TEXT_USES,
    source="Radford et al. 2019 (GPT-2); sizes and schedule as in nanoGPT, github.com/karpathy/nanoGPT",
    limits=TEXT_LIMITS,
    shape=("layers", "heads", "width", *TEXT_SHAPE, "context"),
    check=check_text,
)
