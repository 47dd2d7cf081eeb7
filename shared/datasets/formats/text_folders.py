"""Format "text_folders": texts in folders named after their labels, with or without parts, as a zip or a folder.

    good/0001.txt       train/good/0001.txt  test/bad/0002.txt

Becomes a table of the columns label and text, and part where the folders say it: stored, reported on and read as the format table.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from shared.datasets.archive import is_hidden
from shared.datasets.folders.classes import warnings_about_classes, warnings_about_parts
from shared.datasets.folders.finding import OuterFolders, find_bare_layout
from shared.datasets.formats.base import Arranged, Example, HasLimits, Options, Peek, Received
from shared.datasets.formats.table import TableFormat, preview_of
from shared.datasets.receiving import put_all
from shared.datasets.report import DatasetReport
from shared.datasets.text_writing import TEXT_SUFFIXES
from shared.outputs import MOST_ROWS, Output

_MOSTLY = 0.9  # of the files are texts in folders; others, such as a README, are said


class TextFolderOptions(Options):
    """What to do with texts that cannot be used, and with folders that can be understood in two ways."""

    bad_rows: Literal["refuse", "drop"] = Field(
        default="refuse", description="Texts that are empty, cannot be read or lie in no class. drop: leave them out."
    )
    missing_classes: Literal["ask", "leave_out"] = Field(
        default="ask", description="Classes of which every text would be left out. leave_out: without them."
    )
    outer_folders: OuterFolders = Field(
        default="ask",
        description="Folders around the class folders. merge: they mean nothing; classes: they are the classes.",
    )


class TextFoldersFormat(TableFormat):
    name = "text_folders"
    title = "texts in class folders"
    help = "a zip, or a folder, of .txt files in folders named after their labels: good/1.txt; also train and test around them"
    suffixes: tuple[str, ...] = (".zip",)
    examples: tuple[Example, ...] = ()
    options: type[Options] = TextFolderOptions

    def recognises(self, names: Sequence[str], peek: Peek) -> float:
        """Nearly all files are texts, in two or more folders of a label each, of two or more texts on the whole."""
        inside = [inner for name in names for inner in (peek.inside(name) or [name])]
        files = [name for name in inside if not name.endswith("/") and not is_hidden(name)]
        texts = [name for name in files if name.lower().endswith(TEXT_SUFFIXES)]
        if not texts or len(texts) < _MOSTLY * len(files):
            return 0.0
        where, bare = find_bare_layout(texts, [], "ask", one="text")
        labels = {where.layout.place(bare[name])[1] for name in texts if bare[name] not in where.wrong} - {None}
        fits = len(labels) > 1 and len(where.wrong) <= (1 - _MOSTLY) * len(texts)
        return 0.55 if fits and len(texts) >= 2 * len(labels) else 0.0

    def arrange(self, received: Sequence[Received], target: Path, limits: HasLimits, options: Any) -> Arranged:
        from shared.datasets.tables.text_folders import take_text_folders  # loads pyarrow

        root = received[0].path.with_name("folders")
        root.mkdir()
        put = put_all(received, root, limits)
        arranged = take_text_folders(root, put.names, target, options)
        arranged.notes = put.notes + arranged.notes
        return arranged

    def look(self, target: Path, kept: dict[str, Any]) -> DatasetReport:
        report = super().look(target, kept)
        by_part: dict[str, dict[str, int]] = kept["classes"]
        classes: dict[str, int] = defaultdict(int)
        for counts in by_part.values():
            for label, count in counts.items():
                classes[label] += count
        said = [*warnings_about_classes(classes), *warnings_about_parts(by_part)]
        others = [one for one in report.warnings if one.code not in {"imbalance", "alike_values"}]  # said of classes
        return report.model_copy(update={"classes": dict(sorted(classes.items())), "warnings": [*said, *others]})

    def preview(self, folder: Path, report: DatasetReport, most: int) -> list[Output]:
        """Rows from all over the table: those of one label stand together in it."""
        most = min(most, report.rows, MOST_ROWS)
        return preview_of(folder, [number * report.rows // most for number in range(most)])
