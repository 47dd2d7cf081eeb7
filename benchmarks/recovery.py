"""How long until a job is back at work after each fault of docs/architecture.md's table, with the usual lease of 30 s.

Run: python -m benchmarks.recovery
"""

import io
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.here import ROOT
from shared.datasets import Limits, import_dataset
from shared.jobs.job import DATA, InputRef, Job, JobRequest
from shared.recipes import get_recipe
from tests.faults.installation import Installation, descendants

TEXT = "The quick brown fox jumps over the lazy dog. 床前明月光，疑是地上霜。\n" * 300
USUAL = {"lease_s": 30.0, "beat_s": 5.0, "reap_interval_s": 2.0, "checkpoint_interval_s": 10.0, "stop_grace_s": 20.0}
PARAMS = {"steps": 1_000_000, "width": 16, "embedding": 8, "context": 16, "batch_size": 4, "eval_every": 1_000_000}


class Bench:
    """One installation of two workers; a fresh training for every fault."""

    def __init__(self, here: Installation):
        self.here = here
        dataset = import_dataset(here.volume, Limits(), [("t.txt", io.BytesIO(TEXT.encode()))]).id
        self.inputs = {DATA: InputRef(dataset_id=dataset)}

    def trains(self) -> Job:
        """A training that has published a checkpoint and gone on for some seconds."""
        params = get_recipe("char_lstm").train_params.model_validate(PARAMS).model_dump(mode="json")
        request = JobRequest(kind="train", recipe="char_lstm", params=params, inputs=self.inputs)
        job, _ = self.here.store.submit(request)
        self.here.until(lambda: self.here.store.get(job.id).checkpoint, within_s=120, what="a checkpoint")
        first = self.step(job.id)
        self.here.until(lambda: self.step(job.id) > first, within_s=30, what="progress after it")
        return self.here.store.get(job.id)

    def step(self, job_id: str) -> int:
        progress = self.here.store.get(job_id).progress
        return progress.step if progress else 0

    def worker_of(self, job: Job) -> int:
        """Number of the worker that runs a job: the host's name and process id are in its id."""
        pids = [process.pid for process in self.here.workers]
        return next(n for n, pid in enumerate(pids) if f"-{pid}-" in (job.worker or ""))

    def back(self, job: Job, fault: Callable[[int], str]) -> tuple[float, int, int]:
        """(seconds until the next attempt has made a step, steps repeated, last step reported before the fault)."""
        began = time.monotonic()
        fault(self.worker_of(job))

        def at_work() -> bool:
            now = self.here.store.get(job.id)
            return now.attempt > job.attempt and bool(now.progress and now.progress.step)

        self.here.until(at_work, within_s=150, what="the next attempt's first step")
        hit, following = self.here.store.get(job.id).attempts[-2:]
        last = hit.last_step or 0
        return time.monotonic() - began, last - (following.resumed_from_step or 0), last

    def end(self, job: Job) -> None:
        self.here.store.cancel(job.id)
        self.here.until(lambda: self.here.store.get(job.id).state.terminal, within_s=60, what="the end")


def main() -> None:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    print(f"commit {commit.stdout.strip()}; lease 30 s, a checkpoint every 10 s")
    with (
        tempfile.TemporaryDirectory() as folder,
        Installation(Path(folder), queues=("train", "train"), **USUAL) as here,
    ):
        bench = Bench(here)
        faults = {
            "trainer killed": here.kill_process,
            "supervisor (Celery child) killed": here.kill_child,
            "Celery parent killed": here.kill_parent,
            "machine killed": here.kill_machine,
            "deploy (SIGTERM)": here.deploy,
        }
        for name, fault in faults.items():
            job = bench.trains()
            seconds, repeated, step = bench.back(job, fault)
            print(f"{name}: at work again after {seconds:.1f} s, {repeated} of {step} steps repeated", flush=True)
            bench.end(job)
        job = bench.trains()
        began, before = time.monotonic(), bench.step(job.id)
        here.restart_redis()
        here.until(lambda: bench.step(job.id) > before, within_s=60, what="progress after Redis' restart")
        attempt = here.store.get(job.id).attempt
        print(
            f"Redis killed and started: progress again after {time.monotonic() - began:.1f} s, attempt {attempt}",
            flush=True,
        )
        bench.end(job)
        here.flush_broker()
        began = time.monotonic()
        request = JobRequest(kind="train", recipe="char_lstm", params=job.params, inputs=bench.inputs)
        job, _ = here.store.submit(request)  # without any wake-up
        here.until(lambda: here.store.get(job.id).attempt, within_s=60, what="a claim without a wake-up")
        print(f"wake-up lost: claimed after {time.monotonic() - began:.1f} s", flush=True)
        here.until(lambda: bench.step(job.id), within_s=60, what="progress")
        job, pids = here.store.get(job.id), here.processes_of(bench.worker_of(here.store.get(job.id)))
        began, at = time.monotonic(), time.time()
        here.store.cancel(job.id)
        here.until(lambda: here.store.get(job.id).state == "cancelled", within_s=60, what="the cancel")
        told = time.monotonic() - began
        here.until(lambda: any(not Path(f"/proc/{pid}").exists() for pid in pids), within_s=60, what="its process gone")
        print(f"cancelled: outcome after {told:.1f} s, process gone after {time.monotonic() - began:.1f} s", flush=True)
        written = max(path.stat().st_mtime for path in here.volume.job_dir(job.id).glob("attempt-*/**/*"))
        print(f"the attempt's last file was written {written - at:+.1f} s after the cancel")
        began = time.monotonic()
        os.kill(descendants(here.services["web"].pid)[0], signal.SIGKILL)
        here.until(here.web_answers, within_s=60, what="the web")
        print(f"the web's serving process killed: answers again after {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
