"""What a fine-tuning will learn from is told over HTTP before it is queued; what would learn nothing is not queued."""

import io
from datetime import UTC, datetime

import pytest

from shared.bases.importer import import_base
from shared.jobs.presence import WorkerInfo
from tests.support.callers import Caller
from tests.support.tiny_bases import files_of, put_base
from tests.support.tiny_chats import tiny_chats
from web.app import create_app


@pytest.fixture
def client(settings, store):
    return Caller(create_app(settings))


@pytest.fixture
def body(client, volume):
    ((name, data),) = tiny_chats(5)
    chats = client("POST", "/api/v1/datasets", data={"file": (io.BytesIO(data), name)}).json
    assert chats["format"] == "chats"
    inputs = {"data": chats["id"], "base": put_base(volume, "llama").base_id}
    return {"kind": "train", "recipe": "finetune_lm", "params": {"context": 100}, "inputs": inputs}


def test_three_chats_come_back_with_what_the_loss_is_taken_on(client, body):
    told = client("POST", "/api/v1/jobs/expected", json=body)
    assert told.status_code == 200, told.get_data(as_text=True)
    kinds = [output["kind"] for output in told.json["outputs"]]
    assert kinds == ["table", "text", "text", "text", "table"]
    text = told.json["outputs"][2]
    assert [text["text"][mark["start"] : mark["end"]] for mark in text["marks"]] == ["It is white.<|im_end|>"]
    assert client("GET", "/api/v1/jobs").json["jobs"] == []


def test_the_form_shows_the_same(client, body):
    fields = {"kind": "train", "recipe": "finetune_lm", "params.context": "100"}
    fields |= {f"inputs.{role}": found for role, found in body["inputs"].items()}
    page = client("POST", "/jobs/new/expected", data=fields).get_data(as_text=True)
    assert 'id="foreseen"' in page and "<mark" in page and "It is white." in page


def test_a_training_in_which_every_label_is_masked_is_not_queued(client, body, volume, tmp_path):
    shuffling = tmp_path / "template"
    shuffling.write_text("{% for m in messages %}{{ loop.length }}{{ m.content | upper }}{% endfor %}")
    files = files_of("llama") | {"chat_template.jinja": shuffling}
    base = import_base(volume, files, name="odd", source="a test")
    wrong = body | {"inputs": body["inputs"] | {"base": base.id}}
    refused = client("POST", "/api/v1/jobs", json=wrong)
    assert refused.status_code == 422
    (problem,) = refused.json["problems"]
    assert problem["field"] == "params.chat_template" and "no token is left" in problem["message"]
    assert client("GET", "/api/v1/jobs").json["jobs"] == []


def test_a_training_that_no_worker_has_the_memory_for_is_refused_in_form_and_api(client, body, store):
    small = WorkerInfo(
        id="small", host="here", pid=1, device="cpu", queues=["train"], since=datetime.now(UTC), memory_bytes=10**9
    )
    store.presence.announce(small)
    refused = client("POST", "/api/v1/jobs", json=body)
    assert refused.status_code == 422
    (problem,) = refused.json["problems"]
    assert problem["field"] == "inputs.base" and "the largest worker there is has 1.0 GB" in problem["message"]
    fields = {"kind": "train", "recipe": "finetune_lm", "params.context": "100"}
    fields |= {f"inputs.{role}": found for role, found in body["inputs"].items()}
    assert "the largest worker there is has 1.0 GB" in client("POST", "/jobs/new", data=fields).get_data(as_text=True)
    store.presence.announce(small.model_copy(update={"id": "large", "memory_bytes": 10**10}))
    assert client("POST", "/api/v1/jobs", json=body).status_code == 202
