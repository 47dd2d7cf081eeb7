"""Texts as data of a training, without an import: for tests of what comes after it."""

import hashlib
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from worker.context import Context
from worker.families.text.data import TextData, load_text
from worker.recipe import OpenInput


def text_input(folder: Path, text: str) -> OpenInput:
    """Lay a text down in a folder as an imported dataset has it."""
    (folder / "files").mkdir(parents=True, exist_ok=True)
    (folder / "files" / "text.txt").write_text(text, encoding="utf-8", newline="\n")
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return OpenInput(folder, dataset=SimpleNamespace(id=digest), hash=digest)


def text_data(text: str, params: Any, context: Context | None = None) -> TextData:
    """Load a text as a training does."""
    with tempfile.TemporaryDirectory() as place:
        return load_text({"data": text_input(Path(place), text)}, params, context or Context())
