"""What the reaper removes from the volume, what it never does, and what it measures. Real server, real files."""

import io
import os

import pytest

from shared.errors import Conflict, NotFound
from shared.ids import new_id
from shared.jobs import pins
from shared.jobs.job import DATA, MODEL, START_FROM, CheckpointRef, InputRef, JobRequest, State
from shared.jobs.models import Model, delete_model, save_model
from shared.volume import cache
from shared.volume.files import get_file, save_file
from shared.volume.reindex import reindex
from shared.volume.secret import has_secret, job_secret
from worker.upkeep.housekeeping import Tidied, tidy
from worker.upkeep.reaper import give_back


def ended(store, volume, owner="ann", content=b"weights" * 100):
    """A training that has succeeded, with one checkpoint and its copy on the volume."""
    job, _ = store.submit(JobRequest(kind="train", recipe="gpt", params={}, owner=owner))
    store.claim("train", worker="w", device="cpu")
    folder = volume.start_attempt(job.id, 1) / "checkpoints"
    folder.mkdir()
    with volume.stage(folder) as stage:
        (stage.path / "state").write_bytes(content)
        stage.publish(folder / "00000010", {"step": 10, "metrics": {}})
    job = store.finish(job.id, 1, State.succeeded, result={})
    volume.write_record(job)
    return job


def age(volume, store, job_id):
    """Make a job as if it had ended just before its time was over: in Redis and on the volume."""
    path = volume.job_dir(job_id) / "record.json"
    old = volume.now() - store.retention_ms / 1000 - 60
    os.utime(path, (old, old))
    store.redis.zadd(store.keys.ended(), {job_id: 1})
    assert store.forget_ended() == 1


def ref_of(job):
    return CheckpointRef(job_id=job.id, attempt=1, step=10)


def generation(job):
    """Of the checkpoint of a training."""
    model = {MODEL: InputRef(checkpoint=ref_of(job))}
    return JobRequest(kind="generate", recipe="gpt", params={}, owner="ann", inputs=model)


def test_the_files_of_a_job_go_when_its_time_is_over(store, volume):
    job, young = ended(store, volume), ended(store, volume)
    assert tidy(store, volume) == Tidied()
    age(volume, store, job.id)
    assert tidy(store, volume) == Tidied(expired=1)
    assert volume.job_ids() == [young.id]


def test_the_secret_of_a_private_training_goes_when_it_has_ended_and_not_before(store, volume):
    done, forgotten = ended(store, volume), ended(store, volume)
    running, _ = store.submit(JobRequest(kind="train", recipe="gpt", params={}, owner="ann"))
    for job in (done, forgotten, running):
        job_secret(volume, job.id)
    save_model(volume, Model(id=new_id(), name="m", recipe="gpt", checkpoint=ref_of(forgotten)))
    age(volume, store, forgotten.id)
    assert tidy(store, volume) == Tidied(secrets=2)
    assert has_secret(volume, running.id) and not has_secret(volume, done.id) and not has_secret(volume, forgotten.id)
    assert tidy(store, volume) == Tidied()


def test_files_of_which_a_model_is_made_stay_as_long_as_the_model(store, volume):
    job = ended(store, volume)
    save_model(volume, Model(id=new_id(), name="m", recipe="gpt", checkpoint=ref_of(job)))
    age(volume, store, job.id)
    assert tidy(store, volume) == Tidied() and volume.checkpoint(ref_of(job))
    assert store.kept_bytes("ann") > 700, "and count"


def test_files_that_a_model_is_built_upon_stay_as_long_as_that_model(store, volume):
    base, job = ended(store, volume), ended(store, volume)
    needs = {"base": InputRef(checkpoint=ref_of(base))}
    model = Model(id=job.id, name="m", recipe="gpt", checkpoint=ref_of(job), needs=needs)
    save_model(volume, model)
    age(volume, store, base.id)
    assert tidy(store, volume) == Tidied() and volume.checkpoint(ref_of(base))
    delete_model(volume, model.id)
    assert tidy(store, volume) == Tidied(expired=1)


