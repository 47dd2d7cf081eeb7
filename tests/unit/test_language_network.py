"""The one decoder network says what Transformers says, for every family (fixtures: benchmarks/make_tiny_bases.py)."""

from pathlib import Path

import numpy as np
import pytest

from shared.bases.importer import import_base
from shared.volume.volume import Volume
from tests.support.tiny_bases import NAMES, expected_of, files_of
from tests.support.tiny_gguf import write_gguf
from worker.families.language.network import Decoder
from worker.families.language.weights import assign_base, variables_by_name
from worker.generation.decode.decoder import DecoderEngine
from worker.generation.decode.sampling import Sampling

GREEDY = Sampling(*(np.array([value], kind) for value, kind in ((0, "f4"), (0, "i4"), (1, "f4"), (1, "f4"), (0, "i4"))))
pytestmark = pytest.mark.timeout(300)


def opened(name: str, tmp_path: Path) -> Decoder:
    volume = Volume(tmp_path / "volume")
    base = import_base(volume, files_of(name), name=name, source="a test")
    model = Decoder(base.decoder)
    model.build()
    assign_base(model, volume.base_dir(base.id))
    return model


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    model, expected = opened(name, tmp_path), expected_of(name)
    names = {key: tuple(variable.shape) for key, variable in variables_by_name(model).items()}
    stored = model.config.tensors()
    assert list(names) == list(stored)
    assert all(names[key] == (shape[::-1] if key.endswith("kernel") else shape) for key, shape in stored.items())
    logits = np.asarray(model(np.array([expected.prompt], np.int32)))[0]
    assert np.abs(logits - expected.logits).max() < 1e-4


@pytest.mark.parametrize(("name", "jit"), [*((name, False) for name in NAMES), ("llama", True), ("gemma3", True)])
def test_greedy_text_is_that_of_transformers_with_a_cache_and_without(name: str, jit: bool, tmp_path: Path) -> None:
    """120 tokens after 40: over the borders of S at 64 and 128, to the end of the context."""
    model, expected = opened(name, tmp_path), expected_of(name)
    engine, prompt = DecoderEngine(model, jit=jit), np.array(expected.prompt, np.int32)
    pieces = [piece[0] for piece in engine.decode(prompt, len(expected.greedy), GREEDY)]
    assert np.concatenate(pieces).tolist() == expected.greedy
    if not jit:
        whole = np.array([expected.prompt + expected.greedy], np.int32)[:, :-1]
        without_cache = np.asarray(model(whole))[0, len(prompt) - 1 :].argmax(-1)
        assert without_cache.tolist() == expected.greedy


@pytest.mark.parametrize("name", ["gpt2", "gemma3"])
def test_texts_in_one_row_do_not_see_each_other(name: str, tmp_path: Path) -> None:
    model, prompt = opened(name, tmp_path), expected_of(name).prompt
    first, second = prompt[:17], prompt[17:40]
    row = {
        "tokens": np.array([first + second], np.int32),
        "segments": np.array([[0] * len(first) + [1] * len(second)], np.int32),
        "places": np.array([[*range(len(first)), *range(len(second))]], np.int32),
    }
    together = np.asarray(model(row))[0]
    apart = [np.asarray(model(np.array([part], np.int32)))[0] for part in (first, second)]
    assert np.abs(together - np.concatenate(apart)).max() < 1e-5


@pytest.mark.parametrize("time", [2, 64, 65, 257, 600, 699])  # of one alone Keras warns that its softmax is 1
def test_a_long_prompt_that_is_read_in_parts_gives_what_the_whole_model_gives(time: int, tmp_path: Path) -> None:
    base = import_base(Volume(tmp_path / "volume"), files_of("gemma3"), name="tiny", source="a test")
    model = Decoder(base.decoder.model_copy(update={"context": 700}))
    model.build()
    prompt = np.random.default_rng(time).integers(0, 320, time).astype(np.int32)
    _, logits, place = DecoderEngine(model, jit=False).begin(prompt)
    assert place == time
    assert np.abs(np.asarray(logits)[0] - np.asarray(model(prompt[None]))[0, -1]).max() < 1e-5


def test_weights_in_half_precision_are_taken_as_they_are(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "tiny.gguf", "qwen2", "BF16")
    volume = Volume(tmp_path / "volume")
    base = import_base(volume, {path.name: path}, name="tiny", source="a test")
    assert base.dtype == "BF16"
    model = Decoder(base.decoder)
    model.build()
    assign_base(model, volume.base_dir(base.id))
    kernel = np.asarray(model.blocks[0].q.kernel)
    assert np.abs(kernel).max() > 0.1 and (kernel.view(np.uint32) & 0xFFFF == 0).all()  # no digit that bfloat16 has not


def test_no_two_matrices_begin_alike(tmp_path: Path) -> None:
    base = import_base(Volume(tmp_path / "volume"), files_of("llama3"), name="tiny", source="a test")
    model = Decoder(base.decoder.model_copy(update={"kv_heads": base.decoder.heads}))
    model.build()
    named = variables_by_name(model).items()
    beginnings = [np.asarray(v).ravel()[:8].tobytes() for name, v in named if name.endswith(("kernel", "table"))]
    assert len(set(beginnings)) == len(beginnings)
