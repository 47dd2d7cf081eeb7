"""Datasets that need no upload: text that Python itself brings along."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO


@dataclass(frozen=True)
class Example:
    """One example. action: what its button on the empty job list says. recipe: what it is meant for.

    files: makes what an upload would hold, (file name, readable stream) each.
    """

    name: str
    title: str
    about: str
    action: str
    recipe: str
    format: str
    files: Callable[[], list[tuple[str, IO[bytes]]]]


def _python_docs() -> list[tuple[str, IO[bytes]]]:
    """Python's reference by topic, as `help()` shows it: about half a million characters of English and code."""
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name].strip() for name in sorted(topics))
    return [("python-docs.txt", io.BytesIO(text.encode()))]


EXAMPLES = {
    "python_docs": Example(
        name="python_docs",
        title="Python's own documentation",
        about="The language reference that every Python brings along, as one English text.",
        action="Train on Python's documentation",
        recipe="gpt",
        format="text",
        files=_python_docs,
    ),
}
