"""The one encoder network says what Transformers says, for every family (fixtures: benchmarks/make_tiny_encoders.py)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from shared.bases.importer import ImportedBase, import_base
from shared.volume.volume import Volume
from tests.support.tiny_bases import ENCODERS, FOLDER, PAGE, files_of
from worker.families.language.encoder import FILLER, Encoder, pooled
from worker.families.language.vectors import EncoderVocabulary, TextVectors
from worker.families.language.weights import assign_base, variables_by_name

pytestmark = pytest.mark.timeout(300)


def imported(name: str, tmp_path: Path) -> tuple[ImportedBase, Path]:
    volume = Volume(tmp_path / "volume")
    base = import_base(volume, files_of(name), name=name, source="a test")
    return base, volume.base_dir(base.id)


def opened(name: str, tmp_path: Path) -> tuple[Encoder, EncoderVocabulary]:
    base, folder = imported(name, tmp_path)
    model = Encoder(base.encoder)
    model.build()
    assign_base(model, folder)
    return model, EncoderVocabulary.of(folder)


def expected(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / name / "expected.json").read_text())


@pytest.mark.parametrize("name", ENCODERS)
def test_what_the_last_block_gives_is_what_transformers_has(name: str, tmp_path: Path) -> None:
    model, _ = opened(name, tmp_path)
    stored = model.config.tensors()
    names = {key: tuple(variable.shape) for key, variable in variables_by_name(model).items()}
    assert list(names) == list(stored)
    assert all(names[key] == (shape[::-1] if key.endswith("kernel") else shape) for key, shape in stored.items())
    hidden = load_file(FOLDER / name / "expected.safetensors")["hidden"]
    rows = expected(name)["rows"]
    filled = np.full(hidden.shape[:2], FILLER, np.int32)
    for place, row in enumerate(rows):
        filled[place, : len(row)] = row
    found = np.asarray(model(filled))
    for place, row in enumerate(rows):
        assert np.abs(found[place, : len(row)] - hidden[place, : len(row)]).max() < 1e-4


@pytest.mark.parametrize("name", ENCODERS)
def test_a_page_is_cut_into_the_tokens_of_transformers(name: str, tmp_path: Path) -> None:
    _, folder = imported(name, tmp_path)
    vocabulary, page = EncoderVocabulary.of(folder), expected(name)["page"]
    assert vocabulary.framed([PAGE], 10_000)[0].tolist() == page  # whatever length the folder's tokenizer.json names
    assert vocabulary.framed([PAGE, ""], 9)[0].tolist() == page[:8] + page[-1:]
    assert vocabulary.framed([""], 9)[0].tolist() == [page[0], page[-1]]


def test_vectors_are_those_of_each_text_alone(tmp_path: Path) -> None:
    model, vocabulary = opened("bert", tmp_path)
    texts = [line for line in PAGE.splitlines() if line.strip()]
    vectors = TextVectors(model, vocabulary, length=32)
    together = vectors.of(texts)
    assert together.dtype == np.float32 and np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([vectors.of([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5
    first = TextVectors(model, vocabulary, length=32, pooling="first", normal=False).of(texts[:1])
    row = vocabulary.framed(texts[:1], 32)[0][None]
    assert np.abs(first - np.asarray(pooled(row, model(row), "first"))).max() < 1e-5
    assert vectors.of([]).shape == (0, model.config.width)


def test_what_an_encoder_was_trained_to_guess_words_with_is_left_out_and_told(tmp_path: Path) -> None:
    base, _ = imported("bert", tmp_path)
    assert (base.kind, base.family) == ("encoder", "bert")
    assert base.notes == ["cls: left out; of an encoder its blocks are taken, a training makes its own end"]
    assert base.parameters == 27_424
