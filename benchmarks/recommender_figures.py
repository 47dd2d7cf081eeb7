"""What recommenders reach on MovieLens small and on a made-up shop, beside popularity, item-kNN, ALS and means.

    python -m benchmarks.recommender_figures ratings                    # 5 folds of all ratings: RMSE
    python -m benchmarks.recommender_figures ranking                    # each person's last film; nDCG@10, recall@20
    python -m benchmarks.recommender_figures ranking --loss bpr
    python -m benchmarks.recommender_figures shop                       # the example made by a formula
    python -m benchmarks.recommender_figures ranking --recipe recommender_gnn
    python -m benchmarks.recommender_figures ranking --recipe recommender_content --films

Any param of the recipe may be given: --factors 128 --epochs 5. Public data: see here.py.
"""

import argparse
import io
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


def shop() -> tuple[bytes, dict[str, Any]]:
    from shared.datasets.tables.examples import examples

    example = next(one for one in examples() if one.name == "purchases")
    return example.make()[0][1], dict(example.params)


TABLES = {"ratings": ratings, "ranking": ranking, "by_time": by_time, "shop": shop}


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    which = argparse.ArgumentParser(add_help=False)
    which.add_argument("--recipe", default="recommender_mf")
    which.add_argument("--alone", action="store_true", help="without the simple answers, of which other runs tell")
    which.add_argument("--films", action="store_true", help="give the table of films, too")
    spec = get_recipe(which.parse_known_args()[0].recipe)
    parser = argparse.ArgumentParser(parents=[which])
    parser.add_argument("tables", nargs="+", choices=list(TABLES))
    add_params(parser, spec)
    told = given(parser)
    films, alone = told.pop("films"), told.pop("alone")
    del told["recipe"]
    for name in told.pop("tables"):
        body, columns = TABLES[name]()
        beside = {}
        if films:
            columns |= _FILMS
            beside["items"] = [("films.csv", io.BytesIO(films_csv()))]
        defaults = {param: value for param, value in columns.items() if param in spec.train_params.model_fields}
        params = validate_params(spec.train_params, defaults | told)
        with trained(name, spec, params, [(f"{name}.csv", io.BytesIO(body))], beside=beside) as made:
            made.say()
            if not alone:
                made.say_verdict()


if __name__ == "__main__":
    main()
