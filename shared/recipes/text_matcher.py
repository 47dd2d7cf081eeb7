"""Spec of text_matcher: the meaning of texts as vectors, for search, doubles and groups. Code: worker/recipes/text_matcher.py.

A dataset row of pairs, where the answer is to be found by the question:

    question,answer
    how do I reset my password?,Choose "Forgotten?" below the form.

An encoder as it came searches and compares, too: no training is needed for that.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from shared.errors import Problem
from shared.recipes.base import (
    BatchParams,
    Criterion,
    ExportParams,
    Input,
    Params,
    RecipeSpec,
    TrainParams,
    Use,
    advanced,
    with_defaults,
)
from shared.recipes.fields import Column
from shared.recipes.measured import TestShare
from shared.recipes.text_columns import TEXT_KINDS

MOST_ASKED = 1_000  # typed in
_SEARCHED = ("table", "text_folders")

_Base = with_defaults(
    TrainParams,
    batch_size=(
        64,
        "Pairs per step: each is told apart from all others of its step, so that more make it harder to learn.",
    ),
    learning_rate=(1e-3, "Peak step size of the optimizer; the encoder's is a share of it."),
    final_learning_rate=1e-5,
    warmup_steps=(100, "Steps over which the rate rises from zero; at most a tenth of the run."),
    weight_decay=(0.01, "Decoupled weight decay (L2) of matrices; not of biases and norms."),
    beta_2=0.999,
)


class TextMatcherTrain(_Base):
    """How to learn from pairs. The defaults suit some hundred to some ten thousand of them."""

    asked: str = Column(
        "What is asked: a question, a title, the text in other words.", kinds=TEXT_KINDS, default="", needed=True
    )
    found: str = Column("What is to be found by it.", kinds=TEXT_KINDS, default="", needed=True)
    wrong: str = Column(
        "A text that looks right and is not. None: the other pairs of a step alone are told apart.",
        kinds=TEXT_KINDS,
        default="",
    )
    epochs: int = Field(0, ge=0, le=1_000, description="Passes over the pairs. 0: as many as make 1,500 steps, 1 to 4.")
    method: Literal["full", "lora"] = Field(
        "full",
        description="What learns of the encoder. full: everything; lora: narrow matrices beside its own, small checkpoints.",
        json_schema_extra={"group": "Encoder"},
    )
    pooling: Literal["mean", "first"] = Field(
        "mean",
        description="What stands for a text: the mean of its tokens, or the token before the first.",
        json_schema_extra=advanced("Encoder"),
    )
    max_length: int = Field(
        128, ge=8, le=4_096, description="Tokens of a text that are read; what is behind them is not.",
        json_schema_extra={"group": "Encoder", "unit": "tokens"},
    )  # fmt: skip
    rank: int = Field(
        8, ge=1, le=1_024, description="Width of the narrow matrices of lora.", json_schema_extra=advanced("Encoder")
    )
    encoder_share: float = Field(
        0.05, gt=0, le=1, description="Of method full: the encoder's step size is learning_rate times this.",
        json_schema_extra=advanced("Encoder"),
    )  # fmt: skip
    temperature: float = Field(
        0.05, ge=0.005, le=1, description="Likenesses are divided by it before they are compared: smaller is stricter.",
        json_schema_extra=advanced("Encoder"),
    )  # fmt: skip
    dropout: float = Field(
        0.1, ge=0, lt=1, description="Share of activations dropped while training.",
        json_schema_extra=advanced("Regularisation"),
    )  # fmt: skip
    validation_fraction: float = Field(
        0.1, gt=0, le=0.5, description="Share of the pairs held out to watch progress and keep the best state.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip
    test_fraction: TestShare = 0.1

    @model_validator(mode="after")
    def _is_told_apart(self) -> "TextMatcherTrain":
        if self.batch_size < 2 and not self.wrong:
            raise ValueError(
                "batch_size 1: a pair alone has nothing to be told apart from; take 2 at least, or a column wrong"
            )
        return self


class TextMatcherSearch(Params):
    """What to look for, in which columns."""

    text: str = Field(
        min_length=1,
        max_length=1_000_000,
        description="What to look for, in words of your own.",
        json_schema_extra={"short": True, "widget": "lines"},
    )
    by_line: bool = Field(
        False, description=f"Every line is asked by itself, up to {MOST_ASKED:,}.", json_schema_extra={"short": True}
    )
    texts: list[str] = Column(
        "What is searched; several columns are put together. None: every column that holds texts.",
        kinds=TEXT_KINDS,
        default=[],
        max_length=20,
    )
    top_k: int = Field(
        10, ge=1, le=100, description="How many texts are shown for each.", json_schema_extra={"short": True}
    )


class TextMatcherBatch(BatchParams):
    """Which texts of a table are compared with each other, and what comes back."""

    texts: list[str] = Column(
        "What is compared; several columns are put together. None: every column that holds texts.",
        kinds=TEXT_KINDS,
        default=[],
        max_length=20,
    )
    same_from: float = Field(
        0.9, gt=0, le=1, description="Texts at least so alike (1: equal) are doubles of the first of them."
    )
    clusters: int = Field(
        0,
        ge=0,
        le=1_000,
        description="Groups of like texts, named by their words. 0: by how many texts there are; 1: none.",
    )
    vectors: bool = Field(False, description="Also the vector of each text, numbers parted by spaces.")
    keep_columns: bool = Field(True, description="Also the columns of the table itself.")
    seed: int = Field(0, ge=0, lt=2**31, description="Of the groups.", json_schema_extra=advanced("Run"))


def check_pairs(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when params and dataset are known together."""
    names = [params.asked, params.found, params.wrong]
    fit = [column.name for column in datasets["data"].report.columns if column.kind in TEXT_KINDS]
    problems = []
    for field, what in (("asked", "of what is asked"), ("found", "of what is to be found by it")):
        if not getattr(params, field):
            there = ", ".join(name for name in fit if name not in names)
            message = (
                f"choose the column {what}; there are {there:.300}"
                if there
                else "the table has no two columns of texts"
            )
            problems.append(Problem(field=f"params.{field}", message=message))
    for place, field in enumerate(("asked", "found", "wrong")):
        if names[place] and names[place] in names[:place]:
            message = f"{names[place]!r} is taken already: of a pair each text has a column of its own"
            problems.append(Problem(field=f"params.{field}", message=message))
    return problems


