"""Keeps the volume in order: removes what nobody needs any more, and measures what each owner's jobs keep.

A thread of the reaper; see worker/reaper.py. Every step may be repeated and may run in several reapers at once.
"""

import logging
import threading
from collections import Counter
from dataclasses import dataclass

import redis

from shared import staging
from shared.job import TERMINAL
from shared.models import list_models
from shared.pins import pins
from shared.store import JobStore
from shared.volume import Volume

log = logging.getLogger(__name__)

_AT_A_TIME = 200  # jobs
_ORPHAN_S = 3600.0  # staging folders and pins of unknown jobs that are older belong to nobody


@dataclass
class Tidied:
    """left_over: staging folders and trash removed. pins: removed. expired: jobs whose files were removed."""

    left_over: int = 0
    pins: int = 0
    expired: int = 0


def keep_tidy(store: JobStore, volume: Volume, leaving: threading.Event, pause_s: float) -> None:
    """Tidy until told to leave. What cannot be done now is done the next time."""
    while True:
        try:
            done = tidy(store, volume)
            if done != Tidied():
                log.info("removed from the volume: %s", done)
        except OSError as err:
            log.warning("the volume cannot be tidied: %s", err)
        except redis.RedisError:
            pass  # the reaper's passes say it
        if leaving.wait(pause_s):
            return


def tidy(store: JobStore, volume: Volume) -> Tidied:
    """One walk over the volume. Raises OSError, redis.RedisError.

    The files of a job are removed when its record says that it ended longer than retention_s ago, Redis has forgotten it, and
    no model is made of it. Times are the volume's own. A job without a readable copy of its record is never touched.
    """
    done = Tidied(left_over=volume.sweep(older_than_s=_ORPHAN_S))
    now = volume.now()
    modelled = {model.checkpoint.job_id for model in list_models(volume)}
    kept: Counter[str] = Counter()
    ids = volume.job_ids()
    for start in range(0, len(ids), _AT_A_TIME):
        some = ids[start : start + _AT_A_TIME]
        known = store.states_of(some)
        for job_id in some:
            done.pins += _drop_pins(store, volume, job_id, now)
            if job_id in known:
                owner = known[job_id][0]
            else:
                owner, ended_at = _last_word(volume, job_id)
                old = ended_at is not None and now - ended_at > store.retention_ms / 1000
                if old and job_id not in modelled and not store.known([job_id]):
                    volume.delete_job(job_id)
                    done.expired += 1
                    continue
            kept[owner] += volume.job_bytes(job_id)
    store.tell_kept(kept)
    return done


def _last_word(volume: Volume, job_id: str) -> tuple[str, float | None]:
    """(owner, when it ended) of a job Redis does not know; ("", None) if nobody can say."""
    path = volume.job_dir(job_id) / "record.json"
    record = staging.read_json(path)
    if not isinstance(record, dict) or record.get("state") not in TERMINAL:
        return "", None
    try:
        return str(record.get("owner", "")), path.stat().st_mtime
    except FileNotFoundError:
        return "", None


def _drop_pins(store: JobStore, volume: Volume, job_id: str, now: float) -> int:
    """Remove the pins of jobs that have ended, and old ones of jobs that never came to be."""
    found = pins(volume.job_dir(job_id))
    states = store.states_of(sorted(set(found.values()))) if found else {}
    dropped = 0
    for path, needing in found.items():
        try:
            if states[needing][1].terminal if needing in states else now - path.stat().st_mtime > _ORPHAN_S:
                path.unlink()
                dropped += 1
        except FileNotFoundError:
            continue  # its job has just taken it away
    return dropped
