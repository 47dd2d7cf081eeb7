"""Deleting ended jobs over HTTP: what goes with them and what stands in the way."""

import errno
import io
import json
import os

import pytest
import redis

from shared.ids import new_id
from shared.jobs.job import CheckpointRef, InputRef, JobRequest, State
from shared.jobs.models import Model, delete_model, get_model, save_model
from shared.jobs.pins import pin, pins
from tests.integration.test_api import problem
from tests.support.callers import Caller, publish_checkpoint, train, upload
from web import create_app
from worker.training.checkpoint_writer import prune


@pytest.fixture
def app(settings):
    return create_app(settings)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def trained(app, store, volume):
    """A training that runs, with one checkpoint, which the model under its own id names."""
    caller = Caller(app)
    job_id = train(caller, upload(caller).json["id"]).json["id"]
    store.claim("train", worker="w", device="cpu")
    ref = publish_checkpoint(volume, job_id)
    save_model(volume, Model(id=job_id, name="poems", recipe="char_lstm", checkpoint=ref))
    return job_id


def generate(client, model, **more):
    body = {"kind": "generate", "params": {"prompt": "a"}, "inputs": {"model": model}}
    return client.post("/api/v1/jobs", json=body | more)


def test_only_an_ended_job_is_deleted_and_nothing_of_it_is_left(client, store, volume, trained):
    url = f"/api/v1/jobs/{trained}"
    problem(client.delete(url), 409, "running", "cancel it first")
    assert get_model(volume, trained)
    store.finish(trained, 1, State.succeeded, result={})
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == client.delete(url).status_code == 404
    assert client.get(f"/api/v1/models/{trained}").status_code == 404
    assert not volume.job_dir(trained).exists()
    assert client.get("/api/v1/jobs").json["jobs"] == []


def test_a_waiting_job_that_needs_a_checkpoint_stands_in_the_way(client, store, volume, trained):
    store.finish(trained, 1, State.succeeded, result={})
    waiting = generate(client, trained).json["id"]
    assert set(pins(volume.job_dir(trained)).values()) == {waiting}
    problem(client.delete(f"/api/v1/jobs/{trained}"), 409, waiting, "needs its files")
    assert get_model(volume, trained)
    client.post(f"/api/v1/jobs/{waiting}/cancel")
    assert client.delete(f"/api/v1/jobs/{trained}").status_code == 204


def test_so_does_one_that_waits_for_the_model_the_training_will_leave(client, store, volume, trained):
    waiting = generate(client, trained, after=[trained]).json["id"]
    store.finish(trained, 1, State.succeeded, result={})
    problem(client.delete(f"/api/v1/jobs/{trained}"), 409, waiting)


def test_a_model_that_somebody_named_stands_in_the_way(client, store, volume, trained):
    store.finish(trained, 1, State.succeeded, result={})
    model = client.post("/api/v1/models", json={"name": "上线", "checkpoint": {"job_id": trained}}).json["id"]
    problem(client.delete(f"/api/v1/jobs/{trained}"), 409, "上线", model)
    assert client.delete(f"/api/v1/models/{model}").status_code == 204
    assert client.delete(f"/api/v1/jobs/{trained}").status_code == 204


def test_so_does_a_model_that_is_built_upon_it_or_upon_a_dataset(app, client, store, volume, trained):
    store.finish(trained, 1, State.succeeded, result={})
    dataset = upload(Caller(app), "another text\n" * 40).json["id"]
    base = CheckpointRef(job_id=trained, attempt=1, step=1)
    needs = {"base": InputRef(checkpoint=base), "vectors": InputRef(dataset_id=dataset)}
    own = CheckpointRef(job_id=new_id(), attempt=1, step=1)
    save_model(volume, Model(id=own.job_id, name="adapted", recipe="char_lstm", checkpoint=own, needs=needs))
    problem(client.delete(f"/api/v1/jobs/{trained}"), 409, "adapted", "built upon")
    problem(client.delete(f"/api/v1/datasets/{dataset}"), 409, "adapted", "cannot be used without it")
    delete_model(volume, own.job_id)
    assert client.delete(f"/api/v1/jobs/{trained}").status_code == 204
    assert client.delete(f"/api/v1/datasets/{dataset}").status_code == 204