SPEC = RecipeSpec(
    name="text_matcher",
    version=1,
    title="Text matcher",
    summary="Finds texts by what they mean, doubles and groups among them; an encoder as it came, or trained on pairs.",
    family="text",
    train_params=TextMatcherTrain,
    inputs=(
        Input("data", "Pairs", "In each row a text that is asked and one to be found by it.", formats=("table",)),
        Input("base", "Encoder", "The pre-trained encoder that goes on learning.", bases=("encoder",)),
    ),
    uses={
        "generate": Use(
            TextMatcherSearch,
            "Search",
            (Input("data", "Table", "The texts that are searched.", formats=_SEARCHED),),
            help="Rank the texts of a table by how near they are to what is asked.",
        ),
        "batch": Use(
            TextMatcherBatch,
            "Compare a table",
            (Input("data", "Table", "A text in each row.", formats=_SEARCHED),),
            help="For every row its nearest other, what it is a double of, and its group; groups are named by their words.",
        ),
        "export": Use(
            ExportParams,
            "Export",
            help="Weights and tokenizer as one zip, with a model and an example that make vectors without this service.",
        ),
    },
    source="Pooled sentence vectors: Reimers, Gurevych 2019, arXiv:1908.10084; the others of a batch as wrong answers: Henderson "
    "et al. 2017, arXiv:1705.00652; names of groups: class-based TF-IDF, Grootendorst 2022, arXiv:2203.05794",
    limits="Near in its vectors is near as its encoder and the pairs have it: it does not see negation and numbers well, and of "
    "languages that the encoder has not read its answers mean nothing.",
    bases=("encoder",),
    criterion=Criterion("val_mrr", "max"),
    shape=("method", "pooling", "rank", "max_length"),
    check=check_pairs,
)
