"""Format "idx": MNIST's files (yann.lecun.com/exdb/mnist) and those of its followers, gzipped or not, in pairs

    train-images-idx3-ubyte.gz + train-labels-idx1-ubyte.gz        (and t10k-... or test-..., val-...)

Stored without gzip, as files/train-images-idx3-ubyte, so that any picture can be read by itself; files/classes.json holds the
classes' names where a list of them came along (EMNIST's ...-mapping.txt).
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import Field

from shared.datasets.folders.classes import warnings_about_classes
from shared.datasets.folders.layout import PARTS
from shared.datasets.folders.outer import left_out_note
from shared.datasets.formats.base import Arranged, Example, HasLimits, Options, Peek, Received
from shared.datasets.pictures.idx import CLASSES, Head, IdxPart, class_names, file_name, parts_in
from shared.datasets.pictures.idx_names import Said, looks_like_idx, read_name, same_name
from shared.datasets.pictures.idx_unpacking import unpack_idx
from shared.datasets.pictures.showing import as_png
from shared.datasets.pictures.sorting import remove
from shared.datasets.problems import Problems, refuse
from shared.datasets.receiving import put_all
from shared.datasets.report import DatasetReport, Dropped, Warned
from shared.errors import Choice
from shared.outputs import Output, Picture
from shared.volume.staging import sha256

_PER_CLASS, _LOOKED_THROUGH = 8, 20_000  # pictures of a class that a preview may name; labels looked at for them


class IdxOptions(Options):
    """Which of several sets in one upload is meant, and what of classes that only the test part has."""

    subset: str = Field(default="", max_length=200, description='Which set of several, such as "emnist-letters".')
    missing_classes: Literal["ask", "keep"] = Field(
        default="ask", description="Classes that the training part has not. keep: as they are."
    )


class IdxFormat:
    name = "idx"
    title = "MNIST's IDX files"
    help = "pairs of files of pictures (idx3) and labels (idx1), gzipped or not, as they are or in a zip"
    suffixes: tuple[str, ...] = (".gz", ".zip", "")
    examples: tuple[Example, ...] = ()
    options: type[Options] = IdxOptions

    def recognises(self, names: Sequence[str], peek: Peek) -> float:
        return 0.95 if any(looks_like_idx(inner) for name in names for inner in (peek.inside(name) or [name])) else 0.0

    def arrange(self, received: Sequence[Received], target: Path, limits: HasLimits, options: IdxOptions) -> Arranged:
        put = put_all(received, target, limits)
        problems, notes = Problems(), put.notes
        files = sorted(name for name in put.names if looks_like_idx(name))
        if not files:
            raise refuse("is no IDX file; names are like train-images-idx3-ubyte.gz", file=put.names[0])
        called = _chosen_set(files, options.subset)
        lists = [name for name in put.names if name not in files and name.endswith("mapping.txt") and called in name]
        names = _read_mapping(target / lists[0]) if len(lists) == 1 else {}
        others = [name for name in put.names if name not in files and not (names and name in lists)]
        if others:
            notes.append(left_out_note(others, "file that is no IDX file", "files that are no IDX files"))
        unpacked = _unpack_all(target, files, called, limits.max_unpacked_bytes, problems, notes)
        _check(unpacked, problems)
        problems.raise_if_any()
        remove(target, put.names)
        for (part, kind), (_, path, _) in unpacked.items():
            path.rename(target / file_name(part, kind))
        if names:
            (target / CLASSES).write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")
        if called.startswith("emnist"):
            notes.append("EMNIST stores its pictures mirrored at the diagonal; they are left as they are stored")
        _ask_about_classes(target, options)
        return Arranged(notes=notes, kept={"other": len(others)})

    def look(self, target: Path, kept: dict[str, Any]) -> DatasetReport:
        parts = {part: IdxPart(target, part) for part in parts_in([path.name for path in target.iterdir()])}
        names = class_names(target)
        by_part = {
            part: {names.get(str(label), str(label)): count for label, count in sorted(Counter(file.labels).items())}
            for part, file in parts.items()
        }
        counts = sum((Counter(file.labels) for file in parts.values()), Counter())
        classes = {names.get(str(label), str(label)): count for label, count in sorted(counts.items())}
        first = next(iter(parts.values()))
        said = warnings_about_classes(classes)
        for part in by_part.keys() - {"train"}:
            if unknown := [name for name in by_part[part] if name not in by_part["train"]]:
                message = f"The part {part} has classes that train has not ({', '.join(unknown[:5])}): no classifier can know them."
                said.append(Warned(code="classes_not_in_train", message=message))
        return DatasetReport(
            rows=counts.total(),
            unit="pictures",
            dropped=Dropped(other=kept.get("other", 0)),
            classes=classes,
            parts={part: file.count for part, file in parts.items()},
            facts={
                "channels": 1,
                "width": [first.width, first.width],
                "height": [first.height, first.height],
                "pixels": [first.width * first.height] * 2,
                "classes_by_part": by_part,
            },
            warnings=said,
        )

    def preview(self, folder: Path, report: DatasetReport, most: int) -> list[Output]:
        """The first pictures of each class, a class after the other."""
        each = max(1, most // max(1, len(report.classes)))
        names = class_names(folder / "files")
        found: list[Output] = []
        for label, numbers in sorted(_first_of_each(_part_shown(folder)).items()):
            title = names.get(str(label), str(label))
            found += [Picture(title=title, file=f"pictures/{number}.png") for number in numbers[:each]]
        return found[:most]

    def open_file(self, folder: Path, name: str) -> tuple[IO[bytes], str] | None:
        """pictures/17.png: number 17 of the training part."""
        number = re.fullmatch(r"pictures/(0|[1-9][0-9]{0,8})\.png", name, re.ASCII)
        if number is None:
            return None
        part = _part_shown(folder)
        if not any(int(number.group(1)) in numbers for numbers in _first_of_each(part).values()):
            return None
        return as_png(part.open(int(number.group(1)))), "image/png"


def _part_shown(folder: Path) -> IdxPart:
    return IdxPart(folder / "files", "train")


def _first_of_each(part: IdxPart) -> dict[int, list[int]]:
    """The first pictures of each label: their numbers."""
    found: dict[int, list[int]] = defaultdict(list)
    for number, label in enumerate(part.labels[:_LOOKED_THROUGH]):
        if len(found[label]) < _PER_CLASS:
            found[label].append(number)
    return found


def _chosen_set(files: Sequence[str], wanted: str) -> str:
    """The set that is meant. Raises DatasetInvalid with the sets as choices where it is not said."""
    sets = sorted({read_name(name).set for name in files})
    if wanted in sets or len(sets) == 1:
        return wanted if wanted in sets else sets[0]
    shown = [one or "(without a name)" for one in sets]
    problems = Problems()
    problems.add(f"holds {len(sets)} sets of pictures: {', '.join(shown[:20])}; choose one")
    raise problems.refusal([Choice(option="subset", value=one, title=f"Take {one}") for one in sets if one][:20])


def _read_mapping(path: Path) -> dict[str, str]:
    """EMNIST's list: label and character code a line ("10 65"). {} for what is none."""
    lines = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    if not lines or not all(len(line) >= 2 and all(word.isdecimal() for word in line) for line in lines):
        return {}
    return {label: "/".join(chr(int(code)) for code in codes if 32 < int(code) < 0xD800) for label, *codes in lines}


