"""A base's tokenizer numbers a page of English, Chinese, emoji and code as Transformers does, and gives it back."""

import numpy as np
import pytest

from tests.support.tiny_bases import FOLDER, NAMES, PAGE, expected_of
from worker.families.language.tokens import BaseVocabulary


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_the_numbers_that_transformers_gives_it(name: str) -> None:
    vocabulary = BaseVocabulary.of(FOLDER / name)
    tokens = vocabulary.encode(PAGE)
    assert tokens.tolist() == expected_of(name).page
    assert vocabulary.text(tokens) == PAGE


@pytest.mark.parametrize("name", NAMES)
def test_text_that_comes_token_by_token_is_the_whole_text_and_breaks_no_character(name: str) -> None:
    vocabulary = BaseVocabulary.of(FOLDER / name)
    decoder = vocabulary.decoder()
    pieces = [decoder.feed(np.array([token])) for token in vocabulary.encode(PAGE)]
    assert "".join(pieces) == PAGE
    assert not any("\ufffd" in piece for piece in pieces)
