"""Pairs of texts are cleaned, cut into pieces and compared as the field does it."""

import json
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

from shared.errors import DatasetInvalid  # noqa: E402
from shared.recipes.seq2seq import Seq2seqTrain, check_sides  # noqa: E402
from tests.support.case_data import translations  # noqa: E402
from tests.support.tiny_datasets import imported  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.scripts import script_of  # noqa: E402
from worker.families.translating.alignment import units  # noqa: E402
from worker.families.translating.measuring import first_sentence  # noqa: E402
from worker.families.translating.pieces import Pieces, clean, learn_pieces  # noqa: E402
from worker.families.translating.rouge import rouge  # noqa: E402
from worker.families.translating.rows import read_pairs  # noqa: E402
from worker.families.translating.scoring import bleu_of, bleu_tokens, figures, judge_of, score  # noqa: E402
from worker.recipes import seq2seq  # noqa: E402

SIDES = {"source": "english", "target": "chinese"}


@pytest.fixture(scope="module")
def pieces():
    texts = ["床前明月光", "the quick brown fox", "[END] no token end of text"] * 20
    return Pieces(learn_pieces(texts, 400, spaced=True), most=50)


def _table(*rows: str, head: str = "english,chinese") -> list[tuple[str, bytes]]:
    return [("pairs.csv", "\n".join([head, *rows]).encode())]


def _params(**more: Any) -> Seq2seqTrain:
    return Seq2seqTrain.model_validate({**SIDES, **more})


@pytest.mark.parametrize(
    ("text", "script"),
    [("Good day, 你", "LATIN"), ("早上好 ok", "CJK"), ("コーヒーを飲む。", "JAPANESE"), ("Доброе", "CYRILLIC"), ("12 + 3!", ""),
     ("안녕", "HANGUL")],
)  # fmt: skip
def test_the_script_of_a_text_is_that_of_most_letters(text, script):
    assert script_of(text) == script


@pytest.mark.parametrize("text", ["the fox, naïve 😀 and 龘", "[END]", "no token", "", "a  b\n c\u00a0d", "e\u0301"])
def test_any_text_is_spelled_in_pieces_and_read_back_but_for_white_space(pieces, text):
    (tokens,) = pieces.encode([text])
    assert tokens.min(initial=3) >= 3, "no token of a text fills up, begins or ends it"
    assert pieces.decode(tokens) == clean(text)


def test_half_a_character_is_left_out(pieces):
    (tokens,) = pieces.encode(["a龘"])
    assert pieces.decode(tokens[:-1]) == "a"


def test_no_more_of_a_long_text_is_cut_than_may_be_read(pieces):
    (tokens,), (whole,) = (
        pieces.encode(["the fox " * 12_500]),
        Pieces(pieces.definition, 10**6).encode(["the fox " * 12_500]),
    )
    assert len(whole) > 10_000 and pieces.most < len(tokens) < 1_000
    assert (tokens[: pieces.most] == whole[: pieces.most]).all()


def test_the_file_of_a_vocabulary_cuts_as_the_service_does(pieces):
    from tokenizers import Tokenizer

    there = Tokenizer.from_str(pieces.file())
    text = "the  quick\n[END] 床前"
    assert there.encode(text).ids == pieces.encode([text])[0].tolist()
    assert json.loads(pieces.file())["added_tokens"] == []


def test_rouge_is_that_of_the_published_examples():
    """rouge_scorer_test.py of rouge-score 0.1.2: testRouge1, testRougeLNonConsecutive, testRouge2, testRougeAllMulti."""
    assert rouge("testing", ["testing one two"])[0] == pytest.approx(0.5)
    assert rouge("testing two", ["testing one two"])[2] == pytest.approx(0.8)
    assert rouge("testing one", ["testing one two"])[1] == pytest.approx(2 / 3)
    assert rouge("text first", ["first text", "first something"]) == (1.0, 0.0, 0.5)


def test_rouge_counts_characters_of_chinese_and_the_best_of_several_truths():
    assert rouge("我不知道", ["我知道"]) == pytest.approx((6 / 7, 2 * 1 / 5, 6 / 7))
    assert rouge("a b", ["c", "A, b!"]) == (1.0, 1.0, 1.0)
    assert rouge("", ["a"]) == rouge("?", ["!"]) == (0.0, 0.0, 0.0)


