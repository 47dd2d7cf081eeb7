"""Questions and passages: places to the character, windows that overlap, the best stretch, the threshold, the simple answers."""

import json
from functools import cache

import numpy as np
import pytest

from tests.support.case_data import passages
from tests.support.tiny_bases import FOLDER
from worker.families.language.vectors import EncoderVocabulary
from worker.families.questions.answering import Stretch, best_stretches, best_threshold, overlap, worths_of
from worker.families.questions.baselines import likest_sentence, longest_number_or_name, sentences
from worker.families.questions.cut import tokens_of
from worker.families.questions.cutting import BEGIN, learn_pieces
from worker.families.questions.network import traits_of
from worker.families.questions.passages import is_unparted
from worker.families.questions.whole import whole
from worker.families.questions.windows import END, PASSAGE, QUESTION, Frame, filled, windows_of

FAMILY = "\N{WOMAN}\u200d\N{WOMAN}\u200d\N{GIRL}"
TEXTS = [
    "The Rhine is 1,230km long.",
    "莱茵河\N{GRINNING FACE}长1230公里。𠮷野家",
    f"cafe\u0301 Ｒhein {FAMILY} ﬁne, na\u0308ive \u00a0 end",
    "१२३ किमी — Ünïcödé\tok",
]
ANSWERS = [
    (0, "1,230km"), (0, "Rhine"), (1, "1230公里"), (1, "\N{GRINNING FACE}"), (1, "长"), (1, "野家"), (2, "cafe\u0301"), (2, FAMILY),
    (2, "na\u0308ive"), (2, "end"), (3, "किमी"), (3, "Ünïcödé"),
]  # fmt: skip


