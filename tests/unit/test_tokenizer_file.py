"""The tokenizer that goes with an exported model cuts and joins texts as the service does."""

import pytest

np = pytest.importorskip("numpy")
tokenizers = pytest.importorskip("tokenizers")

from worker.families.text.tokenizer_file import tokenizer_json  # noqa: E402
from worker.families.text.vocabulary import learn_vocabulary  # noqa: E402

TEXT = "床前明月光，疑是地上霜。\n  The quick brown fox: 10 %!\té \U0001f98a\n" * 20


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_a_text_has_the_same_tokens_and_comes_back(kind):
    vocabulary = learn_vocabulary(kind, [TEXT], 300)
    tokenizer = tokenizers.Tokenizer.from_str(tokenizer_json(vocabulary.to_json()))
    assert tokenizer.get_vocab_size() == vocabulary.size
    for text in (TEXT, "月", "fox\n\n  fox", "\U0001f98a"):
        ids = tokenizer.encode(text).ids
        assert ids == vocabulary.encode(text).tolist()
        assert tokenizer.decode(ids) == text


def test_a_text_is_prepared_as_the_importer_does():
    vocabulary = learn_vocabulary("char", [TEXT], 300)
    tokenizer = tokenizers.Tokenizer.from_str(tokenizer_json(vocabulary.to_json()))
    assert tokenizer.decode(tokenizer.encode("e\u0301\r\nfox\rfox").ids) == "é\nfox\nfox"


def test_a_character_that_the_model_has_never_seen_is_refused():
    tokenizer = tokenizers.Tokenizer.from_str(tokenizer_json(learn_vocabulary("char", [TEXT], 300).to_json()))
    with pytest.raises(Exception, match="UNK"):
        tokenizer.encode("Zebra")
