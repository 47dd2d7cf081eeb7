"""python -m worker.upkeep.reaper: gives jobs of silent workers back, sends missing wake-ups, copies changed records to the
volume, and keeps that in order (worker/upkeep/housekeeping.py).

Any number may run; each pass is idempotent. Never imports TensorFlow. It survives Redis and the volume being away: the
next pass comes anyway.
"""

import logging
import signal
import threading
from dataclasses import dataclass

import redis
from celery import Celery

from shared.errors import SchemaMismatch, VolumeFull
from shared.jobs.job import QUEUES
from shared.jobs.store import JobStore
from shared.jobs.wakeup import celery_config, require_broker
from shared.redis_url import RedisRefuses
from shared.settings import Settings, SettingsInvalid, load_settings
from shared.volume.copies import copy_records
from shared.volume.reindex import reindex
from shared.volume.schema import require_store, require_volume
from shared.volume.volume import Volume
from worker.logs import set_up_logging
from worker.supervision.wakeups import WakeUps
from worker.upkeep.housekeeping import keep_tidy

log = logging.getLogger(__name__)

_MOST_WAKEUPS = 64  # in one pass and queue; a worker that ends a job sends the next itself
_MOST_SETTLED = 100  # calls in one pass, each for some hundred jobs that waited for one that has ended
_COPY_S = 1.0  # between two looks whether the process is to leave
_TIDY_EVERY = 300  # passes between two walks over the volume


@dataclass(frozen=True)
class Pass:
    """What one pass did."""

    taken_back: int = 0
    wakeups: int = 0
    past_deadline: int = 0
    forgotten: int = 0


def run_once(store: JobStore, wakeups: WakeUps) -> Pass:
    """One pass over the store. Raises redis.RedisError.

    A job taken back is ready at once, so its wake-up is sent with the others. A queue no worker serves gets none.
    """
    taken_back = 0
    for job_id, fence in store.expired():
        job = store.take_back(job_id, fence)
        if job is not None:
            taken_back += 1
            log.warning("took back job %s, attempt %d: now %s", job_id, fence, job.state)
    sent = 0
    workers = store.presence.workers()
    for _ in range(_MOST_SETTLED):
        if not store.settle_waiting():
            break
    for queue in QUEUES:
        ready = store.ready_count(queue)
        if not ready:
            continue
        idle = sum(1 for w in workers if queue in w.queues and w.state in ("idle", "starting"))
        missing = min(ready, idle, _MOST_WAKEUPS) - wakeups.waiting(queue)
        sent += sum(wakeups.send(queue) for _ in range(missing))
    return Pass(taken_back, sent, store.enforce_deadlines(), store.forget_ended())


def main() -> None:
    """Run passes until SIGTERM or SIGINT."""
    try:
        settings = load_settings()
    except SettingsInvalid as err:
        raise SystemExit(str(err)) from err
    set_up_logging(settings.log_level)
    leaving = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: leaving.set())
    store = JobStore.connect(settings)
    celery = Celery("trainyard-reaper", set_as_current=False)
    celery.conf.update(celery_config(settings))
    volume = Volume(settings.data)
    wakeups = WakeUps(celery, settings)
    log.info("reaper at work every %g s on %s", settings.reap_interval_s, settings.data)
    away = False
    pause_s = settings.reap_interval_s
    try:
        until_fit(store, volume, settings, leaving, pause_s)
    except (SchemaMismatch, RedisRefuses) as err:
        raise SystemExit(f"reaper: {err.message}") from err
    # Of their own: a volume that hangs must not keep jobs from being taken back.
    copier = threading.Thread(target=keep_copying, args=(store, volume, leaving, pause_s), daemon=True)
    tidier = threading.Thread(
        target=keep_tidy,
        args=(store, volume, leaving, pause_s * _TIDY_EVERY),
        kwargs={"max_cache_bytes": settings.max_cache_total_bytes},
        daemon=True,
    )
    copier.start()
    tidier.start()
    while not leaving.is_set():
        try:
            run_once(store, wakeups)
            if away:
                log.info("Redis is back")
            away = False
        except redis.RedisError as err:
            if not away:
                log.warning("Redis is out of reach: %s", err)
            away = True
        leaving.wait(pause_s)
    copier.join(_COPY_S * 2)


def until_fit(store: JobStore, volume: Volume, settings: Settings, leaving: threading.Event, pause_s: float) -> None:
    """Wait until all could be looked at, or told to leave. Raises SchemaMismatch when another version has written one of them,
    RedisRefuses."""
    told = False
    while not leaving.is_set():
        try:
            require_volume(volume)
            require_store(store)
            return require_broker(settings)
        except (redis.RedisError, OSError) as err:
            if not told:
                log.warning("waiting to begin: %s", err)
            told = True
        leaving.wait(pause_s)


def keep_copying(store: JobStore, volume: Volume, leaving: threading.Event, pause_s: float) -> None:
    """Copy changed records to the volume until told to leave. What cannot be copied now is copied later.

    Before it copies from a Redis it has not seen yet, or that was started anew, it gives that the records it has lost.
    """
    unwritable, seen = False, ""
    while not leaving.is_set():
        try:
            run_id = store.server_run_id()
            if run_id != seen:
                give_back(store, volume)
                seen = run_id
            copy_records(store, volume, limit_s=_COPY_S)
            unwritable = False
        except (VolumeFull, OSError) as err:
            if not unwritable:
                log.warning("records cannot be copied to the volume: %s", err)
            unwritable = True
        except redis.RedisError:
            pass  # the passes say it
        leaving.wait(pause_s)


def give_back(store: JobStore, volume: Volume) -> None:
    """Put back the records that only the volume still has: those of the last second before a machine went down."""
    report = reindex(store, volume, deleted_too=False)
    if report.recovered:
        log.warning("Redis had lost records; put back from the volume: %s", dict(report.recovered))
    for job_id, why in report.lost:
        log.warning("job %s cannot be put back: %s", job_id, why)


if __name__ == "__main__":
    main()
