"""The JSON API over a real store and volume, without workers: what it accepts, refuses and says."""

import io
import json
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from shared.ids import new_id
from shared.jobs.job import JobErrorInfo, State
from shared.settings import Settings
from shared.volume.volume import Volume
from tests.support.callers import publish_checkpoint
from web import create_app
from web.representation import job_json
from web.services import services

TEXT = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n" * 200
UNKNOWN = new_id()


@pytest.fixture
def app(settings: Settings):
    return create_app(settings.model_copy(update={"max_upload_bytes": 3_000_000, "max_body_bytes": 100_000}))


@pytest.fixture
def client(app):
    return app.test_client()


def picture(colour):
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()


def pictures(names=("猫", "狗")):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            for i in range(6):
                archive.writestr(f"{name}/{i}.png", picture((i * 20, ord(name[0]) % 255, 3)))
    return out.getvalue()


def upload(client, data, filename, **fields):
    return client.post("/api/v1/datasets", data={"file": (io.BytesIO(data), filename), **fields})


@pytest.fixture
def dataset_id(client):
    return upload(client, pictures(), "pets.zip").json["id"]


def train(client, dataset, /, headers=None, **changes):
    body = {"kind": "train", "recipe": "image_classifier", "inputs": {"data": dataset}} | changes
    return client.post("/api/v1/jobs", json=body, headers=headers or {})


