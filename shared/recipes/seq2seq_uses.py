"""What models of seq2seq are used for: texts typed in, whole tables, to be taken away."""

from pydantic import Field, model_validator

from shared.recipes.base import BatchParams, ExportParams, Input, Params, Use, advanced
from shared.recipes.fields import Column
from shared.recipes.text_columns import TEXT_KINDS

MOST_TEXTS = 1_000  # typed in; more belong into a dataset


class Decoding(Params):
    """How an answer is looked for."""

    beams: int = Field(
        4,
        ge=1,
        le=16,
        description="Beginnings that are gone on with at once: more find likelier answers, slower. 1: greedy.",
    )
    length_penalty: float = Field(
        0.6,
        ge=0,
        le=5,
        description="Above 0 longer answers are preferred; 0: the plain sum of log-probabilities, which prefers short ones.",
    )
    coverage_penalty: float = Field(
        0.0,
        ge=0,
        le=5,
        description="Above 0 answers that leave parts of the source unlooked at are worse.",
        json_schema_extra=advanced("Decoding"),
    )
    no_repeat: int = Field(
        0,
        ge=0,
        le=10,
        description="No row of so many tokens comes twice in an answer; 0: anything may.",
        json_schema_extra=advanced("Decoding"),
    )
    max_length: int = Field(
        0,
        ge=0,
        le=2_048,
        description="Tokens of an answer at most; 0: as many as it was trained with.",
        json_schema_extra=advanced("Decoding"),
    )
    answers: int = Field(1, ge=1, le=16, description="How many answers, the best first; at most as many as beams.")

    @model_validator(mode="after")
    def _no_more_answers_than_beams(self) -> "Decoding":
        if self.answers > self.beams:
            raise ValueError(f"{self.answers} answers of {self.beams} beams: take at least as many beams")
        return self


class _Typed(Params):
    """What is written from, when it is typed in."""

    text: str = Field(
        min_length=1,
        max_length=1_000_000,
        description="What to write from.",
        json_schema_extra={"short": True, "widget": "lines"},
    )
    by_line: bool = Field(
        False,
        description=f"Every line is a text of its own, up to {MOST_TEXTS:,}.",
        json_schema_extra={"short": True},
    )
    alignment: bool = Field(
        True,
        description="Also tell which parts of the source each part of an answer looks at (first 8 texts).",
        json_schema_extra={"short": True},
    )


class Seq2seqGenerate(Decoding, _Typed):
    """Texts typed in, and how answers are looked for."""


class Seq2seqBatch(BatchParams, Decoding):
    """Which texts, and what the table that comes back holds."""

    source: str = Column(
        "What is read. None: the column that it was trained on.", kinds=TEXT_KINDS, default="", empty="as trained"
    )
    keep_columns: bool = Field(True, description="Also the columns of the table itself.")


USES = {
    "generate": Use(Seq2seqGenerate, "Translate"),
    "batch": Use(
        Seq2seqBatch,
        "Translate a table",
        (Input("data", "Table", "A text in each row; other columns do no harm.", formats=("table",)),),
        help="Write an answer for the text of every row of a table; a table comes back, in the same order.",
    ),
    "export": Use(
        ExportParams,
        "Export",
        help="Weights and vocabularies as one zip, with a model and an example that run without this service.",
    ),
}
