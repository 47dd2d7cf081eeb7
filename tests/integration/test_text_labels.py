"""The text classifier before anything is trained: its example in a form, and what is refused over HTTP, all at once."""

import io
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.callers import Caller
from web import create_app


@pytest.fixture
def call(settings, store):
    return Caller(create_app(settings))


@pytest.fixture
def dataset(call):
    rows = "\n".join(f"a text of number {i},{'ab'[i % 2]}" for i in range(12))
    body = {"file": (io.BytesIO(f"review,mood\n{rows}".encode()), "reviews.csv")}
    return call("POST", "/api/v1/datasets", data=body).json["id"]


def test_its_example_opens_a_form_that_trains_in_one_press(call, store):
    form = call("POST", "/jobs/examples/python_topics")
    asked = parse_qs(urlsplit(form.location).query)
    assert asked["params.labels"] == ["section"]
    page = call("GET", form.location).text
    assert re.search(r'name="params.labels" value="section" checked', page)
    data = {
        "kind": "train",
        "recipe": "text_classifier",
        "inputs.data": asked["dataset"][0],
        "params.labels": "section",
    }
    sent = call("POST", "/jobs/new", data=data)
    assert sent.status_code == 302, sent.text
    assert store.get(sent.location.rsplit("/", 1)[1]).params["labels"] == ["section"]


def test_what_is_wrong_with_columns_and_params_is_told_at_once(call, dataset):
    body = {"kind": "train", "recipe": "text_classifier", "inputs": {"data": dataset}}
    wrong = {"labels": ["mod"], "network": "forest", "width": 0}
    told = call("POST", "/api/v1/jobs", json=body | {"params": wrong}).json["problems"]
    assert {problem["field"] for problem in told} == {"params.labels", "params.network", "params.width"}
    assert any("did you mean 'mood'?" in problem["message"] for problem in told)
    refused = call(
        "POST", "/api/v1/jobs", json=body | {"params": {"labels": ["review"], "texts": ["review"], "folds": 10}}
    )
    said = "; ".join(problem["message"] for problem in refused.json["problems"])
    for part in ("too few rows of each class", "cannot be what is read", "10 folds of 12 rows"):
        assert part in said, said
    assert call("POST", "/api/v1/jobs", json=body | {"params": {"labels": ["mood"]}}).status_code in (201, 202)
