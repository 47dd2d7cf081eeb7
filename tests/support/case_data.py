"""The data of the cases in recipe_cases.py: small tables and texts, made anew each time, the same each time."""

import json
from typing import Any

import numpy as np

VERSE = "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。\n"
PROSE = "The quick brown fox jumps over the lazy dog; the dog, being lazy, lets it jump. "


def people(rows: int = 120) -> list[tuple[str, bytes]]:
    """Who is old and works much earns much; a column of each kind, some cells missing, one that is an id."""
    rng = np.random.default_rng(0)
    lines = ["id,age,hours,job,married,since,note,earns,euros"]
    for number in range(rows):
        age, hours = int(rng.integers(18, 80)), float(rng.uniform(5, 60))
        job, note = (
            ("baker", "書記", "clerk")[number % 3],
            ("likes tea and cake", "喜歡茶")[number % 2] + f" {number % 40}",
        )
        much = age * hours > 1_500
        shown = "" if number % 7 == 0 else f"{hours:.2f}"
        lines.append(
            f"p{number},{age},{shown},{job},{'yes' if number % 2 else 'no'},2020-0{number % 9 + 1}-11,{note},"
            f"{'much' if much else 'little'},{age * hours:.1f}"
        )
    return [("people.csv", "\n".join(lines).encode())]


def sales(days: int = 90) -> list[tuple[str, bytes]]:
    """Two shops that sell more on Saturdays and with a promotion, which is known beforehand; a day is missing, one stands twice."""
    rng = np.random.default_rng(0)
    lines = ["day,shop,units,promotion,noise"]
    for number in range(days + 3):
        day = np.datetime64("2021-01-04") + number
        for place, shop in enumerate(("Köln", "上海")):
            promotion = (number + place) % 9 == 0
            units = 20 + 10 * (number % 7 == 5) + 15 * promotion + 5 * place + rng.normal(0, 1)
            shown = f"{units:.2f}" if number < days else ""
            line = f"{day},{shop},{shown},{'yes' if promotion else 'no'},{rng.normal():.2f}"
            if (number, place) != (20, 1):
                lines += [line] * (2 if number == 30 else 1)
    return [("sales.csv", "\n".join(lines).encode())]


def counted(rows: int = 120) -> list[tuple[str, bytes]]:
    """Two numbers by number of step; the second is missing now and then."""
    lines = ["step,first,second"]
    for step in range(rows):
        second = "" if step % 11 == 5 else f"{3 * np.cos(step / 3):.4f}"
        lines.append(f"{2 * step + 10},{np.sin(step / 3) + step / 50:.4f},{second}")
    return [("counted.csv", "\n".join(lines).encode())]


ONE_ROW = '{"age": 40, "hours": 50, "job": "書記", "married": "yes", "since": "2020-03-11", "note": "tea"}'
PEOPLE = ["age", "hours", "job", "married", "since", "note"]


PRAISE, _BLAME = ("good", "lovely", "fine", "很好"), ("bad", "awful", "poor", "太差")


def opinions(rows: int = 90) -> list[tuple[str, bytes]]:
    """What is praised is liked; some texts are long, some are missing, one is there twice."""
    rng = np.random.default_rng(0)
    lines = ["title,review,mood,about"]
    for number in range(rows):
        mood, thing = number % 2, ("room", "food", "staff", "床")[number % 4]
        words = rng.choice(_BLAME if mood else PRAISE, 2 + number % 3 * 8)
        topics = thing if number % 5 else f"{thing};price"
        text = "" if number == 7 else f"{' '.join(words)} {thing} {number}{' price' if number % 5 == 0 else ''}"
        lines.append(f"{thing} {number},{text},{('like', 'hate')[mood]},{topics}")
    return [("opinions.csv", "\n".join([*lines, lines[1]]).encode())]


def questions(rows: int = 80) -> list[tuple[str, bytes]]:
    """A question about each thing and its answer; one lacks an answer, one is there twice."""
    lines = ["question,answer,other"]
    for number in range(rows):
        thing = ("key", "room", "staff", "床")[number % 4]
        answer = "" if number == 7 else f"the {thing} {number} is on floor {number % 9}"
        lines.append(f"where is the {thing} {number}?,{answer},nobody knows the {thing}")
    return [("questions.csv", "\n".join([*lines, lines[1]]).encode())]


def passage_about(number: int) -> dict[str, Any]:
    """A passage about a river, of every fourth in Chinese, with questions; every third has one without an answer."""
    name, length, finder = f"Ri{chr(97 + number % 26)}o", str(100 + 37 * number), ("Anna", "Bo Li", "Cy")[number % 3]
    if number % 4 == 3:
        text, asked = (
            f"{name}河长{length}公里。😀它是{finder}发现的。",
            [(f"{name}河多长？", f"{length}公里"), ("谁发现了它？", finder)],
        )
        impossible = "它是什么颜色？"
    else:
        text = (
            f"It is wide. The {name} is {length} km long, "
            + "and long it is, " * (number % 5 * 6)
            + f"and {finder} found it."
        )
        asked, impossible = (
            [(f"How long is the {name}?", f"{length} km"), ("Who found it?", finder)],
            "Which colour is it?",
        )
    questions = [
        {
            "id": f"{number}-{place}",
            "question": question,
            "answers": [{"text": answer, "answer_start": text.index(answer)}],
        }
        for place, (question, answer) in enumerate(asked)
    ]
    if number % 3 == 0:
        questions.append({"id": f"{number}-none", "question": impossible, "answers": [], "is_impossible": True})
    return {"context": text, "qas": questions}


def squad(*passages: dict[str, Any]) -> bytes:
    """Passages as one file in SQuAD's form."""
    return json.dumps({"version": "v2.0", "data": [{"title": "Rivers", "paragraphs": list(passages)}]}).encode()


def passages(count: int = 30) -> list[tuple[str, bytes]]:
    """Short and long ones, the first asked of a second time."""
    return [("rivers.json", squad(*map(passage_about, [*range(count), 0])))]


def prose_and_verse(repeats: int) -> list[tuple[str, bytes]]:
    return [("text.txt", ((PROSE + "\n") * repeats + VERSE * repeats).encode())]


def points() -> str:
    return "\n".join(f"{x:.3f},{y:.3f}" for x, y in np.random.default_rng(0).normal(1, 0.5, (60, 2)))


def edges() -> str:
    """Users like the items of their own half."""
    return "\n".join(f"{user},{item}" for user in range(12) for item in range(8) if (user + item) % 2 == 0)


def classes() -> str:
    return "\n".join(f"{item},{item % 2}" for item in np.random.default_rng(0).permutation(32) % 8)


_THINGS = {"key": "鑰匙", "room": "房間", "dog": "狗", "bed": "床"}
_PLACES = {"here": "在這裡", "there": "在那裡", "gone": "不見了"}


def translations(rows: int = 96) -> list[tuple[str, bytes]]:
    """What is where, in English and in Chinese; one lacks a side, one has equal sides, one is the wrong way round, one is
    there twice."""
    lines = ["english,chinese"]
    for number in range(rows):
        (thing, name), (place, said) = list(_THINGS.items())[number % 4], list(_PLACES.items())[number % 3]
        lines.append(f"the {thing} {number} is {place},{name}{number}{said}。")
    lines[8] = "the key is nowhere,"
    lines[9] = "OK 9,OK 9"
    lines[10] = "狗10在那裡。,the dog 10 is there"
    return [("translations.csv", "\n".join([*lines, lines[1]]).encode())]
