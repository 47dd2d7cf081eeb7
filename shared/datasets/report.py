"""What a dataset's report says: counts, columns, classes, parts, and what each oddity means for a training."""

from typing import Any, Literal

from pydantic import BaseModel, Field

REPORT_VERSION = 3  # raised when look() of any format tells more: reports of datasets there already are made anew

# number: values to calculate with. category: a few texts that repeat (few numbers that repeat are numbers still: who wants classes
# takes both). text: words to read. date: a moment. boolean: true and false, yes and no, 0 and 1. id: texts without words, another
# in nearly every row, nothing to learn from. constant: one value. empty: none.
ColumnKind = Literal["number", "category", "text", "date", "boolean", "id", "constant", "empty"]


class ColumnReport(BaseModel):
    """One column. low, high: the range of numbers and dates (RFC 3339), of texts their lengths; examples: a few values.

    values: of categories and booleans, how often the commonest occur, commonest first. id_like: of numbers too, that they look like
    ids, such as 1, 2, 3 and so on: not learnt from unasked, but whoever picks the column may mean it.
    """

    name: str
    kind: ColumnKind
    distinct: int = 0
    distinct_exact: bool = True  # False: counted up to a limit, there are more
    missing: int = 0
    low: float | str | None = None
    high: float | str | None = None
    mean: float | None = None
    examples: list[str] = Field(default_factory=list)
    values: dict[str, int] = Field(default_factory=dict)
    id_like: bool = False


class Dropped(BaseModel):
    """What import left out, with up to a hundred of the broken ones by name: {"file", "line", "column", "value", "why"}."""

    duplicate: int = 0
    empty: int = 0
    broken: int = 0
    other: int = 0
    named: list[dict[str, Any]] = Field(default_factory=list)


class Warned(BaseModel):
    """Something odd, in a sentence that says what it means for a training. column: where it concerns one."""

    code: str
    message: str
    column: str = ""


class DatasetReport(BaseModel):
    """What is known of a dataset.

    rows: documents of a text, rows of a table, pictures, questions; unit says which, in the plural. classes: how often each
    occurs, most frequent first where that matters. parts: rows by part (train, val, test). leakage: rows that stand in two
    parts, by "train and test". facts: what only this format measures (characters, width ...), by name.
    """

    version: int = REPORT_VERSION
    rows: int = 0
    unit: str = "rows"
    dropped: Dropped = Field(default_factory=Dropped)
    columns: list[ColumnReport] = Field(default_factory=list)
    classes: dict[str, int] = Field(default_factory=dict)
    parts: dict[str, int] = Field(default_factory=dict)
    leakage: dict[str, int] = Field(default_factory=dict)
    facts: dict[str, Any] = Field(default_factory=dict)
    warnings: list[Warned] = Field(default_factory=list)

    def column(self, name: str) -> ColumnReport | None:
        return next((column for column in self.columns if column.name == name), None)