def test_a_checkpoint_that_a_model_names_stays_while_its_training_goes_on(client, volume, trained):
    model = client.post("/api/v1/models", json={"name": "早", "checkpoint": {"job_id": trained}}).json
    folder = volume.attempt_dir(trained, 1) / "checkpoints"
    for step in (2, 3):
        with volume.stage(folder) as stage:
            stage.publish(folder / f"{step:08d}", {"step": step, "metrics": {}})
    assert prune(folder, keep=1, best_step=None) == [2]
    assert client.delete(f"/api/v1/models/{model['id']}").status_code == 204
    assert prune(folder, keep=1, best_step=None) == [1]
    gone = {"name": "x", "checkpoint": {"job_id": trained, "step": 1}}
    problem(client.post("/api/v1/models", json=gone), 422, "no such checkpoint")
    assert pins(volume.job_dir(trained)) == {}


def test_a_model_that_a_waiting_job_names_is_not_forgotten(client, volume, trained):
    model = get_model(volume, trained)
    delete_model(volume, trained)
    waiting = generate(client, trained, after=[trained]).json["id"]
    save_model(volume, model)  # as the training does at its end
    problem(client.delete(f"/api/v1/models/{trained}"), 409, waiting, "needs this model")
    client.post(f"/api/v1/jobs/{waiting}/cancel")
    assert client.delete(f"/api/v1/models/{trained}").status_code == 204


def test_a_job_that_is_just_being_submitted_stands_in_the_way_too(client, store, volume, trained):
    store.finish(trained, 1, State.succeeded, result={})
    ref = CheckpointRef(job_id=trained, attempt=1, step=1)
    inputs = {"model": InputRef(checkpoint=ref)}
    pin(volume, JobRequest(kind="generate", recipe="char_lstm", params={}, inputs=inputs), new_id())
    problem(client.delete(f"/api/v1/jobs/{trained}"), 409, "try again in a minute")
    assert volume.checkpoint(ref) and get_model(volume, trained)
    for path in pins(volume.job_dir(trained)):
        os.utime(path, (1, 1))  # of a web that was killed
    assert client.delete(f"/api/v1/jobs/{trained}").status_code == 204


def test_a_deletion_that_broke_off_is_carried_to_its_end_by_the_next(client, store, volume, trained):
    store.finish(trained, 1, State.succeeded, result={})
    volume.delete_job(trained)
    assert client.get(f"/api/v1/jobs/{trained}").status_code == 200, "the record goes last"
    assert client.delete(f"/api/v1/jobs/{trained}").status_code == 204
    assert client.get(f"/api/v1/models/{trained}").status_code == 404


def test_a_submission_without_an_answer_keeps_its_pin(app, client, store, volume, trained, monkeypatch):
    store.finish(trained, 1, State.succeeded, result={})
    web_store = app.extensions["trainyard"].store
    accept = web_store.submit

    def unheard(*args, **kwargs):
        accept(*args, **kwargs)
        raise redis.ConnectionError("the reply was lost")

    monkeypatch.setattr(web_store, "submit", unheard)
    assert generate(client, trained).status_code == 503
    (job,) = store.list_jobs(kind="generate").jobs
    assert set(pins(volume.job_dir(trained)).values()) == {job.id}


def test_a_generation_whose_checkpoint_cannot_be_kept_for_it_is_not_accepted(client, store, trained, monkeypatch):
    store.finish(trained, 1, State.succeeded, result={})

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shared.jobs.pins._touch", full)
    problem(generate(client, trained), 507, "full")
    assert store.list_jobs(kind="generate").jobs == []


def test_a_generation_is_retried_from_its_model_when_the_trainings_record_is_gone(client, store, volume, trained):
    store.finish(trained, 1, State.succeeded, result={})
    job_id = generate(client, trained).json["id"]
    client.post(f"/api/v1/jobs/{job_id}/cancel")
    store.delete(trained)  # the record alone, as when its time is over: the model keeps the files
    again = client.post(f"/api/v1/jobs/{job_id}/retry")
    assert again.status_code == 202 and again.json["inputs"]["model"]["model_id"] == trained


