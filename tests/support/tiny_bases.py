"""Tiny random models of each family of open weights, as Transformers has saved them (benchmarks/make_tiny_bases.py)."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from shared.bases.importer import import_base
from shared.jobs.job import InputRef
from shared.volume.volume import Volume
from tests.support.tiny_backbones import put_backbone

FOLDER = Path(__file__).parent.parent / "fixtures" / "bases"
NAMES = ("gpt2", "llama", "llama3", "mistral", "qwen2", "qwen3", "gemma2", "gemma3")
ENCODERS = (
    "bert",
    "distilbert",
    "roberta",
    "xlm-roberta",
)  # of these, tests/unit/test_encoder_network.py reads what is expected
PAGE = (FOLDER / "page.txt").read_text(encoding="utf-8")
_EXPECTED = ("expected.json", "expected.safetensors")


def put_base(volume: Volume, name: str) -> InputRef:
    """Import a tiny base, or find it imported. "backbone": a random one for pictures."""
    if name == "backbone":
        return put_backbone(volume)
    return InputRef(base_id=import_base(volume, files_of(name), name=name, source="a test").id)


@dataclass(frozen=True)
class Expected:
    """What Transformers says. page: token numbers of PAGE. prompt: the first of them. logits: float32 (prompt, vocabulary).

    greedy: the likeliest tokens after the prompt, one after the other.
    """

    page: list[int]
    prompt: list[int]
    greedy: list[int]
    logits: np.ndarray


def files_of(name: str) -> dict[str, Path]:
    """The folder's files by name, as an import is given them."""
    return {path.name: path for path in sorted((FOLDER / name).iterdir()) if path.name not in _EXPECTED}


def expected_of(name: str) -> Expected:
    said = json.loads((FOLDER / name / _EXPECTED[0]).read_text())
    return Expected(**said, logits=load_file(FOLDER / name / _EXPECTED[1])["logits"])
