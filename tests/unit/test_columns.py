"""Params that name columns, checked against a report: what is not there, of the wrong kind, or there twice."""

import time
from datetime import UTC, datetime

import pytest

from shared.datasets.manifest import DatasetManifest
from shared.datasets.report import ColumnReport, DatasetReport
from shared.recipes import forecaster, tabular
from shared.recipes.base import Params, validate_params
from shared.recipes.fields import Column
from shared.volume.volume import Volume
from tests.support.uploads import load
from web.columns import check_columns, column_params, offered


class Picked(Params):
    """A target, features, and a column of another dataset."""

    target: str = Column("What to tell.", kinds=("category", "boolean"))
    features: list[str] = Column("What to tell it from.", kinds=("number", "category"), default=[])
    item: str = Column("Name of an item.", role="items", default="")


def table(**kinds):
    columns = [ColumnReport(name=name, kind=kind) for name, kind in kinds.items()]
    now = datetime(2024, 5, 1, tzinfo=UTC)
    report = DatasetReport(rows=9, columns=columns)
    return DatasetManifest(
        id="0" * 32, name="orders.csv", format="table", created_at=now, bytes=1, files=[], report=report
    )


ORDERS = table(
    price="number", amount="number", status="category", paid="boolean", 备注="text", order_id="id", 空="empty"
)


def said(values, **datasets):
    return [(problem.field, problem.message) for problem in check_columns(Picked, values, datasets)]


def test_columns_that_are_there_and_fit_are_no_problem():
    assert said({"target": "status", "features": ["price", "amount"]}, data=ORDERS) == []


def test_a_column_that_is_not_there_is_answered_with_the_nearest_that_would_do():
    ((field, message),) = said({"target": "Statsu"}, data=ORDERS)
    assert field == "params.target" and "no column 'Statsu'" in message and "did you mean 'status'?" in message
    ((_, message),) = said({"target": "prices"}, data=ORDERS)
    assert "'price'" not in message, "a column of numbers would not do"


def test_where_none_is_near_the_columns_that_would_do_are_listed():
    ((_, message),) = said({"target": "zzzz"}, data=ORDERS)
    assert message.endswith("there are status, paid")
    many = table(**{f"c{i}x{i * 7919}": "category" for i in range(30)})
    ((_, message),) = said({"target": "?"}, data=many)
    assert message.endswith("and 22 more")


def test_a_column_of_the_wrong_kind_is_named_with_what_it_holds():
    assert said({"target": "备注"}, data=ORDERS) == [
        ("params.target", "column '备注' holds texts; wanted are categories or yes or no")
    ]
    assert "holds ids" in said({"features": ["order_id"]}, data=ORDERS)[0][1]
    assert "holds nothing" in said({"features": ["空"]}, data=ORDERS)[0][1]


def test_everything_wrong_with_all_params_is_named_at_once():
    found = said({"target": "nope", "features": ["price", "price", "备注", "amuont"]}, data=ORDERS)
    assert [field for field, _ in found] == ["params.target"] + ["params.features"] * 3
    text = " ".join(message for _, message in found)
    assert "'price' is named 2 times" in text and "'备注' holds texts" in text and "did you mean 'amount'?" in text


def test_a_column_is_looked_for_in_the_dataset_of_its_role():
    items = table(title="text")
    assert said({"target": "status", "item": "titel"}, data=ORDERS, items=items) == [
        ("params.item", "there is no column 'titel'; did you mean 'title'?")
    ]
    assert said({"target": "status", "item": "titel"}, data=ORDERS) == [], "nothing can be said without the dataset"


def test_a_dataset_without_columns_is_said_to_have_none():
    assert "'orders.csv' has no columns" in said({"target": "status"}, data=table())[0][1]


@pytest.mark.parametrize("value", [None, 3, {"a": 1}, [1, None], True, ""])
def test_what_is_no_name_at_all_is_left_to_the_params_themselves(value):
    assert said({"target": value, "features": value}, data=ORDERS) == []


def test_very_many_long_wrong_names_against_very_many_columns_cost_little():
    wide = table(**{f"{i:04d}" + "ab" * 240: "category" for i in range(1_000)})
    began = time.process_time()
    found = said({"features": [f"{i:05d}" + "ba" * 240 for i in range(2_000)]}, data=wide)
    assert len(found) == 2_000 and time.process_time() - began < 5


def test_pickers_offer_what_a_param_takes():
    params = {param.name: param for param in column_params(Picked)}
    assert params["features"].many and not params["target"].many and params["item"].role == "items"
    assert offered(params["target"], ORDERS) == ["status", "paid"]
    assert offered(params["item"], ORDERS) == [column.name for column in ORDERS.report.columns]


def test_a_column_that_counts_up_may_be_told_all_the_same(tmp_path):
    """It looks like an id: that is a warning, and nothing is learnt from it unasked, but who picks it may mean it."""
    days = [f"2024-01-{day:02},{day},{day % 7}" for day in range(1, 31)]
    counted = load(Volume(tmp_path), ("visits.csv", "\n".join(["day,visits,x", *days]).encode()))
    assert [warned.column for warned in counted.report.warnings if warned.code == "id_like"] == ["visits"]
    datasets = {"data": counted}
    for spec, values in (
        (forecaster.SPEC, {"targets": ["visits"], "context": 10, "horizon": 5}),
        (tabular.SPEC, {"target": "visits"}),
        (tabular.SPEC, {"target": "x", "features": ["visits"]}),
    ):
        assert check_columns(spec.train_params, values, datasets) == []
        assert spec.check is not None and spec.check(validate_params(spec.train_params, values), datasets) == []
    unasked, notes = tabular.features_of(validate_params(tabular.SPEC.train_params, {"target": "x"}), counted.report)
    assert unasked == ["day"] and notes == ["not learnt from, another value in nearly every row: visits"]