def test_a_repeated_submission_leaves_one_pin(client, store, volume, trained):
    store.finish(trained, 1, State.succeeded, result={})
    body = {"kind": "generate", "params": {"prompt": "a"}, "inputs": {"model": trained}}
    ids = {client.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": "k"}).json["id"] for _ in range(3)}
    assert set(pins(volume.job_dir(trained)).values()) == ids and len(ids) == 1


def test_a_refused_submission_leaves_no_pin(client, settings, store, volume, trained):
    store.finish(trained, 1, State.succeeded, result={})
    full = create_app(settings.model_copy(update={"max_job_bytes_per_owner": 1})).test_client()
    store.tell_kept({"local": 2})
    refusal = problem(generate(full, trained), 409, "delete ended jobs")
    assert refusal["code"] == "quota_exceeded"
    assert pins(volume.job_dir(trained)) == {}


def test_the_button_deletes_and_says_so(client, store, trained):
    store.finish(trained, 1, State.succeeded, result={})
    assert f"/jobs/{trained}/delete" in client.get(f"/jobs/{trained}").get_data(as_text=True)
    answer = client.post(f"/jobs/{trained}/delete", headers={"Sec-Fetch-Site": "same-origin"}, follow_redirects=True)
    assert answer.status_code == 200 and "is deleted" in answer.get_data(as_text=True)
    assert client.post(f"/jobs/{trained}/delete", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 302


@pytest.mark.parametrize(
    ("referrer", "leads_back"),
    [
        ("http://localhost{}", True),
        ("http://elsewhere.example{}", False),
        ("http://localhost//elsewhere.example", False),
    ],
)
def test_a_refused_button_leads_back_to_its_own_page_and_nowhere_else(client, trained, referrer, leads_back):
    page = f"/jobs/{trained}"
    headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html", "Referer": referrer.format(page)}
    answer = client.post(f"{page}/retry", headers=headers)  # of a job that has not ended
    assert answer.status_code == 409
    assert (f'href="{page}">Back' in answer.text) is leads_back
    assert "elsewhere" not in answer.text


def test_a_refused_deletion_stands_on_the_page_of_what_was_to_go_with_the_reason(client, store, volume, trained):
    """The address is that of the page: looked at again it says how things are then, and asks for nothing a second time."""
    headers = {"Sec-Fetch-Site": "same-origin"}
    dataset_id = store.get(trained).inputs["data"].dataset_id
    model = get_model(volume, trained)
    delete_model(volume, trained)
    waiting = generate(client, trained, after=[trained]).json["id"]
    save_model(volume, model)

    def refused(page):
        answer = client.post(f"{page}/delete", headers=headers)
        assert answer.status_code == 302
        return answer.location, client.get(answer.location).text

    where, page = refused(f"/datasets/{dataset_id}")
    assert where == f"/datasets/{dataset_id}?refused=delete"
    assert "The dataset was not deleted" in page and "has not ended and needs this dataset" in page
    where, page = refused(f"/jobs/{trained}")
    assert where == f"/jobs/{trained}?refused=delete"
    assert "The job was not deleted" in page and "only an ended job can be deleted" in page
    where, page = refused(f"/models/{trained}")
    assert where == f"/models?refused={trained}"
    assert "“poems” was not deleted" in page and "has not ended and needs this model" in page
    store.cancel(waiting)
    assert "needs it no more: try again" in client.get(where).text
    assert "was not deleted" not in client.get("/models?refused=nonsense").text


def test_two_models_of_one_name_are_told_apart_where_one_is_picked(client, store, volume, trained):
    other = Model(id=new_id(), name="poems", recipe="char_lstm", checkpoint=get_model(volume, trained).checkpoint)
    save_model(volume, other)
    page = client.get("/jobs/new?kind=train&recipe=char_lstm").text
    for model in (get_model(volume, trained), other):
        assert f"step 1, {model.created_at:%Y-%m-%d %H:%M}, id …{model.id[-6:]})" in page
    delete_model(volume, other.id)
    page = client.get("/jobs/new?kind=train&recipe=char_lstm").text
    assert "id …" not in page, "an id says nothing where the name does"


def test_a_preview_shows_a_few_and_folds_the_rest_away(client):
    questions = [
        {"id": str(n), "question": f"who is number {n}?", "answers": [{"text": "ann", "answer_start": 0}]}
        for n in range(9)
    ]
    squad = {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": "ann is here", "qas": questions}]}]}
    sent = client.post("/api/v1/datasets", data={"file": (io.BytesIO(json.dumps(squad).encode()), "qa.json")})
    assert sent.status_code == 201, sent.text
    page = client.get(f"/datasets/{sent.json['id']}").text
    shown, _, folded = page.partition('id="preview-more-1"')
    shown = shown[shown.index('id="preview-head"') :]
    count = page.count('data-key="preview-')
    assert shown.count('data-key="preview-') == 4 and f"{count - 4} more" in folded
    assert folded.count('data-key="preview-') == count - 4 > 0
