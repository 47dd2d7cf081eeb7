"""worker/supervision/lease.py and worker/upkeep/reaper.py against a real server, with clocks passed in."""

import pytest
import redis
from celery import Celery
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.errors import LeaseLost
from shared.jobs.job import CheckpointRef, JobRequest, Progress, State
from shared.jobs.presence import WorkerInfo
from shared.jobs.store import JobStore
from shared.jobs.wakeup import broker_list, celery_config
from worker.supervision.lease import Lease
from worker.supervision.wakeups import WakeUps
from worker.upkeep.reaper import run_once


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def job(store):
    store.submit(JobRequest(kind="train", recipe="gpt", params={}))
    return store.claim("train", worker="w1", device="cpu")


@pytest.fixture
def lease(store, job, clock):
    return Lease(store, job, beat_s=5, clock=clock)


def test_progress_waits_up_to_a_second_and_a_new_phase_not_at_all(lease, store, job, clock):
    assert lease.due_at == clock.now + 5
    lease.progress(Progress(phase="training", step=1))
    assert lease.due_at == clock.now
    lease.beat()
    lease.progress(Progress(phase="training", step=2))
    assert lease.due_at == clock.now + 1
    clock.now += 1
    assert lease.beat() == ""
    assert store.get(job.id).progress.step == 2
    assert lease.due_at == clock.now + 5


def test_events_and_a_checkpoint_travel_at_once_and_in_order(lease, store, job, clock):
    lease.event("output", {"index": 0, "text": "一"})
    lease.checkpoint(CheckpointRef(job_id=job.id, attempt=1, step=7), {"metrics": {"loss": 1.5}, "bytes": 9})
    assert lease.due_at == clock.now
    lease.beat()
    assert [(e.type, e.data.get("step")) for e in store.events(job.id)][-2:] == [("output", None), ("checkpoint", 7)]
    assert store.get(job.id).checkpoint.step == 7
    lease.beat()
    assert len([e for e in store.events(job.id) if e.type == "output"]) == 1


def test_what_the_owner_asks_for_comes_back_with_the_next_beat(lease, store, job):
    store.cancel(job.id)
    assert lease.beat() == "cancel"


def test_an_attempt_that_was_taken_over_is_refused(lease, store, job):
    store.release(job.id, 1, "worker_lost")
    store.claim("train", worker="w2", device="cpu")
    with pytest.raises(LeaseLost):
        lease.beat()


def test_without_redis_the_news_is_kept_and_tried_again_ever_more_slowly(job, clock):
    nowhere = JobStore(redis.Redis(port=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)), lease_s=30)
    lease = Lease(nowhere, job, beat_s=5, clock=clock)
    lease.event("note", {"level": "info", "message": "kept"})
    waits = []
    for _ in range(6):
        assert lease.beat() is None
        waits.append(lease.due_at - clock.now)
        lease.event("output", {"index": 0, "text": "x"})  # does not make it more impatient
        assert lease.due_at - clock.now == waits[-1]
    assert waits == [0.5, 1, 2, 4, 5, 5]


@pytest.fixture
def wakeups(settings):
    app = Celery("tests", set_as_current=False)
    app.conf.update(celery_config(settings))
    wakeups = WakeUps(app, settings)
    yield wakeups
    for key in wakeups._broker.scan_iter(f"{broker_list(settings, '')}*"):
        wakeups._broker.delete(key)
    app.close()


def idle(store, name: str, **changes) -> None:
    info = {"id": name, "host": "h", "pid": 1, "device": "cpu", "queues": ["train"], "state": "idle", "since": 0}
    store.presence.announce(WorkerInfo.model_validate(info | changes))


def test_the_reaper_sends_as_many_wake_ups_as_idle_workers_can_use_and_no_more(store, wakeups):
    for _ in range(5):
        store.submit(JobRequest(kind="train", recipe="gpt", params={}))
    assert run_once(store, wakeups).wakeups == 0  # nobody would hear it
    for name, changes in {"w1": {}, "w2": {}, "w3": {"state": "busy"}, "w4": {"queues": ["generate"]}}.items():
        idle(store, name, **changes)
    assert run_once(store, wakeups).wakeups == 2
    assert wakeups.waiting("train") == 2
    assert run_once(store, wakeups).wakeups == 0


def test_a_job_whose_worker_fell_silent_is_taken_back_and_a_wake_up_sent_in_the_same_pass(store, wakeups, job):
    idle(store, "w2")
    assert run_once(store, wakeups).taken_back == 0  # also learns which server this is
    store.redis.zadd(store.keys.leases(), {job.id: 1})
    done = run_once(store, wakeups)
    assert (done.taken_back, done.wakeups) == (1, 1)
    assert store.get(job.id).state == State.queued
    assert run_once(store, wakeups).taken_back == 0


def test_in_one_pass_the_reaper_lets_go_all_that_wait_for_a_job_and_wakes_a_worker(store, wakeups, job):
    for _ in range(1000):
        store.submit(JobRequest(kind="train", recipe="gpt", params={}, after=[job.id]))
    store.finish(job.id, 1, State.succeeded, result={})
    idle(store, "w2")
    assert run_once(store, wakeups).wakeups == 1
    assert store.ready_count("train") == 1000


def test_a_broker_that_is_away_costs_wake_ups_and_nothing_else(settings):
    app = Celery("tests", set_as_current=False)
    away = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    app.conf.update(celery_config(away))
    assert WakeUps(app, away).send("train") is False
    app.close()
