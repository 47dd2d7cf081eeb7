"""How long a job takes, as the API and the terminal tell it: before it is submitted, queued, running, in lists and streams."""

import json
import time

import pytest

from cli.time_left import expected_said, time_said
from shared.jobs.job import Job, JobRequest, utc_now
from shared.jobs.presence import WorkerInfo
from shared.jobs.queues import standings
from tests.support.callers import Caller, upload
from tests.support.worked import COMPILE_S, LOAD_S, REPORT_S, STEP_S, Worked
from web.app import create_app

STEPS = 50


@pytest.fixture
def client(settings, store):
    return Caller(create_app(settings))


@pytest.fixture
def body(client):
    params = {"steps": STEPS, "eval_every": 50, "context": 8}
    return {"kind": "train", "recipe": "gpt", "params": params, "inputs": {"data": upload(client).json["id"]}}


def submitted(client, body, **changes) -> str:
    reply = client("POST", "/api/v1/jobs", json=body | changes)
    assert reply.status_code == 202, reply.get_data(as_text=True)
    return reply.json["id"]


@pytest.fixture
def knowing(settings, client, body, store):
    """A client of a web that starts when two jobs like the one asked about have ended: it has read nothing before."""
    for _ in range(2):
        submitted(client, body)
        Worked(store, claim_only=True).begun().steps(STEPS).ended()
    return Caller(create_app(settings))


def whole_s(steps: int) -> float:
    return LOAD_S + COMPILE_S + steps * STEP_S + REPORT_S


def test_before_it_is_submitted_it_is_told_and_nothing_is_submitted(knowing, body):
    twice = body | {"params": body["params"] | {"steps": 2 * STEPS}}
    told = knowing("POST", "/api/v1/jobs/expected", json=twice)
    assert told.status_code == 200 and told.json["eta"]["jobs"] == 2
    assert told.json["eta"]["median_s"] == pytest.approx(whole_s(2 * STEPS), rel=0.15)
    assert len(knowing("GET", "/api/v1/jobs").json["jobs"]) == 2
    said = expected_said(told.json["eta"])
    assert said.startswith("takes about") and "from 2 like it; done by" in said
    refused = knowing("POST", "/api/v1/jobs/expected", json=body | {"params": {"steps": 0}})
    assert refused.status_code == 422 and "params.steps" in refused.get_data(as_text=True)


def test_where_nothing_like_it_has_ended_it_is_not_yet_known(client, body):
    told = client("POST", "/api/v1/jobs/expected", json=body)
    assert told.json == {"eta": None, "outputs": []}
    assert expected_said(None) == "how long it takes is not yet known: no job like it has ended here"


def test_a_running_job_and_the_one_behind_it_are_told_by_the_same_model(knowing, body, store):
    submitted(knowing, body)
    running = Worked(store, claim_only=True).begun().steps(STEPS // 2).job
    waiting = submitted(knowing, body)
    worker = WorkerInfo(id="w", host="h", pid=1, device="cpu", queues=["train"], jobs=[running.id], since=utc_now())
    store.presence.announce(worker)
    left = STEPS / 2 * STEP_S + REPORT_S
    shown = knowing("GET", f"/api/v1/jobs/{running.id}").json
    assert shown["standing"]["eta"]["median_s"] == pytest.approx(left, rel=0.15)
    assert set(shown["progress"]["eta"]) == {"median_s", "low_s", "high_s", "jobs", "own_s", "guessed"}
    behind = knowing("GET", f"/api/v1/jobs/{waiting}").json["standing"]
    assert behind["starts_in"]["median_s"] == pytest.approx(left, rel=0.2)
    assert behind["eta"]["median_s"] == pytest.approx(left + whole_s(STEPS), rel=0.2)
    listed = {job["id"]: job["progress"] for job in knowing("GET", "/api/v1/jobs").json["jobs"]}
    assert listed[running.id]["eta"]["jobs"] == 2 and listed[waiting] is None
    assert [part.split(" ")[0] for part in time_said(behind, "queued")] == ["starts", "done", "done"]
    assert " left (" in time_said(shown["standing"], "running")[0]


def test_the_stream_tells_with_each_progress_when_the_job_will_have_ended(knowing, body, store):
    submitted(knowing, body)
    worked = Worked(store, claim_only=True).begun().steps(10)
    reply = knowing(
        "GET", f"/api/v1/jobs/{worked.job.id}/events", headers={"Accept": "text/event-stream"}, buffered=False
    )
    frames = (piece.decode() for piece in reply.response)
    told = next(frame for frame in frames if "event: progress" in frame or worked.tell(STEP_S, "training").lease.beat())
    data = json.loads(told.partition("data: ")[2])["data"]
    assert data["eta"]["median_s"] == pytest.approx((STEPS - 10) * STEP_S + REPORT_S, rel=0.25)
    store.cancel(worked.job.id)
    worked.lease.beat()
    reply.close()


def test_a_look_at_a_queue_of_hundreds_is_told_in_bounded_time(store):
    for _ in range(2):
        Worked(store).begun().steps(40).ended()
    jobs: list[Job] = [
        store.submit(JobRequest(kind="train", recipe="gpt", params={"steps": 40}))[0] for _ in range(300)
    ]
    store.presence.announce(WorkerInfo(id="w", host="h", pid=1, device="cpu", queues=["train"], since=utc_now()))
    began = time.process_time()
    places = standings(store, [jobs[150], jobs[299]])
    assert places[0].eta is not None and places[0].eta.median_s > 1_000
    assert places[1].eta is None and places[1].position == 299
    print(f"a look at two of 300 waiting jobs: {time.process_time() - began:.3f} s")