def test_bleu_and_chrf_are_those_that_sacrebleu_publishes():
    """The example of its README: BLEU 48.53, chrF2 59.73."""
    said = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
    truths = [
        ["The dog bit the man.", "The dog had bit the man."], ["It was not unexpected.", "No one was surprised."],
        ["The man bit him first.", "The man had bitten the dog."],
    ]  # fmt: skip
    scored = score(said, truths, "13a", with_rouge=False)
    found = figures(scored, with_rouge=False)
    assert (round(found["bleu"], 2), round(found["chrf"], 2)) == (48.53, 59.73)
    assert found["exact"] == pytest.approx(1 / 3)
    assert "tok:13a" in scored.signatures[0]
    assert bleu_of(scored.counts) == pytest.approx(scored.bleu)
    assert judge_of("translation").score(scored, np.array([0, 0])) == pytest.approx(100)


def test_sources_with_fewer_truths_than_others_are_measured_by_those_they_have():
    alone = score(["a b c d"], [["a b c d"]], "13a", with_rouge=False)
    beside = score(["a b c d", "e f g h"], [["a b c d"], ["e f g h", "i"]], "13a", with_rouge=False)
    assert alone.bleu == beside.bleu == pytest.approx(100)


@pytest.mark.parametrize(("script", "tokens"), [("CJK", "zh"), ("JAPANESE", "char"), ("LATIN", "13a"), ("", "13a")])
def test_what_bleu_takes_for_words_goes_by_the_script_of_the_targets(script, tokens):
    assert bleu_tokens("auto", script) == tokens
    assert bleu_tokens("char", script) == "char"


def test_words_are_put_together_of_their_pieces():
    text = "the fox"
    spans = [(0, 2), (2, 3), (3, 5), (5, 7)]  # "th" "e" " f" "ox"
    assert units(text, spans, spaced=True) == [("the", [0, 1]), ("fox", [2, 3])]
    han = "月光好"
    assert units(han, [(0, 1), (0, 1), (1, 3)], spaced=False) == [("月", [0, 1]), ("光好", [2])]


@pytest.mark.parametrize(
    ("text", "first"),
    [("It is 3.5. He", "It is 3.5."), ("no end", "no end"), ("他來了。好", "他來了。"), ("What?", "What?")],
)  # fmt: skip
def test_the_first_sentence_ends_at_its_mark(text, first):
    assert first_sentence(text) == first


def test_odd_rows_are_counted_and_named(tmp_path):
    rows = read_pairs(imported(tmp_path, translations(), "table")["data"], _params(), Context())
    notes = "\n".join(rows.notes)
    assert "1 rows have nothing in 'chinese', and are left out: row 8" in notes
    assert "1 rows say the same on both sides, and are left out: row 9" in notes
    assert "1 rows have the sides the other way round (CJK to LATIN), and are left out: row 10" in notes
    assert "1 rows are equal to another on both sides" in notes
    assert len(rows.notes) == 4, "of a row that is left out nothing else is said"
    assert rows.scripts == ("LATIN", "CJK") and len(rows.rows) == 97 - 4 and not rows.gist


def test_what_is_asked_to_be_kept_is_kept(tmp_path):
    params = _params(swapped_rows="keep", equal_rows="keep")
    rows = read_pairs(imported(tmp_path, translations(), "table")["data"], params, Context())
    assert len(rows.rows) == 97 - 2
    assert any("9" in note and "are kept: row 9" in note for note in rows.notes)


def test_a_row_with_one_side_in_the_wrong_script_is_told_and_kept(tmp_path):
    lines = [f"word {n},字{n}" for n in range(20)]
    lines[4] = "word 4,not translated 4"
    rows = read_pairs(imported(tmp_path, _table(*lines), "table")["data"], _params(), Context())
    assert rows.notes == ["1 rows have LATIN instead of CJK in 'chinese', and are kept: row 5"] and len(rows.rows) == 20


def test_no_source_stands_in_two_parts(tmp_path):
    lines = [f"word {n % 30},字{n}" for n in range(60)]
    data = seq2seq.load(
        imported(tmp_path, _table(*lines), "table"), _params(vocabulary_size=300, test_fraction=0.2), Context()
    )
    texts = {part: set(data.texts("source", places)) for part, places in data.places.items()}
    assert all(len(some) > 0 for some in texts.values()) and sum(map(len, texts.values())) == 30
    assert sum(data.split.values()) == 60
    assert any("30 further targets" in note for note in data.notes)


