"""OpenAI's Images API over a real store and volume; what a worker would make is laid down by the test."""

import base64
import io
import json
import threading
import zipfile
from contextlib import contextmanager

import pytest

from shared.api_keys import create_key
from shared.ids import new_id
from shared.jobs.job import JobErrorInfo, State
from shared.jobs.models import Model, save_model
from shared.outputs import Table
from tests.support.callers import Caller, name_model, publish_checkpoint, upload_file
from tests.support.uploads import picture
from web import create_app
from web.services import services
from worker.artifacts import publishing

PATH = "/v1/images/generations"
PICTURES = [picture((i, 90, 7)) for i in range(3)]


def model_on(volume, owner, classes, *, name="pets", recipe="image_gan", shape=(20, 28, 3)):
    """A model as a training leaves it, as far as the web looks at it. Returns its id."""
    job_id = new_id()
    ref = publish_checkpoint(volume, job_id)
    folder = volume.job_dir(job_id) / "assets" / "a1"
    folder.mkdir(parents=True)
    (folder / "assets.json").write_text(json.dumps({"classes": classes, "shape": list(shape)}))
    (volume.checkpoint(ref).path / "state.json").write_text(json.dumps({"assets": "a1"}))
    save_model(volume, Model(id=job_id, name=name, owner=owner, recipe=recipe, checkpoint=ref))
    return job_id


@pytest.fixture
def app(settings, store):
    return create_app(settings.model_copy(update={"login": True, "hosts": (), "openai_wait_s": 30}))


@pytest.fixture
def ann(app, volume):
    return Caller(app, create_key(volume, owner="ann", scope="submit")[1])


@pytest.fixture
def pets(volume):
    return model_on(volume, "ann", ["cat", "dog", "熊猫"])


def error(reply, status, *words):
    """The error of a reply, checked for OpenAI's form and for words in its message."""
    assert reply.status_code == status, reply.get_data(as_text=True)
    assert reply.content_type == "application/json"
    assert reply.json.keys() == {"error"}
    assert reply.json["error"].keys() == {"message", "type", "param", "code"}
    for word in words:
        assert word in reply.json["error"]["message"]
    return reply.json["error"]


@contextmanager
def asked(call, body, **rest):
    """Send a request in a thread; yields a list that holds the reply afterwards."""
    replies = []

    def send():
        reply = call("POST", PATH, json=body, **rest)
        reply.get_data()
        replies.append(reply)

    thread = threading.Thread(target=send)
    thread.start()
    yield replies
    thread.join(30)
    assert replies


def claimed(store):
    """The next generation."""
    job = None
    while job is None:
        job = store.claim("generate", worker="w", device="cpu")
    return job


def make(store, volume, job, pictures=PICTURES):
    """End a generation that has made these pictures."""
    volume.start_attempt(job.id, job.attempt)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for i, content in enumerate(pictures, 1):
            archive.writestr(f"cat/{i:04d}.png", content)
    with publishing(volume, volume.attempt_dir(job.id, job.attempt) / "artifacts") as (files, outputs):
        files.write("pictures.zip", packed.getvalue())
        outputs.append(Table(columns=["file"], rows=[["pictures.zip"]], count=1, file="pictures.zip"))
    store.finish(job.id, job.attempt, State.succeeded, result={"outputs": 1})


def test_a_prompt_becomes_a_job_and_its_pictures_the_answer(ann, pets, store, volume):
    body = {
        "model": "pets",
        "prompt": "a photo of a Cat",
        "n": 3,
        "size": "28x20",
        "seed": 5,
        "user": "u",
        "quality": "hd",
    }
    with asked(ann, body) as replies:
        job = claimed(store)
        assert (job.owner, job.kind, job.recipe, job.name) == ("ann", "generate", "image_gan", "a photo of a Cat")
        assert {"label": "cat", "count": 3, "seed": 5}.items() <= job.params.items()
        assert job.inputs["model"].model_id == pets
        make(store, volume, job)
    (reply,) = replies
    assert reply.status_code == 200 and reply.content_type == "application/json"
    assert [base64.b64decode(entry["b64_json"]) for entry in reply.json["data"]] == PICTURES
    assert {entry["revised_prompt"] for entry in reply.json["data"]} == {"cat"}
    assert reply.json["size"] == "28x20" and reply.json["created"] > 1.7e9
    assert reply.headers["x-request-id"] == job.id


