"""Chats, tables and texts as rows of tokens in files, made once for a dataset, a base and a template.

    tokens.bin  uint32, row after row        learnt.bin  uint8, 1 where the loss is taken on a token
    ends.bin    int64, where each row ends   counts.bin  int32, how many tokens of it are learnt
    parts.bin   uint8, index into PARTS, as the data tell it

Of preferences two rows belong together: the chosen answer, then the rejected one.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from shared.chats.source import chats_of
from shared.chats.template import TemplateRefused
from shared.chats.tokens import Reader, TokenRow, Vocabulary, whole
from shared.errors import DatasetInvalid, Problem, cut
from shared.volume.staging import full_is_said
from worker.context import Context
from worker.families.going import Going
from worker.families.kept import kept
from worker.families.rows import RowFile
from worker.families.text.tokens import pieces
from worker.recipe import OpenInput

PARTS = ("", "train", "val", "test")
_MADE_AS = 1  # raised when the same chats would become other tokens


class TokenRows:
    """Rows read by number. lengths, learnt: int32 (rows,), tokens of each and how many of them the loss is taken on.

    parts: uint8 (rows,). pairs: whether rows 2n and 2n + 1 are the chosen and the rejected answer to the same. notes: for the user.
    """

    def __init__(self, folder: Path, facts: dict[str, Any]):
        self._tokens = RowFile(folder / "tokens.bin", np.dtype(np.uint32))
        self._learnt = RowFile(folder / "learnt.bin", np.dtype(np.uint8))
        ends = RowFile(folder / "ends.bin", np.dtype(np.int64))
        self._ends = np.concatenate([[0], ends.read(0, len(ends))])
        counts = RowFile(folder / "counts.bin", np.dtype(np.int32))
        parts = RowFile(folder / "parts.bin", np.dtype(np.uint8))
        self.lengths = np.diff(self._ends).astype(np.int32)
        self.learnt = counts.read(0, len(counts))
        self.parts = parts.read(0, len(parts))
        self.pairs: bool = facts["pairs"]
        self.notes: list[str] = facts["notes"]

    def __len__(self) -> int:
        return len(self.lengths)

    def row(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """(tokens uint32 (n,), learnt uint8 (n,)). Raises OSError."""
        start, count = int(self._ends[number]), int(self.lengths[number])
        return self._tokens.read(start, count), self._learnt.read(start, count)


def token_rows(opened: OpenInput, base_hash: str, reader: Reader, params: Any, context: Context) -> TokenRows:
    """Read a dataset as a base reads it, or find it read. Raises DatasetInvalid when nothing is left to learn; VolumeFull."""
    depends = {
        "as": _MADE_AS,
        "base": base_hash,
        "template": reader.template.source,
        "context": params.context,
        "too_long": params.too_long,
        "learn": params.learn,
        "columns": [params.prompt, params.completion, params.rejected, params.system],
    }

    def make(folder: Path) -> dict[str, Any]:
        return _write(opened, folder, reader, params, context)

    found: AbstractContextManager[tuple[Path, dict[str, Any]]] = kept(context, "chats", opened, depends, make)
    with found as (folder, facts):
        return TokenRows(folder, facts)


class _Writer:
    """Writes rows, and counts what is left out."""

    def __init__(self, folder: Path, params: Any):
        self._files = {
            name: (folder / f"{name}.bin").open("wb") for name in ("tokens", "learnt", "ends", "counts", "parts")
        }
        self._params = params
        self._end = 0
        self.rows = 0
        self.left: Counter[str] = Counter()

    def fits(self, row: TokenRow) -> bool:
        """Whether there is something to learn in a row as it would be written; else it is counted."""
        if row.cut and self._params.too_long == "drop":
            self.left["too long"] += 1
        elif not row.count:
            self.left["too long for anything of their answers" if row.cut else "without a token to learn"] += 1
        else:
            return True
        return False

    def add(self, row: TokenRow, part: str) -> None:
        self.rows += 1
        self._end += len(row.tokens)
        content = {
            "tokens": np.array(row.tokens, np.uint32),
            "learnt": np.array(row.learnt, np.uint8),
            "ends": np.array([self._end], np.int64),
            "counts": np.array([row.count], np.int32),
            "parts": np.array([PARTS.index(part)], np.uint8),
        }
        for name, array in content.items():
            self._files[name].write(array.tobytes())

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def _write(opened: OpenInput, folder: Path, reader: Reader, params: Any, context: Context) -> dict[str, Any]:
    made = _text_rows if opened.dataset.format == "text" else _chat_rows
    with full_is_said():
        writer = _Writer(folder, params)
        try:
            facts = made(opened, writer, reader, params, context)
        finally:
            writer.close()
    if not writer.rows:
        why = ", ".join(f"{count:,} {what}" for what, count in writer.left.most_common()) or "there are none"
        message = f"no row is left that something can be learnt from: {why}"
        raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])
    left = ", ".join(f"{count:,} {what}" for what, count in writer.left.most_common())
    return {"pairs": facts["pairs"], "notes": [*facts["notes"], *([f"rows left out: {left}"] if left else [])]}


def _chat_rows(opened: OpenInput, writer: _Writer, reader: Reader, params: Any, context: Context) -> dict[str, Any]:
    going = Going(context, "loading", opened.dataset.report.rows)
    pairs, cut_off, untold, split = False, 0, 0, 0
    refused: Counter[str] = Counter()
    for chat in chats_of(opened.folder, opened.dataset.format, params, opened.dataset.report):
        going.done(1)
        if chat is None:
            writer.left["without a question or an answer"] += 1
            continue
        try:
            rows = [reader.row(one, params.context) for one in ((chat, chat.other) if chat.rejected else (chat,))]
        except TemplateRefused as err:
            refused[str(err)] += 1
            continue
        if all(writer.fits(row) for row in rows):
            pairs = bool(chat.rejected)
            for row in rows:
                writer.add(row, chat.part)
                cut_off, untold, split = cut_off + (row.cut > 0), untold + row.untold, split + row.split
    going.end()
    for why, count in refused.most_common():
        writer.left[f"that the template does not take (it {cut(why, 200)})"] += count
    said = (
        (cut_off, "rows were too long and their ends cut off"),
        (untold, "answers are not learnt: the template writes them so that they cannot be told from the rest"),
        (split, "answers begin within a token, which is not learnt"),
    )
    return {"pairs": pairs, "notes": [f"{count:,} {what}" for count, what in said if count]}


def _text_rows(opened: OpenInput, writer: _Writer, reader: Reader, params: Any, context: Context) -> dict[str, Any]:
    """A text, cut into rows without a break in a character; all of it is learnt."""
    source = opened.folder / "files" / "text.txt"
    going = Going(context, "loading", source.stat().st_size)
    for piece in pieces(source):
        for tokens in cut_rows(reader.vocabulary, piece, params.context):
            if len(tokens) > 1:
                writer.add(TokenRow(tokens, [1] * len(tokens)), "")
        going.done(len(piece.encode()))
    going.end()
    return {"pairs": False, "notes": []}


def cut_rows(vocabulary: Vocabulary, text: str, size: int) -> Iterator[list[int]]:
    """A text as rows of at most `size` tokens, none of which begins or ends within a character."""
    encoded = vocabulary.tokenizer.encode(text, add_special_tokens=False)
    tokens, places, start = list(encoded.ids), list(encoded.offsets), 0
    while start < len(tokens):
        count = whole(places[start : start + size + 1], size) if len(tokens) - start > size else len(tokens) - start
        yield tokens[start : start + max(count, 1)]
        start += max(count, 1)
