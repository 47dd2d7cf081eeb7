"""What is told of the time that jobs will take, beside the time they took. About 20 minutes on two cores.

    python -m benchmarks.eta --record FILE      # runs the jobs of eta_jobs.py, asks every 2 s, keeps all that answers rest on
    python -m benchmarks.eta --record FILE --recipes seq2seq question_answering      # their trainings alone, no uses of models
    python -m benchmarks.eta --record FILE --seconds 200      # a piece of it; again with the same FILE: the next piece
    python -m benchmarks.eta --replay FILE      # answers the same questions anew, by the model as it is now

What is asked: of every job that has not ended, where it stands (shared/jobs/queues.py, as pages and API do), and, before it is
submitted, how long it will take. Error: |median told - real| / real; a real time below a second counts as one. The time in
which nobody works on a job that has begun (a pause, a worker that died) is no part of the real time.
"""

import argparse
import gzip
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from celery import Celery

from benchmarks.eta_data import Data
from benchmarks.eta_jobs import TRAINED, Wanted, generations, trainings
from benchmarks.eta_judging import judge
from shared.jobs.job import Attempt, Job, State
from shared.jobs.keys import Keys
from shared.jobs.pins import pin
from shared.jobs.queues import Looked, look_around
from shared.jobs.wakeup import TASK_NAME, celery_config
from tests.faults.installation import Installation

ASK_S = 2.0
PAUSED_S = 6.0
AHEAD = 3  # trainings kept waiting
KEEP_S = 60.0
LATE_S = 45.0  # how much longer a piece waits for its last jobs
KEYS = Keys("eta")
PERIODS = {"lease_s": 10.0, "beat_s": 5.0, "reap_interval_s": 1.0, "checkpoint_interval_s": 10.0, "stop_grace_s": 20.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="run the jobs and keep what is needed to answer anew"
    )
    parser.add_argument("--replay", type=Path, metavar="FILE", help="answer anew")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipes", nargs="+", choices=list(TRAINED), default=list(TRAINED), help="only of these")
    parser.add_argument("--seconds", type=float, default=3600.0, help="submit no further job after this time")
    parser.add_argument("--verbose", action="store_true", help="a line for each answer")
    options = parser.parse_args()
    if options.replay:
        judge(_read(options.replay), options.verbose)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before its time"))  # and all it started with it
    before = _read(options.record) if options.record and options.record.exists() else None

    def keep(recording: dict[str, Any]) -> None:
        if options.record:
            with gzip.open(options.record, "wt") as file:
                json.dump(recording, file)

    recording = Run(options.seed, options.seconds, options.recipes, before, keep).recorded()
    keep(recording)
    judge(recording, options.verbose)


def _read(path: Path) -> dict[str, Any]:
    with gzip.open(path, "rt") as file:
        return json.load(file)


# --- running ----------------------------------------------------------------------------------------------------------


