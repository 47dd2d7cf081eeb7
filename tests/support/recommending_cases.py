"""Cases of the recommenders for recipe_cases.py: one small shop, everything but where its rows come from."""

from typing import Any

import numpy as np

from shared.datasets import DatasetManifest
from shared.volume.volume import Volume
from tests.support.tiny_datasets import import_files


def bought(people: int = 24) -> list[tuple[str, bytes]]:
    """Two tastes; one person has one item, one item has one person, an id is written 3.0."""
    rng = np.random.default_rng(0)
    lines = ["who,what,stars,day"]
    for person in range(people):
        for number, item in enumerate(rng.permutation(8)[: 5 + person % 3]):
            liked = 1 + 2 * (item % 2 == person % 2) + rng.integers(3)
            lines.append(f"{person},film {item},{liked},2021-03-{number + 1 + person % 9:02d}")
    lines += ["99,film 0,5,2021-04-01", "3.0,film 77,2,2021-04-02"]
    return [("bought.csv", "\n".join(lines).encode())]


def watched(people: int = 24) -> list[tuple[str, bytes]]:
    """Each begins somewhere and goes on by ones; one person has one item, one item one person."""
    lines = ["who,what,day"]
    for person in range(people):
        lines += [f"{person},film {(person + day) % 8},2021-03-{1 + day:02d}" for day in range(5 + person % 3)]
    lines += ["99,film 0,2021-04-01", "3.0,film 77,2021-04-02"]
    return [("watched.csv", "\n".join(lines).encode())]


def films(volume: Volume) -> dict[str, DatasetManifest]:
    """The items of bought(), film 5 but for its words; a new one, and one that stands there twice."""
    lines = ["what,title,kind,year"]
    lines += [
        f"film {n},The {('quiet', 'loud')[n % 2]} one {n},{('drama|war', 'farce')[n % 2]},{1990 + n}" for n in range(8)
    ]
    lines += ["film 5,The loud sea,,", "film 8,A quiet new one,drama,2001", "film 77,Loud,farce,"]
    return {"items": import_files(volume, [("films.csv", "\n".join(lines).encode())], "table")}


def films_and_people(volume: Volume) -> dict[str, DatasetManifest]:
    """Those of watched(), too: one has no row, an id is written 4.0, one has watched nothing."""
    lines = [
        "who,town,age",
        *(f"{n},{('Graz', 'Linz|Wels')[n % 2]},{20 + n}" for n in range(23) if n != 4),
        "4.0,Graz,",
        "50,Linz,9",
    ]
    return films(volume) | {"people": import_files(volume, [("people.csv", "\n".join(lines).encode())], "table")}


def _rows(head: str, *rows: str) -> list[tuple[str, bytes]]:
    return [("bad.csv", "\n".join([head, *rows]).encode())]


