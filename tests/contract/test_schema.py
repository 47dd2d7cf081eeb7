"""What another version has written is refused in a sentence and left as it is: volume, Redis, backup. Real server, real files."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from shared.api_keys import create_key
from shared.errors import SchemaMismatch
from shared.ids import new_id
from shared.jobs.job import SCHEMA_VERSION, JobRequest
from shared.volume.backup import back_up, restore
from shared.volume.copies import copy_records
from shared.volume.reindex import reindex
from shared.volume.schema import SCHEMA, require_store, require_volume
from shared.volume.volume import Volume
from worker.upkeep.reaper import give_back

REQUEST = JobRequest(kind="train", recipe="gpt", params={})


def contents(root):
    return {path: path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(root.rglob("*"))}


@pytest.fixture
def of_version_1(tmp_path):
    """A volume as version 1 has left it."""
    job = tmp_path / "old" / "jobs" / new_id()
    job.mkdir(parents=True)
    (job / "record.json").write_text('{"schema_version": 1, "state": "queued", "dataset_id": "0"}')
    for name in ("datasets", "models", "keys"):
        (tmp_path / "old" / name).mkdir()
    return Volume(tmp_path / "old")


def test_a_new_volume_is_marked_and_fine_whatever_does_not_belong_to_it_lies_there(tmp_path):
    volume = Volume(tmp_path / "new")
    require_volume(volume)  # not there yet
    (volume.root / "redis").mkdir(parents=True)
    create_key(volume, owner="ann", scope="admin")  # made before the first start
    volume.ensure()
    volume.ensure()
    assert json.loads((volume.root / SCHEMA).read_text()) == {"schema": SCHEMA_VERSION}
    require_volume(volume)


def test_a_volume_of_version_1_is_refused_by_everybody_and_left_untouched(of_version_1, store, tmp_path):
    before = contents(of_version_1.root)
    for use in (
        lambda: require_volume(of_version_1),
        of_version_1.ensure,
        lambda: reindex(store, of_version_1),
        lambda: reindex(store, of_version_1, dry_run=True),
        lambda: give_back(store, of_version_1),
        lambda: back_up(of_version_1, tmp_path / "backup"),
        lambda: restore(of_version_1.root, Volume(tmp_path / "target")),  # as a backup
    ):
        with pytest.raises(SchemaMismatch, match=r"version 1 of Trainyard's format.*this is version 2.*left as it is"):
            use()
    assert contents(of_version_1.root) == before
    assert not (tmp_path / "backup").exists() and not (tmp_path / "target").exists()
    assert list(store.redis.scan_iter(f"{store.keys.prefix}:*")) == []


@pytest.mark.parametrize(
    ("text", "said"), [('{"schema": 3}', "version 3"), ("{", "cannot be read"), ("[]", "cannot be read")]
)
def test_a_volume_of_a_later_version_or_of_an_unreadable_one_is_refused(volume, text, said):
    (volume.root / SCHEMA).write_text(text)
    before = contents(volume.root)
    with pytest.raises(SchemaMismatch, match=said):
        volume.ensure()
    assert contents(volume.root) == before


def test_a_backup_carries_its_version(volume, store, tmp_path):
    store.submit(REQUEST)
    copy_records(store, volume)
    back_up(volume, tmp_path / "backup")
    restore(tmp_path / "backup", Volume(tmp_path / "target"))
    require_volume(Volume(tmp_path / "target"))
    (tmp_path / "backup" / SCHEMA).write_text('{"schema": 1}')
    with pytest.raises(SchemaMismatch, match="version 1"):
        restore(tmp_path / "backup", Volume(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_jobs_of_version_1_in_redis_are_refused_and_left_untouched(store):
    job_id = new_id()
    store.redis.zadd(store.keys.jobs(), {job_id: 1})
    store.redis.hset(store.keys.job(job_id), mapping={"spec": "{}", "state": "queued", "queue": "train"})
    store.redis.zadd(store.keys.ready("train"), {job_id: 1})
    before = {key: store.redis.dump(key) for key in store.redis.scan_iter(f"{store.keys.prefix}:*")}
    for use in (
        lambda: require_store(store),
        lambda: store.submit(REQUEST),
        lambda: store.claim("train", worker="w", device="cpu"),
        store.expired,
        store.forget_ended,
        lambda: store.cancel(job_id),
    ):
        with pytest.raises(SchemaMismatch, match=r"version 1.*left as they are"):
            use()
    assert {key: store.redis.dump(key) for key in store.redis.scan_iter(f"{store.keys.prefix}:*")} == before


def test_a_redis_that_loses_everything_while_all_go_on_is_not_taken_for_an_old_one(store, volume, settings):
    job, _ = store.submit(REQUEST)
    copy_records(store, volume)
    for key in store.redis.scan_iter(f"{store.keys.prefix}:*"):
        store.redis.delete(key)
    give_back(store, volume)
    anew = type(store).connect(settings)
    require_store(anew)
    assert anew.get(job.id).id == job.id
    anew.redis.close()


PROGRAMS = {"web": ["-m", "web"], "reaper": ["-m", "worker.upkeep.reaper"], "worker": ["-m", "worker"]}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("what", ["volume", "redis"])
def test_every_program_refuses_to_start_with_a_sentence(program, what, of_version_1, volume, store, settings):
    if what == "redis":
        store.redis.zadd(store.keys.jobs(), {new_id(): 1})
    data = of_version_1.root if what == "volume" else volume.root
    environment = {
        "TRAINYARD_DATA": str(data), "TRAINYARD_REDIS_URL": settings.redis_url, "TRAINYARD_DEVICE": "cpu",
        "TRAINYARD_KEY_PREFIX": settings.key_prefix, "TRAINYARD_PORT": "0", "TRAINYARD_SPARE": "false",
    }  # fmt: skip
    before = contents(data)
    done = run(PROGRAMS[program], environment)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(("the ", f"{program}: the ")) and "version 1 of Trainyard's format" in last, done.stderr
    assert "Traceback" not in done.stderr
    assert contents(data) == before


def run(command, environment):
    keep = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TRAINYARD_") or name.endswith("TEST_RUN")
    }
    return subprocess.run(
        [sys.executable, *command], env=keep | environment, capture_output=True, text=True, timeout=100
    )
