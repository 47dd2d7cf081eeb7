"""Copies of records on the volume, and taking them back into a Redis that has lost them. A part of shared/jobs/store.py.

Whatever changes a job's state puts it on a list (Keys.uncopied); copy_records, which the reaper calls, writes
jobs/<id>/record.json for each. So the volume knows, a few seconds behind, what Redis knows, queued jobs included.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

import redis

from shared.jobs import record
from shared.jobs.job import Job
from shared.jobs.keys import Keys
from shared.volume.volume import Volume

_AT_A_TIME = 100


class Copies:
    """What JobStore knows of copies."""

    redis: redis.Redis
    keys: Keys

    def _run(self, script: str, *args: Any) -> list[str]:
        raise NotImplementedError

    def get_many(self, job_ids: Sequence[str]) -> list[Job]:
        raise NotImplementedError

    def uncopied(self, limit: int) -> list[str]:
        """Some jobs whose copy on the volume is missing or old."""
        return self.redis.srandmember(self.keys.uncopied(), limit)  # type: ignore[return-value]

    def copied(self, revisions: dict[str, str]) -> int:
        """Note what has been copied: job id -> revision of the record, "" for one that has died. Repeating is harmless."""
        flat = [text for pair in revisions.items() for text in pair]
        return int(self._run("copied", *flat))  # type: ignore[arg-type]

    def server_run_id(self) -> str:
        """Another one after every start of the server."""
        return str(self.redis.info("server")["run_id"])  # type: ignore[index]

    def known(self, job_ids: Sequence[str]) -> set[str]:
        """Those of the ids that have a record."""
        with self.redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.exists(self.keys.job(job_id))
            return {job_id for job_id, there in zip(job_ids, pipe.execute(), strict=True) if there}

    def deleted(self, job_ids: Sequence[str]) -> set[str]:
        """Those of the ids that were deleted within the last week."""
        with self.redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.exists(self.keys.deleted(job_id))
            return {job_id for job_id, there in zip(job_ids, pipe.execute(), strict=True) if there}

    def recover(
        self,
        job: Job,
        events: Iterable[tuple[str, datetime, int, dict[str, Any]]],
        *,
        waits: Sequence[str] = (),
        dies_at: datetime | None = None,
    ) -> tuple[Literal["recovered", "known", "dependency"], list[str]]:
        """Put a lost record back, with events (type, at, attempt, data) that tell its history.

        job: queued, paused or ended; then dies_at says when the record leaves. waits: jobs that must succeed before it.
        Atomic: a record that is there is left as it is ("known"). ("dependency", [id, state]): nothing was written, since a
        job it waits for has ended without success. Repeating is harmless.
        """
        fields = [text for pair in record.encode_job(job).items() for text in pair]
        told = sorted(events, key=lambda event: event[1])
        deadline = record.to_ms(job.deadline_at) if job.deadline_at else ""
        verdict, *more = self._run(
            "recover", job.id, str(job.state), job.queue, job.owner, job.priority, record.to_ms(job.created_at),
            record.to_ms(dies_at) if dies_at else "", deadline, len(waits), *waits, len(fields), *fields,
            *(text for kind, at, attempt, data in told for text in (kind, record.to_ms(at), attempt, record.to_json(data))),
        )  # fmt: skip
        return verdict, more  # type: ignore[return-value]


def copy_records(store: Copies, volume: Volume, *, limit_s: float = float("inf")) -> int:
    """Write record.json of every job that has changed, for at most about limit_s. Returns how many.

    Raises redis.RedisError, OSError, VolumeFull; what was not noted as copied is copied again.
    """
    give_up_at, copied = time.monotonic() + limit_s, 0
    while time.monotonic() < give_up_at and (ids := store.uncopied(_AT_A_TIME)):
        jobs = {job.id: job for job in store.get_many(ids)}
        revisions: dict[str, str] = {}
        try:
            for job_id in ids:
                if job := jobs.get(job_id):
                    volume.write_record(job)
                    copied += 1
                revisions[job_id] = job.revision if job else ""
                if time.monotonic() > give_up_at:
                    break
        finally:
            store.copied(revisions)
    return copied