@pytest.mark.parametrize("loss", ["young", "not ended", "no record", "damaged"])
def test_what_a_lost_redis_could_still_need_is_never_removed(store, volume, loss):
    job = ended(store, volume)
    if loss == "not ended":
        volume.write_record(job.model_copy(update={"state": State.paused}))
    if loss != "young":
        age(volume, store, job.id)
    path = volume.job_dir(job.id) / "record.json"
    if loss == "no record":
        path.unlink()
    elif loss == "damaged":
        old = path.stat().st_mtime
        path.write_text('{"state": "succ')
        os.utime(path, (old, old))
    store.redis.delete(store.keys.job(job.id))
    assert tidy(store, volume) == Tidied() and volume.checkpoint(ref_of(job))


def test_pins_go_with_the_jobs_that_needed_them(store, volume):
    job = ended(store, volume)
    request = generation(job)
    waiting, lost = store.submit(request)[0], new_id()
    pins.pin(volume, request, waiting.id)
    pins.pin(volume, request, lost)  # its web was killed before the job came to be
    assert tidy(store, volume) == Tidied()
    store.cancel(waiting.id)
    old = volume.now() - 4000
    for path, needing in pins.pins(volume.job_dir(job.id)).items():
        if needing == lost:
            os.utime(path, (old, old))
    assert tidy(store, volume) == Tidied(pins=2)
    assert pins.pins(volume.job_dir(job.id)) == {}


def test_the_pin_of_what_a_model_is_built_upon_stays_though_its_job_has_ended(store, volume):
    base, job = ended(store, volume), ended(store, volume)
    needs = {"base": InputRef(checkpoint=ref_of(base))}
    save_model(volume, Model(id=job.id, name="m", recipe="gpt", checkpoint=ref_of(job), needs=needs))
    assert tidy(store, volume) == Tidied()
    assert list(pins.pins(volume.job_dir(base.id)).values()) == [job.id]
    delete_model(volume, job.id)
    assert pins.pins(volume.job_dir(base.id)) == {}


def test_a_training_whose_time_is_over_stays_while_another_job_needs_it(store, volume):
    job = ended(store, volume)
    start_from = {START_FROM: InputRef(checkpoint=ref_of(job))}
    request = JobRequest(kind="train", recipe="gpt", params={}, owner="ann", inputs=start_from)
    second, _ = store.submit(request)
    pins.pin(volume, request, second.id)
    store.pause(second.id)
    age(volume, store, job.id)
    assert tidy(store, volume) == Tidied() and volume.checkpoint(ref_of(job))
    store.cancel(second.id)
    assert tidy(store, volume) == Tidied(pins=1, expired=1)


def test_a_pin_or_a_model_that_comes_at_the_last_moment_brings_the_files_back(store, volume):
    job = ended(store, volume)

    def named(aside):
        assert aside.exists() and not volume.job_dir(job.id).exists()
        return True

    assert not volume.delete_job(job.id, unless=named)
    assert volume.verify(volume.checkpoint(ref_of(job)).path)


def test_pins_of_a_lost_redis_stay_until_the_jobs_are_back(store, volume):
    job = ended(store, volume)
    request = generation(job)
    waiting, _ = store.submit(request)
    pins.pin(volume, request, waiting.id)
    volume.write_record(waiting)
    for path in pins.pins(volume.job_dir(job.id)):
        os.utime(path, (1, 1))
    for key in store.redis.scan_iter(f"{store.keys.prefix}:*"):
        store.redis.delete(key)
    assert tidy(store, volume).pins == 0
    reindex(store, volume)
    assert tidy(store, volume).pins == 0 and store.get(waiting.id).state == State.queued
    assert set(pins.pins(volume.job_dir(job.id)).values()) == {waiting.id}


def a_dataset(volume, name="a" * 32):
    with volume.stage(volume.root / "datasets") as stage:
        (stage.path / "t.txt").write_text("text")
        stage.publish(volume.dataset_dir(name), {"id": name})
    return name


