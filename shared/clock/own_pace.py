"""What a job says of its own pace: lengths of a step and of phases, as far as this very job has shown them."""

import math
from collections.abc import Mapping

from shared.clock.lengths import Length, at_least, together
from shared.jobs.job import Job, PhaseSpent, Progress

RATE_SPREAD = 0.06  # of what is left, however long the own pace was measured
_FIRST_SPREAD = 0.35  # of the own pace after a second
_UNREST = 0.8  # share of how far jobs differ by which the pace of one changes on its way. A guess
_PARTS_SPREAD = 0.3  # of a phase's own parts, after the first of them
_OTHERS_SPREAD = 0.4  # of what other jobs say of a step beside the own pace, at least: the machine may be busier now


def pace_of(progress: Progress, phase: str, rate_spread: float = RATE_SPREAD) -> Length | None:
    """Seconds of a step of a phase that is measured by steps, in this attempt: of all of them and, as much, of the last ones."""
    spent = (progress.spent or {}).get(phase)
    if spent is None or not spent.times or spent.seconds <= 0:
        return None
    whole_s = spent.seconds / spent.times
    recent_s = 1 / progress.steps_per_s if progress.steps_per_s else whole_s
    mean = math.exp((math.log(whole_s) + math.log(recent_s)) / 2)
    return Length.about(mean, _FIRST_SPREAD / math.sqrt(0.3 + spent.seconds) + rate_spread)


def step_of(job: Job, progress: Progress, unrest: float) -> Length | None:
    """Seconds of a step of a training by its own pace: of this attempt, and less surely of those before, maybe run elsewhere."""
    rate_spread = max(RATE_SPREAD, _UNREST * unrest)
    found = [pace_of(progress, "training", rate_spread)]
    before = [a.spent["training"] for a in job.attempts if a.ended_at and a.spent and "training" in a.spent]
    for spent in before[-1:]:
        if spent.times and spent.seconds > 0:
            spread = _FIRST_SPREAD / math.sqrt(0.3 + spent.seconds) + 2 * rate_spread
            found.append(Length.about(spent.seconds / spent.times, spread))
    return together(*found)


def average(here: Mapping[str, PhaseSpent], phase: str) -> Length | None:
    """What a phase cost on average in this attempt."""
    spent = here.get(phase)
    if spent is None or not spent.times or spent.seconds <= 0:
        return None
    return Length.about(spent.seconds / spent.times, 0.25)


def later_times(spent: PhaseSpent | None, is_open: bool) -> Length | None:
    """What a phase that comes again and again has cost in this attempt, its first time aside. is_open: it is in it now."""
    if spent is None:
        return None
    count = spent.times - spent.first_times - is_open
    if count > 0 and spent.seconds > spent.first_seconds:
        return Length.about((spent.seconds - spent.first_seconds) / count, max(0.3 / math.sqrt(count), 0.08))
    if spent.times > is_open:  # only the first has ended
        return Length.about(max(spent.first_seconds * 0.5, 0.002), 0.8)
    return None


def by_parts(progress: Progress, elapsed_s: float) -> Length | None:
    """The whole length of a phase by how many of its parts are done."""
    if not progress.parts or progress.part <= 0 or elapsed_s <= 0:
        return None
    share = min(progress.part / progress.parts, 1.0)
    told = max(elapsed_s - (progress.silent_s or 0.0), 0.01)
    return Length.about(told / share, _PARTS_SPREAD * (1 - share) + 0.03)


def beside(others: Length | None, own: Length | None) -> Length | None:
    """What other jobs say, beside what this one says itself: the less so the more they differ."""
    if others is None or own is None:
        return others or own
    return together(at_least(others, max(_OTHERS_SPREAD, abs(others.log_s - own.log_s))), own)
