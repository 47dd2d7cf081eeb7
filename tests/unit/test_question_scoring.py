"""Exact match and F1 as the official scripts of SQuAD and CMRC 2018 count them, and what a question asks for."""

import pytest

from worker.families.questions.kinds import kind_of
from worker.families.questions.scoring import cmrc_scores, pieces, plain, scores, squad_scores


# Worked out by hand from evaluate-v1.1.py and evaluate-v2.0.py: lower, no ASCII punctuation, no articles, one space; F1 over words.
@pytest.mark.parametrize(
    ("said", "right", "exact", "f1"),
    [
        ("Denver Broncos", ["The Denver Broncos!"], 1, 1),
        ("the Denver Broncos team", ["Denver Broncos"], 0, 2 * (2 / 3) * 1 / (2 / 3 + 1)),
        ("Santa Clara, California", ["Levi's Stadium", "Santa Clara California."], 1, 1),
        ("cat cat", ["cat dog"], 0, 0.5),  # repeated words count as often as both have them
        ("an apple", ["apples"], 0, 0),
        ("1,230 km", ["1230 km"], 1, 1),
        ("U.S.A.", ["USA"], 1, 1),
        ("theatre", ["the atre"], 0, 0),  # an article is a word of its own
        ("“gold”", ["gold"], 0, 0),  # only ASCII punctuation goes
        ("", [], 1, 1),
        ("something", [], 0, 0),
        ("", ["something"], 0, 0),
        ("the", ["a"], 1, 1),  # nothing is left of either
        ("the", ["a", "x"], 0, 0),  # version 2 leaves out answers of which nothing is left, where others are
    ],
)
def test_squads_rules(said, right, exact, f1):
    assert squad_scores(said, right) == pytest.approx((exact, f1))


def test_a_text_as_squad_compares_it():
    assert plain("  The  Cat's\tHat, an “A”\n") == "cats hat “ ”"


# Worked out by hand from cmrc2018_evaluate.py: characters by themselves, F1 over the longest run that both have.
@pytest.mark.parametrize(
    ("said", "right", "exact", "f1"),
    [
        ("长江三峡", ["长江三峡"], 1, 1),
        ("《长江》，三峡。", ["长江三峡"], 1, 1),
        ("长江三峡", ["三峡大坝"], 0, 2 * 0.5 * 0.5 / 1),
        ("江长", ["长江"], 0, 0.5),  # a run, not a bag of characters
        ("1998年5月", ["1998年"], 0, 2 * (2 / 4) * 1 / (2 / 4 + 1)),  # 1998, 年, 5, 月
        ("NBA球员", ["nba球员"], 1, 1),
        ("1991年", ["1990年", "1991年"], 1, 1),
        ("甲乙", ["丙丁"], 0, 0),
        ("", [], 1, 1),
        ("甲", [], 0, 0),
        ("", ["甲"], 0, 0),
    ],
)
def test_cmrcs_rules(said, right, exact, f1):
    assert cmrc_scores(said, right) == pytest.approx((exact, f1))


def test_characters_stand_by_themselves_and_words_between_them():
    assert pieces("在New York，约3.5万人") == ["在", "new", "york", "约", "3", ".", "5", "万", "人"]


def test_each_language_has_its_rules():
    assert scores("the 长江", ["长江"], unparted=False) == (1, 1)
    assert scores("the 长江", ["长江"], unparted=True) == pytest.approx((0, 0.8))


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many rivers are there?", "how many, how much"), ("In what year did it end?", "when"), ("What is it?", "what"),
        ("To whom did he write?", "who"), ("How is it made?", "how"), ("Name the river.", "other"), ("Whatever?", "other"),
        ("他为什么离开？", "why"), ("有多少人？", "how many, how much"), ("谁发现了它？", "who"),
        ("哪一年开始？", "when"), ("这是什么？", "what"),
        ("它在哪里？", "where"), ("哪条河最长？", "which"), ("河有多长", "how many, how much"),
    ],
)  # fmt: skip
def test_what_a_question_asks_for(question, kind):
    assert kind_of(question) == kind
