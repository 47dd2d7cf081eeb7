"""Reads job records: one, several, pages of them, how many there are. A part of shared/jobs/store.py."""

from collections.abc import Sequence
from dataclasses import dataclass

import redis

from shared.errors import NotFound
from shared.ids import is_id
from shared.jobs import record
from shared.jobs.job import Job, State
from shared.jobs.keys import Keys


@dataclass(frozen=True)
class JobPage:
    """jobs newest first; next_cursor is None on the last page."""

    jobs: list[Job]
    next_cursor: str | None


class Listing:
    """Records and the indices over them. JobStore is one."""

    redis: redis.Redis
    keys: Keys

    def get(self, job_id: str) -> Job:
        """Read one record. Raises NotFound."""
        fields: dict[str, str] = self.redis.hgetall(self.keys.job(job_id)) if is_id(job_id) else {}  # type: ignore
        if "spec" not in fields:
            raise NotFound(f"no job {job_id!r:.60}")
        return record.decode_job(job_id, fields)

    def get_many(self, job_ids: Sequence[str]) -> list[Job]:
        """Read records in one round trip; ids without one are left out."""
        with self.redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hgetall(self.keys.job(job_id))
            rows = pipe.execute()
        return [record.decode_job(i, row) for i, row in zip(job_ids, rows, strict=True) if "spec" in row]

    def states_of(self, job_ids: Sequence[str]) -> dict[str, tuple[str, State]]:
        """Id -> (owner, state) in one round trip; ids without a record are left out."""
        with self.redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hmget(self.keys.job(job_id), "owner", "state")
            rows = pipe.execute()
        return {i: (owner, State(state)) for i, (owner, state) in zip(job_ids, rows, strict=True) if state}

    def list_jobs(
        self,
        *,
        state: str | None = None,
        kind: str | None = None,
        recipe: str | None = None,
        owner: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> JobPage:
        """List jobs, newest first. cursor is the next_cursor of the page before (the id of its last job).

        Reads the smallest index that holds them all and leaves out what does not fit.
        """
        index = self._smallest_index(state, kind, owner)
        found: list[Job] = []
        # Ids sort by time, but two web processes' clocks may differ: take the place of the cursor from the index.
        start = 0
        if cursor:
            rank = self.redis.zrevrank(index, cursor)
            if rank is not None:
                start = int(rank) + 1  # type: ignore[arg-type]
            else:  # it has moved to another state or died: go on below its time
                score = self.redis.zscore(self.keys.jobs(), cursor)
                start = self.redis.zcount(index, score if score is not None else "+inf", "+inf")  # type: ignore
        size = max(limit + 1, 200) if recipe or sum(map(bool, (state, kind, owner))) > 1 else limit + 1
        while len(found) <= limit:
            ids: list[str] = self.redis.zrevrange(index, start, start + size - 1)  # type: ignore[assignment]
            jobs = self.get_many(ids)
            if len(jobs) < len(ids):  # their records have died unseen by forget_ended
                there = {job.id for job in jobs}
                self.redis.zrem(index, *(job_id for job_id in ids if job_id not in there))
                start -= len(ids) - len(jobs)
            for job in jobs:
                wanted = [(state, job.state), (kind, job.kind), (recipe, job.recipe), (owner, job.owner)]
                if all(want is None or want == have for want, have in wanted):
                    found.append(job)
            if len(ids) < size:
                break
            start += size
        more = len(found) > limit
        found = found[:limit]
        return JobPage(found, found[-1].id if more and found else None)

    def _smallest_index(self, state: str | None, kind: str | None, owner: str | None) -> str:
        if owner:
            return self.keys.jobs_of(owner, state or "")
        fitting = [self.keys.jobs_in(state)] if state else []
        fitting += [self.keys.jobs_of_kind(kind)] if kind else []
        if len(fitting) < 2:
            return fitting[0] if fitting else self.keys.jobs()
        with self.redis.pipeline(transaction=False) as pipe:
            for key in fitting:
                pipe.zcard(key)
            return min(zip(pipe.execute(), fitting, strict=True))[1]

    def counts(self, owner: str | None = None) -> dict[str, int]:
        """Jobs by state: an owner's, or all."""
        with self.redis.pipeline(transaction=False) as pipe:
            for state in State:
                pipe.zcard(self.keys.jobs_of(owner, state) if owner else self.keys.jobs_in(state))
            return dict(zip((str(s) for s in State), pipe.execute(), strict=True))

    def running_on(self, worker: str) -> list[Job]:
        """Jobs whose lease a worker holds."""
        ids: list[str] = self.redis.zrange(self.keys.leases(), 0, -1)  # type: ignore[assignment]
        return [job for job in self.get_many(ids) if job.worker == worker]
