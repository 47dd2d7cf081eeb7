"""How many bytes an owner's jobs and uploaded files take on the volume, as housekeeping last measured. A part of
shared/jobs/store.py.
"""

from collections.abc import Mapping

import redis

from shared.errors import Conflict
from shared.jobs.keys import Keys

_DAY_S = 86_400  # a figure older than that is nobody's


class Kept:
    """What JobStore knows of the room jobs take."""

    redis: redis.Redis
    keys: Keys
    max_job_bytes_per_owner: int

    def kept_bytes(self, owner: str) -> int:
        """Bytes of all files of an owner's jobs, and of those uploaded for them; 0 before the first measurement."""
        return int(self.redis.hget(self.keys.kept(), owner) or 0)  # type: ignore[arg-type]

    def refuse_more(self, owner: str) -> None:
        """Raise Conflict("quota_exceeded") when an owner keeps more than is allowed: nothing further is taken in then."""
        if (kept := self.kept_bytes(owner)) > self.max_job_bytes_per_owner:
            raise self.over_quota(kept)

    def over_quota(self, kept: int) -> Conflict:
        """What an owner is told who keeps so much."""
        message = f"your jobs keep {kept:,} bytes on the volume and may keep {self.max_job_bytes_per_owner:,}"
        return Conflict(f"{message}: delete ended jobs you no longer need", code="quota_exceeded")

    def tell_kept(self, by_owner: Mapping[str, int]) -> None:
        """Replace all figures by newly measured ones."""
        key = self.keys.kept()
        with self.redis.pipeline() as pipe:
            pipe.delete(key)
            if by_owner:
                pipe.hset(key, items=[text for pair in by_owner.items() for text in pair])
                pipe.expire(key, _DAY_S)
            pipe.execute()

    def less_kept(self, owner: str, count: int) -> None:
        """Subtract what has just been deleted, so that it counts at once."""
        if self.redis.hexists(self.keys.kept(), owner):
            self.redis.hincrby(self.keys.kept(), owner, -count)

    def more_kept(self, owner: str, count: int) -> None:
        """Add what has just been uploaded, so that it counts at once."""
        key = self.keys.kept()
        with self.redis.pipeline() as pipe:
            pipe.hincrby(key, owner, count)
            pipe.expire(key, _DAY_S, nx=True)
            pipe.execute()
