"""What an ended job cost, phase by phase, with the features that scale it: one entry of the log that ETAs are learnt from."""

import json
from dataclasses import dataclass
from datetime import datetime

from shared.clock.features import Features, features_of
from shared.jobs.job import Job, PhaseSpent

MOST_COSTS = 30  # kept of each recipe and use
_VERSION = 1


@dataclass(frozen=True)
class Cost:
    """phases: seconds and times of its last attempt, steps of all; "ending" is what followed the last word of the process.

    steps: taken, of the total_steps that were meant; fewer where it stopped early. evaluations, stages: 0 where it has none.
    """

    features: Features
    phases: dict[str, PhaseSpent]
    steps: int
    total_steps: int
    stopped_early: bool
    device: str
    whole: bool = True  # False: of earlier attempts only the steps are known

    @property
    def fraction(self) -> float:
        """The share of the steps that were meant which it took."""
        return self.steps / self.total_steps if self.total_steps else 1.0

    def encoded(self) -> str:
        phases = {
            name: [spent.seconds, spent.times, spent.first_seconds, spent.first_times]
            for name, spent in self.phases.items()
        }
        entry = {
            "v": _VERSION,
            "n": self.features.numbers,
            "w": self.features.words,
            "p": phases,
            "s": [self.steps, self.total_steps, int(self.stopped_early), int(self.whole)],
            "d": self.device,
        }
        return json.dumps(entry, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    @classmethod
    def decoded(cls, text: str) -> "Cost | None":
        """None for an entry of another version."""
        entry = json.loads(text)
        if entry.get("v") != _VERSION:
            return None
        phases = {
            name: PhaseSpent(seconds=s, times=n, first_seconds=first_s, first_times=first)
            for name, (s, n, first_s, first) in entry["p"].items()
        }
        steps, total, early, whole = entry["s"]
        return cls(Features(entry["n"], entry["w"]), phases, steps, total, bool(early), entry["d"], bool(whole))


def cost_of(job: Job, *, now: datetime, device: str, stopped_early: bool) -> Cost | None:
    """What a job that succeeds at this moment cost, by its record. None where its phases were not measured."""
    progress = job.progress
    if progress is None or progress.spent is None or not job.attempts:
        return None
    phases = spent_by(job)
    open_s = progress.silent_s or 0.0  # of its last phase, of which nothing more was heard
    last = phases.get(progress.phase, PhaseSpent())
    first_s = open_s if last.first_times and last.times == last.first_times else 0.0
    phases[progress.phase] = last.plus(PhaseSpent(seconds=open_s, first_seconds=first_s))
    whole = (now - job.attempts[-1].started_at).total_seconds()
    ending = max(whole - open_s - sum(spent.seconds for spent in progress.spent.values()), 0.0)
    phases["ending"] = PhaseSpent(seconds=round(ending, 3), times=1)
    features = features_of(job)
    if job.kind == "generate":
        features = features.with_words(cold=cold_word("loading" in phases))
    total = progress.total_steps or 0
    return Cost(features, phases, min(progress.step, total), total, stopped_early, device, job.attempt == 1)


def spent_by(job: Job) -> dict[str, PhaseSpent]:
    """By phase, of the newest attempt of a job, with the steps of those before, which may have run elsewhere."""
    found: dict[str, PhaseSpent] = {}
    parts = [attempt.spent or {} for attempt in job.attempts if attempt.number != job.attempt]
    parts.append((job.progress.spent if job.progress else None) or {})
    for part in parts:
        for name, spent in part.items():
            found[name] = found.get(name, PhaseSpent()).plus(spent)
    return found


def cold_word(cold: bool) -> str:
    """Whether a generation has to load its model first, as a feature."""
    return "cold" if cold else "warm"
