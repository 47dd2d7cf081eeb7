"""All passages and questions of a dataset as tokens, and where the answers stand among them: made once, and kept."""

from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.volume.staging import full_is_said
from worker.context import Context
from worker.families.going import Going
from worker.families.kept import kept
from worker.families.language.vectors import EncoderVocabulary
from worker.families.questions.passages import Asked, Passages
from worker.families.text_labels.tokens import Tokens, held
from worker.recipe import OpenInput

_VERSION = 1  # raised when the bytes of the same texts change
_INT = np.dtype(np.int32)


@dataclass(frozen=True)
class Golds:
    """Answers among the tokens of their passages, in the order of the questions. All int32 (answers,): question, first and last
    token."""

    questions: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def of(self, question: int) -> list[tuple[int, int]]:
        """The answers of one question as (first, last)."""
        low, high = np.searchsorted(self.questions, [question, question + 1])
        return list(zip(self.first[low:high].tolist(), self.last[low:high].tolist(), strict=True))


@dataclass(frozen=True)
class Cut:
    """passages: their tokens by number. questions: theirs, in the order of Asked. golds: see there.

    within: answers that begin or end within a token. lost: answers that no token stands for.
    """

    passages: Tokens
    questions: Tokens
    golds: Golds
    within: int
    lost: int


def tokens_of(spans: np.ndarray, start: int, end: int) -> tuple[int, int] | None:
    """(first, last) of the tokens that hold the characters [start, end). spans: int32 (tokens, 2). None where none does."""
    first = int(np.searchsorted(spans[:, 1], start, "right"))
    last = int(np.searchsorted(spans[:, 0], end, "left")) - 1
    return (first, last) if first <= last else None


def cut_all(
    opened: OpenInput, passages: Passages, asked: Asked, vocabulary: EncoderVocabulary, context: Context
) -> Cut:
    """Cut a dataset, or take what an earlier training has left."""

    def make(folder: Path) -> dict[str, Any]:
        going = Going(context, "loading", len(passages))
        wanted = iter(zip(asked.passages.tolist(), asked.places.tolist(), strict=True))
        coming = next(wanted, None)
        lengths = {"passages": array("q"), "questions": array("q")}
        golds = array("i")
        within = lost = 0
        with (
            full_is_said(),
            (folder / "passages.i4").open("wb") as passage_file,
            (folder / "questions.i4").open("wb") as question_file,
        ):
            for number, passage in enumerate(passages.each()):
                ((tokens, spans),) = vocabulary.pieces_at([passage.text])
                passage_file.write(tokens.tobytes())
                lengths["passages"].append(len(tokens))
                while coming is not None and coming[0] == number:
                    question = passage.questions[coming[1]]
                    (pieces,) = vocabulary.pieces([question.text])
                    question_file.write(pieces.tobytes())
                    for text, start in question.answers:
                        end = start + len(text)
                        stand = tokens_of(spans, start, end)
                        if stand is None:
                            lost += 1
                            continue
                        within += int(spans[stand[0], 0]) < start or int(spans[stand[1], 1]) > end
                        golds.extend((len(lengths["questions"]), *stand))
                    lengths["questions"].append(len(pieces))
                    coming = next(wanted, None)
                going.done(1)
            (folder / "golds.i4").write_bytes(golds.tobytes())
            for name, counts in lengths.items():
                (folder / f"{name}.i8").write_bytes(counts.tobytes())
        going.end()
        return {"within": within, "lost": lost}

    depends = {"tokenizer": vocabulary.definition, "version": _VERSION}
    with kept(context, "questions", opened, depends, make) as (folder, facts):
        found = {
            name: Tokens(held(folder / f"{name}.i4", _INT), np.fromfile(folder / f"{name}.i8", np.int64))
            for name in ("passages", "questions")
        }
        golds = np.fromfile(folder / "golds.i4", _INT).reshape(-1, 3)
    return Cut(found["passages"], found["questions"], Golds(*golds.T.copy()), facts["within"], facts["lost"])
