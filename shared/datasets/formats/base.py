"""What a dataset format is: an object with the methods below, one file each beside this one, listed in __init__.py.

The importer (shared/datasets/importer.py) calls them in this order and does everything that is the same for all: receiving,
hashing, quota, publishing. No other file of the code base asks which format a dataset has.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from pydantic import BaseModel, ConfigDict

from shared.datasets.report import DatasetReport
from shared.outputs import Output


class Options(BaseModel):
    """Base of what a user may choose about an upload (formats that offer nothing use it as it is)."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Example:
    """A dataset that needs no upload. recipe: the training it is meant for. make: its files as (name, bytes).

    params: of that training, what it needs to be told and has no default for, such as the column to predict.
    """

    name: str
    title: str
    recipe: str
    make: Callable[[], list[tuple[str, bytes]]]
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Received:
    """One uploaded file: the name the user gave it, and where its bytes lie."""

    name: str
    path: Path


@dataclass
class Arranged:
    """An upload at its place, not decoded yet.

    digests: SHA-256 by name below the target, of files hashed on the way. notes: what was changed or left out, with counts and
    names, for the user. kept: whatever look() wants to know besides the files; JSON-able, stored in the manifest.
    """

    digests: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)


class HasLimits(Protocol):
    """What an import asks of its limits: Settings has these, and Limits."""

    @property
    def max_upload_bytes(self) -> int: ...
    @property
    def max_unpacked_bytes(self) -> int: ...
    @property
    def max_files(self) -> int: ...
    @property
    def max_dataset_bytes_per_owner(self) -> int: ...


class Peek(Protocol):
    """A look into an upload before it is arranged."""

    def head(self, name: str, size: int = 4096, *, inner: str | None = None) -> bytes:
        """The first bytes of an uploaded file, or of what an uploaded zip holds under the name `inner`."""
        ...

    def inside(self, name: str) -> list[str] | None:
        """Names in an uploaded zip; None for what is none."""
        ...


class Format(Protocol):
    """A dataset format. title: "text", "pictures in class folders". help: what to upload, one sentence."""

    name: str
    title: str
    help: str
    suffixes: tuple[str, ...]
    examples: tuple[Example, ...]
    options: type[Options]

    def recognises(self, names: Sequence[str], peek: Peek) -> float:
        """How sure it is that this upload is of its format: 0 (no) to 1 (cannot be another). The surest format takes it."""
        ...

    def arrange(self, received: Sequence[Received], target: Path, limits: HasLimits, options: Any) -> Arranged:
        """Put the upload into target, the same bytes for the same upload, options included. Nothing is decoded that need not be.

        Raises DatasetInvalid naming every problem by file, line and value, with choices where the user may decide; TooLarge.
        """
        ...

    def look(self, target: Path, kept: dict[str, Any]) -> DatasetReport:
        """Read it through in bounded memory and report. Raises DatasetInvalid naming all that cannot be used."""
        ...

    def preview(self, folder: Path, report: DatasetReport, most: int) -> list[Output]:
        """A few rows to look at. folder: holds files/. Files of outputs are named below files/."""
        ...

    def open_file(self, folder: Path, name: str) -> tuple[IO[bytes], str] | None:
        """A file that preview() names, fit for a browser, with its media type; None for what preview() would not name."""
        ...
