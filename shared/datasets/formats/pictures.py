"""Format "pictures": pictures, bare or in folders named after their classes, with or without parts, from a zip or as they are.

    0001.jpg        cat/0001.jpg        train/cat/0001.jpg  test/cat/0002.jpg  val/cat/0003.jpg        train/0001.jpg

Folders that everything lies in are taken away; the rest is stored as it lies, files/train/cat/0001.jpg. kept["layout"] says what
the folders mean. Every picture is decoded once, fully, before it is accepted.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import Field

from shared.datasets.folders.classes import warnings_about_classes, warnings_about_parts
from shared.datasets.folders.finding import OuterFolders
from shared.datasets.folders.layout import PARTS, Layout
from shared.datasets.folders.refusing import refuse_bad
from shared.datasets.formats.base import Arranged, Example, HasLimits, Options, Peek, Received
from shared.datasets.pictures.arranging import arrange_pictures
from shared.datasets.pictures.checking import facts_of, see_all, warnings_about
from shared.datasets.pictures.decoding import Unreadable
from shared.datasets.pictures.kinds import SAID_SUFFIXES, SUFFIXES, has_picture_suffix, other_suffix
from shared.datasets.pictures.showing import MOST_SHOWN, file_below, for_browser, may_be_shown
from shared.datasets.receiving import put_all
from shared.datasets.report import DatasetReport, Dropped, Warned
from shared.outputs import Output, Picture
from shared.volume.staging import list_files, read_manifest


class PictureOptions(Options):
    """What to do with pictures that cannot be used, and with folders that can be understood in two ways."""

    bad_rows: Literal["refuse", "drop"] = Field(
        default="refuse", description="Pictures that cannot be read or lie where none should. drop: leave them out."
    )
    missing_classes: Literal["ask", "leave_out", "keep"] = Field(
        default="ask",
        description="Classes of which every picture would be left out, or that the training part has not. leave_out: "
        "without them; keep: as they are.",
    )
    outer_folders: OuterFolders = Field(
        default="ask",
        description="Folders around the class folders. merge: they mean nothing; classes: they are the classes.",
    )
    annotations: Literal["ask", "leave_out"] = Field(
        default="ask",
        description="Boxes and other annotations beside the pictures. leave_out: keep the pictures alone.",
    )


class PicturesFormat:
    name = "pictures"
    title = "pictures, also in class folders"
    help = f"a zip of pictures ({SAID_SUFFIXES}), bare or in folders named after their classes; or pictures as they are"
    suffixes: tuple[str, ...] = (".zip", *sorted(SUFFIXES))
    examples: tuple[Example, ...] = ()
    options: type[Options] = PictureOptions

    def recognises(self, names: Sequence[str], peek: Peek) -> float:
        inside = [inner for name in names for inner in (peek.inside(name) or [name])]
        files = [name for name in inside if not name.endswith("/") and "__MACOSX/" not in name]
        if not files:
            return 0.1 if any(peek.inside(name) is not None for name in names) else 0.0
        pictures = sum(has_picture_suffix(name) or other_suffix(name) is not None for name in files)
        nameless = sum("." not in name.rpartition("/")[2] for name in files)
        if pictures:
            return 0.6 if 2 * pictures >= len(files) else 0.3
        return 0.2 if 2 * nameless >= len(files) else 0.05 * all(peek.inside(name) is not None for name in names)

    def arrange(
        self, received: Sequence[Received], target: Path, limits: HasLimits, options: PictureOptions
    ) -> Arranged:
        put = put_all(received, target, limits)
        arranged = arrange_pictures(target, put.names, options)
        arranged.notes = put.notes + arranged.notes
        return arranged

    def look(self, target: Path, kept: dict[str, Any]) -> DatasetReport:
        names = _names(target)
        seen, wrong = see_all(target, names)
        layout = Layout(**kept["layout"])
        places = {name: layout.place(name) for name in names}
        if wrong:
            raise refuse_bad(wrong, places)
        classes = Counter(label for _, label in places.values() if label is not None)
        by_part: dict[str, Counter[str]] = defaultdict(Counter)
        for part, label in places.values():
            by_part[part][label or ""] += 1
        facts = facts_of(list(seen.values()))
        if classes:
            facts["classes_by_part"] = {part: dict(sorted(by_part[part].items())) for part in PARTS if part in by_part}
        return DatasetReport(
            rows=len(names),
            unit="pictures",
            dropped=Dropped(**kept["dropped"]),
            classes=dict(sorted(classes.items())),
            parts={part: by_part[part].total() for part in PARTS if part in by_part},
            leakage=kept["leakage"],
            facts=facts,
            warnings=[
                *warnings_about_classes(classes),
                *_about_leakage(kept["leakage"]),
                *warnings_about_parts(by_part),
                *warnings_about(list(seen.values()), facts),
            ],
        )

    def preview(self, folder: Path, report: DatasetReport, most: int) -> list[Output]:
        """The first pictures of each class, a class after the other; with more classes than room one of each."""
        layout = Layout(**((read_manifest(folder) or {}).get("kept", {}).get("layout", {})))
        groups: dict[str, list[Output]] = defaultdict(list)
        per_folder: Counter[str] = Counter()
        each = max(1, most // max(1, len(report.classes)))
        for name in _names(folder / "files"):
            inner = name.rpartition("/")[0]
            per_folder[inner] += 1
            part, label = layout.place(name)
            group = groups[label if label is not None else part]
            if per_folder[inner] <= MOST_SHOWN and len(group) < each:
                group.append(Picture(title=label or "", file=name))
        return [one for _, group in sorted(groups.items()) for one in group][:most]

    def open_file(self, folder: Path, name: str) -> tuple[IO[bytes], str] | None:
        path = file_below(folder / "files", name)
        if path is None or not has_picture_suffix(name) or not may_be_shown(path):
            return None
        manifest = read_manifest(folder) or {}
        try:
            return for_browser(path, manifest.get("report", {}).get("facts", {}).get("levels"))
        except Unreadable:
            return None


def _names(target: Path) -> list[str]:
    paths = (path.relative_to(target).as_posix() for path in list_files(target))
    return [name for name in paths if has_picture_suffix(name)]


def _about_leakage(leakage: dict[str, int]) -> list[Warned]:
    said = []
    for parts, count in leakage.items():
        once = "they were left in one of them only, so that none is learnt from and tested with"
        message = f"{count:,} pictures stood in {parts}: {once}."
        said.append(Warned(code="leakage", message=message))
    return said
