"""Spec of char_lstm: an Embedding and two LSTM layers that learn to continue a text. Code: worker/recipes/char_lstm.py.

A dataset row: any line of a .txt file, such as

    KING RICHARD: A horse! a horse! my kingdom for a horse!
"""

from pydantic import Field

from shared.recipes.base import RecipeSpec, advanced
from shared.recipes.text_params import TextGenerate, TextTrain, check_text


class CharLstmTrain(TextTrain):
    """As char-rnn: two layers of 128 units, read in windows of 100 characters."""

    width: int = Field(
        default=128, ge=4, le=4096, description="Units of each LSTM layer.", json_schema_extra={"unit": "units"}
    )
    layers: int = Field(default=2, ge=1, le=8, description="LSTM layers.")
    embedding: int = Field(
        default=64,
        ge=2,
        le=4096,
        description="Length of the vector of a token.",
        json_schema_extra=advanced("Model", "numbers"),
    )
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="Share of activations dropped between layers while training.",
        json_schema_extra=advanced("Regularisation"),
    )  # fmt: skip
    context: int = Field(
        default=100,
        ge=2,
        le=4096,
        description="Length of the windows it learns from.",
        json_schema_extra={"unit": "tokens"},
    )
    batch_size: int = Field(
        default=32, ge=1, le=4096, description="Windows per step.", json_schema_extra={"unit": "windows"}
    )
    learning_rate: float = Field(default=3e-3, gt=0, le=10, description="Peak step size of the optimizer.")


SPEC = RecipeSpec(
    name="char_lstm",
    version=1,
    title="Text generator (LSTM)",
    summary="Learns to continue a text character by character with two LSTM layers: small, and steady on little text.",
    family="text",
    train_params=CharLstmTrain,
    generate_params=TextGenerate,
    formats=("text",),
    generates="text",
    source="Hochreiter, Schmidhuber 1997; sizes as in char-rnn, github.com/karpathy/char-rnn",
    streams=True,
    check=check_text,
)
