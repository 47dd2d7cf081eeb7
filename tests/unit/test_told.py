"""A long request is told as it goes on, ends with what else would have been the answer, and a reader who leaves cancels it."""

import json
import threading
from typing import Any

import pytest
from flask import Flask, jsonify

from shared.errors import BaseInvalid, Problem
from web.problems import register
from web.told import KIND, ReaderGone, asked_to_tell, told


@pytest.fixture
def app():
    app = Flask(__name__)
    register(app)
    return app


def lines(app, work):
    app.add_url_rule("/api/x", view_func=lambda: told(work, lambda made: jsonify(made)), methods=["POST"])
    response = app.test_client().post("/api/x", headers={"Accept": KIND})
    assert response.status_code == 200 and response.mimetype == KIND
    return [json.loads(line) for line in response.get_data(as_text=True).splitlines() if line]


def test_it_says_how_far_it_is_and_then_what_came_of_it(app):
    def work(look):
        look(1, 4)
        return {"id": "a"}

    assert lines(app, work) == [{"done": 1, "of": 4}, {"status": 200, "body": {"id": "a"}}]


def test_a_refusal_is_the_problem_it_would_have_been(app):
    def work(look):
        raise BaseInvalid("no weights", problems=[Problem(field="", message="no weights", file="config.json")])

    (last,) = lines(app, work)
    assert last["status"] == 422 and last["body"]["problems"][0]["file"] == "config.json"


def test_what_nobody_expected_is_an_error_of_the_server_without_its_traceback(app, caplog):
    def work(look):
        raise KeyError("secret")

    (last,) = lines(app, work)
    assert last["status"] == 500 and "secret" not in json.dumps(last)


def test_a_reader_who_leaves_cancels_the_work(app):
    ended = threading.Event()

    def work(look):
        try:
            while True:
                look(1, 2)
        except ReaderGone:
            ended.set()
            raise

    with app.test_request_context("/api/x", method="POST", headers={"Accept": f"{KIND}, application/json;q=0.9"}):
        assert asked_to_tell()
        response = told(work, lambda made: jsonify(made))
        parts: Any = iter(response.response)
        assert next(parts) == "\n" and json.loads(next(parts)) == {"done": 1, "of": 2}
        assert not ended.is_set()
        parts.close()
    assert ended.is_set()
