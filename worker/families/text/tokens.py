"""A text becomes a file of tokens, once per dataset and vocabulary, in pieces: memory does not grow with the text."""

import unicodedata
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from shared.errors import DatasetInvalid, Problem
from shared.volume.staging import full_is_said
from worker.context import Context
from worker.families.going import Going
from worker.families.kept import kept
from worker.families.rows import RowFile
from worker.families.text.vocabulary import learn_vocabulary, vocabulary_from_json
from worker.recipe import OpenInput

_MADE_AS = 1  # raised when the same text would become other tokens
PIECE = 1 << 18  # characters
LEARNT_FROM = 20_000_000  # characters a bpe vocabulary is learnt from: words of Chinese hardly repeat, and each is held
_BEGINNING = 20  # characters kept to show samples from


def as_imported(text: str) -> str:
    """A prompt or stop text as the importer makes texts: composed (NFC), line ends LF, no byte order mark."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text)


def pieces(path: Path) -> Iterator[str]:
    """The text in pieces whose borders depend on it alone: at the end of a line that something other than white space follows.

    Vocabularies see the same in the pieces as in the whole: no word or run of white space is cut, unless a line is longer than
    four pieces.
    """
    held = ""
    with path.open(encoding="utf-8") as file:
        while read := file.read(PIECE):
            held += read
            at = _last_border(held)
            if at or len(held) > 4 * PIECE:
                at = at or len(held)
                yield held[:at]
                held = held[at:]
    if held:
        yield held


def _last_border(text: str) -> int:
    """Where the last line begins that begins with a character that is no white space; 0 where there is none."""
    at = len(text)
    while (at := text.rfind("\n", 0, at)) >= 0:
        if at + 1 < len(text) and not text[at + 1].isspace():
            return at + 1
    return 0


class TokenText:
    """A text as tokens on disk. tokens: RowFile of unsigned numbers. beginning: its first characters."""

    def __init__(self, folder: Path, facts: dict[str, Any]):
        self.vocabulary = vocabulary_from_json(facts["vocabulary"])
        self.tokens = RowFile(folder / "tokens.bin", np.dtype(facts["dtype"]))
        self.beginning: str = facts["beginning"]


def token_text(opened: OpenInput, params: Any, context: Context) -> TokenText:
    """Encode a dataset of format "text", or find it encoded. params: TextTrain.

    Raises DatasetInvalid for a text of one character repeated, which nothing can be learnt from; VolumeFull.
    """
    source = opened.folder / "files" / "text.txt"
    depends: dict[str, Any] = {"as": _MADE_AS, "vocabulary": params.vocabulary}
    if params.vocabulary == "bpe":
        import tokenizers

        depends |= {"size": params.vocabulary_size, "tokenizers": tokenizers.__version__}

    def make(folder: Path) -> dict[str, Any]:
        return _write(source, folder / "tokens.bin", params, context)

    found: AbstractContextManager[tuple[Path, dict[str, Any]]] = kept(context, "text", opened, depends, make)
    with found as (folder, facts):
        return TokenText(folder, facts)


def _write(source: Path, target: Path, params: Any, context: Context) -> dict[str, Any]:
    size = source.stat().st_size
    going = Going(context, "loading", size if params.vocabulary == "byte" else 2 * size)

    def watched(every: int = 1) -> Iterator[str]:
        for number, piece in enumerate(pieces(source)):
            if number % every == 0:
                yield piece
            going.done(len(piece.encode()))

    every = 1 if params.vocabulary != "bpe" else max(1, -(-size // LEARNT_FROM))
    vocabulary = learn_vocabulary(params.vocabulary, watched(every), params.vocabulary_size)
    dtype = np.dtype(np.uint8 if vocabulary.size <= 1 << 8 else np.uint16 if vocabulary.size <= 1 << 16 else np.uint32)
    beginning, characters = "", set[str]()
    with full_is_said(), target.open("wb") as out:
        for piece in watched():
            beginning = beginning or piece[:_BEGINNING]
            if len(characters) < 2:
                characters |= set(piece)
            out.write(vocabulary.encode(piece).astype(dtype).tobytes())
    if len(characters) == 1:
        message = f"the text is {next(iter(characters))!r} over and over: nothing can be learnt from one character"
        raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])
    return {"vocabulary": vocabulary.to_json(), "dtype": dtype.name, "beginning": beginning}