def test_pins_of_a_dataset_go_with_the_jobs_that_needed_it(store, volume):
    data, lost = a_dataset(volume), new_id()
    request = JobRequest(kind="train", recipe="gpt", params={}, inputs={DATA: InputRef(dataset_id=data)})
    waiting, _ = store.submit(request)
    for job_id in (waiting.id, lost):
        pins.pin(volume, request, job_id)
    assert tidy(store, volume) == Tidied()
    store.cancel(waiting.id)
    os.utime(volume.dataset_dir(data) / "pins" / lost, (1, 1))
    assert tidy(store, volume) == Tidied(pins=2)
    assert pins.jobs_that_need(volume, data) == set() and volume.verify(volume.dataset_dir(data))


def test_an_uploaded_file_stays_as_long_as_the_files_of_a_job_that_names_it_and_counts(store, volume):
    def upload(content):
        return save_file(volume, "p.png", io.BytesIO(content), owner="ann", max_bytes=10_000).id

    file, alone, young = upload(b"1" * 3000), upload(b"2"), upload(b"3")
    job = ended(store, volume)
    request = JobRequest(kind="generate", recipe="gpt", params={}, owner="ann", files=[file])
    pins.pin(volume, request, job.id)
    for path in [path for name in (file, alone) for path in (volume.root / "files" / name).rglob("*")]:
        os.utime(path, (1, 1))
    assert tidy(store, volume) == Tidied(files=1)
    assert store.kept_bytes("ann") == volume.job_bytes(job.id) + 3001
    store.more_kept("ann", 10)
    assert store.kept_bytes("ann") == volume.job_bytes(job.id) + 3011 and store.redis.ttl(store.keys.kept()) > 0
    age(volume, store, job.id)
    assert tidy(store, volume) == Tidied(expired=1, files=1), "gone with the job"
    assert [path.name for path in (volume.root / "files").iterdir()] == [young]


def test_a_file_is_not_taken_from_a_job_whose_record_is_all_there_is_of_it(store, volume):
    file = save_file(volume, "p.png", io.BytesIO(b"1"), owner="ann", max_bytes=10).id
    request = JobRequest(kind="generate", recipe="gpt", params={}, files=[file])
    waiting, _ = store.submit(request)  # its copy on the volume could not be written
    pins.pin(volume, request, waiting.id)
    for path in (volume.root / "files" / file).rglob("*"):
        os.utime(path, (1, 1))
    assert tidy(store, volume) == Tidied() and get_file(volume, file)


def test_what_was_made_of_a_dataset_goes_with_it_or_after_a_month_unused(store, volume):
    data, gone = a_dataset(volume), "b" * 32
    entries = {name: cache.entry_dir(volume.root / cache.CACHE, data, name) for name in ("new", "used", "unused")}
    entries["of a dataset that is gone"] = cache.entry_dir(volume.root / cache.CACHE, gone, "k")
    for entry in entries.values():
        entry.mkdir(parents=True)
        (entry / "tokens").write_bytes(b"1")
        cache.mark_used(entry)
    old = volume.now() - cache.UNUSED_S - 60
    for name in ("used", "unused"):
        for path in (entries[name], *entries[name].iterdir()):
            os.utime(path, (old, old))
    cache.mark_used(entries["used"])
    cache.mark_used(entries["used"] / "not there")
    assert tidy(store, volume) == Tidied(cached=2)
    assert sorted(path.name for path in (volume.root / cache.CACHE / data).iterdir()) == ["new", "used"]
    assert not (volume.root / cache.CACHE / gone).exists()


def test_what_a_job_uses_of_the_cache_stays_until_it_has_ended_however_much_there_is(store, volume):
    data = a_dataset(volume)
    entry = cache.entry_dir(volume.root / cache.CACHE, data, "k")
    entry.mkdir(parents=True)
    (entry / "tokens").write_bytes(b"1" * 1000)
    job, _ = store.submit(JobRequest(kind="train", recipe="gpt", params={}))
    cache.mark_used(entry, job.id)
    assert tidy(store, volume, max_cache_bytes=10) == Tidied()
    store.cancel(job.id)
    assert tidy(store, volume, max_cache_bytes=2_000) == Tidied(pins=1)
    assert tidy(store, volume, max_cache_bytes=10) == Tidied(cached=1)


