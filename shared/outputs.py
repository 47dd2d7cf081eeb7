"""What jobs and datasets show: eight kinds, one renderer each on the pages, in the terminal and in the API.

Generations, samples drawn while training, final reports and previews of datasets all speak it. Outputs are stored as
outputs.json beside the files they name; web/pages and cli render them and know of no recipe.

A file is named in one of two ways: a plain name lies in the folder of the outputs, "file:<id>" is an uploaded file
(shared/volume/files.py).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

OUTPUTS = "outputs.json"
MOST_ROWS = 100  # of a table in outputs.json; its file holds all
MOST_INLINE_BYTES = 64_000  # of outputs in one answer of the API; beyond, only how many there are
_HEADLINE = 120  # characters

Cell = str | int | float | bool | None
Place = str | float  # on the axis of a series: a number, or a moment as RFC 3339


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _Output(_Part):
    """Base of all kinds. title: one line above it, "" for none."""

    title: str = ""


class Mark(_Part):
    """A stretch of a text, [start, end) in characters, with how strongly it is marked: -1 (against) to 1 (for)."""

    start: int = Field(ge=0)
    end: int = Field(ge=0)
    score: float = 1.0


class Text(_Output):
    """A text, with what it was made to go on from and the stretches that matter in it."""

    kind: Literal["text"] = "text"
    text: str
    prompt: str = ""
    marks: list[Mark] = Field(default_factory=list)


class Score(_Part):
    """One named number, and what is to be said about it."""

    name: str
    value: float
    note: str = ""


class Scores(_Output):
    """Named numbers, best first: labels of a picture, a ranking with reasons, importances.

    subject: what they are about. picture: file of it. unit: "share" is shown as per cent, "number" as it is.
    """

    kind: Literal["scores"] = "scores"
    subject: str = ""
    picture: str = ""
    unit: Literal["share", "number"] = "share"
    items: list[Score]


class Table(_Output):
    """Rows under named columns: at most MOST_ROWS here, `count` in all, every one in `file` where there is one."""

    kind: Literal["table"] = "table"
    columns: list[str]
    rows: list[list[Cell]] = Field(max_length=MOST_ROWS)
    count: int = Field(ge=0)
    file: str = ""


class Picture(_Output):
    """A picture. legend: what marks drawn into it mean, as (mark, meaning)."""

    kind: Literal["picture"] = "picture"
    file: str
    legend: list[tuple[str, str]] = Field(default_factory=list)


class Box(_Part):
    """A thing found in a picture, in its pixels from the top left corner. score: 0 to 1."""

    x0: float
    y0: float
    x1: float
    y1: float
    label: str
    score: float = 1.0


class Boxes(_Output):
    """Things found in a picture. size: (width, height) of the picture in pixels."""

    kind: Literal["boxes"] = "boxes"
    picture: str
    size: tuple[int, int]
    boxes: list[Box]


class MaskClass(_Part):
    """A class of a mask: its colour ("#rrggbb") and the share of the picture it covers, 0 to 1."""

    name: str
    colour: str = Field(pattern=r"^#[0-9a-f]{6}$")
    share: float = 0.0


class Mask(_Output):
    """A class for each pixel. mask: a PNG of the same size in the classes' colours, transparent where there is none."""

    kind: Literal["mask"] = "mask"
    picture: str
    mask: str
    classes: list[MaskClass]


class Line(_Part):
    """One line of a series: y over x, None where it has no value. points: each value by itself, no line from one to the next."""

    name: str
    x: list[Place]
    y: list[float | None]
    points: bool = False


class Band(_Part):
    """What lies between low and high over x, such as an 80 % interval."""

    name: str
    x: list[Place]
    low: list[float]
    high: list[float]


class Series(_Output):
    """Lines over a common axis. split: where the known ends and the forecast begins."""

    kind: Literal["series"] = "series"
    x_title: str = ""
    y_title: str = ""
    lines: list[Line]
    band: Band | None = None
    split: Place | None = None


class Matrix(_Output):
    """Counts of pairs, as a confusion matrix has them: rows are what is true, columns what was said."""

    kind: Literal["matrix"] = "matrix"
    names: list[str]
    counts: list[list[int]]


Output = Annotated[
    Text | Scores | Table | Picture | Boxes | Mask | Series | Matrix,
    Field(discriminator="kind", description="See kind."),
]
KINDS: tuple[type[_Output], ...] = (Text, Scores, Table, Picture, Boxes, Mask, Series, Matrix)
_ADAPTER: TypeAdapter[list[Output]] = TypeAdapter(list[Output])


def dump_outputs(outputs: list[Output]) -> bytes:
    """outputs.json as bytes. Raises ValueError for a number JSON cannot hold."""
    return _ADAPTER.dump_json(outputs)


def load_outputs(data: bytes | str) -> list[Output]:
    """Read outputs.json. Raises pydantic.ValidationError for what is none."""
    return _ADAPTER.validate_json(data)


def files_of(outputs: list[Output]) -> set[str]:
    """Every file that outputs name, of both ways of naming."""
    found = set()
    for output in outputs:
        match output:
            case Table() | Picture():
                found.add(output.file)
            case Scores() | Boxes():
                found.add(output.picture)
            case Mask():
                found |= {output.picture, output.mask}
    return found - {""}


def headline(outputs: list[Output]) -> str:
    """A line that tells what was made, for lists; "" for nothing."""
    if not outputs:
        return ""
    first = outputs[0]
    match first:
        case Text():
            said = " ".join(first.text.split())
        case Scores():
            said = first.items[0].name if first.items else first.subject
        case Table():
            said = f"{first.count:,} row{'' if first.count == 1 else 's'}"
        case Boxes():
            said = f"{len(first.boxes):,} found"
        case Mask():
            said = ", ".join(part.name for part in sorted(first.classes, key=lambda part: -part.share)[:3])
        case _:
            said = first.title or first.kind
    alike = sum(1 for output in outputs if output.kind == first.kind)
    more = f" and {alike - 1} more" if alike > 1 and first.kind != "text" else ""
    return said[: _HEADLINE - len(more)] + more
