"""Real workers and a real reaper as processes, for tests that kill them. The server is a fixture's."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from celery import Celery

from shared.ids import new_id
from shared.jobs.job import Job, JobRequest, State
from shared.jobs.pins import pin
from shared.jobs.store import JobStore
from shared.jobs.wakeup import TASK_NAME, celery_config
from shared.settings import Settings, load_settings
from shared.volume.volume import Volume

ROOT = Path(__file__).resolve().parents[2]


class Stack:
    """A store, a volume, and the workers started on them. close() kills what is left."""

    def __init__(self, base: Settings, folder: Path, **settings: Any):
        """base: the test's installation (prefix, server, volume). settings: changes, for all processes."""
        chosen = {"redis_url": base.redis_url, "key_prefix": base.key_prefix, "data": base.data}
        chosen |= {"beat_s": 1, "lease_s": 6, "reap_interval_s": 0.5} | settings
        self.settings: Settings = load_settings(**chosen)
        self.env = os.environ | {f"TRAINYARD_{k.upper()}": str(v) for k, v in chosen.items()}
        self._folder = folder
        self.store = JobStore.connect(self.settings)
        self.volume = Volume(self.settings.data)
        self.volume.ensure()
        self.celery = Celery("tests", set_as_current=False)
        self.celery.conf.update(celery_config(self.settings))
        self._processes: list[subprocess.Popen] = []

    def start(self, module: str, **settings: Any) -> subprocess.Popen:
        """Start `python -m module`; its output goes to a file beside the data."""
        return self.run([sys.executable, "-m", module], **settings)

    def run(self, command: list[str], **settings: Any) -> subprocess.Popen:
        """Start a command in the repository, with the stack's environment."""
        env = self.env | {f"TRAINYARD_{k.upper()}": str(v) for k, v in settings.items()}
        with (self._folder / f"process-{len(self._processes)}.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        self._processes.append(process)
        return process

    def start_worker(self, *, spare_ready: bool = True, **settings: Any) -> subprocess.Popen:
        """Start a worker and wait until it is announced, with its spare ready."""
        process = self.start("worker", **settings)

        def ready() -> bool:
            mine = [w for w in self.store.presence.workers() if w.pid == process.pid]
            return bool(mine) and (mine[0].spare_ready or not spare_ready)

        self.until(ready, 60)
        return process

    def submit(self, **request: Any) -> Job:
        """Submit a job and send its wake-up, as the web does."""
        wanted, job_id = JobRequest(**request), new_id()
        pin(self.volume, wanted, job_id)
        job, _ = self.store.submit(wanted, job_id=job_id)
        self.wake(job.queue)
        return job

    def wake(self, queue: str) -> None:
        self.celery.send_task(TASK_NAME, args=[queue], queue=queue)

    def until(self, condition: Callable[[], Any], limit_s: float) -> float:
        """Wait for a condition; returns the seconds it took. Fails with the logs when it does not come."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > limit_s:
                raise AssertionError(f"not within {limit_s:g} s\n{self.logs()}")
            time.sleep(0.02)  # polling a condition with a deadline, not waiting for one to be true by luck
        return time.monotonic() - began

    def until_state(self, job: Job, state: State, limit_s: float = 60) -> float:
        return self.until(lambda: self.store.get(job.id).state == state, limit_s)

    def until_step(self, job: Job, step: int, limit_s: float = 60) -> float:
        def there() -> bool:
            progress = self.store.get(job.id).progress
            return progress is not None and progress.step >= step

        return self.until(there, limit_s)

    def logs(self) -> str:
        texts = sorted(self._folder.glob("*.log")) + sorted(self.volume.root.glob("jobs/*/*/log.txt"))
        return "\n".join(f"--- {p}\n{p.read_text(errors='replace')[-3000:]}" for p in texts)

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        broker = redis.Redis.from_url(self.settings.celery_url)
        for key in broker.scan_iter(f"{self.store.keys.broker()}*"):
            broker.delete(key)
        broker.close()
        self.celery.close()
        self.store.redis.close()


def children(pid: int) -> list[int]:
    """Processes started by pid that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return sorted(found)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