def test_addresses_lead_to_the_pictures_for_the_same_owner_alone(app, ann, pets, store, volume):
    body = {"model": pets, "prompt": "熊猫", "n": 3, "response_format": "url", "size": "auto", "style": None}
    with asked(ann, body) as replies:
        make(store, volume, claimed(store))
    ways = [entry["url"].removeprefix("http://localhost") for entry in replies[0].json["data"]]
    assert [ann("GET", way).data for way in ways] == PICTURES
    assert ann("GET", ways[0]).content_type == "image/png"
    bob = Caller(app, create_key(volume, owner="bob", scope="submit")[1])
    error(bob("GET", ways[0]), 404)
    error(ann("GET", ways[0].replace("/0.png", "/3.png")), 404, "3 pictures")
    error(Caller(app)("GET", ways[0]), 401)


def test_without_classes_any_prompt_is_taken_and_one_picture_made(ann, store, volume):
    model = model_on(volume, "ann", [], recipe="image_diffusion")
    with asked(ann, {"model": model, "prompt": "whatever it is"}) as replies:
        job = claimed(store)
        assert (job.params["label"], job.params["count"], job.name) == ("", 1, "whatever it is")
        make(store, volume, job, PICTURES[:1])
    assert len(replies[0].json["data"]) == 1 and "revised_prompt" not in replies[0].json["data"][0]


