"""Spec of char_lstm: an Embedding and two LSTM layers that learn to continue a text. Code: worker/recipes/char_lstm.py.

A dataset row: any line of a .txt file, such as

    KING RICHARD: A horse! a horse! my kingdom for a horse!
"""

from pydantic import Field

from shared.recipes.base import RecipeSpec, advanced, with_defaults
from shared.recipes.text_params import TEXT, TEXT_LIMITS, TEXT_SHAPE, TEXT_USES, TextTrain, check_text

_Base = with_defaults(
    TextTrain,
    context=(100, "Length of the windows it learns from."),
    batch_size=(32, "Windows per step."),
    learning_rate=3e-3,
)


class CharLstmTrain(_Base):
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


SPEC = RecipeSpec(
    name="char_lstm",
    version=1,
    title="Text generator (LSTM)",
    summary="Learns to continue a text character by character with two LSTM layers: small, and steady on little text.",
    family="text",
    train_params=CharLstmTrain,
    inputs=(TEXT,),
    uses=TEXT_USES,
    source="Hochreiter, Schmidhuber 1997; sizes as in char-rnn, github.com/karpathy/char-rnn",
    limits=TEXT_LIMITS,
    shape=("layers", "width", "embedding", *TEXT_SHAPE),
    check=check_text,
)
