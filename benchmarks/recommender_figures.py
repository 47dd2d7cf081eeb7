"""What recommenders reach on MovieLens small and on a made-up shop, beside popularity, item-kNN, ALS and means.

    python -m benchmarks.recommender_figures ratings                    # 5 folds of all ratings: RMSE
    python -m benchmarks.recommender_figures ranking                    # each person's last film; nDCG@10, recall@20
    python -m benchmarks.recommender_figures ranking --loss bpr
    python -m benchmarks.recommender_figures shop                       # the example made by a formula
    python -m benchmarks.recommender_figures ranking --recipe recommender_gnn
    python -m benchmarks.recommender_figures ranking --recipe recommender_content --films
    python -m benchmarks.recommender_figures ml100k --people --groups gender --ml100k FOLDER
    python -m benchmarks.recommender_figures ml100k --recipe recommender_content --films --people --new-people 0.2 --ml100k FOLDER
    python -m benchmarks.recommender_figures ranking --recipe recommender_content --films --encoder FOLDER --words False

Any param of the recipe may be given: --factors 128 --epochs 5. Public data: see here.py. MovieLens 100K, which has a table of
people (age, gender, occupation), as RecBole 1.2.1 (PyPI) packs it: FOLDER is recbole/dataset_example/ml-100k of its wheel.
"""

import argparse
import io
from pathlib import Path
from typing import Any

from benchmarks.here import add_params, given, test_data
from benchmarks.one_training import trained

_COLUMNS = {"user": "userId", "item": "movieId", "time": "timestamp"}


def _ratings_csv() -> bytes:
    return (test_data("movielens_latest_small") / "ratings.csv").read_bytes()


def ratings() -> tuple[bytes, dict[str, Any]]:
    chosen = {"value": "rating", "split": "random", "folds": 5, "test_fraction": 0.0}
    return _ratings_csv(), {**_COLUMNS, **chosen}


def ranking() -> tuple[bytes, dict[str, Any]]:
    return _ratings_csv(), {**_COLUMNS, "goal": "ranking", "split": "last"}


def by_time() -> tuple[bytes, dict[str, Any]]:
    return _ratings_csv(), {**_COLUMNS, "goal": "ranking", "split": "time"}


def films_csv() -> bytes:
    return (test_data("movielens_latest_small") / "movies.csv").read_bytes()


_FILMS = {"item_title": "title", "item_texts": ["title"], "item_tags": ["genres"]}
_FILMS_100K = {
    "item_title": "movie_title", "item_texts": ["movie_title", "class"], "item_numbers": ["release_year"],
}  # fmt: skip


def _packed(kind: str) -> bytes:
    """A file of RecBole's as a table: its heads say the type of each column, too. A year that is none is left empty."""
    head, *rows = (_folder() / f"ml-100k.{kind}").read_text(encoding="utf-8").splitlines()
    names = [name.partition(":")[0] for name in head.split("\t")]
    cells = [row.split("\t") for row in rows]
    if "release_year" in names:
        year = names.index("release_year")
        cells = [[*row[:year], row[year] if row[year].isdigit() else "", *row[year + 1 :]] for row in cells]
    return "\n".join("\t".join(row) for row in [names, *cells]).encode()


def _folder() -> Path:
    which = argparse.ArgumentParser(add_help=False)
    which.add_argument("--ml100k", type=Path, required=True)
    return which.parse_known_args()[0].ml100k


def ml100k() -> tuple[bytes, dict[str, Any]]:
    columns = {"user": "user_id", "item": "item_id", "time": "timestamp"}
    return _packed("inter"), {**columns, "goal": "ranking", "split": "last"}


def shop() -> tuple[bytes, dict[str, Any]]:
    from shared.datasets.tables.examples import examples

    example = next(one for one in examples() if one.name == "purchases")
    return example.make()[0][1], dict(example.params)


TABLES = {"ratings": ratings, "ranking": ranking, "by_time": by_time, "shop": shop, "ml100k": ml100k}


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    which = argparse.ArgumentParser(add_help=False)
    which.add_argument("--recipe", default="recommender_mf")
    which.add_argument("--alone", action="store_true", help="without the simple answers, of which other runs tell")
    which.add_argument("--films", action="store_true", help="give the table of films, too")
    which.add_argument("--people", action="store_true", help="give the table of people, too, of MovieLens 100K")
    which.add_argument("--encoder", type=Path, help="a folder of open weights, for the texts of items")
    which.add_argument("--ml100k", help="where MovieLens 100K lies")
    spec = get_recipe(which.parse_known_args()[0].recipe)
    parser = argparse.ArgumentParser(parents=[which])
    parser.add_argument("tables", nargs="+", choices=list(TABLES))
    add_params(parser, spec)
    told = given(parser)
    films, alone, people, base = (told.pop(name, None) for name in ("films", "alone", "people", "encoder"))
    del told["recipe"]
    told.pop("ml100k", "")
    for name in told.pop("tables"):
        body, columns = TABLES[name]()
        beside, small = {}, name == "ml100k"
        if films:
            columns |= _FILMS_100K if small else _FILMS
            beside["items"] = [
                ("films.tsv" if small else "films.csv", io.BytesIO(_packed("item") if small else films_csv()))
            ]
        if people:
            columns |= {"user_tags": ["gender", "occupation"], "user_numbers": ["age"]}
            beside["people"] = [("people.tsv", io.BytesIO(_packed("user")))]
        defaults = {param: value for param, value in columns.items() if param in spec.train_params.model_fields}
        params = validate_params(spec.train_params, defaults | told)
        with trained(
            name, spec, params, [(f"{name}.{'tsv' if small else 'csv'}", io.BytesIO(body))], beside=beside, base=base
        ) as made:
            made.say()
            for table in made.report.outputs:
                if table.kind == "table" and table.title.startswith(("Groups", "People", "Items")):
                    print(table.title, *([table.columns, *table.rows]), sep="\n  ")
            if not alone:
                made.say_verdict()


if __name__ == "__main__":
    main()
