"""A GGUF file becomes the same base as the folder it was made of; what is damaged or unknown is refused by name."""

import json
import struct
from pathlib import Path

import ml_dtypes  # noqa: F401  teaches NumPy bfloat16
import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from shared.bases.gguf.tokenizer import pre_of, tokenizer_json
from shared.bases.importer import import_base
from shared.bases.manifest import Base
from shared.bases.weights_file import WEIGHTS
from shared.errors import BaseInvalid
from shared.volume.volume import Volume
from tests.support.tiny_bases import FOLDER, PAGE, expected_of, files_of
from tests.support.tiny_gguf import ARCHITECTURES, write_gguf


def imported(volume: Volume, path: Path) -> Base:
    return import_base(volume, {path.name: path}, name="tiny", source="a test")


def weights_of(volume: Volume, base: Base) -> dict[str, np.ndarray]:
    return load_file(volume.base_dir(base.id) / WEIGHTS)


@pytest.fixture
def here(tmp_path: Path) -> Volume:
    return Volume(tmp_path / "volume")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_gguf_file_holds_what_the_folder_holds(name: str, here: Volume, tmp_path: Path) -> None:
    of_file = imported(here, write_gguf(tmp_path / "tiny.gguf", name))
    of_folder = import_base(here, files_of(name), name="tiny", source="a test")
    first, second = weights_of(here, of_file), weights_of(here, of_folder)
    assert list(first) == list(second)
    for key in first:
        assert np.allclose(first[key], second[key], rtol=0, atol=1e-6), key
    # Neither Gemma's scale and pattern of windows nor a Qwen's windows stand in a GGUF file: they are known of the real sizes.
    unsaid = {"windows", "scale"} if name.startswith(("gemma", "qwen")) else set()
    given, wanted = (base.config.model_dump(exclude={*unsaid, "norm_epsilon"}) for base in (of_file, of_folder))
    assert given == wanted
    assert of_file.special.eos == "<|im_end|>" and of_file.special.ends == [2] and of_file.has_template


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen2"])
def test_the_tokenizer_made_of_the_metadata_numbers_a_page_as_the_folders_does(name: str, here, tmp_path) -> None:
    base = imported(here, write_gguf(tmp_path / "tiny.gguf", name))
    tokenizer = Tokenizer.from_file(str(here.base_dir(base.id) / "tokenizer.json"))
    assert tokenizer.encode(PAGE).ids == expected_of(name).page


def test_a_sentencepiece_vocabulary_gives_any_text_back(here: Volume, tmp_path: Path) -> None:
    base = imported(here, write_gguf(tmp_path / "tiny.gguf", "gemma2"))
    tokenizer = Tokenizer.from_file(str(here.base_dir(base.id) / "tokenizer.json"))
    assert tokenizer.decode(tokenizer.encode(PAGE).ids) == PAGE


@pytest.mark.parametrize(
    ("packed", "off"), [("F16", 2e-3), ("BF16", 1e-2), ("Q8_0", 0.02), ("Q4_0", 0.4), ("Q4_1", 0.4)]
)
def test_packed_numbers_are_unpacked(packed: str, off: float, here: Volume, tmp_path: Path) -> None:
    base = imported(here, write_gguf(tmp_path / "tiny.gguf", "qwen2", packed))
    plain = imported(here, write_gguf(tmp_path / "plain.gguf", "qwen2"))
    given, wanted = weights_of(here, base), weights_of(here, plain)
    difference = max(np.abs(given[key].astype(np.float32) - wanted[key]).max() for key in given)
    assert 0 < difference < off
    assert base.dtype == (packed if packed in ("F16", "BF16") else "F32")


def refused(here: Volume, path: Path, match: str) -> None:
    with pytest.raises(BaseInvalid, match=match):
        imported(here, path)
    assert list((here.root / "bases").iterdir()) == []


