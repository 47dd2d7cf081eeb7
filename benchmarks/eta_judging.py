"""Judges a recording of benchmarks/eta.py: what the model as it is now would have told, beside what was real."""

import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.eta_jobs import missing
from shared.clock.cost import Cost
from shared.clock.estimate import Estimate
from shared.clock.learning import Learnt
from shared.jobs.job import Job, JobRequest, State
from shared.jobs.keys import Keys
from shared.jobs.presence import WorkerInfo
from shared.jobs.standing import Surroundings, describe, expected

LEAST_S = 1.0  # of the real time an error is measured by
KEYS = Keys("eta")


@dataclass(frozen=True)
class Answer:
    """What was told of a job at one moment, and what was real. ended: jobs of its recipe and kind that had ended by then."""

    job: Job
    state: str
    phase: str
    told: Estimate | None
    real_s: float
    ended: int

    @property
    def error(self) -> float:
        return abs(self.told.median_s - self.real_s) / max(self.real_s, LEAST_S) if self.told else 0.0

    @property
    def inside(self) -> bool:
        return self.told is not None and self.told.low_s <= self.real_s <= self.told.high_s


def judge(recording: dict[str, Any], verbose: bool) -> None:
    """Print the figures of a recording, by the model as it is now."""
    ended = {job["id"]: Job.model_validate(job) for job in recording["jobs"]}
    states = Counter(str(job.state) for job in ended.values())
    print(f"{recording['machine']}; {len(ended)} jobs: {dict(states)}")
    for piece in recording["pieces"]:
        print(f"  {piece}")
    faults = Counter(fault for fault in recording["faults"].values() if fault)
    early = sum(bool((job.result or {}).get("stopped_early")) for job in ended.values())
    print(f"faults {dict(faults)}, stopped early {early}, recipes without jobs here: {', '.join(missing()) or 'none'}")
    memory: dict[tuple[str, ...], Learnt] = {}
    answers = list(_answers(recording, ended, memory))
    if verbose:
        for a in answers:
            told = f"{a.told.median_s:7.1f} ({a.told.low_s:.1f}-{a.told.high_s:.1f})" if a.told else "not yet known"
            print(
                f"{a.job.id[-6:]} {a.job.kind} {a.job.recipe:17} {a.state:8} {a.phase:11} {told} real {a.real_s:.1f} {a.error:.0%}"
            )
    print(f"\n{'asked every 2 s':34}{'answers':>8}{'told':>7}{'median':>8}{'90 %':>7}{'in range':>9}")
    groups: dict[str, list[Answer]] = {"all": answers}
    groups |= {f"  {state}": [a for a in answers if a.state == state] for state in ("queued", "running")}
    groups |= {f"  {name}": [a for a in answers if a.phase == name] for name in sorted({a.phase for a in answers})}
    recipes = sorted({(a.job.kind, a.job.recipe) for a in answers})
    groups |= {f"  {pair[0]} {pair[1]}": [a for a in answers if (a.job.kind, a.job.recipe) == pair] for pair in recipes}
    groups["  first of their recipe"] = [a for a in answers if a.ended == 0]
    groups["  five and more ended"] = [a for a in answers if a.ended >= 5]
    groups["  with a fault"] = [a for a in answers if recording["faults"].get(a.job.id)]
    groups["  stopped early"] = [a for a in answers if (a.job.result or {}).get("stopped_early")]
    for name, some in groups.items():
        _line(name, some)
    before = list(_before(recording, ended, memory))
    print("\nbefore submitting")
    _line("all", before)
    _line("  five and more ended", [a for a in before if a.ended >= 5])
    for pair in recipes:
        some = [a for a in before if a.ended >= 5 and (a.job.kind, a.job.recipe) == pair]
        _line(f"  {pair[0]} {pair[1]}, five and more", some)


def _line(name: str, answers: list[Answer]) -> None:
    told = [a for a in answers if a.told]
    if not told:
        print(f"{name:34}{len(answers):8}{'':>7}")
        return
    errors = sorted(a.error for a in told)
    p90 = errors[min(int(0.9 * len(errors)), len(errors) - 1)]
    inside = sum(a.inside for a in told) / len(told)
    share = len(told) / len(answers)
    print(f"{name:34}{len(answers):8}{share:7.0%}{statistics.median(errors):8.0%}{p90:7.0%}{inside:9.0%}")


def _answers(
    recording: dict[str, Any], ended: dict[str, Job], memory: dict[tuple[str, ...], Learnt]
) -> Iterator[Answer]:
    for asked in recording["asked"]:
        now = datetime.fromisoformat(asked["now"])
        jobs = {job["id"]: Job.model_validate(job) for job in asked["jobs"]}
        known = _known(recording, asked, memory)
        for job in jobs.values():
            if ended[job.id].state != State.succeeded:
                continue
            place = asked["position"].get(job.id)
            around = Surroundings(
                now,
                lambda request, known=known: known.get(_key(request), Learnt(())),
                [WorkerInfo.model_validate(w) for w in asked["workers"]],
                [Job.model_validate(r) for r in asked["running"]],
                [jobs[i] for i in asked["ahead"].get(job.queue, [])[: place or 0] if i in jobs],
            )
            told = describe(job, place, around).eta
            done = len(known.get(_key(job), ()))
            phase = job.progress.phase if job.state == State.running and job.progress else str(job.state)
            real = ended[job.id]
            real_s = _work_between(real, now)
            if real_s > 0:
                yield Answer(real, str(job.state), phase, told, real_s, done)


def _before(
    recording: dict[str, Any], ended: dict[str, Job], memory: dict[tuple[str, ...], Learnt]
) -> Iterator[Answer]:
    for asked in recording["before"]:
        job = ended[asked["job"]]
        if job.state != State.succeeded:
            continue
        request = JobRequest.model_validate(asked["request"])
        known = _known(recording, asked, memory)
        learnt = known.get(_key(request), Learnt(()))
        workers = [WorkerInfo.model_validate(w) for w in asked["workers"]]
        told = expected(request, Surroundings(job.created_at, lambda _, learnt=learnt: learnt, workers))
        assert job.started_at
        yield Answer(job, "before", "", told, _work_between(job, job.started_at), len(learnt))


def _known(
    recording: dict[str, Any], asked: dict[str, Any], memory: dict[tuple[str, ...], Learnt]
) -> dict[str, Learnt]:
    """What was learnt when something was asked, by key."""
    return {key: _learnt(texts, memory) for key, texts in dict(recording["changes"][: asked["changes"]]).items()}


def _learnt(texts: list[str], memory: dict[tuple[str, ...], Learnt]) -> Learnt:
    key = tuple(texts)
    if key not in memory:
        memory[key] = Learnt([cost for text in texts if (cost := Cost.decoded(text))])
    return memory[key]


def _key(request: JobRequest) -> str:
    return KEYS.costs(request.kind, request.recipe, request.use)


def _end(job: Job) -> datetime:
    assert job.finished_at
    return job.finished_at


def _work_between(job: Job, now: datetime) -> float:
    """Seconds from a moment to a job's end, without the pauses and losses to come, which nobody could know of.

    What it waits for its turn once it is back in the queue is told by then, and counts.
    """
    gaps = 0.0
    for one, following in zip(job.attempts, job.attempts[1:], strict=False):
        if one.ended_at and one.ended_at > now:
            gaps += (following.started_at - one.ended_at).total_seconds()
    return (_end(job) - now).total_seconds() - gaps
