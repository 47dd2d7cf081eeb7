"""Texts in class folders become a table: files/table.arrow with the columns label, text and, where the folders say it, part.

Called by formats/text_folders.py. Memory is bounded by a batch of texts and by the longest of them.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from shared.datasets.encoding import CONTROLS, END_MARK, recognise
from shared.datasets.folders.finding import OuterFolders, find_bare_layout
from shared.datasets.folders.outer import empty_folders, empty_note, left_out_note
from shared.datasets.folders.refusing import Places, refuse_bad, vanishing
from shared.datasets.formats.base import Arranged
from shared.datasets.marks import TOO_MANY, long_run
from shared.datasets.problems import Problems, refuse
from shared.datasets.tables.delimited import MOST_CELL
from shared.datasets.tables.reading import TABLE
from shared.datasets.tables.splits import PART_COLUMN
from shared.datasets.tables.taking import LEFT_OUT
from shared.datasets.text_writing import TEXT_SUFFIXES, plain_text
from shared.errors import DatasetInvalid
from shared.volume.staging import full_is_said, write_json

LABEL, TEXT = "label", "text"
_BATCH_ROWS, _BATCH_CHARACTERS = 1_000, 16_000_000
_JUDGED_BYTES = 1 << 22  # of texts in an encoding that one alone does not tell: together they do
_NAMED = 100  # of what was left out


class Wishes(Protocol):
    """The options that are asked for here (formats/text_folders.py describes them)."""

    @property
    def bad_rows(self) -> str: ...
    @property
    def missing_classes(self) -> str: ...
    @property
    def outer_folders(self) -> OuterFolders: ...


def take_text_folders(root: Path, names: Sequence[str], target: Path, options: Wishes) -> Arranged:
    """Read every text below root and write target/table.arrow. names: of all files below root.

    Raises DatasetInvalid, with choices where the user may decide; VolumeFull.
    """
    texts = sorted(name for name in names if name.lower().endswith(TEXT_SUFFIXES))
    others = sorted(set(names) - set(texts))
    if not texts:
        raise refuse(f"holds no texts; their names end with {', '.join(TEXT_SUFFIXES)}")
    notes = [left_out_note(others, "file that is no text", "files that are no texts")] if others else []
    empty = empty_folders(root)
    notes += [empty_note(empty)] if empty else []
    where, bare = find_bare_layout(texts, empty, options.outer_folders, one="text")
    if where.question:
        problems = Problems()
        problems.add(where.question)
        raise problems.refusal(where.choices)
    if where.layout.label == "none":
        raise refuse("holds texts in no folders: put each into a folder named after its label, such as good/1.txt")
    notes += where.notes
    places = {name: where.layout.place(bare[name]) for name in texts}
    places |= {
        name: (places[name][0], None) for name in texts if bare[name] in where.wrong
    }  # a stray folder is no class
    taking = _Taking({name: where.wrong[bare[name]] for name in texts if bare[name] in where.wrong})
    in_parts = where.layout.parts and len({part for part, _ in places.values()}) > 1
    _write(root, texts, places, target, taking, in_parts)
    _refuse_bad(taking.bad, places, options)
    notes += taking.notes()
    if taking.bad:
        without = vanishing(taking.bad, places)
        gone = f", and with them the {', the '.join(without)}" if without else ""
        notes.append(left_out_note(list(taking.bad), "text that cannot be used", "texts that cannot be used") + gone)
        write_json(target / LEFT_OUT, {"rows": len(taking.bad), "named": list(taking.bad)[:_NAMED]})
    notes.append(
        f"the label of each text is the name of its folder; {'the part stands in a column of its own; ' * in_parts}to go on "
        "writing from the texts instead, import them as the format text"
    )
    named = [{"file": name, "why": why} for name, why in list(taking.bad.items())[:_NAMED]]
    dropped = {"broken": len(taking.bad), "other": len(others), "named": named}
    counts = {part: dict(sorted(found.items())) for part, found in sorted(taking.classes.items())}
    return Arranged(notes=notes, kept={"dropped": dropped, "classes": counts})


@dataclass
class _Taking:
    """What was met on the way. bad: what is wrong, by name. said: what was converted, with the names. classes: by part."""

    bad: dict[str, str] = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    classes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def notes(self) -> list[str]:
        """One for each kind of conversion, however many texts."""
        found = []
        for what, names in sorted(self.said.items()):
            texts = "1 text" if len(names) == 1 else f"{len(names):,} texts"
            found.append(f"{texts} {what} ({names[0]}{' ...' if len(names) > 1 else ''})")
        return found


def _refuse_bad(bad: Mapping[str, str], places: Places, options: Wishes) -> None:
    """As with pictures: what cannot be used is left out where that was chosen, a whole class only where that was."""
    dropping = options.bad_rows == "drop" or options.missing_classes == "leave_out"
    vanish = options.missing_classes != "leave_out" and bool(vanishing(bad, places))
    if bad and (not dropping or len(bad) == len(places) or vanish):
        raise refuse_bad(dict(sorted(bad.items())), places, one="text")


def _write(root: Path, names: Sequence[str], places: Places, target: Path, taking: _Taking, in_parts: bool) -> None:
    codecs = _codecs(root, [name for name in names if name not in taking.bad], taking)
    columns = [LABEL, TEXT, *([PART_COLUMN] if in_parts else [])]
    schema = pa.schema([(name, pa.string()) for name in columns])
    rows: list[tuple[str, str, str]] = []
    characters = 0
    with full_is_said(), pa.ipc.new_file(str(target / TABLE), schema) as out:

        def flush() -> None:
            cells = list(zip(*rows, strict=True))[: len(columns)]
            if rows:
                out.write_batch(pa.record_batch([pa.array(column, pa.string()) for column in cells], schema=schema))
            rows.clear()

        for name in names:
            if name in taking.bad or (text := _text(root / name, name, codecs[name], taking)) is None:
                continue
            part, label = places[name]
            rows.append((label or "", text, part))
            taking.classes[part][label or ""] += 1
            characters += len(text)
            if len(rows) >= _BATCH_ROWS or characters > _BATCH_CHARACTERS:
                flush()
                characters = 0
        flush()


def _text(path: Path, name: str, codec: str, taking: _Taking) -> str | None:
    """A text as it is stored; None where something is wrong with it, which is then among taking.bad."""
    read = path.read_bytes().decode(codec).partition(END_MARK)[0]
    if len(read) > MOST_CELL:
        taking.bad[name] = f"has {len(read):,} characters; a text may have {MOST_CELL:,}"
    elif long_run(read) is not None:
        taking.bad[name] = TOO_MANY
    elif not (text := plain_text(read).strip()):
        taking.bad[name] = "holds nothing but white space" if read else "is empty"
    else:
        return text
    return None


def _codecs(root: Path, names: Sequence[str], taking: _Taking) -> dict[str, str]:
    """How each text is encoded. Short ones that alone do not tell are judged together, with those that do."""
    found: dict[str, str] = {}
    unclear: dict[str, str] = {}
    judged: list[bytes] = []
    for name in names:
        path = root / name
        size = path.stat().st_size
        if size == 0:
            taking.bad[name] = "is empty"
        elif size > 4 * MOST_CELL:
            taking.bad[name] = f"is larger than {4 * MOST_CELL:,} bytes; a text may have {MOST_CELL:,} characters"
        else:
            try:
                encoding = recognise(path, name)
            except DatasetInvalid as err:
                unclear[name] = err.problems[0].message
                continue
            found[name] = encoding.codec
            if encoding.note:
                taking.said[encoding.note.removeprefix(f"{name}: ")].append(name)
            if encoding.codec in ("gb18030", "cp950") and sum(map(len, judged)) < _JUDGED_BYTES:
                judged.append(path.read_bytes())
    if not unclear:
        return found
    plain = {name for name in unclear if not CONTROLS.search((root / name).read_bytes().decode("latin-1"))}
    judged += [(root / name).read_bytes() for name in sorted(plain)]
    codec, said = _together(root, b"\n".join(judged)[:_JUDGED_BYTES]) if plain else (None, "")
    for name, why in unclear.items():
        if name in plain and codec is not None and _reads(root / name, codec):
            found[name] = codec
            taking.said[said].append(name)
        else:
            taking.bad[name] = why
    return found


def _together(root: Path, data: bytes) -> tuple[str | None, str]:
    """(the encoding of all, what is said of it); None where it cannot be told."""
    path = root / ".together"  # no file of an upload is hidden
    path.write_bytes(data)
    try:
        encoding = recognise(path, "", tables=True)
    except DatasetInvalid:
        return None, ""
    finally:
        path.unlink()
    return encoding.codec, (encoding.note or "").removeprefix(": ")


def _reads(path: Path, codec: str) -> bool:
    try:
        path.read_bytes().decode(codec)
    except UnicodeDecodeError:
        return False
    return True