def test_a_file_that_was_cut_off_is_refused(here: Volume, tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "tiny.gguf", "llama").read_bytes()
    for size in (3, 20, 1_000, len(whole) // 2, len(whole) - 40):
        path = tmp_path / "cut.gguf"
        path.write_bytes(whole[:size])
        refused(here, path, "cut off|no GGUF file")


def test_another_version_is_refused_by_its_number(here: Volume, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "tiny.gguf", "llama")
    content = bytearray(path.read_bytes())
    for version, said in ((1, "version 1"), (9, "version 9"), (3 << 24, "big-endian")):
        content[4:8] = struct.pack("<I", version)
        path.write_bytes(content)
        refused(here, path, said)


@pytest.mark.parametrize(("at", "what"), [(8, "tensors"), (16, "keys")])
def test_a_head_that_promises_more_than_a_file_can_hold_is_refused_at_once(at: int, what: str, here, tmp_path) -> None:
    path = write_gguf(tmp_path / "tiny.gguf", "llama")
    content = bytearray(path.read_bytes())
    content[at : at + 8] = struct.pack("<Q", 2**60)
    path.write_bytes(content)
    refused(here, path, f"promises 1,152,921,504,606,846,976 {what}")


def test_another_family_is_refused_by_its_name(here: Volume, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "tiny.gguf", "llama")
    path.write_bytes(path.read_bytes().replace(b"llama", b"mamba"))
    refused(here, path, "mamba.*known are gpt2, llama, qwen2")


def test_a_key_that_may_change_the_result_is_refused_by_its_name(here: Volume, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "tiny.gguf", "llama", more={"llama.expert_count": 8, "llama.clever_trick": 1})
    with pytest.raises(BaseInvalid) as caught:
        imported(here, path)
    assert {p.field for p in caught.value.problems} == {"llama.expert_count", "llama.clever_trick"}


def test_a_type_that_is_not_read_is_refused_by_its_name(here: Volume, tmp_path: Path) -> None:
    refused(here, write_gguf(tmp_path / "tiny.gguf", "qwen2", "Q5_0"), "Q5_0")


def test_an_unknown_way_to_part_texts_is_refused_by_its_name(here: Volume, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "tiny.gguf", "llama")
    path.write_bytes(path.read_bytes().replace(b"smollm", b"viking"))
    refused(here, path, "viking")


@pytest.mark.parametrize(("kind", "name"), [("starcoder", "llama"), ("phi-2", "gpt2"), ("deepseek-r1-qwen", "qwen2")])
def test_kinds_that_part_texts_alike_give_the_same_tokens(kind: str, name: str) -> None:
    given = json.loads((FOLDER / name / "tokenizer.json").read_text(encoding="utf-8"))
    assert pre_of(given) != kind
    made = Tokenizer.from_buffer(tokenizer_json(_keys_of(given) | {"tokenizer.ggml.pre": kind}, [], "tiny.gguf"))
    assert made.encode(PAGE).ids == expected_of(name).page


def test_tekken_parts_words_where_capitals_begin_and_digits_one_by_one() -> None:
    given = json.loads((FOLDER / "gpt2" / "tokenizer.json").read_text(encoding="utf-8"))
    made = Tokenizer.from_buffer(tokenizer_json(_keys_of(given) | {"tokenizer.ggml.pre": "tekken"}, [], "tiny.gguf"))
    assert made.pre_tokenizer is not None
    parts = [part for part, _ in made.pre_tokenizer.pre_tokenize_str("camelCase 12 HTTPServer")]
    assert parts == ["camel", "Case", "Ġ", "1", "2", "ĠHTTPServer"]


def _keys_of(given: dict) -> dict:
    vocabulary = given["model"]["vocab"]
    keys = {
        "model": "gpt2",
        "tokens": sorted(vocabulary, key=vocabulary.__getitem__),
        "token_type": [1] * len(vocabulary),
        "merges": [" ".join(pair) for pair in given["model"]["merges"]],
    }
    return {f"tokenizer.ggml.{name}": value for name, value in keys.items()}