def test_parts_that_the_table_tells_are_kept_and_a_source_stays_where_it_is_measured(tmp_path):
    lines = [f"word {n % 40},字{n},{'test' if n >= 36 else 'train'}" for n in range(44)]
    inputs = imported(tmp_path, _table(*lines, head="english,chinese,split"), "table")
    data = seq2seq.load(inputs, _params(vocabulary_size=300, validation_fraction=0.1), Context())
    assert len(data.places["test"]) == 8 and not set(data.texts("source", data.places["train"])) & {
        f"word {n}" for n in range(4)
    }
    assert any("4 rows have a source of another part" in note for note in data.notes)
    assert any("the parts are those that the table's own column tells" in note for note in data.notes)


def test_what_is_cut_is_told(tmp_path):
    lines = [f"word {n},字{n}" for n in range(20)]
    lines[3] = f"{'very long ' * 10_000},{'長' * 3_000}"
    inputs = imported(tmp_path, _table(*lines), "table")
    small = {"vocabulary_size": 300, "max_source_length": 16, "max_target_length": 8, "validation_fraction": 0.1}
    data = seq2seq.load(inputs, _params(**small), Context())
    notes = "\n".join(data.notes)
    assert "1 of 20 sources are longer than 16 tokens: their ends are not read" in notes
    assert "1 of 20 targets are longer than 8 tokens" in notes
    assert max(len(data.tokens[0].text(place)) for place in range(20)) < 1_000, (
        "of 100,000 characters few are cut into tokens"
    )
    source, begun, ended = data.batch(np.arange(20))
    assert source.shape == (20, 16) and begun.shape == ended.shape == (20, 8)
    windows = seq2seq.load(inputs, _params(**small, long_sources="windows", most_windows=3), Context())
    assert windows.batch(np.arange(20))[0].shape == (20, 48)
    assert any("read in several windows of 16 tokens" in note for note in windows.notes)
    assert any("longer than 48 tokens" in note for note in windows.notes)


def test_a_target_that_is_cut_teaches_no_end(tmp_path):
    lines = [f"word {n},{'長' * (2 if n else 400)}{n}" for n in range(20)]
    params = _params(vocabulary_size=300, max_target_length=8, validation_fraction=0.1)
    data = seq2seq.load(imported(tmp_path, _table(*lines), "table"), params, Context())
    _, begun, ended = data.batch(np.arange(20))
    assert begun[0, 0] == 1 and (begun[0, 1:] == ended[0, :-1]).all() and 2 not in ended[0]
    assert all((row == 2).sum() == 1 for row in ended[1:])


def test_too_few_sources_are_refused_with_what_was_left_out(tmp_path):
    inputs = imported(tmp_path, _table("Hi.,你好。", "Hi.,嗨。", "Run!,", "Go,Go", "Wait!,等等！"), "table")
    with pytest.raises(
        DatasetInvalid, match=r"2 different sources are left: at least 4 are needed .*nothing in 'chinese'"
    ):
        read_pairs(inputs["data"], _params(), Context())


def test_columns_that_are_missing_or_the_same_are_named_before_a_job_is_queued(tmp_path):
    dataset = imported(tmp_path, translations(), "table")["data"].dataset
    (one, two) = check_sides(Seq2seqTrain(), {"data": dataset})
    assert one.field == "params.source" and "english, chinese" in one.message and two.field == "params.target"
    (same,) = check_sides(_params(target="english"), {"data": dataset})
    assert "'english' is what is read" in same.message


@pytest.mark.parametrize(("given", "rate"), [
    ({}, 1e-3), ({"width": 128}, 3e-3), ({"width": "128", "learning_rate": None}, 3e-3),
    ({"width": 192}, 1e-3), ({"architecture": "lstm"}, 3e-3),
    ({"architecture": "lstm", "learning_rate": 1e-3}, 1e-3), ({"width": 64, "learning_rate": 0.5}, 0.5),
])  # fmt: skip
def test_a_small_translator_takes_larger_steps_unless_it_is_told(given, rate):
    params = Seq2seqTrain.model_validate(given)
    assert params.learning_rate == rate
    assert Seq2seqTrain.model_validate(params.model_dump(mode="json")) == params
