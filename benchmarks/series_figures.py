"""What the forecaster reaches on public series, beside the last value, the season before and linear regression.

    python -m benchmarks.series_figures etth1 --network dlinear    # 96 -> 96, the split of 12, 4 and 4 months, 7 series
    python -m benchmarks.series_figures stocks --network lstm      # daily closes of three shares, 20 days ahead
    python -m benchmarks.series_figures passengers                 # the example made by a formula

Any param of the recipe may be given: --width 128 --epochs 5. Public data: see here.py.
"""

import argparse
import io
from typing import Any

from benchmarks.here import add_params, given, test_data
from benchmarks.one_training import trained

_ETT = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]


def etth1() -> tuple[bytes, dict[str, Any]]:
    body = (test_data("etth1") / "ETTh1.csv").read_bytes()
    return body, {"targets": _ETT, "context": 96, "horizon": 96, "parts": [8_640, 2_880, 2_880]}


def stocks() -> tuple[bytes, dict[str, Any]]:
    """Each trading day is the next step."""
    body = (test_data("stock_daily") / "AAPL_TSLA_COKE_2015_2017.csv").read_bytes()
    columns = {"time": "Date", "targets": ["AdjClose"], "series": "Stock", "frequency": "rows"}
    return body, {**columns, "context": 60, "horizon": 20}


def passengers() -> tuple[bytes, dict[str, Any]]:
    from shared.datasets.tables.examples import examples

    example = next(one for one in examples() if one.name == "passengers")
    return example.make()[0][1], {"targets": ["passengers"], "context": 36, "horizon": 12}


TABLES = {"etth1": etth1, "stocks": stocks, "passengers": passengers}


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec, parser = get_recipe("forecaster"), argparse.ArgumentParser()
    parser.add_argument("tables", nargs="+", choices=list(TABLES))
    add_params(parser, spec)
    told = given(parser)
    for name in told.pop("tables"):
        body, defaults = TABLES[name]()
        params = validate_params(spec.train_params, defaults | told)
        with trained(name, spec, params, [(f"{name}.csv", io.BytesIO(body))]) as made:
            made.say()
            made.say_verdict()


if __name__ == "__main__":
    main()
