"""A person who gets something wrong is told what would be right, in words; what means the same is simply taken."""

import base64
import gzip
import io
import json
import re

import pytest

from shared.jobs.job import utc_now
from tests.support.callers import TEXT, Caller, name_model, publish_checkpoint, train, upload
from tests.support.uploads import picture
from web import create_app

# What pydantic says by itself, names of Python's types, patterns: nothing for a person.
NO_WORDS = re.compile(
    r"Input should|valid (integer|string|number|dictionary|list)|NoneType|<class|\bstr\b|\^\[|\[0-9|dict\b|tuple|Error\b"
)


@pytest.fixture
def call(settings, store):
    return Caller(create_app(settings.model_copy(update={"max_body_bytes": 100_000})))


@pytest.fixture
def dataset_id(call):
    return upload(call).json["id"]


@pytest.fixture
def judge(call, volume, dataset_id):
    """A model that takes pictures."""
    job_id = train(call, dataset_id).json["id"]
    publish_checkpoint(volume, job_id)
    return name_model(volume, "local", job_id, recipe="image_classifier")


def problems(reply, status=422):
    assert reply.status_code == status, reply.text
    assert not NO_WORDS.search(reply.json["detail"] + json.dumps(reply.json["problems"])), reply.text
    return {p["field"]: p["message"] for p in reply.json["problems"]}


def test_each_wrong_value_is_said_in_words_and_with_what_would_be_right(call, dataset_id):
    params = {
        "steps": "many",
        "width": 2.5,
        "dropout": None,
        "layers": [],
        "learning_rate": 1e9,
        "keep": "all",
        "batch_size": 0,
    }
    said = problems(train(call, dataset_id, params=params, name=7, priority="high", after="x", deadline_at="soon"))
    assert said["params.steps"] == "a whole number is needed; got 'many'"
    assert said["params.width"] == "a whole number is needed; got 2.5"
    assert said["params.dropout"] == "a number is needed; got nothing"
    assert said["params.layers"] == "a whole number is needed"
    assert said["params.learning_rate"] == "must be at most 10; got 1000000000.0"
    assert said["params.keep"] == "must be 'last' or 'best'; got 'all'"
    assert said["params.batch_size"] == "must be at least 1; got 0"
    assert said["name"] == "a text is needed; got 7"
    assert said["after"] == "a list is needed; got 'x'"
    assert said["deadline_at"] == "a date and time is needed, 2026-01-31T07:00:00Z for one; got 'soon'"


def test_a_job_id_that_is_none_is_said_without_its_pattern(call, dataset_id):
    said = problems(train(call, dataset_id, after=["last", "x" * 27]))
    assert said == {"after.0": "no job 'last'", "after.1": f"no job '{'x' * 27}'"}


@pytest.mark.parametrize("what", ["data url", "base64", "name"])
def test_a_picture_given_as_text_is_answered_with_the_way_to_send_it(call, judge, what):
    body = base64.b64encode(picture((1, 2, 3)) * 3).decode()
    given = {"data url": f"data:image/png;base64,{body}", "base64": body * 4, "name": "cat.png"}[what]
    said = problems(
        call(
            "POST", "/api/v1/jobs", json={"kind": "generate", "inputs": {"model": judge}, "params": {"images": [given]}}
        )
    )
    message = said["params.images.0"]
    assert ("POST /api/v1/files" in message) == (what != "name"), message
    assert ("32 of the characters 0-9 and a-f" in message) == (what == "name"), message


def test_a_file_sent_as_plain_text_is_answered_with_how_files_are_sent(call):
    reply = call("POST", "/api/v1/datasets", data=TEXT.encode(), content_type="text/plain")
    assert reply.status_code == 415
    assert "the file came as text/plain" in reply.json["detail"] and "curl -F file=@NAME" in reply.json["detail"]
    reply = call("POST", "/api/v1/jobs", data=b"kind=train", content_type="text/plain")
    assert reply.status_code == 415 and "application/json" in reply.json["detail"]


def test_a_photo_within_json_is_answered_with_where_files_go(call, judge):
    body = {"kind": "generate", "inputs": {"model": judge}, "params": {"images": ["x" * 200_000]}}
    reply = call("POST", "/api/v1/jobs", json=body)
    assert reply.status_code == 413
    assert "larger than 98 KiB" in reply.json["detail"] and "POST /api/v1/files" in reply.json["detail"]


@pytest.mark.parametrize(
    "path", ["/api/v1/jobs/", "/api/v1/datasets/", "/models/", "/jobs/new/", "/api/v1/recipes/gpt/"]
)
def test_a_slash_too_many_is_the_same_address(call, path):
    with_slash, without = call("GET", path), call("GET", path.rstrip("/"))
    assert with_slash.status_code == without.status_code == 200


def test_bodies_packed_by_gzip_are_read_and_limits_hold_for_what_comes_out(call, dataset_id):
    body = json.dumps({"kind": "train", "recipe": "gpt", "inputs": {"data": dataset_id}}).encode()
    packed = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert call("POST", "/api/v1/jobs", data=gzip.compress(body), headers=packed).status_code == 202
    bomb = gzip.compress(b'{"a": "' + b"x" * 50_000_000)
    reply = call("POST", "/api/v1/jobs", data=bomb, headers=packed)
    assert reply.status_code == 413, reply.text
    for broken in (gzip.compress(body)[:-9], body, b""):
        reply = call("POST", "/api/v1/jobs", data=broken, headers=packed)
        assert reply.status_code == 400 and "gzip" in reply.json["detail"], reply.text
    reply = call("POST", "/api/v1/jobs", data=body, headers=packed | {"Content-Encoding": "br"})
    assert reply.status_code == 415 and "gzip" in reply.json["detail"]
    form = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="p.txt"\r\n\r\n'
        + (TEXT * 2).encode()
        + b"\r\n--b--\r\n"
    )
    headers = {"Content-Encoding": "gzip", "Content-Type": "multipart/form-data; boundary=b"}
    assert call("POST", "/api/v1/datasets", data=gzip.compress(form), headers=headers).status_code == 201


def test_a_moment_without_a_time_zone_is_utc(call, dataset_id):
    at = utc_now().replace(microsecond=0, tzinfo=None).isoformat()
    year = str(int(at[:4]) + 1)
    reply = train(call, dataset_id, deadline_at=f"{year}-01-01T07:00:00")
    assert reply.status_code == 202, reply.text
    assert reply.json["deadline_at"] == f"{year}-01-01T07:00:00Z"


def test_a_picture_too_large_to_be_unpacked_is_named(call):
    header = (
        b"\x89PNG\r\n\x1a\n"
        + (13).to_bytes(4, "big")
        + b"IHDR"
        + (60_000).to_bytes(4, "big") * 2
        + bytes([8, 2, 0, 0, 0])
    )
    import zlib

    bomb = header + zlib.crc32(header[12:]).to_bytes(4, "big")
    reply = call(
        "POST",
        "/api/v1/datasets",
        data={"file": [(io.BytesIO(bomb), "cats/huge.png"), (io.BytesIO(picture((1, 2, 3))), "dogs/a.png")]},
    )
    assert reply.status_code == 422, reply.text
    assert "huge.png" in reply.text and "DecompressionBomb" not in reply.text
