"""Format "squad": questions whose answers stand in a paragraph, as SQuAD (Rajpurkar et al. 2016) and CMRC 2018 have them.

Uploaded as .json, for example

    {"version": "1.1", "data": [{"title": "Rivers", "paragraphs": [{"context": "The Rhine is 1,230 km long.", "qas": [
        {"id": "q1", "question": "How long is the Rhine?", "answers": [{"text": "1,230 km", "answer_start": 13}]}]}]}]}

Stored as files/squad.jsonl, one paragraph a line:

    {"title": "Rivers", "context": "The Rhine is 1,230 km long.", "qas": [{"id": "q1", "question": "How long is the Rhine?",
     "answers": [{"text": "1,230 km", "answer_start": 13}], "is_impossible": false}]}
"""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import Field

from shared.datasets.encoding import recognise
from shared.datasets.formats.base import Arranged, Example, HasLimits, Options, Peek, Received
from shared.datasets.problems import Problems, refuse
from shared.datasets.receiving import is_zip, unzipped
from shared.datasets.report import DatasetReport, Dropped, Warned
from shared.datasets.squad_checking import MOST_NAMED, Paragraphs
from shared.errors import Choice, TooLarge
from shared.outputs import Mark, Output, Text
from shared.volume.staging import full_is_said

SQUAD = "squad.jsonl"
# A file is parsed by one call, which lets no other thread run for a second and takes ten times as much memory. SQuAD v2 has 42 MB.
MOST_BYTES = 64 * 1024**2
_FEW = 100  # questions


_CHOICES = [
    Choice(option="answers", value="nearest", title="Move each answer to the nearest place where it stands"),
    Choice(option="answers", value="drop", title="Leave these answers out"),
]


class SquadOptions(Options):
    """What to do with answers that are not where the file says."""

    answers: Literal["ask", "nearest", "drop"] = Field(
        default="ask",
        description="Answers that do not stand where they are said to, by a character or at all. nearest: move each to the nearest "
        "place where it stands, and leave it out where there is none; drop: leave them out.",
    )


class SquadFormat:
    name = "squad"
    title = "questions answered in a paragraph"
    help = "SQuAD v1.1 or v2 (also CMRC 2018) as .json, or a zip of such files"
    suffixes: tuple[str, ...] = (".json",)
    examples: tuple[Example, ...] = ()
    options: type[Options] = SquadOptions

    def recognises(self, names: Sequence[str], peek: Peek) -> float:
        """By the first kilobytes: the keys of SQuAD stand there, unless a very long title comes first."""
        if not all(name.lower().endswith(".json") for name in names):
            return 0.0
        heads = [peek.head(name) for name in names]
        return (
            0.9 if all(b'"paragraphs"' in head or b'"context"' in head or b'"qas"' in head for head in heads) else 0.1
        )

    def arrange(self, received: Sequence[Received], target: Path, limits: HasLimits, options: SquadOptions) -> Arranged:
        packed = [one for one in received if is_zip(one.path)]
        sources, notes = [one for one in received if one not in packed], []
        if packed:
            unpacked, notes = unzipped(packed, limits)
            sources += [one for one in unpacked if one.name.lower().endswith(".json")]
            if not sources:
                raise refuse("holds no .json", file=packed[0].name)
        problems = Problems(MOST_NAMED)
        paragraphs = Paragraphs(problems, options.answers)
        with full_is_said(), (target / SQUAD).open("w", encoding="utf-8", newline="\n") as out:
            for source in sources:
                for paragraph in paragraphs.checked(self._read(source, notes), source.name):
                    out.write(json.dumps(paragraph, ensure_ascii=False) + "\n")
        if paragraphs.astray and options.answers == "ask":
            raise problems.refusal(_CHOICES)
        problems.raise_if_any()
        kept = {"without": paragraphs.without, "lost": paragraphs.lost}
        return Arranged(notes=[*notes, *paragraphs.notes()], kept=kept)

    def _read(self, source: Received, notes: list[str]) -> Any:
        size = source.path.stat().st_size
        if size == 0:
            raise refuse("is empty", file=source.name)
        if size > MOST_BYTES:
            raise TooLarge(f"{source.name} has {size:,} bytes; {MOST_BYTES:,} are allowed: cut it into several files")
        encoding = recognise(source.path, source.name)
        notes += [encoding.note] if encoding.note else []
        try:
            return json.loads(source.path.read_text(encoding=encoding.codec))
        except ValueError as err:
            raise refuse(f"is no JSON: {err}", file=source.name, line=getattr(err, "lineno", None)) from err
        except RecursionError as err:
            raise refuse("is JSON nested too deeply", file=source.name) from err

    def look(self, target: Path, kept: dict[str, Any]) -> DatasetReport:
        paragraphs = questions = unanswerable = answers = repeated = 0
        longest = 0
        ids: set[str] = set()
        contexts: set[int] = set()
        with (target / SQUAD).open(encoding="utf-8") as file:
            for paragraph in map(json.loads, file):
                paragraphs += 1
                contexts.add(hash(paragraph["context"]))
                longest = max(longest, len(paragraph["context"]))
                for question in paragraph["qas"]:
                    questions += 1
                    unanswerable += question["is_impossible"]
                    answers += len(question["answers"])
                    repeated += question["id"] in ids
                    ids.add(question["id"])
        warnings = []
        if questions < _FEW:
            message = f"There are {questions} questions: too few to learn from; a model that answers needs thousands."
            warnings.append(Warned(code="few_rows", message=message))
        if repeated:
            message = f"{repeated:,} questions have an id that another has: predictions by id cannot be told apart."
            warnings.append(Warned(code="repeated_ids", message=message))
        if len(contexts) < paragraphs:
            message = (
                f"{paragraphs - len(contexts):,} paragraphs occur twice: where one is learnt from and its like is tested on, the "
                "score is too good."
            )
            warnings.append(Warned(code="duplicate_paragraphs", message=message))
        return DatasetReport(
            rows=questions,
            unit="questions",
            dropped=Dropped(empty=kept.get("without", 0), broken=kept.get("lost", 0)),
            facts={
                "paragraphs": paragraphs,
                "unanswerable": unanswerable,
                "answers": answers,
                "longest_paragraph_characters": longest,
            },
            warnings=warnings,
        )

    def preview(self, folder: Path, report: DatasetReport, most: int) -> list[Output]:
        """The first questions, their answers marked in the paragraph."""
        found: list[Output] = []
        with (folder / "files" / SQUAD).open(encoding="utf-8") as file:
            for paragraph, question in _questions(file):
                marks = [
                    Mark(start=answer["answer_start"], end=answer["answer_start"] + len(answer["text"]))
                    for answer in question["answers"]
                ]
                found.append(Text(title=question["question"], text=paragraph["context"], marks=marks))
                if len(found) >= most:
                    break
        return found

    def open_file(self, folder: Path, name: str) -> tuple[IO[bytes], str] | None:
        return None


def _questions(file: io.TextIOBase | IO[str]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for line in file:
        paragraph = json.loads(line)
        for question in paragraph["qas"]:
            yield paragraph, question
