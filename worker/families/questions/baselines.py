"""The simple answers beside a network: the sentence that shares most words with the question, and in it the longest number or
name."""

import re

from worker.context import Context
from worker.families.questions.data import Questions
from worker.families.questions.measuring import each_question, figures_of, judged_part, measured_places, scored
from worker.families.scripts import UNPARTED
from worker.recipe import Baseline

_SENTENCE = re.compile(r"(?:[^.!?。！？\n]|[.!?](?=[^\s\"”’)]))+[.!?。！？\"”’)]*")
_WORD = re.compile(rf"[^\W{UNPARTED}]+|[{UNPARTED}]")
_NUMBERS = r"\d[\d,.]*\d|\d"
_NAME = re.compile(rf"{_NUMBERS}|[A-ZÀ-Þ][\w'’-]*(?:\s+(?:(?:of|de|von)\s+)?[A-ZÀ-Þ][\w'’-]*)*")
_NAME_UNPARTED = re.compile(
    rf"(?:{_NUMBERS})[{UNPARTED}]?|[{UNPARTED}]+(?:[·•][{UNPARTED}]+)+|[《“「][^《》“”「」]+[》”」]|[A-Za-z][\w .'’-]*\w"
)
_RUN_UNPARTED = re.compile(rf"[{UNPARTED}]+")
_QUOTES = "《》“”「」"


def sentences(text: str) -> list[str]:
    """The sentences of a text, without the white space around them; a point within a number or a name ends none."""
    return [found for one in _SENTENCE.findall(text) if (found := one.strip())]


def likest_sentence(question: str, passage: str) -> str:
    """The first of those that share most different words with the question; characters, where there are no spaces."""
    asked = _words(question)
    return max(sentences(passage), key=lambda one: len(asked & _words(one)), default="")


def _words(text: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(text)}


def longest_number_or_name(question: str, sentence: str, *, unparted: bool) -> str:
    """The longest one of a sentence that is not in the question; without any, the longest run of its words that are not."""
    asked = question.casefold()
    found = [one.strip(_QUOTES) for one in (_NAME_UNPARTED if unparted else _NAME).findall(sentence)]
    found = [one for one in found if one and one.casefold() not in asked]
    if not found and unparted:
        known = _words(question)
        found = [
            part for run in _RUN_UNPARTED.findall(sentence) for part in "".join(
                " " if c in known else c for c in run).split()]  # fmt: skip
    if not found:
        found = _runs(question, sentence)
    return max(found, key=len, default=sentence)


def _runs(question: str, sentence: str) -> list[str]:
    """Words in a row of which none is in the question."""
    known, found, begin, end = _words(question), [], -1, -1
    for word in _WORD.finditer(sentence):
        if word.group().casefold() in known:
            begin = -1
            continue
        begin, end = (word.start() if begin < 0 else begin), word.end()
        found.append(sentence[begin:end])
    return found


def question_baselines(data: Questions, context: Context) -> list[Baseline]:
    """Both, and where some questions have no answer: never one."""
    part = judged_part(data)
    places = measured_places(data, part)
    sentence, short = [], []
    for number, (place, passage, question) in enumerate(each_question(data, places)):
        context.look(number, len(places))
        sentence.append(likest_sentence(question.text, passage.text))
        by_characters = bool(data.asked.unparted[place])
        short.append(longest_number_or_name(question.text, sentence[-1], unparted=by_characters))
    answers = {
        "the longest number or name in the sentence most like the question": short,
        "the sentence most like the question": sentence,
    }
    if data.asked.impossible[places].any():
        answers["never an answer"] = [""] * len(places)
    found = []
    for name, said in answers.items():
        context.check()
        measured = scored(data, places, said)
        figures = {f"{part}_{key}": value for key, value in figures_of(measured).items()}
        found.append(Baseline(name, figures, measured.f1))
    return found