@cache
def _vocabulary(kind):
    if kind == "learnt":
        return EncoderVocabulary(learn_pieces(TEXTS * 3 + ["what is it?"], 600))
    return EncoderVocabulary((FOLDER / kind / "tokenizer.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("place", "answer"), ANSWERS)
def test_answers_are_found_again_to_the_character(place, answer):
    text = TEXTS[place]
    start = text.index(answer)
    ((_, spans),) = _vocabulary("learnt").pieces_at([text])
    first, last = tokens_of(spans, start, start + len(answer))  # pyright: ignore[reportGeneralTypeIssues]
    low, high = whole(text, int(spans[first, 0]), int(spans[last, 1]))
    assert text[low:high] == answer


@pytest.mark.parametrize(("text", "part", "wanted"), [
    ("Alice lived in Paris", "ice liv", "Alice lived"), ("in 1880s they", "188", "1880"), ("the 10km run", "10", "10"),
    ("Newton's law", "Newton", "Newton"), ("300万元", "00万", "300万"), ("서울은 크다", "서울", "서울"),
    ("na\u0308ive end", "iv", "na\u0308ive"),
    ("город велик", "оро", "город"), ("北京大学", "京大", "京大"), ("(P = NP)", "NP", "NP"), ("  a  ", "  ", ""),
])  # fmt: skip
def test_an_answer_is_of_whole_words_and_numbers(text, part, wanted):
    start = text.index(part)
    low, high = whole(text, start, start + len(part))
    assert text[low:high] == wanted


@pytest.mark.parametrize(("name", "cut"), [("xquad.en.json", 1), ("xquad.zh.json", 0)])
def test_answers_of_real_passages_are_found_again_to_the_character(data_sets, name, cut):
    """cut: those that end within a number."""
    read = json.loads((data_sets / "xquad_en_zh" / name).read_text())
    real = [paragraph for article in read["data"] for paragraph in article["paragraphs"]][::3]
    vocabulary = EncoderVocabulary(learn_pieces([one["context"] for one in real[:20]], 1_000))
    wrong = 0
    for paragraph in real:
        text = paragraph["context"]
        ((_, spans),) = vocabulary.pieces_at([text])
        for answer in (one for question in paragraph["qas"] for one in question["answers"]):
            start, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
            first, last = tokens_of(spans, start, end)  # pyright: ignore[reportGeneralTypeIssues]
            low, high = whole(text, int(spans[first, 0]), int(spans[last, 1]))
            wrong += text[low:high] != answer["text"].strip()
    assert wrong <= cut


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_an_encoders_tokens_stand_where_they_say(kind):
    for text in TEXTS[:1]:
        ((tokens, spans),) = _vocabulary(kind).pieces_at([text])
        assert len(tokens) == len(spans) and (np.diff(spans[:, 1]) >= 0).all()
        start = text.index("long")
        first, last = tokens_of(spans, start, start + 4)  # pyright: ignore[reportGeneralTypeIssues]
        low, high = whole(text, int(spans[first, 0]), int(spans[last, 1]))
        assert text[low:high] == "long"


@pytest.mark.parametrize("kind", ["learnt", "bert", "roberta", "xlm-roberta", "distilbert"])
def test_two_texts_are_framed_as_the_tokenizer_itself_does(kind):
    from tokenizers import Tokenizer

    vocabulary = _vocabulary(kind)
    whole = Tokenizer.from_str(vocabulary.definition)
    whole.no_truncation()
    whole.no_padding()
    frame = Frame(vocabulary.before, vocabulary.between, vocabulary.after, 64, 16, 16)
    question, passage = vocabulary.pieces(["what is it?", "The Rhine is long."])
    tokens, parts = frame.row(question, passage)
    assert tokens.tolist() == whole.encode("what is it?", "The Rhine is long.").ids
    begins = frame.begins_at(len(question))
    assert parts.tolist() == [QUESTION] * begins + [PASSAGE] * len(passage) + [END] * len(vocabulary.after)


def test_a_learnt_tokenizer_never_joins_characters_of_scripts_without_spaces():
    vocabulary = EncoderVocabulary(learn_pieces(["河长河长河长"] * 50 + ["rivers"], 400))
    ((_, spans),) = vocabulary.pieces_at(["河长河长"])
    assert spans.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]


@pytest.mark.parametrize(("question", "passage"), [(3, 0), (3, 5), (3, 24), (3, 25), (9, 100), (40, 31), (1, 1_000)])
def test_windows_hold_every_token_and_end_with_the_passage(question, passage):
    frame = Frame([1], [2], [3], 32, 7, 10)
    asked, read = np.arange(100, 100 + question), np.arange(1_000, 1_000 + passage)
    found = list(windows_of(frame, asked, read))
    seen = np.concatenate([tokens[parts == PASSAGE] for _, (tokens, parts) in found])
    assert set(seen.tolist()) == set(read.tolist())
    for start, (tokens, parts) in found:
        inside = tokens[parts == PASSAGE]
        assert len(tokens) <= 32 and inside.tolist() == read[start : start + len(inside)].tolist()
    steps = np.diff([start for start, _ in found])
    assert (steps <= 7).all() and (steps > 0).all()
    assert len(found) == frame.counts(np.array([question]), np.array([passage]))[0]


def test_rows_are_filled_up_to_a_multiple_of_eight():
    short, long = (np.arange(n, dtype=np.int32) for n in (3, 9))
    rows = filled([(short, short * 0), (long, long * 0 + 1)])
    assert rows.shape == (2, 2, 16) and (rows[0, :, 3:] == -1).all() and rows[1, 1, :9].tolist() == [1] * 9


def test_the_best_stretches_are_those_of_all_pairs_of_beginning_and_end():
    rng = np.random.default_rng(0)
    scores, none, longest = rng.normal(size=(20, 2)).astype(np.float32) * 3, np.array([0.5, -0.25], np.float32), 4
    worths = worths_of(scores, none, longest)
    by_hand = {
        (i, j): scores[i, 0] + scores[j, 1] - none.sum() for i in range(20) for j in range(i, min(i + longest, 20))
    }
    total = sum(np.exp(worth) for worth in by_hand.values())
    found, share_of_none = best_stretches(worths.copy(), 3, True)
    best = max(by_hand, key=lambda pair: by_hand[pair])
    assert (found[0].first, found[0].last) == best and found[0].worth == pytest.approx(by_hand[best], rel=1e-5)
    assert found[0].share == pytest.approx(np.exp(by_hand[best]) / (total + 1), rel=1e-4)
    assert share_of_none == pytest.approx(1 / (total + 1), rel=1e-4)
    apart = [(one.first, one.last) for one in found]
    assert len(apart) == 3 and all(a[1] < b[0] or b[1] < a[0] for i, a in enumerate(apart) for b in apart[:i])
    alone, none_known = best_stretches(worths, 1, False)
    assert none_known == 0 and alone[0].share == pytest.approx(np.exp(by_hand[best]) / total, rel=1e-4)


def test_nothing_is_answered_from_a_passage_without_tokens():
    assert best_stretches(np.zeros((0, 4), np.float32), 3, True) == ([], 1.0)


def test_the_threshold_is_where_most_is_right():
    worths, right = np.array([5.0, 4.0, 3.0, 2.0, 1.0]), np.array([1.0, 0.5, 0.0, 1.0, 0.0])
    impossible = np.array([False, False, True, False, True])
    assert best_threshold(worths, right, impossible) == 3.5  # both impossible ones left alone, one answer given up
    assert best_threshold(worths, right, np.zeros(5, bool)) == 0.0
    assert best_threshold(-worths, right, impossible) < 0


def test_stretches_are_as_right_as_they_lie_on_each_other():
    said = Stretch(2, 5, 0.0, 0.0)
    assert [overlap(said, gold) for gold in ((2, 5), (4, 7), (6, 9))] == [1.0, 0.5, 0.0]


def test_tokens_are_told_by_their_rarity_and_looks():
    traits = traits_of([f"{BEGIN}the", "12", ",", f"{BEGIN}\u00e6"], np.array([10, 1, 0, 10]), 10)
    assert traits[:, 0].tolist() == pytest.approx([0.0, np.log(11 / 2) / np.log(11), 1.0, 0.0], abs=1e-6)
    assert traits[:, 1:].tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]]