REFUSED = {
    "no class": ({"prompt": "a bird"}, "prompt", ["names no class", "cat, dog, 熊猫"]),
    "no prompt": ({"prompt": ""}, "prompt", ["cat, dog, 熊猫"]),
    "several classes": ({"prompt": "a cat and a dog"}, "prompt", ["2 classes, cat, dog", "熊猫"]),
    "another size": ({"size": "1024x1024"}, "size", ["28x20"]),
    "none": ({"n": 0}, "n", []),
    "too many": ({"n": 10_000}, "n", ["1,024"]),
    "a wrong form": ({"response_format": "jpg"}, "response_format", ["b64_json"]),
    "another format of files": ({"output_format": "webp"}, "output_format", ["png"]),
    "a stream": ({"stream": True}, "stream", []),
    "an unknown field": ({"negative_prompt": "x"}, "negative_prompt", ["unknown"]),
    "a seed too large": ({"seed": 2**40}, "seed", []),
    "no model": ({"model": None}, "model", []),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_made_is_refused_with_what_would_be_right(ann, pets, store, case):
    changes, field, words = REFUSED[case]
    refused = error(ann("POST", PATH, json={"model": pets, "prompt": "cat"} | changes), 400, *words)
    assert (refused["param"], refused["type"]) == (field, "invalid_request_error")
    assert store.list_jobs().jobs == []


def test_all_that_is_wrong_is_said_at_once(ann, pets):
    error(
        ann("POST", PATH, json={"model": pets, "prompt": "bird", "size": "9x9", "n": 5_000}),
        400,
        "prompt",
        "size",
        "n: ",
    )


def test_hundreds_of_classes_are_not_all_listed(ann, volume):
    model = model_on(volume, "ann", [f"kind{i}" for i in range(300)])
    error(ann("POST", PATH, json={"model": model, "prompt": "x"}), 400, "kind49 and 250 more")


def test_a_model_is_told_by_its_id_or_a_name_that_one_of_ones_own_has(app, ann, volume, pets):
    ask = {"prompt": "cat", "size": "1x1"}  # stops short of a job
    bobs = model_on(volume, "bob", ["cat"], name="bobs")
    error(ann("POST", PATH, json=ask | {"model": "pets"}), 400, "28x20")
    for name in ("bobs", bobs, new_id(), "../../x", "nothing"):
        refused = error(ann("POST", PATH, json=ask | {"model": name}), 404, "GET /v1/models")
        assert (refused["code"], refused["param"]) == ("model_not_found", "model")
    text = name_model(volume, "ann", pets)
    error(ann("POST", PATH, json=ask | {"model": text}), 400, "char_lstm", "no pictures")
    error(ann("POST", PATH, json=ask | {"model": "poems"}), 400, "char_lstm", "no pictures")
    again = model_on(volume, "ann", ["cat"])
    error(ann("POST", PATH, json=ask | {"model": "pets"}), 400, "2 models", pets, again)


def test_the_list_has_the_models_that_answer_and_may_be_seen(ann, volume, pets):
    model_on(volume, "bob", ["cat"])
    name_model(volume, "ann", pets)
    listed = ann("GET", "/v1/models").json
    assert listed["object"] == "list" and [entry["id"] for entry in listed["data"]] == [pets]
    entry = listed["data"][0]
    assert (entry["object"], entry["owned_by"], entry["name"]) == ("model", "ann", "pets") and entry["created"] > 1.7e9
    assert ann("GET", f"/v1/models/{pets}").json == ann("GET", "/v1/models/pets").json == entry
    error(ann("GET", "/v1/models/nothing"), 404)


def test_a_checkpoint_that_is_gone_is_said(ann, volume, pets):
    (volume.job_dir(pets) / "assets" / "a1" / "assets.json").unlink()
    error(ann("POST", PATH, json={"model": pets, "prompt": "cat"}), 404, "gone or damaged")


def test_who_one_is_and_what_one_may_is_asked_as_elsewhere(app, volume, pets):
    body = {"model": pets, "prompt": "cat"}
    refused = error(Caller(app)("POST", PATH, json=body), 401, "API key")
    assert refused["code"] == "invalid_api_key"
    error(Caller(app, "ty_wrong")("POST", PATH, json=body), 401)
    reader = Caller(app, create_key(volume, owner="ann", scope="read")[1])
    error(reader("POST", PATH, json=body), 403, "submit")
    assert len(reader("GET", "/v1/models").json["data"]) == 1


def test_bodies_that_cannot_be_read_and_unknown_addresses_are_answered_in_the_same_form(ann):
    error(ann("POST", PATH, data=b'{"model": ', content_type="application/json"), 400, "no JSON")
    error(ann("POST", PATH, data=b"model=x", content_type="application/x-www-form-urlencoded"), 415, "application/json")
    error(ann("POST", PATH, json=[1]), 400)
    for way in ("/v1", "/v1/", "/v1/nothing"):
        error(ann("GET", way, headers={"Accept": "text/html"}), 404)
    error(ann("GET", PATH), 405)


def test_a_job_that_fails_gives_its_message_and_is_not_sent_again(ann, pets, store):
    with asked(ann, {"model": pets, "prompt": "cat"}) as replies:
        job = claimed(store)
        store.finish(job.id, 1, State.failed, error=JobErrorInfo(code="recipe_failed", message="the paint is out"))
    failed = error(replies[0], 500, "the paint is out", job.id)
    assert (failed["type"], failed["code"]) == ("server_error", "recipe_failed")
    assert replies[0].headers["x-should-retry"] == "false"


def test_a_job_that_is_cancelled_ends_the_wait(ann, pets, store):
    with asked(ann, {"model": pets, "prompt": "cat"}) as replies:
        job = claimed(store)
        store.finish(job.id, 1, State.cancelled)
    assert error(replies[0], 409, "cancelled", job.id)["code"] == "job_stopped"


def test_a_wait_that_is_over_names_the_job_and_the_same_key_waits_on_for_it(settings, store, volume, pets):
    def caller(wait_s):
        return Caller(create_app(settings.model_copy(update={"openai_wait_s": wait_s})))

    body, headers = {"model": pets, "prompt": "dog", "n": 3}, {"Idempotency-Key": "k"}
    late = caller(1)("POST", PATH, json=body, headers=headers)
    job_id = late.headers["x-request-id"]
    assert error(late, 504, job_id, "queued", "Idempotency-Key")["code"] == "job_unfinished"
    assert late.headers["x-should-retry"] == "false"
    with asked(caller(30), body, headers=headers) as replies:
        job = claimed(store)
        assert job.id == job_id
        make(store, volume, job)
    assert len(replies[0].json["data"]) == 3
    assert len(store.list_jobs().jobs) == 1


def test_where_nobody_more_can_wait_nothing_is_submitted(app, ann, pets, store):
    with app.app_context():
        seats = services().seats
    taken = 0
    while seats._free.acquire(blocking=False):
        taken += 1
    busy = ann("POST", PATH, json={"model": pets, "prompt": "cat"})
    assert taken and error(busy, 503, "nothing was submitted")["code"] == "busy"
    assert "x-should-retry" not in busy.headers and store.list_jobs().jobs == []


def test_pictures_of_a_job_of_another_kind_or_not_yet_made_are_not_found(ann, pets, store):
    with asked(ann, {"model": pets, "prompt": "cat"}) as replies:
        job = claimed(store)
        error(ann("GET", f"/v1/images/{job.id}/0.png"), 404, "no artifact")
        store.finish(job.id, 1, State.cancelled)
    assert replies
    error(ann("GET", f"/v1/images/{new_id()}/0.png"), 404, "no job")
    assert upload_file(ann).status_code == 201, "the rest of the API is as it was"
