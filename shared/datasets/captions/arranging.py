"""Arranges an upload of pictures with texts: matches both, names all that does not fit, brings it into one form.

Called by the format "captioned_pictures".
"""

import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from shared.datasets.captions.finding import TABLES, PictureNames, tables_among, text_files
from shared.datasets.captions.storing import PICTURES, CaptionedPicture, write_captions
from shared.datasets.folders.layout import PARTS
from shared.datasets.folders.outer import left_out_note
from shared.datasets.formats.base import Arranged, HasLimits, Received
from shared.datasets.pictures.annotated import stem
from shared.datasets.pictures.checking import see_all
from shared.datasets.pictures.kinds import SAID_SUFFIXES
from shared.datasets.pictures.sorting import sort_out
from shared.datasets.pictures.splits import is_split_list, part_in, read_split_lists
from shared.datasets.problems import Problems, refuse
from shared.datasets.receiving import put_all
from shared.errors import Choice, DatasetInvalid
from shared.volume.staging import sha256

_UPLOAD = ".upload"  # below the target while it is sorted out; no file of an upload is hidden
_NAMED = 100  # of what was left out


class Wishes(Protocol):
    """The options that are asked for here (formats/captioned_pictures.py describes them)."""

    @property
    def bad_rows(self) -> str: ...
    @property
    def text_column(self) -> str: ...


_Wrong = Sequence[tuple[str, int | None, str]]  # file, line, what is wrong


def arrange_captions(received: Sequence[Received], target: Path, limits: HasLimits, options: Wishes) -> Arranged:
    """Raises DatasetInvalid naming every picture and text at fault, with the choice to leave them out; TooLarge, VolumeFull."""
    from shared.datasets.captions.reading import Texts, read_tables, read_text_files  # loads pyarrow

    upload = target / _UPLOAD
    upload.mkdir()
    put = put_all(received, upload, limits)
    sorted_out = sort_out(upload, put.names)
    if not sorted_out.pictures:
        raise refuse(f"holds no pictures ({SAID_SUFFIXES}) that its texts could be about")
    found = Texts()
    lists = [name for name in sorted_out.others if is_split_list(name)]
    others = [name for name in sorted_out.others if name not in lists]
    pictures = [*sorted_out.pictures, *sorted_out.unreadable]
    read_tables(upload, tables_among(others), PictureNames(pictures), options.text_column, limits, found)
    if not found.used:
        read_text_files(upload, text_files(pictures, others), found)
    if not found.used:
        raise _nothing_said(others)
    wrong = [(name, None, why) for name, why in sorted_out.unreadable.items()]
    wrong += [(name, None, "has no text") for name in sorted_out.pictures if name not in found.texts]
    wrong += [one for one in found.wrong if one[0] not in found.texts]
    readable = [name for name in sorted_out.pictures if name in found.texts]
    if wrong or options.bad_rows == "drop":  # all that is wrong is said at once
        wrong += [(name, None, why) for name, why in see_all(upload, readable)[1].items()]
    bad = {name for name, line, _ in wrong if line is None}
    left = [name for name in readable if name not in bad]
    if not left or (wrong and options.bad_rows != "drop"):
        raise _refusal(wrong, len(left))
    listed = read_split_lists(upload, lists, map(stem, left))
    parts = {name: part_in(name) or found.parts.get(name) or listed.get(stem(name)) or "train" for name in left}
    notes = put.notes + sorted_out.notes + found.notes
    notes += _notes(wrong, found, [name for name in others if name not in found.used])
    kept = _kept(upload, left, parts, wrong, len(others) - len(found.used), found.doubled)
    digests = _store(target, upload, {name: found.texts[name] for name in left}, parts)
    return Arranged(digests, notes, kept)


def _nothing_said(others: Sequence[str]) -> DatasetInvalid:
    tables = [name for name in others if PurePosixPath(name).suffix.lower() in TABLES]
    message = (
        f"no column of {', '.join(tables)[:200]} names the pictures of the upload"
        if tables
        else "no file says what the pictures show"
    )
    right = "add a table with the columns file and text, or a .txt beside each picture, called as it is"
    return refuse(f"{message}: {right}")


def _refusal(wrong: _Wrong, left: int) -> DatasetInvalid:
    problems = Problems()
    for name, line, why in wrong:
        problems.add(why, file=name, line=line)
    if not left:
        problems.add("has not one picture with a text that could be used")
        return problems.refusal()
    title = f"Leave out what cannot be used ({len(wrong):,}) and take the other {left:,} pictures"
    return problems.refusal([Choice(option="bad_rows", value="drop", title=title)])


def _notes(wrong: _Wrong, found: Any, others: Sequence[str]) -> list[str]:
    notes = []
    if pictures := [name for name, line, _ in wrong if line is None]:
        notes.append(left_out_note(pictures, "file that cannot be used", "files that cannot be used"))
    if rows := [f"{name}, line {line}" for name, line, _ in wrong if line is not None]:
        what = "1 text" if len(rows) == 1 else f"{len(rows):,} texts"
        notes.append(f"{what} that cannot be used left out ({'; '.join(rows[:3])}{' ...' if len(rows) > 3 else ''})")
    if found.doubled:
        notes.append(f"{found.doubled:,} texts that their picture has already left out")
    if others:
        notes.append(left_out_note(others, "file that is neither picture nor text", "files that are neither"))
    return notes


def _kept(
    upload: Path, left: Sequence[str], parts: Mapping[str, str], wrong: _Wrong, others: int, doubled: int
) -> dict[str, Any]:
    alike: dict[str, list[str]] = defaultdict(list)
    for name in left:
        alike[sha256(upload / name)].append(name)
    leakage = Counter(
        " and ".join(part for part in PARTS if part in among)
        for names in alike.values()
        if len(among := {parts[name] for name in names}) > 1
    )
    named = [{"file": name, "line": line, "why": why} for name, line, why in wrong[:_NAMED]]
    dropped = {"duplicate": doubled, "broken": len(wrong), "other": others, "named": named}
    return {"dropped": dropped, "leakage": dict(leakage), "copies": len(left) - len(alike)}


def _store(target: Path, upload: Path, texts: Mapping[str, Sequence[str]], parts: Mapping[str, str]) -> dict[str, str]:
    """Move the pictures to their place and write the texts. Returns SHA-256 by name."""
    called = Counter(PurePosixPath(name).name.lower() for name in texts)
    stored, digests = [], {}
    (target / PICTURES).mkdir()
    for name, some in sorted(texts.items()):
        own = PurePosixPath(name).name
        file = f"{PICTURES}/{own if called[own.lower()] == 1 else name.replace('/', '_')}"
        while (target / file).exists():
            file = f"{PICTURES}/_{file.removeprefix(f'{PICTURES}/')}"
        digests[file] = sha256(upload / name)
        (upload / name).rename(target / file)
        stored.append(CaptionedPicture(file, parts[name], tuple(some)))
    shutil.rmtree(upload)
    write_captions(target, sorted(stored, key=lambda picture: picture.file))
    return digests
