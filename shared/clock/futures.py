"""The rest of a job, drawn a hundred times: what its phases still cost, each from what is known of it.

Sums, early stops, the tails of what lasts longer than expected and the order of a queue have no simple formula together, but each
draw is plain arithmetic. The draws are the same at every call: nothing jitters between two looks.
"""

import functools
import math
import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from shared.clock.features import Features
from shared.clock.learning import Learnt
from shared.clock.lengths import Length, together
from shared.clock.own_pace import RATE_SPREAD, average, beside, by_parts, later_times, step_of
from shared.clock.plan import planned_evaluations, planned_steps
from shared.jobs.job import Job, PhaseSpent, Progress, State

DRAWS = 100
_COMMON = 0.9  # share of the variance that all phases of a job have in common: how busy the machine is. A guess

# Where no job of the recipe has ended yet: lengths in seconds that are no more than an order of magnitude, from the small jobs of
# benchmarks/eta.py. What a step costs is never guessed.
_GUESSED = {
    "starting": Length.about(0.5, 1.4),
    "loading": Length.about(1.0, 1.4),
    "compiling": Length.about(4.0, 0.7),
    "first evaluating": Length.about(1.0, 1.4),
    "evaluating": Length.about(0.3, 1.4),
    "first sampling": Length.about(1.0, 1.4),
    "sampling": Length.about(0.3, 1.4),
    "saving": Length.about(0.2, 0.8),
    "reporting": Length.about(1.0, 1.4),
    "baselines": Length.about(1.0, 1.4),
    "ending": Length.about(0.1, 0.8),
}
_MOST_WHOLES = 500  # answers remembered
_AFTER = ("reporting", "baselines", "ending")
_WARM = 0.2  # share of a use before which its own pace, nearly all compiling, says nothing. A guess
_WARMS_UP = 2.0  # of the own pace of a use: its first steps compile, and it only tells the mean of all
_STILL_SPREAD = 1.2  # of how long a training says nothing: an order of magnitude, once it is longer than usual
_CHUNK_S = 1.0  # of stepping: about how often progress is told
_STOPS_EARLY = 0.4  # chance that a job that may stop early does, where no other has told


@functools.cache
def _draws(name: str) -> tuple[float, ...]:
    """Standard normal numbers, evenly spread, in an order that belongs to the name."""
    even = [NormalDist().inv_cdf((i + 0.5) / DRAWS) for i in range(DRAWS)]
    random.Random(zlib.crc32(name.encode())).shuffle(even)
    return tuple(even)


@functools.cache
def _zs(name: str) -> tuple[float, ...]:
    """Those of one phase, which go with those of all others as far as the machine is the same."""
    common, own = math.sqrt(_COMMON), math.sqrt(1 - _COMMON)
    return tuple(common * a + own * b for a, b in zip(_draws("all"), _draws(name), strict=True))


@dataclass
class _Rest:
    """What is summed up: seconds by draw. guessed: some phase is no more than an order of magnitude."""

    learnt: Learnt
    features: Features
    seconds: list[float]
    guessed: bool = False

    def known(self, what: str) -> Length | None:
        """What ended jobs say of it, else a guess where there may be one."""
        length = self.learnt.length(what, self.features)
        phase = what.removeprefix("first ")
        if length is not None or (len(self.learnt) and not self.learnt.likely(phase)):
            return length
        self.guessed = self.guessed or what in _GUESSED
        return _GUESSED.get(what)

    def add(self, what: str, times: list[float] | float = 1.0, length: Length | None = None) -> None:
        """A phase still to come, so many times."""
        length = length or self.known(what)
        if length is None:
            return
        log_s, spread, exp = length.log_s, length.spread, math.exp
        often = times if isinstance(times, list) else [times] * DRAWS
        self.seconds = [s + n * exp(log_s + spread * z) for s, n, z in zip(self.seconds, often, _zs(what), strict=True)]

    def add_left(self, what: str, elapsed_s: float, own: Length | None = None, *, alone: bool = False) -> None:
        """What is left of a phase that has lasted elapsed_s. own: what its parts say of all of it; alone: nothing else counts."""
        length = (own if alone else beside(self.known(what), own)) or Length.about(max(elapsed_s, 0.5), 1.0)
        for i, z in enumerate(_zs(what)):
            self.seconds[i] += length.left(elapsed_s, z)


Futures = tuple[list[float], bool]  # seconds by draw; whether some of it is guessed


def whole(learnt: Learnt, features: Features) -> Futures | None:
    """Seconds of work of a job that has not begun; None: not yet known."""
    key = repr(features)
    if key not in learnt.wholes:  # a queue may hold hundreds alike
        if len(learnt.wholes) > _MOST_WHOLES:
            learnt.wholes.clear()
        learnt.wholes[key] = _whole(learnt, features)
    return learnt.wholes[key]


