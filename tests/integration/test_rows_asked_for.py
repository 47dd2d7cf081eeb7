"""A row of a table asked for cell by cell: in the form, beside a model, again under its answer; examples in one press."""

import io
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.jobs.job import State
from shared.jobs.models import Model, save_model
from tests.support.callers import Caller, publish_checkpoint
from web import create_app

LONG = "a very long name of a column that nobody would want to type in but which a spreadsheet once had"
HEAD = f"age,城市,{LONG},sure,note,answer"
ROWS = "".join(
    f"{20 + n},{'北京' if n % 2 else 'Köln'},{n / 4},{n % 2},words {n} of a text,{'yn'[n % 3 == 0]}\n"
    for n in range(60)
)


@pytest.fixture
def call(settings, store):
    return Caller(create_app(settings))


@pytest.fixture
def dataset(call):
    sent = call("POST", "/api/v1/datasets", data={"file": (io.BytesIO(f"{HEAD}\n{ROWS}".encode()), "people.csv")})
    assert sent.status_code == 201, sent.text
    return sent.json["id"]


@pytest.fixture
def model(call, store, volume, dataset):
    """A table's training that has ended, and the model it left, written by hand."""
    body = {"kind": "train", "recipe": "tabular", "inputs": {"data": dataset}, "params": {"target": "answer"}}
    job_id = call("POST", "/api/v1/jobs", json=body).json["id"]
    job = store.claim("train", worker="w", device="cpu")
    ref = publish_checkpoint(volume, job_id)
    store.finish(job_id, 1, State.succeeded, result={})
    made = Model(id=job_id, name="who", recipe="tabular", checkpoint=ref, params=job.params, inputs=job.inputs)
    save_model(volume, made)
    return job_id


def _cells(page):
    """Column -> value of the inputs for cells, as the page has them."""
    found = {}
    for name, rest in re.findall(r'name="cells\.rows\.([^"]*)"([^>]*>[^<]*)', page):
        value = re.search(r'value="([^"]*)"', rest)
        found[name] = value[1] if value else rest.split(">")[1].strip()
    return found


def test_a_form_begins_with_a_row_of_the_dataset_and_asks_for_no_target(call, model):
    for address in (f"/jobs/new?kind=generate&model={model}", "/models"):
        cells = _cells(call("GET", address).text)
        assert cells == {"age": "20", "城市": "Köln", LONG: "0", "sure": "0", "note": "words 0 of a text"}


def test_what_was_asked_stands_under_the_answer_and_is_asked_again_without_a_script(call, store, volume, model):
    row = {"age": "33", "城市": "北京", "note": "tea"}
    form = {
        "kind": "generate",
        "recipe": "tabular",
        "use": "generate",
        "inputs.model": model,
        "params.top_k": "3",
        "params.explain": "false",
    }
    sent = call("POST", "/jobs/new", data=form | {f"cells.rows.{name}": value for name, value in row.items()})
    assert sent.status_code == 302, sent.text
    job = store.get(sent.location.rsplit("/", 1)[1])
    assert json.loads(job.params["rows"]) == row and job.params["top_k"] == 3
    page = call("GET", f"/jobs/{job.id}").text
    assert "What if" in page
    assert _cells(page) == {"age": "33", "城市": "北京", LONG: "", "sure": "", "note": "tea"}
    part = page[page.index('id="what-if"') :]
    assert re.search(r'name="params.top_k" value="3"', part) and re.search(r'name="params.explain" value="false"', part)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', part[: part.index("</form>")]))
    again = call(
        "POST",
        "/jobs/new",
        data=hidden | {f"cells.rows.{name}": value for name, value in (row | {"age": "34"}).items()},
    )
    other = store.get(again.location.rsplit("/", 1)[1])
    assert other.id != job.id and json.loads(other.params["rows"]) == row | {"age": "34"}
    assert {name: other.params[name] for name in ("top_k", "explain")} == {"top_k": 3, "explain": False}


@pytest.mark.parametrize("rows", ['{"age": 1}\n{"age": 2}', "{broken", '{"城市": null}'])
def test_rows_that_are_no_single_one_stay_text_and_nothing_is_lost(call, store, model, rows):
    body = {"kind": "generate", "inputs": {"model": model}, "params": {"rows": rows}}
    job = call("POST", "/api/v1/jobs", json=body).json["id"]
    page = call("GET", f"/jobs/{job}").text
    assert ("What if" in page) == rows.startswith('{"城市"')
    clone = call("GET", f"/jobs/new?from={job}").text
    assert rows.startswith('{"城市"') or rows.split("\n")[0].replace('"', "&#34;") in clone


def test_without_the_dataset_the_rows_are_typed_as_text(call, volume, store, model, dataset):
    assert call("DELETE", f"/api/v1/datasets/{dataset}").status_code == 204
    page = call("GET", f"/jobs/new?kind=generate&model={model}").text
    assert "cells.rows" not in page and 'name="params.rows"' in page
    assert call("GET", "/models").status_code == 200


def test_an_example_opens_a_form_that_trains_in_one_press(call, store):
    wanted = {"breast_cancer": "diagnosis", "wine": "grower", "iris": "species", "diabetes": "progression"}
    for name, target in wanted.items():
        form = call("POST", f"/jobs/examples/{name}")
        asked = {key: values[0] for key, values in parse_qs(urlsplit(form.location).query).items()}
        assert asked["params.target"] == target
        page = call("GET", form.location).text
        assert re.search(rf'<option value="{target}" selected>', page)
        data = {"kind": "train", "recipe": "tabular", "inputs.data": asked["dataset"], "params.target": target}
        sent = call("POST", "/jobs/new", data=data)
        assert sent.status_code == 302, sent.text
        assert store.get(sent.location.rsplit("/", 1)[1]).params["target"] == target


def test_a_training_that_has_not_ended_gives_no_export(call, dataset):
    body = {"kind": "train", "recipe": "tabular", "inputs": {"data": dataset}, "params": {"target": "answer"}}
    training = call("POST", "/api/v1/jobs", json=body).json["id"]
    for named in (training, {"job_id": training}):
        asked = {"kind": "generate", "recipe": "tabular", "use": "export", "inputs": {"model": named}, "params": {}}
        refused = call("POST", "/api/v1/jobs", json=asked)
        assert refused.status_code == 422 and "model" in refused.json["problems"][0]["field"]
        if named == training:
            assert f"the training {training} is queued and has left no model" in refused.json["problems"][0]["message"]
    shown = call("GET", f"/jobs/new?kind=generate&use=export&model={training}")
    assert shown.status_code == 404 and "has left no model" in shown.text and "never was" not in shown.text
    after = asked | {"inputs": {"model": training}, "after": [training]}
    assert call("POST", "/api/v1/jobs", json=after).status_code in (201, 202), (
        "it waits for what the training will leave"
    )
