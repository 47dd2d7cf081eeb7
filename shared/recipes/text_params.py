"""Params, uses and checks that all text generators share."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from shared.errors import Problem
from shared.recipes.base import BatchParams, ExportParams, Input, Params, TrainParams, Use, advanced
from shared.recipes.fields import Column


class TextTrain(TrainParams):
    """Params of every model that learns to continue a text."""

    steps: int = Field(
        default=1000, ge=1, le=10_000_000, description="Batches to learn from.", json_schema_extra={"unit": "steps"}
    )
    context: int = Field(
        default=64, ge=2, le=4096, description="How far back the model looks.", json_schema_extra={"unit": "tokens"}
    )
    vocabulary: Literal["char", "byte", "bpe"] = Field(
        default="char",
        description="char: every character of the text is a token; byte: the 256 bytes of UTF-8, knows any text; "
        "bpe: frequent pieces of words, learnt from the text.",
    )
    vocabulary_size: int = Field(
        default=1024,
        ge=257,
        le=65_536,
        description="Number of pieces; for bpe only.",
        json_schema_extra=advanced("Text"),
    )
    eval_every: int = Field(
        default=250, ge=1, le=1_000_000, description="Steps between two evaluations with a sample.",
        json_schema_extra=advanced("Run", "steps"),
    )  # fmt: skip
    validation_fraction: float = Field(
        default=0.1, gt=0, le=0.5, description="Share at the end of the text kept for validation.",
        json_schema_extra=advanced("Text"),
    )  # fmt: skip


class TextGenerate(Params):
    """How to continue a text."""

    prompt: str = Field(
        default="\n",
        min_length=1,
        max_length=100_000,
        description="Text to go on from.",
        json_schema_extra={"short": True},
    )
    max_tokens: int = Field(
        default=200,
        ge=1,
        le=100_000,
        description="Most tokens to write.",
        json_schema_extra={"unit": "tokens", "short": True},
    )
    temperature: float = Field(
        default=0.8,
        ge=0,
        le=10,
        description="1: as learnt; lower: safer; higher: wilder; 0: always the likeliest token.",
    )
    top_k: int = Field(
        default=0, ge=0, le=100_000, description="Choose among the k likeliest tokens only; 0: among all."
    )
    top_p: float = Field(
        default=1.0, gt=0, le=1, description="Choose among the likeliest tokens that together have this probability."
    )
    repetition_penalty: float = Field(
        default=1.0, ge=0.5, le=5, description="Above 1: tokens already there become less likely.",
        json_schema_extra=advanced("Sampling"),
    )  # fmt: skip
    samples: int = Field(
        default=1, ge=1, le=32, description="How many continuations.", json_schema_extra={"unit": "texts"}
    )
    stop: list[str] = Field(
        default_factory=list,
        max_length=8,
        description="End a text before any of these.",
        json_schema_extra=advanced("Sampling"),
    )
    seed: int = Field(default=0, ge=0, lt=2**31, description="Same seed, same text.")

    @field_validator("stop")
    @classmethod
    def _no_empty_stop(cls, value: list[str]) -> list[str]:
        if any(not text or len(text) > 200 for text in value):
            raise ValueError("each stop text must have 1 to 200 characters")
        return value


class TextBatch(BatchParams, TextGenerate):
    """How to continue every row of a table."""

    prompt: str = Column("Column whose texts are gone on from.", kinds=("text", "category", "id"))


TEXT_SHAPE = ("vocabulary", "vocabulary_size")
TEXT = Input("data", "Text", "What it learns to continue.", formats=("text",))
TEXT_USES = {
    "generate": Use(TextGenerate, "Generate", streams=True),
    "batch": Use(
        TextBatch,
        "Generate for every row",
        (Input("data", "Table", "One prompt a row.", formats=("table",)),),
        help="Go on from each text of a column; a table comes back, in the same order.",
    ),
    "export": Use(
        ExportParams,
        "Export",
        help="Weights, vocabulary and settings as one zip, with a model and an example that run without this service.",
    ),
}


TEXT_LIMITS = (
    "It continues texts in the manner of its training text and knows nothing of what is true: what it writes may be "
    "false, and may repeat its training text word for word."
)


def _shorter_part(size: int, params: Any) -> int:
    """Tokens of the shorter of both parts, cut as worker/families/text/data.py cuts."""
    cut = int(size * (1 - params.validation_fraction))
    return min(cut, size - cut)


def check_text(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Name what is wrong between a text and the params: both parts must be longer than the context.

    Exact for char and byte. A bpe text has at most as many tokens as bytes; it is looked at again when it has been cut.
    """
    dataset = datasets["data"]
    in_bytes = params.vocabulary != "char"
    size = sum(file.size for file in dataset.files) if in_bytes else dataset.report.facts.get("characters")
    if not size:
        return []
    if _shorter_part(size, params) > params.context:
        return []
    needed = size
    while _shorter_part(needed, params) <= params.context:
        needed += 1
    fits = _shorter_part(size, params) - 1
    way_out = f"or set params.context to {fits} or less" if fits >= 2 else "no context fits it"
    unit = "bytes" if in_bytes else "characters"
    message = (
        f"the text has {size} {unit}; context {params.context} needs at least {needed}: upload more text, {way_out}"
    )
    return [Problem(field="params.context", message=message)]