_Unpacked = dict[tuple[str, str], tuple[str, Path, Head]]  # (part, kind) -> (name, where it lies, head)


def _unpack_all(
    target: Path, files: Sequence[str], called: str, most_bytes: int, problems: Problems, notes: list[str]
) -> _Unpacked:
    """Unpack every file of a set, each once."""
    found: _Unpacked = {}
    copies = []
    for number, name in enumerate(files):
        said: Said = read_name(name)
        if said.set != called:
            notes.append(f"{name} left out: of another set")
            continue
        path = target / f".idx-{number}"  # no file of an upload is hidden, so none is called so
        head = unpack_idx(target / name, name, path, problems, most_bytes)
        if head is None:
            continue
        most_bytes -= head.size
        if (len(head.axes) == 3) != (said.kind == "images"):
            problems.add(f"is called a file of {said.kind}, its head says another", file=name)
        elif (said.part, said.kind) not in found:
            found[said.part, said.kind] = (name, path, head)
            continue
        else:
            other, twin, _ = found[said.part, said.kind]
            if same_name(name, other) and sha256(path) == sha256(twin):
                copies.append(name)
            else:
                problems.add(f"is a second file of {said.kind} for the part {said.part}, beside {other}", file=name)
        path.unlink()
    if copies:
        notes.append(left_out_note(copies, "second copy of a file", "second copies of files"))
    return found


def _check(unpacked: _Unpacked, problems: Problems) -> None:
    """Every part has as many pictures as labels, all have one size, and there is one to learn from."""
    parts = [part for part in PARTS if any(part == found for found, _ in unpacked)]
    sizes = {}
    for part in parts:
        images, labels = unpacked.get((part, "images")), unpacked.get((part, "labels"))
        if images is None or labels is None:
            here = (images or labels or ("",))[0]
            problems.add(f"part {part} needs a file of pictures (idx3) and one of labels (idx1); found {here}")
            continue
        sizes[part] = images[2].axes[1:]
        if images[2].axes[0] != labels[2].axes[0]:
            problems.add(f"holds {images[2].axes[0]} pictures, {labels[0]} {labels[2].axes[0]} labels", file=images[0])
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{part} {height} x {width}" for part, (height, width) in sizes.items())
        problems.add(f"the parts have pictures of different sizes: {said}")
    if parts and "train" not in parts:
        problems.add(f"has no part to learn from (train-...); found {', '.join(parts)}")


def _ask_about_classes(target: Path, options: IdxOptions) -> None:
    if options.missing_classes == "keep":
        return
    parts = {part: set(IdxPart(target, part).labels) for part in parts_in([path.name for path in target.iterdir()])}
    problems = Problems()
    for part, labels in parts.items():
        if unknown := sorted(labels - parts["train"]):
            problems.add(f"the part {part} has classes that train has not: {', '.join(map(str, unknown))}")
    if problems.count:
        title = "Keep them: a model is to be tested on what it never saw"
        raise problems.refusal([Choice(option="missing_classes", value="keep", title=title)])