PASSAGE_EN = 'It is 3.5 m deep. The Rhine (the "father") is 1,230 km long. Anna de Vries of Bonn measured it.'
PASSAGE_ZH = "它很深。莱茵河长约1,230公里！安娜·德弗里斯测量了它。"


def test_sentences_end_at_marks_and_not_within_numbers():
    assert sentences(PASSAGE_EN) == [
        "It is 3.5 m deep.",
        'The Rhine (the "father") is 1,230 km long.',
        "Anna de Vries of Bonn measured it.",
    ]
    assert sentences(PASSAGE_ZH) == ["它很深。", "莱茵河长约1,230公里！", "安娜·德弗里斯测量了它。"]
    assert sentences("") == []


@pytest.mark.parametrize(
    ("question", "passage", "unparted", "answer"),
    [
        ("How long is the Rhine?", PASSAGE_EN, False, "1,230"),
        ("Who measured it?", PASSAGE_EN, False, "Anna de Vries of Bonn"),
        ("莱茵河长多少？", PASSAGE_ZH, True, "1,230公"),
        ("谁测量了它？", PASSAGE_ZH, True, "安娜·德弗里斯测量了它"),
        ("what is low", "all is low and calm here", False, "and calm here"),
        ("它是什么", "它是红的苹果。", True, "红的苹果"),
    ],
)
def test_the_simple_answer_is_the_longest_number_or_name_of_the_likest_sentence(question, passage, unparted, answer):
    assert longest_number_or_name(question, likest_sentence(question, passage), unparted=unparted) == answer


def test_a_passage_is_one_of_characters_where_most_of_its_letters_are():
    assert (
        is_unparted("莱茵河 (Rhein) 长")
        and not is_unparted("The Rhine, 莱茵河, is long and wide")
        and not is_unparted("12")
    )


def test_the_cases_answers_stand_where_they_say():
    ((_, body),) = passages()
    for paragraph in json.loads(body)["data"][0]["paragraphs"]:
        for question in paragraph["qas"]:
            for one in question["answers"]:
                assert paragraph["context"].startswith(one["text"], one["answer_start"])
