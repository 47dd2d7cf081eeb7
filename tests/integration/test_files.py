"""/files over HTTP: what is taken, whose it is, and how it comes back."""

import io
import os

import pytest

from shared.volume import files as uploaded
from tests.integration.test_api import problem
from tests.support.callers import Caller, publish_checkpoint, train, upload_file
from tests.support.uploads import classes, picture, zipped
from web import create_app

PNG = picture((1, 2, 3))


@pytest.fixture
def call(settings, store):
    return Caller(create_app(settings.model_copy(update={"max_upload_bytes": 50_000, "max_body_bytes": 2_000})))


def content_of(call, sent, **more):
    """The bytes of a file that has been sent."""
    return call("GET", f"{sent.headers['Location']}/content", buffered=True, **more)


def staged(volume):
    """Names in the folder of files."""
    return sorted(os.listdir(volume.root / "files"))


def test_a_file_of_a_form_and_as_a_whole_body_is_the_same_file(call):
    sent = upload_file(call, PNG, "猫.png")
    assert sent.status_code == 201
    assert sent.json == {"id": sent.json["id"], "name": "猫.png", "media_type": "image/png", "bytes": len(PNG)}
    assert call("GET", sent.headers["Location"]).json == sent.json
    whole = {"data": PNG, "headers": {"Content-Type": "application/octet-stream"}}
    raw = call("POST", "/api/v1/files?name=猫.png", **whole)
    assert raw.status_code == 201 and raw.json == sent.json, "the same bytes under the same name, stored once"
    assert call("POST", "/api/v1/files?name=other.png", **whole).json["name"] == "other.png", "never under another name"
    untyped = call("POST", "/api/v1/files?name=x", data=b"{", headers={"Content-Type": "application/json"})
    assert untyped.status_code == 201, "a body that is a file is not read as JSON"


def test_a_file_may_be_larger_than_any_other_body_but_not_than_an_upload(call, volume):
    assert upload_file(call, b"x" * 40_000).status_code == 201
    before = staged(volume)
    problem(upload_file(call, b"y" * 60_000), 413, "50,000")
    raw = call("POST", "/api/v1/files?name=y", data=io.BytesIO(b"y" * 60_000), content_type="application/octet-stream")
    problem(raw, 413)
    assert staged(volume) == before


def test_what_is_not_one_named_file_is_refused_and_leaves_nothing(call, volume):
    two = {"file": [(io.BytesIO(b"a"), "a"), (io.BytesIO(b"b"), "b")]}
    problem(call("POST", "/api/v1/files", data=two), 422, "2 files were sent; one at a time")
    problem(
        call("POST", "/api/v1/files", data={"name": "x"}, content_type="multipart/form-data"), 422, "0 files", "name"
    )
    other = {"file": (io.BytesIO(b"a"), "a"), "colour": "red"}
    problem(call("POST", "/api/v1/files", data=other), 422, "colour", "known is file")
    problem(call("POST", "/api/v1/files", data=b"abc", content_type="application/octet-stream"), 422, "?name=")
    problem(call("POST", "/api/v1/files?name=a&b=c", data=b"abc", content_type="text/plain"), 422, "b")
    assert staged(volume) == []


def test_an_upload_that_breaks_off_is_refused_and_leaves_nothing(call, volume):
    length = {"CONTENT_LENGTH": "5000"}
    kind = "application/octet-stream"
    answer = call("POST", "/api/v1/files?name=x", data=b"x" * 100, content_type=kind, environ_overrides=length)
    problem(answer, 408)
    assert staged(volume) == []


def test_pictures_are_shown_and_nothing_else_is_run_by_a_browser(call):
    shown = content_of(call, upload_file(call, PNG, "x.html"))
    assert shown.data == PNG and shown.mimetype == "image/png", "by its bytes, whatever its name says"
    assert "attachment" not in shown.headers.get("Content-Disposition", "")
    for content in (
        b"<script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>",
        b"%PDF-1.7 ",
    ):
        answer = content_of(call, upload_file(call, content, "x.png"))
        assert answer.data == content and answer.mimetype == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_part_of_a_file_can_be_asked_for(call):
    answer = content_of(call, upload_file(call, bytes(range(200)), "x"), headers={"Range": "bytes=10-19"})
    assert answer.status_code == 206 and answer.data == bytes(range(10, 20))


