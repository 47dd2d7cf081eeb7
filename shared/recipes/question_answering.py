"""Spec of question_answering: answers marked in the passage they stand in. Code: worker/recipes/question_answering.py.

A dataset is a file in SQuAD's form, such as

    {"data": [{"title": "Rivers", "paragraphs": [{"context": "The Rhine is 1,230 km long.", "qas": [
        {"id": "q1", "question": "How long is the Rhine?", "answers": [{"text": "1,230 km", "answer_start": 13}]}]}]}]}

The network is trained from scratch, which is weak, or stands on a pre-trained encoder, whose tokenizer then cuts the texts.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from shared.datasets.report import DatasetReport
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
from shared.recipes.measured import Folds, TestShare, ValidationShare
from shared.recipes.text_columns import TEXT_KINDS

MOST_ASKED = 200  # questions typed in; more belong into a table
FEWEST_PASSAGES = 4  # two to learn from, and one for each other part
SPECIAL_TOKENS = 8  # at most, around a question and a passage

_Base = with_defaults(
    TrainParams,
    batch_size=(16, "Windows per step."),
    learning_rate=1e-3,
    final_learning_rate=1e-5,
    warmup_steps=(100, "Steps over which the rate rises from zero; at most a tenth of the run."),
    weight_decay=(0.01, "Decoupled weight decay (L2) of matrices; not of biases and norms."),
    beta_2=0.999,
)


class QuestionAnsweringTrain(_Base):
    """How to train. The defaults suit a thousand to a hundred thousand questions."""

    epochs: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Passes over the training part. 0: as many as make 1,500 steps, 2 to 20; where an encoder learns, 2 to 6.",
    )
    width: int = Field(
        96,
        ge=4,
        le=2_048,
        description="Without an encoder: length of a token's vector, and of what is made of it.",
        json_schema_extra={"group": "Model", "unit": "units"},
    )
    layers: int = Field(
        2,
        ge=1,
        le=24,
        description="Without an encoder: convolutions before question and passage are compared, and twice as many after.",
        json_schema_extra={"group": "Model"},
    )
    vocabulary_size: int = Field(
        8_000,
        ge=300,
        le=200_000,
        description="Without an encoder: most kinds of tokens, frequent pieces of words and single Chinese characters, learnt.",
        json_schema_extra=advanced("Text"),
    )
    max_length: int = Field(
        320,
        ge=64,
        le=4_096,
        description="Tokens read at once, question and passage together. A longer passage is read in windows that overlap.",
        json_schema_extra={"group": "Text", "unit": "tokens"},
    )
    stride: int = Field(
        96,
        ge=8,
        le=4_096,
        description="From the beginning of a window to that of the next; what it leaves of a window is read twice.",
        json_schema_extra={"group": "Text", "unit": "tokens"},
    )
    max_question: int = Field(
        48,
        ge=8,
        le=1_024,
        description="Tokens of a question that are read; at most half of what is read at once.",
        json_schema_extra=advanced("Text", "tokens"),
    )
    max_answer: int = Field(
        30,
        ge=1,
        le=512,
        description="Longest answer that is given.",
        json_schema_extra={"group": "Text", "unit": "tokens"},
    )
    method: Literal["full", "lora"] = Field(
        "full",
        description="What learns of an encoder. full: everything; lora: narrow matrices beside those of the encoder, small "
        "checkpoints.",
        json_schema_extra={"group": "Encoder"},
    )
    rank: int = Field(
        8, ge=1, le=1_024, description="Width of the narrow matrices of lora.", json_schema_extra=advanced("Encoder")
    )
    encoder_share: float = Field(
        0.05, gt=0, le=1, description="Of method full: the encoder's step size is learning_rate times this.",
        json_schema_extra=advanced("Encoder"),
    )  # fmt: skip
    dropout: float = Field(
        0.3, ge=0, lt=1, description="Share of activations dropped while training; within an encoder a third of it.",
        json_schema_extra=advanced("Regularisation"),
    )  # fmt: skip
    validation_fraction: ValidationShare = 0.1
    test_fraction: TestShare = 0.2
    folds: Folds = 0

    @model_validator(mode="after")
    def _windows_leave_no_gaps(self) -> "QuestionAnsweringTrain":
        room = self.max_length - min(self.max_question, self.max_length // 2) - SPECIAL_TOKENS
        if self.stride > room:
            raise ValueError(
                f"stride {self.stride} would leave gaps: of {self.max_length} tokens {room} are the passage's beside a long "
                f"question; a stride of {max(8, room // 2)} would do"
            )
        return self


class QuestionAnsweringGenerate(Params):
    """Questions about a passage, typed in."""

    question: str = Field(
        min_length=1,
        max_length=100_000,
        description="What to ask.",
        json_schema_extra={"short": True, "widget": "lines"},
    )
    context: str = Field(
        min_length=1,
        max_length=1_000_000,
        description="The passage that the answer stands in, of any length.",
        json_schema_extra={"short": True, "widget": "lines"},
    )
    by_line: bool = Field(
        False,
        description=f"Every line is a question of its own, up to {MOST_ASKED}.",
        json_schema_extra={"short": True},
    )
    top_k: int = Field(
        3,
        ge=1,
        le=20,
        description="Most answers that are told, none of which lies in another.",
        json_schema_extra={"short": True},
    )


class QuestionAnsweringBatch(BatchParams):
    """Which columns of a table hold what; a file in SQuAD's form needs none."""

    question: str = Column("Of a table: the questions. None: the column named question.", kinds=TEXT_KINDS, default="")
    context: str = Column("Of a table: the passages. None: the column named context.", kinds=TEXT_KINDS, default="")