def problem(response, status, *words):
    """The problem document of a refusal, checked for form and words."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.content_type == "application/problem+json"
    body = json.loads(response.data)
    assert body["status"] == status and body["code"] and "Traceback" not in response.get_data(as_text=True)
    for word in words:
        assert word in response.get_data(as_text=True)
    return body


def test_a_submitted_job_can_be_found_where_location_says(client, dataset_id):
    reply = train(client, dataset_id, name="夜间训练", priority=2)
    assert reply.status_code == 202 and reply.headers["Retry-After"]
    job = client.get(reply.headers["Location"]).json
    assert (job["name"], job["state"], job["priority"]) == ("夜间训练", "queued", 2)
    assert job["standing"]["position"] == 0 and "no worker serves queue train" in job["standing"]["why"]
    assert job["params"]["batch_size"], "defaults are filled in"
    assert client.get(job["links"]["events"]).json["events"][0]["type"] == "submitted"


def test_a_job_has_its_copy_on_the_volume_before_it_is_answered(client, dataset_id, store, volume):
    job_id = train(client, dataset_id).json["id"]
    copy = json.loads((volume.job_dir(job_id) / "record.json").read_text())
    assert (copy["id"], copy["state"], copy["revision"]) == (job_id, "queued", store.get(job_id).revision)
    assert store.uncopied(1) == [], "the reaper need not write it again"


def test_the_same_key_submits_once_even_at_the_same_moment(app, client, dataset_id):
    def once(_):
        return train(app.test_client(), dataset_id, headers={"Idempotency-Key": "k"})

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(once, range(8)))
    assert len({reply.json["id"] for reply in replies}) == 1
    assert sum("Idempotent-Replayed" not in reply.headers for reply in replies) == 1
    assert len(client.get("/api/v1/jobs").json["jobs"]) == 1
    problem(train(client, dataset_id, headers={"Idempotency-Key": "k"}, name="other"), 409, "idempotency_mismatch")


def test_every_problem_of_a_request_is_named_at_once(client, dataset_id):
    params = {"learning_rate": -1, "batch_size": "x", "bogus": 1}
    body = problem(train(client, UNKNOWN, params=params), 422)
    assert {p["field"] for p in body["problems"]} == {
        "params.learning_rate", "params.batch_size", "params.bogus", "inputs.data",
    }  # fmt: skip


BAD_SUBMITS = {
    "unknown recipe": ({"recipe": "nope"}, 422, "image_classifier"),
    "missing dataset": ({"inputs": {}}, 422, "inputs.data"),
    "unknown dataset": ({"inputs": {"data": "0" * 32}}, 422, "no dataset"),
    "dataset id with a path": ({"inputs": {"data": "../../jobs"}}, 422, "no dataset"),
    "unknown role": ({"inputs": {"data": "0" * 32, "dta": "x"}}, 422, "no input of this job; known are data, base, start_from"),
    "a role of a generation": ({"inputs": {"model": UNKNOWN}}, 422, "inputs.model"),
    "an input that is a number": ({"inputs": {"data": 7}}, 422, "must be an id"),
    "an input that names nothing": ({"inputs": {"data": {}}}, 422, "not nothing"),
    "an input that names two things": (
        {"inputs": {"data": {"dataset_id": "a", "model_id": "b"}}}, 422, "not dataset_id and model_id"),
    "a step of no job": ({"inputs": {"data": {"dataset_id": "a", "step": 3}}}, 422, "belong to a job_id"),
    "a model for a dataset": ({"inputs": {"data": {"model_id": UNKNOWN}}}, 422, "takes a dataset"),
    "a dataset for a model": ({"inputs": {"start_from": {"dataset_id": "0" * 32}}}, 422, "takes a model"),
    "inputs no object": ({"inputs": ["x"]}, 422, "inputs"),
    "very many roles": ({"inputs": {f"r{i}": "x" for i in range(50)}}, 422, "inputs"),
    "a dataset beside the inputs": ({"dataset_id": "0" * 32}, 422, "unknown field"),
    "a use of a training": ({"use": "batch"}, 422, "is for generate"),
    "huge number": ({"params": {"batch_size": 10**30}}, 422, "params.batch_size"),
    "params no object": ({"params": [1]}, 422, "params"),
    "unknown field": ({"nonsense": 1}, 422, "unknown field"),
    "wrong kind": ({"kind": "dance"}, 422, "train"),
    "priority out of range": ({"priority": 11}, 422, "priority"),
    "name too long": ({"name": "x" * 201}, 422, "name"),
    "waits for an unknown job": ({"after": [UNKNOWN]}, 422, "after"),
    "generate without a model": ({"kind": "generate", "recipe": None, "inputs": {}}, 422, "inputs.model"),
    "generate from an unknown model": (
        {"kind": "generate", "recipe": None, "inputs": {"model": UNKNOWN}}, 422, "no model"),
    "generate from an unknown job": (
        {"kind": "generate", "recipe": None, "inputs": {"model": {"job_id": UNKNOWN}}}, 422, "inputs.model.job_id"),
    "start from an unknown job": ({"inputs": {"start_from": {"job_id": UNKNOWN}}}, 422, "inputs.start_from.job_id"),
}  # fmt: skip


def test_what_is_wrong_with_the_body_and_with_its_params_is_named_at_once(client, store):
    answer = train(client, "no dataset", use="", priority=99, bogus=1, params={"learning_rate": -1, "width": "wide"})
    fields = {problem["field"] for problem in answer.json["problems"]}
    assert answer.status_code == 422 and fields >= {"priority", "bogus", "params.learning_rate", "params.width"}
    assert all(field in answer.json["detail"] for field in fields)
    assert store.list_jobs().jobs == []


@pytest.mark.parametrize("case", BAD_SUBMITS)
def test_a_bad_submit_is_answered_clearly_and_nothing_is_queued(client, dataset_id, case):
    changes, status, word = BAD_SUBMITS[case]
    problem(train(client, dataset_id, **changes), status, word)
    assert client.get("/api/v1/jobs").json["jobs"] == []


BAD_BODIES = {
    "malformed": (b'{"kind": tr', "application/json", 400, "column 10"),
    "NaN": (b'{"kind": "train", "params": {"learning_rate": NaN}}', "application/json", 400, "NaN"),
    "infinite": (b'{"params": {"x": -Infinity}}', "application/json", 400, "-Infinity"),
    "not utf-8": (b'{"kind": "\xff"}', "application/json", 400, "byte"),
    "too deep": (b"[" * 50_000, "application/json", 400, ""),
    "too large": (b'"' + b"x" * 200_000 + b'"', "application/json", 413, "98 KiB"),
    "wrong type": (b"kind=train", "application/x-www-form-urlencoded", 415, "application/json"),
    "no body": (b"", "application/json", 422, "problems"),
    "a list": (b"[]", "application/json", 422, "problems"),
    "a number": (b"7", "application/json", 422, "problems"),
    "lone surrogate": (b'{"kind": "train", "recipe": "\\ud800"}', "application/json", 422, "recipe"),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_body_that_cannot_be_read_is_refused(client, case):
    data, kind, status, word = BAD_BODIES[case]
    problem(client.post("/api/v1/jobs", data=data, content_type=kind), status, word)
    assert client.get("/api/v1/jobs").json["jobs"] == []


@pytest.mark.parametrize(
    ("data", "filename", "word"),
    [(b"", "e.txt", "is empty"), (bytes(range(256)), "e.txt", "binary"), ("déjà vu".encode("latin-1"), "e.txt", "UTF-8"),
     (b"PK\x03\x04junk", "p.zip", "zip")],
)  # fmt: skip
def test_a_bad_upload_is_refused_and_leaves_nothing(client, settings, data, filename, word):
    problem(upload(client, data, filename), 422, word)
    assert client.get("/api/v1/datasets").json["datasets"] == []
    assert list((settings.data / "datasets").iterdir()) == []


def test_an_upload_over_the_limit_is_refused_while_it_streams(client, settings):
    head = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="big.txt"\r\n\r\n'
    body = head + b"x" * 5_000_000 + b"\r\n--cut--\r\n"
    reply = client.post("/api/v1/datasets", data=body, content_type="multipart/form-data; boundary=cut")
    problem(reply, 413, "larger")
    assert list((settings.data / "datasets").iterdir()) == []


def test_an_upload_without_a_file_or_with_unknown_fields_says_so(client):
    problem(client.post("/api/v1/datasets", data={"name": "x"}, content_type="multipart/form-data"), 422, "no file")
    problem(upload(client, b"text", "a.txt", colour="red"), 422, "colour")
    problem(client.post("/api/v1/datasets", json={}), 415, "multipart/form-data")


def test_chinese_text_comes_back_as_it_went_in(client):
    reply = upload(client, TEXT.encode("gb18030"), "诗.txt", name="唐诗")
    assert reply.status_code == 201 and reply.json["name"] == "唐诗" and "GB18030" in reply.json["notes"][0]
    again = client.get(reply.headers["Location"]).json
    assert again["report"]["facts"]["characters"] == len(TEXT)
    (shown, *_) = client.get(f"{reply.headers['Location']}/preview").json["outputs"]
    assert shown["kind"] == "text" and shown["text"].startswith(TEXT.splitlines()[0])
    assert upload(client, TEXT.encode(), "other.txt").status_code == 200, "the same content is stored once"


def test_a_dataset_in_use_cannot_be_deleted_and_afterwards_can(client, dataset_id):
    job = train(client, dataset_id).json["id"]
    problem(client.delete(f"/api/v1/datasets/{dataset_id}"), 409, job)
    client.post(f"/api/v1/jobs/{job}/cancel")
    assert client.delete(f"/api/v1/datasets/{dataset_id}").status_code == 204
    problem(client.get(f"/api/v1/datasets/{dataset_id}"), 404)


def test_an_unchanged_job_is_answered_with_304_and_a_changed_one_at_once(app, client, dataset_id):
    url = train(client, dataset_id).headers["Location"]
    tag = client.get(url).headers["ETag"]
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(f"{url}?wait=0.1", headers={"If-None-Match": tag}).status_code == 304
    answers = []
    waiter = threading.Thread(
        target=lambda: answers.append(
            app.test_client().get(url, headers={"If-None-Match": tag, "Prefer": "wait=30"}).json["state"]
        )
    )
    waiter.start()
    client.post(f"{url}/cancel")
    waiter.join(10)
    assert answers == ["cancelled"]


@pytest.mark.parametrize("verb", ["cancel", "pause", "claim"])
def test_a_job_that_leaves_its_queue_while_it_is_looked_at_is_shown_as_it_then_is(app, client, dataset_id, store, verb):
    job = store.get(train(client, dataset_id).json["id"])
    store.claim("train", worker="w", device="cpu") if verb == "claim" else getattr(store, verb)(job.id)
    with app.app_context():
        shown = job_json(services(), job)
    assert shown["state"] == store.get(job.id).state != job.state
    assert shown["standing"]["position"] is None


def test_submitting_with_prefer_wait_answers_when_the_job_has_ended(app, client, dataset_id, store):
    answers = []
    waiter = threading.Thread(
        target=lambda: answers.append(train(app.test_client(), dataset_id, headers={"Prefer": "wait=30"}))
    )
    waiter.start()
    job = None
    while job is None:
        job = store.claim("train", worker="w", device="cpu")
    store.finish(job.id, 1, State.succeeded, result={"n": 1})
    waiter.join(10)
    assert (answers[0].status_code, answers[0].json["result"]) == (200, {"n": 1})


def test_control_says_what_is_not_possible_in_the_present_state(client, dataset_id):
    url = train(client, dataset_id).headers["Location"]
    assert client.post(f"{url}/pause").json["state"] == "paused"
    problem(client.post(f"{url}/retry"), 409, "paused")
    assert client.post(f"{url}/resume").json["state"] == "queued"
    assert client.post(f"{url}/cancel").json["state"] == "cancelled"
    problem(client.post(f"{url}/resume"), 409, "cancelled")
    for verb in ("cancel", "pause", "resume", "retry"):
        problem(client.post(f"/api/v1/jobs/{UNKNOWN}/{verb}"), 404)
        problem(client.post(f"/api/v1/jobs/..%2f..%2fetc/{verb}"), 404)


def test_a_failed_training_is_retried_from_its_newest_checkpoint(client, dataset_id, store, volume):
    job = train(client, dataset_id).json["id"]
    store.claim("train", worker="w", device="cpu")
    ref = publish_checkpoint(volume, job, step=40, metrics={"loss": 1.0, "val_loss": 2.5})
    store.finish(job, 1, State.failed, error=JobErrorInfo(code="recipe_failed", message="oh"))
    again = client.post(f"/api/v1/jobs/{job}/retry").json
    assert again["retry_of"] == job and again["inputs"]["start_from"]["checkpoint"] == ref.model_dump()
    assert again["inputs"]["data"]["dataset_id"] == dataset_id
    changed = client.post(f"/api/v1/jobs/{job}/retry", json={"params": {"batch_size": 8}}).json
    assert "start_from" not in changed["inputs"] and changed["params"]["batch_size"] == 8
    anew = client.post(f"/api/v1/jobs/{job}/retry", json={"from_start": True}).json
    assert anew["inputs"].keys() == {"data"}
    problem(client.post(f"/api/v1/jobs/{job}/retry", json={"params": {"batch_size": 0}}), 422, "params.batch_size")
    model = client.post("/api/v1/models", json={"name": "模型", "checkpoint": {"job_id": job}}).json
    assert model["checkpoint"] == ref.model_dump()
    assert model["inputs"]["data"]["dataset_id"] == dataset_id and model["params"]["batch_size"]
    assert (model["criterion"], model["value"]) == ("val_loss", 2.5)
    body = {"kind": "generate", "use": "export", "inputs": {"model": model["id"]}}
    assert client.post("/api/v1/jobs", json=body).status_code == 202
    assert client.delete(f"/api/v1/models/{model['id']}").status_code == 204


def test_a_stream_of_events_ends_with_the_job_and_goes_on_where_a_reader_stopped(client, dataset_id, store):
    url = train(client, dataset_id).headers["Location"]
    client.post(f"{url}/cancel")
    stream = client.get(f"{url}/events", headers={"Accept": "text/event-stream"}).get_data(as_text=True)
    assert [line for line in stream.splitlines() if line.startswith("event:")] == [
        "event: submitted",
        "event: cancelled",
    ]
    first = next(line.removeprefix("id: ") for line in stream.splitlines() if line.startswith("id:"))
    headers = {"Accept": "text/event-stream", "Last-Event-ID": first}
    rest = client.get(f"{url}/events", headers=headers).get_data(as_text=True)
    assert "event: submitted" not in rest and "event: cancelled" in rest


@pytest.mark.parametrize("name", ["..%2flog.txt", "%2e%2e/log.txt", "manifest.json", "a%00b", "nope"])
def test_downloads_cannot_leave_the_jobs_folder(client, dataset_id, name):
    url = train(client, dataset_id).headers["Location"]
    assert client.get(f"{url}/artifacts/{name}").status_code == 404


def test_artifacts_are_downloads_a_browser_does_not_run(client, dataset_id, store, settings):
    volume = Volume(settings.data)
    job = train(client, dataset_id).json["id"]
    store.claim("train", worker="w", device="cpu")
    folder = volume.start_attempt(job, 1)
    with volume.stage(folder) as stage:
        (stage.path / "页.html").write_text("<script>alert(1)</script>")
        stage.publish(folder / "artifacts", {})
    with client.get(f"/api/v1/jobs/{job}/artifacts/页.html") as reply:
        assert reply.data
    assert reply.mimetype == "application/octet-stream"
    assert reply.headers["Content-Disposition"].startswith("attachment")
    assert (
        reply.headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in reply.headers["Content-Security-Policy"]
    )


def test_redis_out_of_reach_is_said_and_is_no_server_error(settings):
    lost = create_app(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})).test_client()
    assert problem(lost.get("/api/v1/jobs"), 503, "Redis")["code"] == "unavailable"
    assert lost.get("/healthz").status_code == 200
    assert problem(lost.get("/readyz"), 503)["problems"][0]["field"] == "redis"


def test_a_broker_out_of_reach_does_not_lose_the_job(settings, dataset_id):
    cut = create_app(settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})).test_client()
    reply = train(cut, dataset_id)
    assert reply.status_code == 202 and cut.get(reply.headers["Location"]).get_json()["state"] == "queued"


def test_the_overviews_answer_with_and_without_jobs(client, dataset_id):
    for _ in range(2):
        assert client.get("/api/v1/workers").json == {"workers": []}
        assert [q["name"] for q in client.get("/api/v1/queues").json["queues"]] == ["train", "generate"]
        assert client.get("/api/v1/recipes").json["recipes"][0]["train_params"]["properties"]
        assert client.get("/api/v1/formats").json["formats"][0]["options"]["type"] == "object"
        assert b"trainyard_queue_ready" in client.get("/metrics").data
        train(client, dataset_id)


def test_unknown_addresses_and_methods_are_problems_too(client):
    problem(client.get("/api/v1/nothing"), 404)
    assert "POST" in problem_headers(client.put("/api/v1/jobs"))["Allow"]
    problem(client.get("/api/v1/jobs?limit=0&bogus=1"), 422, "limit", "bogus")
    problem(client.get("/api/v1/recipes/nope"), 404, "image_classifier")


def problem_headers(response):
    problem(response, 405)
    return response.headers
