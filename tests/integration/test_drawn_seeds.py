"""A seed that nobody gave is drawn for each job, stands in its record, and makes no second job of a form that is sent twice."""

import pytest

from tests.support.callers import Caller, name_model, publish_checkpoint, train, upload
from web import create_app


@pytest.fixture
def call(settings, store):
    return Caller(create_app(settings))


@pytest.fixture
def model(call, volume):
    job_id = train(call, upload(call).json["id"]).json["id"]
    publish_checkpoint(volume, job_id)
    return name_model(volume, "local", job_id)


def test_each_generation_gets_a_seed_of_its_own_and_a_retry_the_same(call, model, store):
    def asked(**body):
        answer = call("POST", "/api/v1/jobs", json={"kind": "generate", "inputs": {"model": model}} | body)
        assert answer.status_code == 202, answer.text
        return answer.json

    seeds = {asked()["params"]["seed"] for _ in range(5)}
    assert len(seeds) == 5
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert asked(params={"seed": 7})["params"]["seed"] == 7
    first = asked()
    call("POST", f"/api/v1/jobs/{first['id']}/cancel")
    again = call("POST", f"/api/v1/jobs/{first['id']}/retry")
    assert again.json["params"] == first["params"]
    assert store.get(again.json["id"]).params["seed"] == first["params"]["seed"]


def test_the_same_request_under_one_key_is_one_job_though_its_seed_is_drawn(call, model):
    body = {"kind": "generate", "inputs": {"model": model}}
    one, two = (call("POST", "/api/v1/jobs", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (two.json["id"], two.json["params"]) == (one.json["id"], one.json["params"])


def test_a_form_pressed_twice_is_one_job_also_with_a_drawn_seed_and_a_deadline(call, model):
    form = {
        "kind": "generate",
        "recipe": "char_lstm",
        "inputs.model": model,
        "use": "generate",
        "hours": "2",
        "idempotency_key": "f1",
    }
    one, two = (call("POST", "/jobs/new", data=form) for _ in range(2))
    assert one.status_code == two.status_code == 302, two.text
    assert one.headers["Location"] == two.headers["Location"]


def test_the_form_says_that_the_seed_is_drawn_and_the_job_shows_which_it_was(call, model):
    page = call("GET", f"/jobs/new?kind=generate&model={model}").text
    assert 'placeholder="drawn anew"' in page
    job = call(
        "POST",
        "/jobs/new",
        data={"kind": "generate", "recipe": "char_lstm", "inputs.model": model, "idempotency_key": "f2"},
    )
    job_id = job.headers["Location"].rsplit("/", 1)[1]
    seed = call("GET", f"/api/v1/jobs/{job_id}").json["params"]["seed"]
    assert str(seed) in call("GET", f"/jobs/{job_id}").text.replace(",", "")