def check_questions(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """Problems that show only when params and dataset are known together."""
    report: DatasetReport = datasets["data"].report
    passages, unanswerable = (report.facts.get(name, 0) for name in ("paragraphs", "unanswerable"))
    found = []
    if passages < FEWEST_PASSAGES:
        message = f"there are {passages} passages: {FEWEST_PASSAGES} at least are needed, to learn from some and test on others"
        found.append(Problem(field="inputs.data", message=message))
    if unanswerable == report.rows:
        message = "no question has an answer: there is nothing to learn to find"
        found.append(Problem(field="inputs.data", message=message))
    if params.folds > passages:
        message = f"{params.folds} folds of {passages} passages: at most {passages}"
        found.append(Problem(field="params.folds", message=message))
    return found


SPEC = RecipeSpec(
    name="question_answering",
    version=1,
    title="Question answering",
    summary="Finds the answer to a question in a passage and marks it there, or says that there is none. On a pre-trained "
    "encoder, or from scratch, which is weak.",
    family="text",
    train_params=QuestionAnsweringTrain,
    inputs=(
        Input("data", "Questions", "Passages, questions about them, and where the answers stand.", formats=("squad",)),
        Input(
            "base",
            "Encoder",
            "A pre-trained encoder to stand on: by far the better way. None: trained from scratch.",
            bases=("encoder",),
            required=False,
        ),
    ),
    uses={
        "generate": Use(QuestionAnsweringGenerate, "Ask"),
        "batch": Use(
            QuestionAnsweringBatch,
            "Answer a file",
            (
                Input(
                    "data",
                    "Questions",
                    "A file in SQuAD's form, or a table with a question and its passage in each row.",
                    formats=("squad", "table"),
                ),
            ),
            help="Answer every question of a file or a table; a table comes back, in the same order.",
        ),
        "export": Use(
            ExportParams,
            "Export",
            help="Weights and tokenizer as one zip, with a model and an example that run without this service.",
        ),
    },
    source="Spans upon an encoder: Devlin et al. 2018, arXiv:1810.04805; no answer: Rajpurkar et al. 2018, arXiv:1806.03822; "
    "words of the question in the passage: Chen et al. 2017, arXiv:1704.00051; convolutions: Yu et al. 2018, arXiv:1804.09541; "
    "LoRA: Hu et al. 2021, arXiv:2106.09685; figures: Rajpurkar et al. 2016, arXiv:1606.05250, Cui et al. 2019, arXiv:1810.07366",
    criterion=Criterion("val_f1", "max"),
    limits="It marks what looks most like an answer in the passage it is given, whether or not the passage is true; it "
    "adds, counts and concludes nothing. Trained without questions that have no answer, it always gives one.",
    shape=("width", "layers", "vocabulary_size", "method", "rank"),
    check=check_questions,
)
