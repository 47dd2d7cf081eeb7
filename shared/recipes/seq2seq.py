"""Spec of seq2seq: from one text to another, such as translations, headlines and summaries. Code: worker/recipes/seq2seq.py.

A dataset row, where the column chinese is to be written from the column english:

    english,chinese
    Good morning.,早上好。
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from shared.errors import Problem
from shared.recipes.base import (
    BY_EPOCHS,
    Input,
    RecipeSpec,
    TrainParams,
    advanced,
    with_defaults,
)
from shared.recipes.fields import Column, refuse_uneven_heads
from shared.recipes.measured import TestShare
from shared.recipes.seq2seq_uses import USES
from shared.recipes.text_columns import TEXT_KINDS

SMALL, SMALL_RATE, RATE = (
    128,
    3e-3,
    1e-3,
)  # width up to which the larger step is better: measured, benchmarks/RESULTS.md

_Base = with_defaults(
    TrainParams,
    **BY_EPOCHS
    | {
        "batch_size": (
            64,
            "Pairs per step, of like length; of small tables fewer are taken, so that there are 16 steps in an epoch.",
        ),
        "warmup_steps": (400, "Steps over which the rate rises from zero; at most a tenth of the run."),
        "beta_2": 0.98,
    },
)


class Seq2seqTrain(_Base):
    """How to train. The defaults suit some thousand to some hundred thousand pairs of sentences."""

    source: str = Column("What is read.", kinds=TEXT_KINDS, default="", needed=True)
    target: str = Column("What is to be written from it.", kinds=TEXT_KINDS, default="", needed=True)
    epochs: int = Field(
        0, ge=0, le=10_000, description="Passes over the training part. 0: as many as make 8,000 steps, 3 to 40."
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        le=10,
        description="Peak step size of the optimizer. "
        f"Empty: {SMALL_RATE} for an LSTM and for networks up to {SMALL} wide, else {RATE}.",
    )
    architecture: Literal["transformer", "lstm"] = Field(
        "transformer",
        description="transformer: attention alone, reads and learns all places at once; lstm: reads word by word both ways, writes "
        "with attention, for comparison.",
        json_schema_extra={"group": "Model"},
    )
    width: int = Field(
        256,
        ge=8,
        le=2_048,
        description="Length of the vector of a token.",
        json_schema_extra={"group": "Model", "unit": "numbers"},
    )
    layers: int = Field(
        3, ge=1, le=24, description="Blocks that read, and as many that write.", json_schema_extra={"group": "Model"}
    )
    heads: int = Field(
        4, ge=1, le=64, description="Attention heads; must divide the width. For transformer only.",
        json_schema_extra=advanced("Model"),
    )  # fmt: skip
    vocabulary: Literal["auto", "shared", "separate"] = Field(
        "auto",
        description="Whether both sides have the same pieces and vectors. auto: shared where they are written in the same script.",
        json_schema_extra={"group": "Text"},
    )
    vocabulary_size: int = Field(
        8_000, ge=300, le=65_536, description="Most pieces of a vocabulary, learnt from the training part; they spell any text.",
        json_schema_extra={"group": "Text"},
    )  # fmt: skip
    max_source_length: int = Field(
        128,
        ge=8,
        le=4_096,
        description="Tokens of a source that are read at once.",
        json_schema_extra={"group": "Text", "unit": "tokens"},
    )
    long_sources: Literal["cut", "windows"] = Field(
        "cut",
        description="What becomes of longer sources. cut: their ends are not read; windows: they are read in parts of that length, "
        "and all of these are looked at while writing.",
        json_schema_extra={"group": "Text"},
    )
    most_windows: int = Field(
        8,
        ge=2,
        le=64,
        description="Windows of a source that are read; what is behind them is not.",
        json_schema_extra=advanced("Text"),
    )
    max_target_length: int = Field(
        128, ge=4, le=2_048, description="Tokens that are written at most; longer targets are learnt up to there.",
        json_schema_extra={"group": "Text", "unit": "tokens"},
    )  # fmt: skip
    swapped_rows: Literal["leave_out", "keep"] = Field(
        "leave_out",
        description="Rows whose source is written in the script of the targets and the other way round.",
        json_schema_extra=advanced("Data"),
    )
    equal_rows: Literal["leave_out", "keep"] = Field(
        "leave_out",
        description="Rows with equal sides. keep: for corrections of texts, most of which may be right.",
        json_schema_extra=advanced("Data"),
    )
    label_smoothing: float = Field(
        0.1,
        ge=0,
        lt=0.9,
        description="Share of each truth that is spread over all tokens.",
        json_schema_extra=advanced("Regularisation"),
    )
    dropout: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="Share of activations dropped while training.",
        json_schema_extra=advanced("Regularisation"),
    )
    measure: Literal["translation", "summary"] = Field(
        "translation",
        description="What the verdict goes by. translation: BLEU; summary: ROUGE-L. chrF and exact matches are told in any case.",
        json_schema_extra={"group": "Measuring"},
    )
    bleu_tokens: Literal["auto", "13a", "zh", "char", "intl", "none"] = Field(
        "auto",
        description="What BLEU takes for words. auto: zh for Chinese, char for other scripts without spaces, else 13a.",
        json_schema_extra=advanced("Measuring"),
    )
    beams: int = Field(
        4, ge=1, le=16, description="Beginnings that are gone on with at once when it is measured; 1: the likeliest token alone.",
        json_schema_extra={"group": "Measuring"},
    )  # fmt: skip
    validation_fraction: float = Field(
        0.05, gt=0, le=0.5, description="Share of the sources held out to watch progress by, unless the table says which.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip
    test_fraction: TestShare = 0.05

    @model_validator(mode="before")
    @classmethod
    def _small_ones_take_larger_steps(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("learning_rate") is not None:
            return values
        width = str(values.get("width", ""))  # of a form it comes as text
        narrow = width.isdecimal() and int(width) <= SMALL
        small = narrow or values.get("architecture") == "lstm"
        return {**values, "learning_rate": SMALL_RATE if small else RATE}

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "Seq2seqTrain":
        if self.architecture == "transformer":
            refuse_uneven_heads(self.width, self.heads)
        return self


def check_sides(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when params and dataset are known together."""
    report = datasets["data"].report
    fit = [column.name for column in report.columns if column.kind in TEXT_KINDS]
    problems = []
    for field, what in (("source", "that is read"), ("target", "that is to be written")):
        if not getattr(params, field):
            there = ", ".join(name for name in fit if name not in (params.source, params.target))
            message = (
                f"choose the column {what}; there are {there:.300}"
                if there
                else "the table has no two columns of texts"
            )
            problems.append(Problem(field=f"params.{field}", message=message))
    if params.source and params.source == params.target:
        message = f"{params.source!r} is what is read: what is to be written from it stands in another column"
        problems.append(Problem(field="params.target", message=message))
    part = report.facts.get("part_column")
    for field in ("source", "target"):
        if part and getattr(params, field) == part:
            message = f"{part!r} says which part each row is of: no texts"
            problems.append(Problem(field=f"params.{field}", message=message))
    return problems


SPEC = RecipeSpec(
    name="seq2seq",
    version=1,
    title="Translator",
    summary="Learns from two columns of texts to write one from the other: translations, headlines, summaries, answers in verse.",
    family="text",
    train_params=Seq2seqTrain,
    inputs=(Input("data", "Pairs", "In each row a text and what is to be written from it.", formats=("table",)),),
    uses=USES,
    source="Transformer: Vaswani et al. 2017, arXiv:1706.03762, norms first: Xiong et al. 2020, arXiv:2002.04745; LSTM with "
    "attention: Luong et al. 2015, arXiv:1508.04025; pieces: Sennrich et al. 2016, arXiv:1508.07909; length and coverage penalty: "
    "Wu et al. 2016, arXiv:1609.08144; windows: Izacard, Grave 2021, arXiv:2007.01282",
    limits="It knows words and facts from its training pairs alone: of texts about other things, in another style or language, "
    "what it writes may read well and be wrong.",
    shape=(
        "architecture",
        "width",
        "layers",
        "heads",
        "vocabulary",
        "vocabulary_size",
    ),
    check=check_sides,
)