_COLUMNS = {"user": "who", "item": "what", "factors": 4, "batch_size": 8}
_CARRIES = {"least_per_user": 2, "least_per_item": 2, "most_per_user": 0}
_BAD_TABLES = [
    _rows("who,what,day", *(f"p{n},tea,2021-01-{n:02d}" for n in range(1, 20))),
    _rows("who,what,day", *(f"p{n},t{n % 3},2021-01-{n:02d}" for n in range(1, 20))),  # nobody has two
    _rows("who,what", *["a,x", "b,y", "a,y"] * 9),
]
_MIXED_TIMES = _rows("who,what,day", *(f"p{n % 9},film {n % 7},{16 * 10 ** (8 + 3 * (n % 2)) + n}" for n in range(30)))
_HISTORY = {
    "user": "who", "item": "what", "time": "day", "width": 8, "length": 4, "negatives": 4, "batch_size": 4, "epochs": 6,
    "learning_rate": 0.02,
}  # fmt: skip
RECOMMENDING: dict[str, dict[str, Any]] = {
    "recommender_mf": {
        "recipe": "recommender_mf",
        "data": bought,
        "params": {**_COLUMNS, "time": "day", "negatives": 2, "epochs": 6, "dropout": 0.1},
        "generate": lambda volume: {"user": "3", "count": 4, "diversity": 0.3, "without": ["film 1"]},
        "carries": _CARRIES,
        "bad_params": [
            {"factors": 0}, {"loss": "hinge"}, {"negatives": 0}, {"folds": 1}, {"split": "halves"}, {"scale": [5, 1]}, {"user": 3},
            {"repeated": "all"}, {"dropout": 1.0}, {"regularisation": -1}, {"unknown": 1}, {"seed": -1}, {"test_fraction": 0.9},
        ],
        "bad_generate": [{"count": 0}, {"user": 3}, {"diversity": 2}, {"liked": "film 1"}],
        "bad_data": _BAD_TABLES,
    },
    "recommender_mf of ratings in 2 folds": {
        "recipe": "recommender_mf",
        "data": bought,
        "params": {**_COLUMNS, "value": "stars", "epochs": 4, "folds": 2, "test_fraction": 0.1},
        "generate": lambda volume: {"liked": ["film 0", "film 2"], "seen": True},
        "stop_after": 10,
        "stages": 3,
        "carries": {**_CARRIES, "goal": "ratings", "split": "random"},
        "bad_params": [{"least_value": "few"}, {"goal": "both"}],
        "bad_generate": [{"reasons": "why"}],
        "bad_data": [_rows("who,what,stars", *(f"p{n % 5},t{n % 7},3" for n in range(30)))],
    },
    "recommender_gnn": {
        "recipe": "recommender_gnn",
        "data": bought,
        "params": {**_COLUMNS, "time": "day", "loss": "bpr", "negatives": 2, "epochs": 6, "learning_rate": 0.1},
        "generate": lambda volume: {"user": "3", "count": 4, "only": [], "seen": True},
        "carries": _CARRIES,
        "bad_params": [
            {"factors": 0}, {"layers": 0}, {"layers": 9}, {"loss": "hinge"}, {"negatives": 0}, {"regularisation": -1},
            {"goal": "ratings"}, {"unknown": 1}, {"seed": -1}, {"split": "halves"},
        ],
        "bad_generate": [{"count": 0}, {"user": 3}, {"diversity": 2}],
        "bad_data": _BAD_TABLES,
    },
    "recommender_content": {
        "recipe": "recommender_content",
        "data": watched,
        "beside": films_and_people,
        "params": {
            **_HISTORY, "item_title": "title", "item_texts": ["title"], "item_tags": ["kind"], "item_numbers": ["year"],
            "new_items": 0.15, "user_tags": ["town"], "user_numbers": ["age"], "groups": "town",
        },
        "generate": lambda volume: {
            "liked": ["film 0", "The quiet one 2", "none"], "about": ["town=Linz"], "count": 4, "only": ["kind=drama"],
        },
        "carries": {**_CARRIES, "length": 64, "negatives": 64},
        "bad_params": [
            {"width": 0}, {"length": 0}, {"new_items": 0.9}, {"own_vectors": "maybe"}, {"item_texts": "title"}, {"goal": "ratings"},
            {"unknown": 1}, {"seed": -1}, {"dropout": 1.0}, {"negatives": 0}, {"new_people": 0.9}, {"user_tags": "town"},
        ],
        "bad_generate": [{"count": 0}, {"user": 3}, {"diversity": 2}, {"user": "3", "about": ["town=Linz"]}, {}],
        "bad_data": [*_BAD_TABLES, _rows("who,what,day", *(f"p{n % 9},other {n % 7},2021-01-{n:02d}" for n in range(1, 30)))],
    },
    "recommender_sequence": {
        "recipe": "recommender_sequence",
        "data": watched,
        "params": {**_HISTORY, "layers": 1, "dropout": 0.1},
        "generate": lambda volume: {"user": "3", "count": 3},
        "carries": {**_CARRIES, "length": 64, "negatives": 64, "width": 64},
        "bad_params": [
            {"layers": 0}, {"heads": 0}, {"length": 0}, {"goal": "ratings"}, {"unknown": 1}, {"seed": -1}, {"dropout": 1.0},
            {"item_texts": ["title"]},
        ],
        "bad_generate": [{"count": 0}, {"user": 3}, {"diversity": 2}],
        "bad_data": [*_BAD_TABLES[:2], _MIXED_TIMES],
    },
}  # fmt: skip