def _whole(learnt: Learnt, features: Features) -> Futures | None:
    rest = _Rest(learnt, features, [0.0] * DRAWS)
    if "generating" in {phase for cost in learnt.costs for phase in cost.phases}:
        _use(rest)
        return rest.seconds, rest.guessed
    step, steps = learnt.length("training", features), learnt.length("steps", features)
    if step is None or steps is None:
        return None
    stages = learnt.stages(features)
    total = [planned_steps(features) * steps.draw(z) for z in _zs("steps")]
    fractions = _fractions(learnt, features, 0.0)
    _trains(rest, [t * f for t, f in zip(total, fractions, strict=True)], step)
    evaluations = learnt.length("evaluations", features)
    if evaluations is not None:
        planned = planned_evaluations(features)
        times = [planned * evaluations.draw(z) * f for z, f in zip(_zs("evaluations"), fractions, strict=True)]
        for phase in ("evaluating", "sampling"):
            _repeated(rest, phase, times)
    for phase in ("starting", "loading"):
        rest.add(phase)
    for phase in ("compiling", "saving"):
        rest.add(phase, float(stages))
    for phase in _AFTER:
        rest.add(phase)
    return rest.seconds, rest.guessed


def _use(rest: _Rest) -> None:
    """The phases of a use of a model."""
    for phase in ("starting", "generating", "saving", "ending"):
        rest.add(phase)
    if rest.features.words.get("cold") != "warm":
        rest.add("loading")


def left(learnt: Learnt, features: Features, job: Job, since_s: float) -> Futures | None:
    """Seconds of work until a job that has begun will have ended; None: not yet known.

    since_s: of a running one, seconds since its record was written.
    """
    progress = job.progress or Progress()
    if job.state != State.running:  # it will begin anew, from its newest checkpoint
        kept = {"phase": "starting", "spent": None, "phase_s": None, "silent_s": None, "steps_per_s": None}
        progress, since_s = progress.model_copy(update=kept), 0.0
    here = progress.spent or {}
    elapsed = (progress.phase_s or 0.0) + since_s
    rest = _Rest(learnt, features, [0.0] * DRAWS)
    if job.kind == "generate":
        return _use_left(rest, progress, elapsed, since_s)
    if progress.phase in _AFTER:
        rest.add_left(progress.phase, elapsed, by_parts(progress, elapsed))
        for phase in _AFTER[_AFTER.index(progress.phase) + 1 :]:
            rest.add(phase)
        return rest.seconds, rest.guessed
    others, own = learnt.length("training", features), step_of(job, progress, learnt.unrest())
    step = beside(others, own)
    if step is None:
        return None
    _head_left(rest, progress, here, elapsed)
    fractions = _steps_left(rest, job, progress, step, since_s)
    if fractions is None:
        return None
    _evaluations_left(rest, job, progress, here, elapsed, fractions)
    for phase in _AFTER:
        rest.add(phase)
    return rest.seconds, rest.guessed


def _head_left(rest: _Rest, progress: Progress, here: Mapping[str, PhaseSpent], elapsed: float) -> None:
    """What stands before the first step, and is met again at every further stage."""
    order = ("starting", "loading", "compiling")
    stages_left = progress.stages_left if progress.stages_left is not None else rest.learnt.stages(rest.features) - 1
    if progress.phase in order:
        rest.add_left(progress.phase, elapsed, by_parts(progress, elapsed))
        for phase in order[order.index(progress.phase) + 1 :]:
            rest.add(phase)
    rest.add("compiling", float(stages_left), average(here, "compiling") if stages_left else None)
    if progress.phase == "saving":
        rest.add_left("saving", elapsed)
    rest.add("saving", float(stages_left + (progress.phase != "saving")))


def _steps_left(rest: _Rest, job: Job, progress: Progress, step: Length, since_s: float) -> list[float] | None:
    """Add the steps still to be taken. Returns by draw the share of the whole at which it ends."""
    learnt, features = rest.learnt, rest.features
    done = _steps_done(job, progress)
    if progress.total_steps:
        total = [float(progress.total_steps)] * DRAWS
    else:
        steps = learnt.length("steps", features)
        if steps is None:
            return None
        total = [max(planned_steps(features) * steps.draw(z), done) for z in _zs("steps")]
    now = min(done / max(total[0], 1.0), 1.0)
    fractions = _fractions(learnt, features, now)
    counts = [max(t * f - done, 0.0) for t, f in zip(total, fractions, strict=True)]
    silent = (progress.silent_s or 0.0) + since_s if progress.phase == "training" else 0.0
    _trains(rest, counts, step, silent)
    return fractions


