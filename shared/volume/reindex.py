"""Rebuilds lost records from the volume: `trainyard reindex`. Touches no record that is there; may run at any time and twice.

What became of each job is for shared/volume/last_known.py to say; here it is put back into Redis, a job that another waits for
before that other.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.jobs.job import Job, JobErrorInfo, State, utc_now
from shared.jobs.store import JobStore
from shared.volume.damage import Damage, job_damage
from shared.volume.last_known import LastKnown, Unreadable, history, last_known
from shared.volume.schema import require_store, require_volume
from shared.volume.volume import Volume

_AT_A_TIME = 200


@dataclass
class Report:
    """recovered: jobs by the state they have now. old: ended longer ago than records are kept; left out.

    said: what there is to say of a recovered job. lost: why a job could not be recovered. damaged: checkpoints and artifacts.
    """

    recovered: Counter[str] = field(default_factory=Counter)
    known: int = 0
    old: int = 0
    said: list[tuple[str, str]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    damaged: list[Damage] = field(default_factory=list)


def reindex(
    store: JobStore,
    volume: Volume,
    *,
    hold: bool = False,
    dry_run: bool = False,
    deleted_too: bool = True,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Put back the record of every job on the volume that Redis does not know.

    hold: jobs that had not ended come back paused instead of queued. dry_run: write nothing. deleted_too: also what is there
    of jobs that were deleted within the last week, from a backup say; False leaves it out. tell(done, total): progress.
    Raises redis.RedisError; run again, it goes on where it stopped. Raises SchemaMismatch, having done nothing.
    """
    require_volume(volume)
    require_store(store)
    run = _Run(store, volume, hold, dry_run)
    ids = volume.job_ids()
    for start in range(0, len(ids), _AT_A_TIME):
        some = ids[start : start + _AT_A_TIME]
        deleted = set() if deleted_too else store.deleted(some)
        run.take([job_id for job_id in some if job_id not in deleted])
        tell(start + len(some), len(ids))
    return run.report


class _Run:
    def __init__(self, store: JobStore, volume: Volume, hold: bool, dry_run: bool):
        self._store, self._volume, self._hold, self._dry_run = store, volume, hold, dry_run
        self._states: dict[str, str] = {}  # of the jobs looked at; some out of turn, because another waits for them
        self.report = Report()

    def take(self, ids: list[str]) -> None:
        """Recover what is not known of these, in their order."""
        ids = [job_id for job_id in ids if job_id not in self._states]
        known = self._store.known(ids)
        self.report.known += len(known)
        for job_id in ids:
            if job_id not in known and job_id not in self._states:
                self._states[job_id] = self._take(job_id)

    def _take(self, job_id: str) -> str:
        """Recover one job. Returns its state, "" when it is not there afterwards."""
        now = utc_now()
        try:
            found = last_known(self._volume, job_id, now=now, hold=self._hold)
        except Unreadable as err:
            if self._store.known([job_id]):  # submitted or claimed just now
                self.report.known += 1
            else:
                self.report.lost.append((job_id, err.message))
            return ""
        ended = found.job.finished_at
        dies_at = None
        if found.job.state.terminal:
            # what ended with the loss of its record is kept as long as if it had ended now
            dies_at = self._from(now if found.said or ended is None else ended)
            if dies_at <= now:
                self.report.old += 1
                return str(found.job.state)
        return self._put(found, dies_at, now)

    def _put(self, found: LastKnown, dies_at: datetime | None, now: datetime) -> str:
        job, waits = found.job, self._waits(found.job)
        if not self._dry_run:
            told = history(job, found.said, now)
            verdict, more = self._store.recover(job, told, waits=waits, dies_at=dies_at)
            if verdict == "dependency":
                return self._put(_dependency_failed(job, *more, now=now), self._from(now), now)
            if verdict == "known":
                self.report.known += 1
                return str(job.state)
        self.report.recovered[str(job.state)] += 1
        if found.said:
            self.report.said.append((job.id, found.said))
        self.report.damaged += job_damage(self._volume, job.id)
        return str(job.state)

    def _from(self, ended: datetime) -> datetime:
        return ended + timedelta(milliseconds=self._store.retention_ms)

    def _waits(self, job: Job) -> list[str]:
        """Jobs it still has to wait for: those are recovered first. Nothing once it was let go: they may be deleted by now."""
        if job.state.terminal or job.attempt or not job.waits_for:
            return []
        for other in job.after:
            if other not in self._states and not self._store.known([other]):
                self._states[other] = ""  # also ends a circle, which nobody can submit but a damaged file could hold
                self._states[other] = self._take(other)
        return [other for other in job.after if self._states.get(other) != State.succeeded]


def _dependency_failed(job: Job, other: str, state: str, *, now: datetime) -> LastKnown:
    error = JobErrorInfo(code="dependency_failed", message=f"job {other}, which it waited for, is {state}")
    return LastKnown(
        job.model_copy(update={"state": State.failed, "error": error, "finished_at": now, "queued_at": None})
    )
