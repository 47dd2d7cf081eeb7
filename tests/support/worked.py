"""A worker whose time is made up: what it tells the store is what a real one tells, through the same lease."""

from typing import Any

from shared.jobs.job import Job, JobRequest, Progress, State
from shared.jobs.store import JobStore
from worker.supervision.lease import Lease

PARAMS = {"steps": 40, "width": 8}
STEP_S, LOAD_S, COMPILE_S, REPORT_S = 0.5, 1.0, 4.0, 2.0
WHOLE_S = LOAD_S + COMPILE_S + 40 * STEP_S + REPORT_S


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Worked:
    """Claims the next training: one of PARAMS, submitted before, unless claim_only. from_step: of an attempt that goes on."""

    def __init__(self, store: JobStore, from_step: int = 0, *, claim_only: bool = False, **request: Any):
        self.store, self.clock, self.step = store, Clock(), from_step
        if not (from_step or claim_only):
            store.submit(JobRequest(kind="train", recipe="gpt", params=PARAMS, **request))
        job = store.claim("train", worker="w", device="cpu")
        assert job
        self.job: Job = job
        self.lease = Lease(store, job, beat_s=5, clock=self.clock)
        self.total: int = job.params["steps"]

    def tell(self, after_s: float, phase: str) -> "Worked":
        self.clock.now += after_s
        total = None if phase == "loading" else self.total
        self.lease.progress(Progress(phase=phase, step=self.step, total_steps=total, steps_per_s=1 / STEP_S))
        return self

    def begun(self) -> "Worked":
        self.tell(0, "loading").tell(LOAD_S, "compiling").tell(COMPILE_S, "training")
        return self

    def steps(self, count: int) -> "Worked":
        for _ in range(count):
            self.step += 1
            self.tell(STEP_S, "training")
        self.lease.beat()
        return self

    def ended(self, state: State = State.succeeded, **result) -> Job:
        self.tell(0, "reporting").tell(REPORT_S, "reporting")
        self.lease.beat()
        return self.store.finish(self.job.id, self.job.attempt, state, result=result or {"headline": ""})
