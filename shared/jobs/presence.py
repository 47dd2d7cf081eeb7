"""Which workers are alive, what they do, and which device each of them holds.

Written by worker/supervision/presence.py every few seconds, read by the web pages and by standing. A worker that falls silent is
forgotten after `silence_s`; its jobs are the lease's business, not this file's.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import redis
from pydantic import BaseModel, Field

from shared.jobs.keys import Keys


class WorkerInfo(BaseModel):
    """A live worker: one Celery process on one slot."""

    id: str
    host: str
    pid: int
    device: str  # "cpu" or a GPU's UUID
    device_name: str = ""
    memory_bytes: int = 0  # of the GPU; on the CPU what this machine lets a process have; 0: not known
    queues: list[str]
    state: str = "idle"  # starting | idle | busy | draining
    jobs: list[str] = Field(default_factory=list)
    spare_ready: bool = False
    warm: list[str] = Field(default_factory=list)  # checkpoints held warm, as shared.jobs.record.source_key names them
    since: datetime
    seen_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    version: str = ""

    @property
    def device_kind(self) -> str:
        """What makes jobs cost the same on two devices: "cpu", or a GPU's model."""
        return "cpu" if self.device == "cpu" else self.device_name or "gpu"


def largest_memory(workers: Iterable[WorkerInfo], queue: str) -> int:
    """What the largest of those that serve a queue has, in bytes; 0 when there is none, or one of whom it is not known."""
    found = [worker.memory_bytes for worker in workers if queue in worker.queues]
    return max(found) if found and all(found) else 0


class Presence:
    """Workers and device slots in Redis."""

    def __init__(self, client: redis.Redis, keys: Keys, *, silence_s: float = 15):
        self._redis = client
        self._keys = keys
        self._silence_ms = int(silence_s * 1000)

    def announce(self, info: WorkerInfo) -> None:
        """Say that a worker is alive. Repeat at least every third of silence_s."""
        seconds, micros = self._redis.time()  # type: ignore[misc]
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self._keys.worker(info.id), info.model_dump_json(), px=self._silence_ms)
            pipe.zadd(self._keys.workers(), {info.id: seconds * 1000 + micros // 1000})
            pipe.execute()

    def leave(self, worker_id: str) -> None:
        """Forget a worker at once (an orderly exit)."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(self._keys.worker(worker_id))
            pipe.zrem(self._keys.workers(), worker_id)
            pipe.execute()

    def workers(self) -> list[WorkerInfo]:
        """Live workers by name. Removes index entries of silent ones."""
        ids: list[str] = self._redis.zrange(self._keys.workers(), 0, -1)  # type: ignore[assignment]
        if not ids:
            return []
        texts = self._redis.mget([self._keys.worker(i) for i in ids])
        silent = [i for i, text in zip(ids, texts, strict=True) if text is None]  # type: ignore[arg-type]
        if silent:
            self._redis.zrem(self._keys.workers(), *silent)
        found = [WorkerInfo.model_validate_json(text) for text in texts if text]  # type: ignore[union-attr]
        return sorted(found, key=lambda w: w.id)

    def heard_ago_s(self, job_id: str, lease_ms: int) -> float | None:
        """Seconds since a running job's worker renewed its lease, by Redis' clock; None for a job that has none."""
        until: float | None = self._redis.zscore(self._keys.leases(), job_id)  # type: ignore[assignment]
        if until is None:
            return None
        seconds, micros = self._redis.time()  # type: ignore[misc]
        return max(0.0, (seconds * 1000 + micros / 1000 - (until - lease_ms)) / 1000)

    def take_slot(self, host: str, device: str, worker_id: str) -> bool:
        """Take a device for a worker, or keep it if the worker has it already. False when another holds it."""
        key = self._keys.slot(host, device)
        if self._redis.set(key, worker_id, nx=True, px=self._silence_ms):
            return True
        return self.renew_slot(host, device, worker_id)

    def renew_slot(self, host: str, device: str, worker_id: str) -> bool:
        """Extend the hold on a device. False when it is not (or no longer) this worker's."""
        key = self._keys.slot(host, device)
        with self._redis.pipeline() as pipe:
            try:
                pipe.watch(key)
                if pipe.get(key) != worker_id:
                    return False
                pipe.multi()
                pipe.pexpire(key, self._silence_ms)
                return bool(pipe.execute()[0])
            except redis.WatchError:
                return False

    def free_slot(self, host: str, device: str, worker_id: str) -> None:
        """Give a device back. Does nothing when it is another's."""
        key = self._keys.slot(host, device)
        with self._redis.pipeline() as pipe:
            try:
                pipe.watch(key)
                if pipe.get(key) == worker_id:
                    pipe.multi()
                    pipe.delete(key)
                    pipe.execute()
            except redis.WatchError:
                return  # another worker took it at this very moment: it is not ours to free
