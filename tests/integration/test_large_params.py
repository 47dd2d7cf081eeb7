"""Params that are too large for a record lie on the volume; everything that reads or repeats a job has them all the same."""

import json

import pytest

from shared.errors import InputMissing, NotFound
from shared.jobs.job import State
from shared.volume import files
from shared.volume.backup import back_up, restore
from shared.volume.copies import copy_records
from shared.volume.large_params import with_params
from shared.volume.reindex import reindex
from shared.volume.volume import Volume
from tests.contract.test_store_size import memory_of
from tests.integration.test_api import problem
from tests.support.callers import Caller, name_model, publish_checkpoint, train, upload
from web import create_app
from worker.context import Context

PROMPT = "床前明月光，疑是地上霜。" * 8_000  # 96,000 characters


@pytest.fixture
def call(settings, store):
    return Caller(create_app(settings))


@pytest.fixture
def model_id(call, volume):
    job_id = train(call, upload(call).json["id"]).json["id"]
    publish_checkpoint(volume, job_id)
    return name_model(volume, "local", job_id)


def generate(call, model_id, prompt=PROMPT, **headers):
    body = {"kind": "generate", "inputs": {"model": model_id}, "params": {"prompt": prompt, "max_tokens": 5}}
    return call("POST", "/api/v1/jobs", json=body, headers=headers)


def test_a_prompt_as_long_as_a_book_takes_no_memory_and_is_everywhere(call, model_id, store, volume):
    sent = generate(call, model_id)
    assert sent.status_code == 202 and sent.json["params"]["prompt"] == PROMPT
    job = store.get(sent.json["id"])
    assert job.params == {} and job.files == [job.params_file]
    assert memory_of(store, job.id) < 4_096, "queued"
    assert call("GET", f"/api/v1/jobs/{job.id}").json["params"]["prompt"] == PROMPT
    assert call("GET", f"/api/v1/jobs/{job.id}?wait=0.1").json["params"]["prompt"] == PROMPT
    assert PROMPT[:1000] in call("GET", f"/jobs/{job.id}").text
    assert PROMPT in call("GET", f"/jobs/new?from={job.id}").text, "cloned"
    claimed = store.claim("generate", worker="w", device="cpu")
    given = Context(volume=volume).whole(claimed)
    assert given.params["prompt"] == PROMPT and given.params["max_tokens"] == 5
    store.finish(job.id, 1, State.succeeded, result={"headline": "x"})
    assert memory_of(store, job.id) < 4_096, "ended"
    again = call("POST", f"/api/v1/jobs/{job.id}/retry")
    assert again.status_code == 202 and again.json["params"] == sent.json["params"]
    assert store.get(again.json["id"]).params_file == job.params_file, "stored once"


def test_small_params_stay_in_the_record(call, model_id, store):
    job = store.get(generate(call, model_id, "床前").json["id"])
    assert job.params["prompt"] == "床前" and (job.params_file, job.files) == ("", [])


def test_a_key_used_again_gives_the_same_job_and_another_prompt_is_refused(call, model_id, store, volume):
    first = generate(call, model_id, **{"Idempotency-Key": "k"})
    again = generate(call, model_id, **{"Idempotency-Key": "k"})
    assert again.json["id"] == first.json["id"] and again.headers["Idempotent-Replayed"] == "true"
    problem(generate(call, model_id, PROMPT + "。", **{"Idempotency-Key": "k"}), 409, "Idempotency-Key")
    name = store.get(first.json["id"]).params_file
    assert [p.name for p in (volume.root / "files" / name / "pins").iterdir()] == [first.json["id"]]


def test_they_stay_as_long_as_the_job_and_no_longer(call, model_id, store, volume):
    job = store.get(generate(call, model_id).json["id"])

    def known(ids):
        return store.known(ids)

    assert files.drop_unneeded(volume, older_than_s=-1, known=known) == 0
    store.cancel(job.id)
    call("DELETE", f"/api/v1/jobs/{job.id}")
    (volume.root / "files" / job.params_file / "pins" / job.id).unlink()
    assert files.drop_unneeded(volume, older_than_s=-1, known=known) == 1


def test_with_redis_lost_and_in_a_backup_they_are_there(call, model_id, store, volume, tmp_path):
    job = store.get(generate(call, model_id).json["id"])
    copy_records(store, volume)
    back_up(volume, tmp_path / "backup")
    restored = Volume(tmp_path / "restored")
    restore(tmp_path / "backup", restored)
    for key in store.redis.scan_iter(f"{store.keys.prefix}:*"):
        store.redis.delete(key)
    reindex(store, restored)
    back = store.get(job.id)
    assert (back.params_file, back.params) == (job.params_file, {})
    assert with_params(restored, back).params["prompt"] == PROMPT


def test_where_they_are_damaged_the_job_can_be_seen_but_not_run_or_repeated(call, model_id, store, volume):
    job = store.get(generate(call, model_id).json["id"])
    content = volume.root / "files" / job.params_file / "content"
    content.write_text(json.dumps({"prompt": "another"}))
    with pytest.raises(NotFound, match="damaged"):
        with_params(volume, job)
    with pytest.raises(InputMissing, match="damaged"):
        Context(volume=volume).whole(job)
    assert call("GET", f"/jobs/{job.id}").status_code == 200
    call("POST", f"/api/v1/jobs/{job.id}/cancel")
    problem(call("POST", f"/api/v1/jobs/{job.id}/retry"), 409, "can no longer be read")
