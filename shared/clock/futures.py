"""The rest of a job, drawn a hundred times: what its phases still cost, each from what is known of it.

Sums, early stops, the tails of what lasts longer than expected and the order of a queue have no simple formula together, but each
draw is plain arithmetic. The draws are the same at every call: nothing jitters between two looks.
"""

from collections.abc import Mapping

from shared.clock import early_stops
from shared.clock.features import Features
from shared.clock.learning import Learnt
from shared.clock.lengths import Length, together
from shared.clock.own_pace import average, beside, by_parts, later_times, pace_of, step_of
from shared.clock.plan import planned_evaluations, planned_steps
from shared.clock.rest import DRAWS, Rest, zs
from shared.jobs.job import Job, PhaseSpent, Progress, State

_MOST_WHOLES = 500  # answers remembered
_AFTER = ("reporting", "baselines", "ending")
_USE = ("starting", "loading", "compiling", "generating", "saving", "ending")
_COLD = ("loading", "compiling")
_STILL_SPREAD = 1.2  # of how long a training says nothing: an order of magnitude, once it is longer than usual
_CHUNK_S = 1.0  # of stepping: about how often progress is told


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
    rest = Rest(learnt, features, [0.0] * DRAWS)
    if "generating" in {phase for cost in learnt.costs for phase in cost.phases}:
        _use(rest)
        return rest.seconds, rest.guessed
    step, steps = learnt.length("training", features), learnt.length("steps", features)
    if step is None or steps is None:
        return None
    stages = learnt.stages(features)
    total = [planned_steps(features) * steps.draw(z) for z in zs("steps")]
    fractions = early_stops.fractions(learnt.costs, features, DRAWS)
    _trains(rest, [t * f for t, f in zip(total, fractions, strict=True)], step)
    evaluations = learnt.length("evaluations", features)
    if evaluations is not None:
        planned = planned_evaluations(features)
        times = [planned * evaluations.draw(z) * f for z, f in zip(zs("evaluations"), fractions, strict=True)]
        for phase in ("evaluating", "sampling"):
            _repeated(rest, phase, times)
    for phase in ("starting", "loading"):
        rest.add(phase)
    for phase in ("compiling", "saving"):
        rest.add(phase, float(stages))
    for phase in _AFTER:
        rest.add(phase)
    return rest.seconds, rest.guessed


def _use(rest: Rest) -> None:
    """The phases of a use of a model. What is warm is loaded and compiled already."""
    for phase in _USE:
        if phase not in _COLD or rest.features.words.get("cold") != "warm":
            rest.add(phase)


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
    rest = Rest(learnt, features, [0.0] * DRAWS)
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


def _head_left(rest: Rest, progress: Progress, here: Mapping[str, PhaseSpent], elapsed: float) -> None:
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


def _steps_left(rest: Rest, job: Job, progress: Progress, step: Length, since_s: float) -> list[float] | None:
    """Add the steps still to be taken. Returns by draw the share of the whole at which it ends."""
    learnt, features = rest.learnt, rest.features
    done = _steps_done(job, progress)
    if progress.total_steps:
        total = [float(progress.total_steps)] * DRAWS
    else:
        steps = learnt.length("steps", features)
        if steps is None:
            return None
        total = [max(planned_steps(features) * steps.draw(z), done) for z in zs("steps")]
    now = min(done / max(total[0], 1.0), 1.0)
    last_stage = progress.stages_left == 0
    fractions = early_stops.fractions(
        learnt.costs, features, DRAWS, now, progress.without_better if last_stage else None
    )
    counts = [max(t * f - done, 0.0) for t, f in zip(total, fractions, strict=True)]
    silent = (progress.silent_s or 0.0) + since_s if progress.phase == "training" else 0.0
    _trains(rest, counts, step, silent)
    return fractions


def _steps_done(job: Job, progress: Progress) -> float:
    """Those that need not be taken again."""
    return float(max(progress.step, job.checkpoint.step if job.checkpoint else 0))


def _trains(rest: Rest, counts: list[float], step: Length, silent_s: float = 0.0) -> None:
    """Add steps by draw. silent_s: how long ago the last of those that are told was taken."""
    chunk = Length.about(max(step.median_s, _CHUNK_S), _STILL_SPREAD)
    for i, z in enumerate(zs("training")):
        seconds = counts[i] * step.draw(z)
        if seconds > silent_s and silent_s < 2 * chunk.median_s:
            rest.seconds[i] += seconds - min(silent_s, 0.9 * seconds)
        else:  # it stands still: the next word is as long in coming as such things last
            rest.seconds[i] += max(seconds - chunk.median_s, 0.0) + chunk.left(silent_s, z)


def _evaluations_left(
    rest: Rest,
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


def _repeated(rest: Rest, phase: str, times: list[float], *, begun: bool = False, own: Length | None = None) -> None:
    """Add a phase that comes again and again, by draw; its first time in an attempt costs more. own: what one took here."""
    if not begun:
        rest.add(f"first {phase}", [min(t, 1.0) for t in times])
        times = [max(t - 1.0, 0.0) for t in times]
    rest.add(phase, times, beside(rest.known(phase), own))


def _use_left(rest: Rest, progress: Progress, elapsed: float, since_s: float) -> Futures | None:
    """What is left of a use of a model. As a text grows something is compiled anew, and it goes on from there."""
    at = _USE.index(progress.phase) if progress.phase in _USE else 0
    step, to_go = pace_of(progress, "generating"), max((progress.total_steps or 0) - progress.step, 0)
    own = step.times(to_go) if step and to_go else None
    if own is None and not len(rest.learnt):
        return None
    cold = rest.features.words.get("cold") != "warm"
    spent_s = progress.spent["compiling"].seconds if progress.spent and "compiling" in progress.spent else 0.0
    if progress.phase == "generating" and own:
        rest.add_left("generating", (progress.silent_s or 0.0) + since_s, own, alone=True)
        if spent_s:
            rest.add_beyond("compiling", spent_s)
    elif progress.phase == "compiling":
        rest.add_left("compiling", max(elapsed, spent_s + (progress.silent_s or 0.0) + since_s))
    else:
        rest.add_left(_USE[at], elapsed)
    for phase in _USE[at + 1 :]:
        if cold or phase not in _COLD:
            rest.add(phase, length=own if phase == "generating" else None)
    return rest.seconds, rest.guessed
