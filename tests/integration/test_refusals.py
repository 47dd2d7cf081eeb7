"""What is too much, too far away or not what it should be is refused in few words, and costs the server little."""

import io
import os
import resource
from datetime import datetime, timedelta, timezone

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from shared.ids import new_id
from shared.jobs.job import utc_now
from tests.support.callers import TEXT, Caller, train, upload
from tests.support.uploads import picture
from web import create_app
from web.pages.formatting import ago, exact

UNKNOWN = new_id()


@pytest.fixture
def call(settings, store):
    """A client of an application without a login."""
    return Caller(create_app(settings.model_copy(update={"max_upload_bytes": 3_000_000, "max_body_bytes": 100_000})))


@pytest.fixture
def dataset_id(call):
    return upload(call).json["id"]


def problem(response, status, *words):
    """The problem document of a refusal."""
    assert response.status_code == status and response.content_type == "application/problem+json", response.text
    assert all(word in response.text for word in words), response.text
    return response.json


def test_an_upload_of_many_files_needs_no_more_open_files_than_one(call):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = [(io.BytesIO(f"{i} {TEXT[:260]}".encode()), f"诗/{i}.txt") for i in range(900)]
    boundary, body = encode_multipart({"file": [FileStorage(*file) for file in files]})
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 60, before[1]))
    try:
        reply = call("POST", "/api/v1/datasets", data=body, content_type=f"multipart/form-data; boundary={boundary}")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert reply.status_code == 201, reply.text
    each = [len(f"{i} {TEXT[:260]}") for i in range(900)]
    assert reply.json["report"]["facts"]["characters"] == sum(each) + 899, (
        "every part is its own, a new line between two"
    )
    many = [(io.BytesIO(b"x"), f"{i}.txt") for i in range(1_100)]
    problem(call("POST", "/api/v1/datasets", data={"file": many}), 413, "more than 1,000 files", "zip")


def test_files_of_a_form_that_are_too_many_are_named_and_the_rest_is_not_taken(call, volume):
    form = {"kind": "generate", "recipe": "image_classifier", "inputs.model": UNKNOWN}
    pictures = [(io.BytesIO(picture((n, 2, 3))), f"{n}.png") for n in range(40)]
    reply = call("POST", "/jobs/new", data=form | {"params.images": pictures})
    assert reply.status_code == 422 and "40 files; at most 32" in reply.text
    assert len(os.listdir(volume.root / "files")) <= 32


def test_a_checkpoint_that_is_not_written_as_one_is_refused(call, dataset_id):
    job = train(call, dataset_id).json["id"]
    ends = ("/1", "/1/x", "/1/²", f"/1/{'9' * 5_000}", "/0/1")
    for text in (*(job + end for end in ends), "//", "１/1/1", job, "x"):
        said = "is no checkpoint" if "/" in text else "no model"
        shown = call("GET", "/jobs/new", query_string={"source": text}, headers={"Accept": "application/json"})
        assert shown.status_code in (404, 422) and said in shown.json["detail"], text[:60]
        form = {"kind": "generate", "recipe": "char_lstm", "inputs.model": text}
        sent = call("POST", "/jobs/new", data=form, content_type="multipart/form-data")
        assert sent.status_code == 422 and said in sent.text, text[:60]
    assert call("GET", f"/jobs/new?source={job}/1/1").status_code == 200


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z", "2999-01-01T00:00:00+01:00"])
def test_a_deadline_further_than_a_year_ahead_is_refused(call, dataset_id, at):
    wrong = problem(train(call, dataset_id, deadline_at=at), 422, "at most 365 days ahead")["problems"]
    assert [p["field"] for p in wrong] == ["deadline_at"]


def test_a_deadline_is_kept_in_utc_and_one_beyond_the_calendar_is_past(call, dataset_id):
    at = (utc_now() + timedelta(days=20)).replace(microsecond=0)
    reply = train(call, dataset_id, deadline_at=at.astimezone(timezone(timedelta(hours=-9))).isoformat())
    assert reply.json["deadline_at"] == at.isoformat().replace("+00:00", "Z")
    assert call("GET", f"/jobs/{reply.json['id']}").status_code == 200
    problem(train(call, dataset_id, deadline_at="0001-01-01T00:00:00+23:59"), 422, "has passed")


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_moment_beyond_the_calendar_in_utc_can_be_shown(at):
    moment = datetime.fromisoformat(at)
    assert at[:10] in ago(moment) and at[5:10] in exact(moment)


@pytest.mark.parametrize("place", ["body", "params", "both"])
def test_of_very_many_problems_the_first_are_named_and_the_others_counted(call, dataset_id, place):
    many = {f"x{i}": 1 for i in range(3_000)} | {"y" * 5_000: 1}
    changes = {"body": many, "params": {"params": many}, "both": many | {"params": many}}[place]
    reply = train(call, dataset_id, **changes)
    problems = problem(reply, 422)["problems"]
    assert len(problems) == 51 and len(reply.data) < 60_000
    count = (2 if place == "both" else 1) * 3_001 - 50
    assert problems[-1]["message"] == f"and {count:,} more problems"
    long = problem(train(call, dataset_id, **{"y" * 50_000: 1}), 422)
    assert len(long["problems"][0]["field"]) == 200 and len(long["detail"]) < 5_000


def test_what_is_out_of_reach_is_not_named_to_everybody(settings):
    lost = Caller(create_app(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})))
    assert "127.0.0.1" not in lost("GET", "/readyz").text