def _steps_done(job: Job, progress: Progress) -> float:
    """Those that need not be taken again."""
    return float(max(progress.step, job.checkpoint.step if job.checkpoint else 0))


def _trains(rest: _Rest, counts: list[float], step: Length, silent_s: float = 0.0) -> None:
    """Add steps by draw. silent_s: how long ago the last of those that are told was taken."""
    chunk = Length.about(max(step.median_s, _CHUNK_S), _STILL_SPREAD)
    for i, z in enumerate(_zs("training")):
        seconds = counts[i] * step.draw(z)
        if seconds > silent_s and silent_s < 2 * chunk.median_s:
            rest.seconds[i] += seconds - min(silent_s, 0.9 * seconds)
        else:  # it stands still: the next word is as long in coming as such things last
            rest.seconds[i] += max(seconds - chunk.median_s, 0.0) + chunk.left(silent_s, z)


def _evaluations_left(
    rest: _Rest,
    job: Job,
    progress: Progress,
    here: Mapping[str, PhaseSpent],
    elapsed: float,
    fractions: list[float],
) -> None:
    """Add the evaluations and samples still to come."""
    done = _steps_done(job, progress)
    now = min(done / progress.total_steps, 1.0) if progress.total_steps else 0.0
    count = progress.evaluations_left
    if count is None:
        evaluations = rest.learnt.length("evaluations", rest.features)
        count = planned_evaluations(rest.features) * evaluations.median_s * (1 - now) if evaluations else 0
    shares = [min(max((f - now) / max(1.0 - now, 1e-9), 0.0), 1.0) if now < 1 else 1.0 for f in fractions]
    open_one = progress.phase == "evaluating"
    times = [float(max(count, 0)) * share for share in shares]
    for phase in ("evaluating", "sampling"):
        spent = here.get(phase)
        own = later_times(spent, progress.phase == phase)
        if progress.phase == phase:
            first = spent is None or spent.times <= spent.first_times
            parts = by_parts(progress, elapsed)
            rest.add_left(f"first {phase}" if first else phase, elapsed, together(parts, own))
        extra = 1.0 if phase == "sampling" and open_one else 0.0
        _repeated(rest, phase, [t + extra for t in times], begun=spent is not None, own=own)


def _repeated(rest: _Rest, phase: str, times: list[float], *, begun: bool = False, own: Length | None = None) -> None:
    """Add a phase that comes again and again, by draw; its first time in an attempt costs more. own: what one took here."""
    if not begun:
        rest.add(f"first {phase}", [min(t, 1.0) for t in times])
        times = [max(t - 1.0, 0.0) for t in times]
    rest.add(phase, times, beside(rest.known(phase), own))


def _use_left(rest: _Rest, progress: Progress, elapsed: float, since_s: float) -> Futures | None:
    """What is left of a use of a model."""
    if not len(rest.learnt) and progress.phase != "generating":
        return None
    order = ("starting", "loading", "generating", "saving", "ending")
    at = order.index(progress.phase) if progress.phase in order else 0
    own = None
    if progress.phase == "generating":
        if progress.steps_per_s and progress.total_steps:
            to_go = max(progress.total_steps - progress.step, 0)
            share = 1 - to_go / progress.total_steps
            if share >= _WARM:
                spread = _WARMS_UP * (1 - share) + RATE_SPREAD
                own = Length.about(elapsed + to_go / progress.steps_per_s, spread)
        if own is None and not len(rest.learnt):
            return None
    both = together(rest.known(order[at]), own)
    rest.add_left(order[at], elapsed, both, alone=True)
    for phase in order[at + 1 :]:
        if phase != "loading" or rest.features.words.get("cold") != "warm":
            rest.add(phase)
    return rest.seconds, rest.guessed


def _fractions(learnt: Learnt, features: Features, now: float) -> list[float]:
    """By draw, the share of its steps at which a job stops, given that it has come to `now`."""
    if "early_stopping_patience" not in features.numbers:
        return [1.0] * DRAWS
    seen = learnt.fractions()
    guess = [now + (1 - now) * (i + 0.5) / 4 for i in range(4)]  # by as much as nothing is known
    later = [fraction for fraction in seen if fraction > now]
    weights = [(1.0, 1 - _STOPS_EARLY), *((g, _STOPS_EARLY / 4) for g in guess), *((f, 1.0) for f in later)]
    total, found, place = sum(weight for _, weight in weights), [], 0.0
    for fraction, weight in sorted(weights):
        place += weight / total * DRAWS
        found += [fraction] * (round(place) - len(found))
    random.Random(1).shuffle(found)
    return (found + [1.0] * DRAWS)[:DRAWS]
