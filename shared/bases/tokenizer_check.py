"""Whether a tokenizer.json can be read, and fits the embedding it is to number the rows of."""

import json
from typing import Any

from tokenizers import Tokenizer

from shared.bases.manifest import TOKENIZER
from shared.errors import Problem

MOST_BYTES = 64 * 1024**2  # the largest known have some 35 MB


def checked(content: bytes, rows: int, problems: list[Problem]) -> Tokenizer | None:
    """The tokenizer; None where it cannot be used. rows: of the embedding, which may be more than there are tokens."""
    try:
        tokenizer = Tokenizer.from_buffer(content)
    except Exception as err:  # noqa: BLE001  the library raises plain Exception
        problems.append(Problem(field="", message=f"cannot be read: {err}"[:300], file=TOKENIZER))
        return None
    beyond = [
        (number, piece) for piece, number in tokenizer.get_vocab(with_added_tokens=True).items() if number >= rows
    ]
    if beyond:
        number, piece = max(beyond)
        message = (
            f"has {len(beyond):,} tokens beyond the {rows:,} rows of the embedding, such as {piece!r:.40} ({number:,})"
        )
        problems.append(Problem(field="", message=message, file=TOKENIZER))
        return None
    return tokenizer


def plain_json(content: bytes) -> Any:
    """JSON of a file that came from outside. Raises ValueError with what is wrong."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as err:
        raise ValueError(f"is no JSON ({err})"[:300]) from err
