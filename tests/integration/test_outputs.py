"""What jobs made, over HTTP: beside an ended job where it is short, at an address of its own always, in no list."""

import threading

import pytest

from shared.jobs.job import State
from shared.outputs import MOST_INLINE_BYTES, Output, Picture, Score, Scores, Text
from tests.integration.test_api import problem
from tests.support.callers import Caller, train, upload
from tests.support.uploads import picture
from web import create_app
from worker.artifacts import publishing

PNG = picture((9, 8, 7))


@pytest.fixture
def call(settings, store):
    return Caller(create_app(settings))


@pytest.fixture
def job_id(call, store, volume):
    job_id = train(call, upload(call).json["id"]).json["id"]
    store.claim("train", worker="w", device="cpu")
    volume.start_attempt(job_id, 1)
    return job_id


def made(store, volume, job_id, *outputs: Output, files=()):
    """End a job that has published outputs."""
    with publishing(volume, volume.attempt_dir(job_id, 1) / "artifacts") as (folder, found):
        for name, content in files:
            folder.write(name, content)
        found.extend(outputs)
    store.finish(job_id, 1, State.succeeded, result={"headline": "x", "outputs": len(outputs)})


def test_an_ended_job_comes_with_what_it_made(call, store, volume, job_id):
    assert call("GET", f"/api/v1/jobs/{job_id}").json["outputs"] == []
    scores = Scores(subject="一", items=[Score(name="猫", value=0.75, note="ears")])
    made(store, volume, job_id, Text(text="床前明月光"), scores, Picture(file="a.png"), files=[("a.png", PNG)])
    shown = call("GET", f"/api/v1/jobs/{job_id}").json
    assert [o["kind"] for o in shown["outputs"]] == ["text", "scores", "picture"] and not shown["outputs_omitted"]
    assert shown["outputs"][1]["items"] == [{"name": "猫", "value": 0.75, "note": "ears"}]
    assert call("GET", shown["links"]["outputs"]).json == {"outputs": shown["outputs"]}
    file = call("GET", f"{shown['links']['artifacts']}/a.png", buffered=True)
    assert file.data == PNG and file.mimetype == "image/png"


def test_long_outputs_are_left_out_of_the_job_and_have_an_address_of_their_own(call, store, volume, job_id):
    made(store, volume, job_id, Text(text="长" * MOST_INLINE_BYTES))
    shown = call("GET", f"/api/v1/jobs/{job_id}")
    assert shown.json["outputs_omitted"] is True and shown.json["outputs"] == [] and len(shown.data) < 10_000
    (whole,) = call("GET", f"/api/v1/jobs/{job_id}/outputs").json["outputs"]
    assert len(whole["text"]) == MOST_INLINE_BYTES


def test_a_submission_that_waits_for_the_end_is_answered_with_what_was_made(call, store, volume, job_id):
    made(store, volume, job_id, Text(text="x"))
    dataset_id = call("GET", f"/api/v1/jobs/{job_id}").json["inputs"]["data"]["dataset_id"]
    answers = []
    waiting = {"headers": call.headers | {"Prefer": "wait=30"}, "method": "POST"}
    body = {"kind": "train", "recipe": "char_lstm", "inputs": {"data": dataset_id}}
    app = call.client.application
    waiter = threading.Thread(
        target=lambda: answers.append(app.test_client().open("/api/v1/jobs", json=body, **waiting).json)
    )
    waiter.start()
    job = None
    while job is None:
        job = store.claim("train", worker="w", device="cpu")
    volume.start_attempt(job.id, 1)
    made(store, volume, job.id, Text(text="new"))
    waiter.join(10)
    assert [o["text"] for o in answers[0]["outputs"]] == ["new"]


def test_no_list_and_no_answer_to_a_submission_reads_outputs(call, store, volume, job_id, monkeypatch):
    made(store, volume, job_id, Text(text="x"))

    def forbidden(*_):
        raise AssertionError("outputs were read")

    monkeypatch.setattr("shared.volume.readback.outputs", forbidden)
    (listed,) = call("GET", "/api/v1/jobs").json["jobs"]
    assert "outputs" not in listed and listed["result"]["outputs"] == 1
    again = call("POST", f"/api/v1/jobs/{job_id}/retry")
    assert again.status_code == 202 and "outputs" not in again.json


def test_a_job_that_is_known_already_is_answered_without_a_look_at_its_outputs(
    call, store, volume, job_id, monkeypatch
):
    made(store, volume, job_id, Text(text="x"))
    tag = call("GET", f"/api/v1/jobs/{job_id}").headers["ETag"]

    def forbidden(*_):
        raise AssertionError("outputs were read")

    monkeypatch.setattr("shared.volume.readback.outputs", forbidden)
    assert call("GET", f"/api/v1/jobs/{job_id}", headers={"If-None-Match": tag}).status_code == 304


def test_samples_of_a_training_are_outputs_with_their_files(call, volume, job_id):
    samples = volume.attempt_dir(job_id, 1) / "samples"
    samples.mkdir(exist_ok=True)
    for step in (5, 10):
        with publishing(volume, samples / f"{step:08d}") as (folder, outputs):
            outputs += [Text(text=f"at {step}"), Picture(file=folder.write("grid.png", PNG))]
    shown = call("GET", f"/api/v1/jobs/{job_id}/samples").json["samples"]
    assert [(s["attempt"], s["step"], [o["kind"] for o in s["outputs"]]) for s in shown] == [
        (1, 5, ["text", "picture"]),
        (1, 10, ["text", "picture"]),
    ]
    file = call("GET", f"/api/v1/jobs/{job_id}/samples/1/10/grid.png", buffered=True)
    assert file.data == PNG and file.mimetype == "image/png"
    for place in (
        "1/10/manifest.json",
        "1/11/grid.png",
        "2/10/grid.png",
        "1/10/..%2f..%2flog.txt",
    ):
        problem(call("GET", f"/api/v1/jobs/{job_id}/samples/{place}"), 404)


def test_damaged_outputs_hide_no_job(call, store, volume, job_id):
    made(store, volume, job_id, Text(text="x"))
    (volume.attempt_dir(job_id, 1) / "artifacts" / "outputs.json").write_text("[{")
    shown = call("GET", f"/api/v1/jobs/{job_id}")
    assert shown.status_code == 200 and shown.json["outputs_omitted"] is True
    problem(call("GET", f"/api/v1/jobs/{job_id}/outputs"), 404, "damaged")
