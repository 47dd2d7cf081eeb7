"""Keeps the volume in order: removes what nobody needs any more, and measures what each owner's jobs keep.

A thread of the reaper; see worker/upkeep/reaper.py. Every step may be repeated and may run in several reapers at once.
"""

import contextlib
import logging
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import redis

from shared.jobs.job import TERMINAL
from shared.jobs.models import models_from, models_upon
from shared.jobs.pins import held_by_model, pins, plain_pins
from shared.jobs.store import JobStore
from shared.volume import cache, files
from shared.volume.secret import forget_secret
from shared.volume.volume import Volume, staging

log = logging.getLogger(__name__)

_AT_A_TIME = 200  # jobs
_ORPHAN_S = 3600.0  # staging folders and pins of unknown jobs that are older belong to nobody


@dataclass
class Tidied:
    """left_over: staging folders and trash removed. pins: removed. expired: jobs whose files were removed. deleted: jobs of which
    something had come back after their deletion. secrets: of private trainings that have ended. files: uploaded files no job needs.
    cached: entries of the cache.
    """

    left_over: int = 0
    pins: int = 0
    expired: int = 0
    deleted: int = 0
    secrets: int = 0
    files: int = 0
    cached: int = 0


def keep_tidy(
    store: JobStore, volume: Volume, leaving: threading.Event, pause_s: float, *, max_cache_bytes: float
) -> None:
    """Tidy until told to leave. What cannot be done now is done the next time."""
    while True:
        try:
            done = tidy(store, volume, max_cache_bytes=max_cache_bytes)
            if done != Tidied():
                log.info("removed from the volume: %s", done)
        except OSError as err:
            log.warning("the volume cannot be tidied: %s", err)
        except redis.RedisError:
            pass  # the reaper's passes say it
        if leaving.wait(pause_s):
            return


def tidy(store: JobStore, volume: Volume, *, max_cache_bytes: float = float("inf")) -> Tidied:
    """One walk over the volume. Raises redis.RedisError, and OSError when the volume as a whole cannot be read.

    The files of a job are removed when its record says that it ended longer than retention_s ago, Redis has forgotten it, no
    job that has not ended needs them, and no model is made of it or built upon it. Times are the volume's own. A job without a
    readable copy of its record is never touched, unless Redis says that it was deleted. Uploaded files go a day after the last job
    that names them, what the cache holds of a dataset with that dataset, when nobody has used it for a month, or when the cache
    holds more than max_cache_bytes, what was used longest ago first.
    """
    done = Tidied(left_over=volume.sweep(older_than_s=_ORPHAN_S))
    now = volume.now()
    done.pins += _drop_content_pins(store, volume, now)
    try:
        done.pins += _drop_over(store, volume, cache.users(volume), now)
        done.cached = cache.drop_unused(volume, most_bytes=max_cache_bytes)
    except OSError as err:
        log.warning("the cache cannot be tidied: %s", err)
    kept: dict[str, tuple[str, int]] = {}
    ids = volume.job_ids()
    for start in range(0, len(ids), _AT_A_TIME):
        some = ids[start : start + _AT_A_TIME]
        known = store.states_of(some)
        deleted = store.deleted([job_id for job_id in some if job_id not in known])
        for job_id in some:
            try:
                done.pins += _drop_pins(store, volume, job_id, now)
                if job_id in deleted:
                    done.deleted += volume.delete_job(job_id)
                elif job_id in known:
                    if known[job_id][1].terminal:
                        done.secrets += forget_secret(volume, job_id)
                    kept[job_id] = known[job_id][0], volume.job_bytes(job_id)
                else:
                    owner, ended_at = _last_word(volume, job_id)
                    old = ended_at is not None and now - ended_at > store.retention_ms / 1000
                    if old and not store.known([job_id]) and _remove_unneeded(volume, job_id):
                        done.expired += 1
                    else:
                        if ended_at is not None:
                            done.secrets += forget_secret(volume, job_id)
                        kept[job_id] = owner, volume.job_bytes(job_id)
            except OSError as err:
                log.warning("the files of job %s cannot be tidied: %s", job_id, err)
    total = _by_owner(volume, kept)
    try:
        done.files = files.drop_unneeded(
            volume, older_than_s=files.ALONE_S, known=lambda some: _still(store, volume, some)
        )
        total += files.bytes_by_owner(volume)
    except OSError as err:
        log.warning("uploaded files cannot be tidied: %s", err)
    store.tell_kept(total)
    return done


def _still(store: JobStore, volume: Volume, job_ids: list[str]) -> set[str]:
    """Those of some jobs that have files or a record."""
    there = {job_id for job_id in job_ids if volume.job_dir(job_id).exists()}
    return there | store.known([job_id for job_id in job_ids if job_id not in there])


def _remove_unneeded(volume: Volume, job_id: str) -> bool:
    """Remove a job's files unless a job or a model needs them; looked at once more when they are out of sight."""

    def needed(folder: Path) -> bool:
        return bool(pins(folder) or models_from(volume, job_id) or models_upon(volume, job_id=job_id))

    return not needed(volume.job_dir(job_id)) and volume.delete_job(job_id, unless=needed)


def _by_owner(volume: Volume, kept: dict[str, tuple[str, int]]) -> Counter[str]:
    """Bytes by owner, without what has been deleted since it was measured."""
    total: Counter[str] = Counter()
    for job_id, (owner, count) in kept.items():
        if volume.job_dir(job_id).exists():
            total[owner] += count
    return total


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
    """Remove those pins of a job's checkpoints that nobody needs any more."""
    return _drop_over(store, volume, pins(volume.job_dir(job_id)), now)


def _drop_content_pins(store: JobStore, volume: Volume, now: float) -> int:
    """Remove those pins of datasets and base models that nobody needs any more."""
    dropped = 0
    folders: list[Path] = []
    for part in ("datasets", "bases"):
        with contextlib.suppress(FileNotFoundError):
            folders += [path for path in (volume.root / part).iterdir() if not path.name.startswith(".")]
    for folder in folders:
        try:
            found = {path: path.name for path in plain_pins(folder)}
            dropped += _drop_over(store, volume, found, now)
        except OSError as err:
            log.warning("the pins of %s cannot be tidied: %s", folder, err)
    return dropped


def _drop_over(store: JobStore, volume: Volume, found: dict[Path, str], now: float) -> int:
    """Remove the pins of jobs that have ended, and old ones of what never came to be. found: pin -> who needs it."""
    states = store.states_of(sorted(set(found.values()))) if found else {}
    dropped = 0
    for path, needing in found.items():
        try:
            if needing in states:
                over = states[needing][1].terminal and path not in held_by_model(volume, needing)
            else:
                over = now - path.stat().st_mtime > _ORPHAN_S and not _may_come_back(volume, needing)
            if over:
                path.unlink()
                dropped += 1
        except FileNotFoundError:
            continue  # its job has just taken it away
    return dropped


def _may_come_back(volume: Volume, needing: str) -> bool:
    """A model that is there; or a job that Redis does not know and the volume does, as after a loss of Redis."""
    if (volume.root / "models" / f"{needing}.json").exists():
        return True
    return volume.job_dir(needing).exists() and _last_word(volume, needing)[1] is None