def test_what_comes_back_of_a_deleted_job_by_itself_is_removed_and_never_put_back(store, volume):
    job, _ = store.submit(JobRequest(kind="train", recipe="gpt", params={}))
    read = store.get(job.id)  # by the reaper, or by a worker that is stopped now
    store.cancel(job.id)
    store.delete(job.id)
    volume.write_record(read)
    give_back(store, volume)
    assert store.list_jobs().jobs == []
    assert tidy(store, volume) == Tidied(deleted=1) and volume.job_ids() == []


def test_a_deleted_job_comes_back_from_a_backup_for_who_asks_for_it(store, volume):
    job = ended(store, volume)
    store.delete(job.id)
    assert reindex(store, volume).recovered == {"succeeded": 1}
    assert tidy(store, volume) == Tidied() and store.get(job.id).state == State.succeeded
    assert store.deleted([job.id]) == set()


def test_a_folder_that_cannot_be_read_does_not_keep_the_others_from_being_tidied(store, volume, monkeypatch):
    bad, over, good = (ended(store, volume) for _ in range(3))
    age(volume, store, over.id)
    measure = volume.job_bytes

    def failing(job_id):
        if job_id == bad.id:
            raise OSError(5, "Input/output error")
        return measure(job_id)

    monkeypatch.setattr(volume, "job_bytes", failing)
    assert tidy(store, volume) == Tidied(expired=1)
    assert store.kept_bytes("ann") == measure(good.id)


def test_an_owner_who_keeps_too_much_is_told_so_until_something_is_deleted(store, volume):
    first, second = ended(store, volume), ended(store, volume)
    ended(store, volume, owner="bob")
    tidy(store, volume)
    each = volume.job_bytes(first.id)
    assert store.kept_bytes("ann") == each + volume.job_bytes(second.id) and each > 700
    request = JobRequest(kind="train", recipe="gpt", params={}, owner="ann")
    before, _ = store.submit(request, idempotency_key="k")
    store.max_job_bytes_per_owner = each + 10
    with pytest.raises(Conflict, match="delete ended jobs") as refusal:
        store.submit(request)
    assert refusal.value.code == "quota_exceeded"
    assert store.submit(request, idempotency_key="k") == (before, False), "what was accepted stays accepted"
    with pytest.raises(Conflict, match="delete ended jobs"):
        store.refuse_more("ann")  # an upload, say
    store.refuse_more("bob")
    store.submit(request.model_copy(update={"owner": "bob"}))
    store.delete(first.id)
    store.less_kept("ann", each)
    store.submit(request)


def test_a_deleted_job_leaves_no_key_and_its_idempotency_key_makes_no_second_run(store):
    request = JobRequest(kind="train", recipe="gpt", params={}, owner="ann")
    job, _ = store.submit(request, idempotency_key="k")
    with pytest.raises(Conflict, match="cancel it first"):
        store.delete(job.id)
    store.cancel(job.id)
    store.delete(job.id)
    store.delete(job.id)  # as after a lost reply
    for gone in (lambda: store.get(job.id), lambda: store.delete(new_id()), lambda: store.delete("../x")):
        with pytest.raises(NotFound):
            gone()
    mark = store.keys.deleted(job.id)
    assert list(store.redis.scan_iter(f"{store.keys.prefix}:*{job.id}*")) == [mark] and store.redis.ttl(mark) > 0
    assert sum(store.counts().values()) == sum(store.counts("ann").values()) == 0
    assert store.list_jobs().jobs == [] and store.forget_ended() == 0
    with pytest.raises(Conflict, match="has been deleted"):
        store.submit(request, idempotency_key="k")
