"""A made-up shop: who bought what on which day, by a formula."""

import random
from datetime import date, timedelta

_KINDS = ("tea", "book", "tool", "toy", "plant", "lamp")
_EACH, _PEOPLE, _DAYS = 30, 400, 365


def purchases() -> list[list[str]]:
    """Rows of person, item, day; seeded.

    A person likes one kind or two and buys of these nine times in ten. Of a kind the n-th item is bought by weight 1 / n, and the
    next by a person goes more often to items whose number is near that of the one before.
    """
    chance = random.Random(13)
    rows = []
    for person in range(_PEOPLE):
        liked = chance.sample(_KINDS, chance.choice((1, 1, 2)))
        day, last = chance.randrange(_DAYS), chance.randrange(_EACH)
        for _ in range(chance.randrange(3, 30)):
            kind = chance.choice(liked if chance.random() < 0.9 else _KINDS)
            weights = [1 / (n + 1) + (0.5 if abs(n - last) <= 2 else 0) for n in range(_EACH)]
            last = chance.choices(range(_EACH), weights)[0]
            when = date(2024, 1, 1) + timedelta(day)
            rows.append([f"person {person + 1:03d}", f"{kind} {last + 1:02d}", when.isoformat()])
            day += chance.randrange(1, 9)
    return rows
