"""Vocabularies, windows and the check of a text against its params."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.datasets.manifest import DatasetManifest
from shared.datasets.report import DatasetReport
from shared.recipes.base import TrainParams
from shared.recipes.gpt import GptTrain
from shared.recipes.text_params import check_text
from shared.volume.content import StoredFile
from worker.families.text.vocabulary import UnknownCharacters, learn_vocabulary, vocabulary_from_json

TANG = "床前明月光，疑是地上霜。\n舉頭望明月，低頭思故鄉。\n「何當共剪西窗燭」𠮷 — café 👍🏽 naïve\n"
KINDS = ("char", "byte", "bpe")
BPE = learn_vocabulary("bpe", [TANG * 20], 320)
BYTE = learn_vocabulary("byte", [], 0)


def written(vocabulary, tokens, pieces=1) -> str:
    """Decode tokens one piece after the other, as streaming does."""
    decoder = vocabulary.decoder()
    return "".join(decoder.feed(part) for part in np.array_split(tokens, pieces)) + decoder.feed(tokens[:0], last=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_comes_back_as_it_was_also_from_stored_json(kind):
    vocabulary = learn_vocabulary(kind, [TANG * 20], 320)
    stored = vocabulary_from_json(json.loads(json.dumps(vocabulary.to_json())))
    tokens = stored.encode(TANG)
    assert tokens.dtype == np.int32
    assert 0 <= tokens.min() <= tokens.max() < stored.size
    assert (tokens == vocabulary.encode(TANG)).all()
    assert written(stored, tokens) == TANG


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_text_makes_the_same_vocabulary_in_whatever_pieces_it_comes(kind):
    assert learn_vocabulary(kind, [TANG] * 3, 300).to_json() == learn_vocabulary(kind, [TANG * 3], 300).to_json()


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=80))
def test_byte_and_bpe_lose_nothing_of_any_text(text):
    for vocabulary in (BYTE, BPE):
        assert written(vocabulary, vocabulary.encode(text)) == text


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30))
def test_a_streamed_text_never_shows_half_a_character(text):
    for vocabulary in (BYTE, BPE):
        decoder, tokens, so_far = vocabulary.decoder(), vocabulary.encode(text), ""
        for token in tokens:
            so_far += decoder.feed(np.array([token], np.int32))
            assert text.startswith(so_far)
        assert so_far + decoder.feed(tokens[:0], last=True) == text


def test_a_text_that_ends_in_mid_character_ends_before_it():
    tokens = BYTE.encode("明月")
    for missing in (1, 2):
        assert written(BYTE, tokens[:-missing]) == "明"


def test_bytes_that_are_no_text_become_the_replacement_character_and_stay_encodable():
    text = written(BYTE, np.array([0xFF, 0x41, 0xE6, 0x41], np.int32))
    assert text == "\ufffdA\ufffdA"
    text.encode()


def test_a_character_beyond_all_known_ones_is_unknown_too():
    vocabulary = learn_vocabulary("char", ["abc"], 0)
    assert vocabulary.encode("cab").tolist() == [2, 0, 1]
    for beyond in ("d", "\U0010ffff", "\ud800"):
        with pytest.raises(UnknownCharacters):
            vocabulary.encode("a" + beyond)
    assert vocabulary.encode("").tolist() == []


def test_unknown_characters_are_named_once_each_in_order():
    with pytest.raises(UnknownCharacters) as caught:
        learn_vocabulary("char", [TANG], 0).encode("床龍前鳳龍")
    assert caught.value.characters == ["龍", "鳳"]
    assert "'龍' '鳳'" in str(caught.value)


def test_every_byte_is_in_a_bpe_vocabulary_so_nothing_is_unknown():
    assert written(BPE, BPE.encode("Ωψ\x00\t龍")) == "Ωψ\x00\t龍"


def _params(**values) -> TrainParams:
    return GptTrain.model_validate(values)


def _manifest(text: str) -> DatasetManifest:
    file = StoredFile(path="files/text.txt", size=len(text.encode()), sha256="0" * 64)
    return DatasetManifest(
        id="0" * 32, name="x", format="text", created_at=datetime.now(UTC), bytes=file.size, files=[file],
        report=DatasetReport(facts={"characters": len(text)}),
    )  # fmt: skip


def test_a_text_too_short_for_the_context_is_answered_with_what_would_do():
    (problem,) = check_text(_params(context=64), {"data": _manifest("x" * 40)})  # no share would do
    assert problem.field == "params.context"
    assert "40 characters" in problem.message
    assert "at least 641" in problem.message
    assert "params.context to 3 or less" in problem.message
    assert check_text(_params(context=64), {"data": _manifest("x" * 641)}) == []
    (problem,) = check_text(_params(context=64), {"data": _manifest("x" * 12)})
    assert problem.message.endswith("upload more text; no context is small enough for it")
    assert check_text(_params(context=64), {"data": _manifest("x" * 640)})
    assert check_text(_params(context=3), {"data": _manifest("x" * 40)}) == []


@pytest.mark.parametrize(("share", "said"), [(0.001, "0.065"), (0.01, "0.065"), (0.06, "0.065")])
def test_a_part_for_validation_that_is_too_small_is_not_blamed_on_the_context(share, said):
    (problem,) = check_text(_params(context=64, validation_fraction=share), {"data": _manifest("x" * 1_000)})
    assert problem.field == "params.validation_fraction"
    assert f"set params.validation_fraction to {said} or more" in problem.message
    assert check_text(_params(context=64, validation_fraction=float(said)), {"data": _manifest("x" * 1_000)}) == []
    assert ("params.context to" in problem.message) == (share > 0.002)  # one token: no context is that small


def test_chinese_text_counts_by_its_bytes_when_they_are_the_tokens():
    text = "月" * 300
    assert check_text(_params(context=64), {"data": _manifest(text)})
    assert check_text(_params(context=64, vocabulary="byte"), {"data": _manifest(text)}) == []