def test_the_file_of_another_owner_is_not_there(ann, bob, admin):
    file_id = upload_file(ann, PNG).json["id"]
    for path in (f"/api/v1/files/{file_id}", f"/api/v1/files/{file_id}/content"):
        assert ann("GET", path, buffered=True).status_code == admin("GET", path, buffered=True).status_code == 200
        missing = bob("GET", path.replace(file_id, "0" * 32))
        hidden = bob("GET", path)
        assert hidden.status_code == missing.status_code == 404
        assert hidden.text == missing.text.replace("0" * 32, file_id)
    assert upload_file(bob, PNG).json["id"] != file_id, "the same bytes of two owners are two files"


def train_labeller(call, volume):
    """A checkpoint that takes pictures, of whoever calls."""
    pets = {"file": (io.BytesIO(zipped(classes())), "pets.zip")}
    dataset_id = call("POST", "/api/v1/datasets", data=pets).json["id"]
    job_id = train(call, dataset_id, recipe="image_classifier").json["id"]
    return publish_checkpoint(volume, job_id).model_dump()


@pytest.fixture
def labeller(call, volume):
    return train_labeller(call, volume)


def label(call, labeller, *ids):
    body = {"kind": "generate", "inputs": {"model": labeller}, "params": {"images": list(ids)}}
    return call("POST", "/api/v1/jobs", json=body)


def test_a_job_keeps_the_files_it_names(call, labeller, volume):
    ids = [upload_file(call, picture((n, 0, 0)), f"{n}.png").json["id"] for n in range(2)]
    job = label(call, labeller, *ids, ids[0])
    assert job.status_code == 202 and job.json["files"] == ids and job.json["use"] == "generate"
    assert job.json["params"]["images"] == [*ids, ids[0]]
    uploaded.drop_unneeded(volume, older_than_s=-1, known=set)
    assert call("GET", f"/api/v1/files/{ids[0]}").status_code == 200


def test_every_file_that_cannot_be_used_is_named(call, labeller, volume):
    text = upload_file(call, b"no picture\n", "notes.txt").json["id"]
    good = upload_file(call, PNG).json["id"]
    nothing = upload_file(call, b"", "nothing.png").json["id"]
    answer = label(call, labeller, good, "f" * 32, text, nothing)
    found = {p["field"]: p["message"] for p in problem(answer, 422)["problems"]}
    assert found.keys() == {"params.images.1", "params.images.2", "params.images.3"}
    assert found["params.images.3"] == "'nothing.png' is empty"
    assert "no file" in found["params.images.1"]
    assert found["params.images.2"] == "'notes.txt' is of type text/plain; taken are image/*"
    problem(label(call, labeller, *[good] * 33), 422, "at most 32")
    problem(label(call, labeller, "../../secret"), 422, "params.images.0")
    assert uploaded.drop_unneeded(volume, older_than_s=-1, known=set) == 3, "a refused job keeps nothing"


def test_a_generation_cannot_name_the_file_of_another_owner(ann, bob, volume):
    model = train_labeller(bob, volume)
    hers = upload_file(ann, PNG).json["id"]
    hidden, missing = (problem(label(bob, model, file_id), 422)["problems"] for file_id in (hers, "0" * 32))
    assert [p["field"] for p in hidden] == ["params.images.0"]
    assert hidden[0]["message"] == missing[0]["message"].replace("0" * 32, hers)
    his = upload_file(bob, PNG).json["id"]
    assert label(bob, model, his).status_code == 202


def test_who_keeps_too_much_is_told_so_before_a_further_file_is_taken(call, store):
    assert upload_file(call, PNG).status_code == 201
    assert store.kept_bytes("local") == len(PNG), "an upload counts at once"
    store.tell_kept({"local": store.max_job_bytes_per_owner + 1})
    said = problem(upload_file(call, PNG + b"more", "second.png"), 409, "delete ended jobs you no longer need")
    assert said["code"] == "quota_exceeded"