class Run:
    """One run on an installation of its own: one worker that trains, one that generates.

    seconds: after which no further job is submitted. names: of recipes. before: the recording of the pieces before this one, whose
    logs of costs this installation begins with. keep: takes the recording so far, now and then.
    """

    def __init__(
        self,
        seed: int,
        seconds: float,
        names: list[str],
        before: dict[str, Any] | None,
        keep: Callable[[dict[str, Any]], None],
    ):
        self._seed, self._seconds, self._names, self._keep = seed, seconds, names, keep
        nothing: dict[str, Any] = {"jobs": [], "faults": {}, "before": [], "asked": [], "changes": [], "pieces": []}
        self._kept = before or nothing
        self._asked: list[dict[str, Any]] = self._kept["asked"]
        self._before: list[dict[str, Any]] = self._kept["before"]
        self._changes: list[list[Any]] = self._kept["changes"]  # of the logs of costs, in order
        self._costs: dict[str, list[str]] = {key: texts for key, texts in self._changes}  # noqa: C416  the types say more
        self._submitted: list[Wanted] = []
        self._attempts: dict[tuple[str, int], Attempt] = {}  # the record of an ended job may hold the newest alone

    def _done(self, kind: str) -> int:
        """Jobs of a kind that pieces before this one have carried out."""
        return sum(job["kind"] == kind and job["state"] in ("succeeded", "failed") for job in self._kept["jobs"])

    def recorded(self) -> dict[str, Any]:
        self._began, self._load = time.monotonic(), os.getloadavg()[0]
        with (
            tempfile.TemporaryDirectory() as folder,
            Installation(Path(folder), queues=("train", "generate"), key_prefix=KEYS.prefix, **PERIODS) as here,
        ):
            self._here = here
            self._data = Data(here.volume)
            self._celery = Celery("eta", set_as_current=False)
            self._celery.conf.update(celery_config(here.settings))
            for key, texts in self._costs.items():
                if not texts:
                    continue
                here.store.redis.rpush(key, *texts)
                here.store.redis.pexpire(key, here.store.retention_ms)
            self._carry_out()
            return self._recording()

    def _recording(self) -> dict[str, Any]:
        """All until now."""
        jobs = self._here.store.get_many([wanted.id for wanted in self._submitted])
        for job in jobs:
            here = {attempt.number: attempt for attempt in job.attempts}
            seen = {number: attempt for (id, number), attempt in self._attempts.items() if id == job.id}
            job.attempts = [attempt for _, attempt in sorted((seen | here).items())]
        seconds, load = round(time.monotonic() - self._began), os.getloadavg()[0]
        return {
            "pieces": [
                *self._kept["pieces"],
                f"commit {_commit()}, {seconds} s, load {self._load:.1f} at the start, {load:.1f} at the end",
            ],
            "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
            "jobs": [*self._kept["jobs"], *(job.model_dump(mode="json") for job in jobs)],
            "faults": self._kept["faults"] | {wanted.id: wanted.fault for wanted in self._submitted},
            "before": self._before,
            "asked": self._asked,
            "changes": self._changes,
        }

    def _carry_out(self) -> None:
        waiting = list(trainings(self._data, self._seed, self._names))[self._done("train") :]
        used = self._done("generate")
        stop_at = time.monotonic() + self._seconds
        uses: Iterator[Wanted] | None = None
        to_fault: dict[str, str] = {}
        resume_at: dict[str, float] = {}
        fault_thread: threading.Thread | None = None
        more = True
        next_ask, next_keep = time.monotonic(), time.monotonic() + KEEP_S
        while (more or waiting or self._unfinished()) and time.monotonic() < stop_at + LATE_S:
            unfinished = self._unfinished()
            if time.monotonic() > stop_at and (waiting or more):
                waiting, more = [], False
                for job in unfinished:
                    if job.state == State.queued and not job.attempt:
                        self._here.store.cancel(job.id)
            queued = [job for job in unfinished if job.state == State.queued and job.kind == "train"]
            if waiting and len(queued) < AHEAD:
                wanted = waiting.pop(0)
                to_fault |= {wanted.id: wanted.fault} if wanted.fault else {}
                self._submit(wanted)
            if uses is None and (models := self._models()):
                uses = islice(generations(self._data, models, self._seed), used, None)
            if uses and more and not any(job.kind == "generate" for job in unfinished):
                wanted = next(uses, None)
                more = wanted is not None
                if wanted:
                    self._submit(wanted)
            more = more and not (uses is None and not waiting and not unfinished)
            for job in unfinished:
                if job.id in to_fault and job.state == State.running and _under_way(job):
                    fault = to_fault.pop(job.id)
                    if fault == "pause":
                        self._here.store.pause(job.id)
                        resume_at[job.id] = 0.0
                    else:
                        act = self._here.deploy if fault == "deploy" else self._here.kill_machine
                        fault_thread = threading.Thread(target=act, args=(0,))
                        fault_thread.start()
                if job.id in resume_at and job.state == State.paused:
                    resume_at[job.id] = resume_at[job.id] or time.monotonic() + PAUSED_S
                    if time.monotonic() > resume_at[job.id]:
                        self._here.store.resume(job.id)
                        del resume_at[job.id]
            if time.monotonic() >= next_ask:
                next_ask += ASK_S
                self._ask()
            if time.monotonic() >= next_keep:
                next_keep += KEEP_S
                self._keep(self._recording())
            threading.Event().wait(0.1)  # between two looks; asking has its own time
        if fault_thread:
            fault_thread.join()

    def _unfinished(self) -> list[Job]:
        jobs = [j for j in self._here.store.get_many([w.id for w in self._submitted]) if not j.state.terminal]
        self._attempts |= {(job.id, attempt.number): attempt for job in jobs for attempt in job.attempts}
        return jobs

    def _models(self) -> dict[str, Any]:
        """The first model of each recipe that generations use, once there are all."""
        found = {}
        for job in self._here.store.get_many([w.id for w in self._submitted]):
            if job.state == State.succeeded and job.kind == "train" and job.checkpoint:
                found.setdefault(job.recipe, job.checkpoint)
        return found if {"char_lstm", "gpt", "tabular"} <= found.keys() else {}

    def _submit(self, wanted: Wanted) -> None:
        store = self._here.store
        around = look_around(store, [wanted.request], [])
        self._note(around)
        asked = {"job": wanted.id, "request": wanted.request.model_dump(mode="json"), "changes": len(self._changes)}
        self._before.append(asked | {"workers": _dump(around.workers)})
        pin(self._here.volume, wanted.request, wanted.id)
        job, _ = store.submit(wanted.request, job_id=wanted.id)
        self._celery.send_task(TASK_NAME, args=[job.queue], queue=job.queue)
        self._submitted.append(wanted)

    def _ask(self) -> None:
        store = self._here.store
        jobs = [job for job in self._unfinished() if job.state != State.paused]
        if not jobs:
            return
        around = look_around(store, jobs, jobs)
        self._note(around)
        self._asked.append(
            {
                "now": around.now.isoformat(),
                "workers": _dump(around.workers),
                "running": _dump(around.running),
                "jobs": _dump(jobs),
                "position": around.position,
                "ahead": {queue: [job.id for job in line] for queue, line in around.ahead.items()},
                "changes": len(self._changes),
            }
        )

    def _note(self, around: Looked) -> None:
        for key, learnt in around.learnt.items():
            texts = [cost.encoded() for cost in learnt.costs]
            if self._costs.get(key) != texts:
                self._costs[key] = texts
                self._changes.append([key, texts])


def _under_way(job: Job) -> bool:
    """A fifth of its steps are done."""
    progress = job.progress
    return progress is not None and bool(progress.total_steps) and progress.step > 0.2 * (progress.total_steps or 0)


def _dump(models: Any) -> list[dict[str, Any]]:
    return [model.model_dump(mode="json") for model in models]


def _commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return found.stdout.strip()


if __name__ == "__main__":
    main()
