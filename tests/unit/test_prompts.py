"""Which class a prompt names."""

import pytest

from web.openai_api.prompt import classes_named

PETS = ["cat", "dog", "golden_retriever", "cat food", "猫", "熊猫", "c++", "7", "17"]


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("cat", ["cat"]),
        (" CAT ", ["cat"]),
        ("a photo of a Cat, sitting", ["cat"]),
        ("concatenate", []),
        ("cats", []),
        ("cat_", []),
        ("a golden retriever in the snow", ["golden_retriever"]),
        ("golden-Retriever", ["golden_retriever"]),
        ("a bowl of cat food", ["cat food"]),
        ("a cat beside cat food", ["cat", "cat food"]),
        ("a cat and a dog", ["cat", "dog"]),
        ("一只猫坐着", ["猫"]),
        ("一只熊猫", ["熊猫"]),
        ("熊猫和猫", ["猫", "熊猫"]),
        ("猫cat", ["cat", "猫"]),
        ("written in c++!", ["c++"]),
        ("17", ["17"]),
        ("a 7, please", ["7"]),
        ("117", []),
        ("", []),
        ("   ", []),
    ],
)
def test_a_prompt_names_the_classes_that_stand_in_it_as_words(prompt, found):
    assert classes_named(prompt, PETS) == found


def test_a_class_that_differs_by_case_alone_is_named_exactly_or_not_alone():
    assert classes_named("Cat", ["cat", "Cat"]) == ["Cat"]
    assert classes_named("a cat", ["cat", "Cat"]) == ["cat", "Cat"]


def test_a_name_written_as_a_letter_and_a_mark_is_the_same_name():
    assert classes_named("un cafe\u0301", ["caf\u00e9"]) == ["caf\u00e9"]


def test_a_name_of_nothing_is_in_no_prompt():
    assert classes_named("a cat", ["", " ", "dog"]) == []


def test_many_names_that_lie_within_each_other_are_told_apart_at_once():
    names = ["猫" * length for length in range(1, 200)]
    assert classes_named("猫" * 4_000, names) == [names[-1]]  # trying each name at each place took 20 s


def test_a_hundred_thousand_names_are_looked_for_at_once():
    names = [f"kind {number}" for number in range(100_000)]
    assert classes_named("a picture of kind 70123 " + "and so on " * 380, names) == ["kind 70123"]
