"""Measures what an attempt spends its time on: seconds by phase, from the progress that its process tells. Times are passed in.

Used by worker/supervision/lease.py, whose beats carry it into the record. What ended jobs spent is what ETAs of others rest on
(shared/clock/).
"""

from shared.jobs.job import PhaseSpent, Progress


class PhaseMeter:
    """Begins in phase "starting"; every progress ends a stretch of time in the phase told before."""

    def __init__(self, now: float):
        self._spent: dict[str, PhaseSpent] = {}
        self._progress = Progress(phase="starting")
        self._phase_began = self._told_at = now
        self._first = True  # whether the present phase is met for the first time
        self._begin("starting")

    def _begin(self, phase: str) -> None:
        spent = self._spent.get(phase)
        self._first = spent is None
        if spent is None:
            spent = self._spent[phase] = PhaseSpent()
        if phase not in STEPPING:
            spent.times += 1
            spent.first_times += self._first

    def take(self, progress: Progress, now: float) -> None:
        """Take note of a progress of the process."""
        before, self._progress = self._progress, progress
        spent, seconds = self._spent[before.phase], now - self._told_at
        spent.seconds += seconds
        if before.phase in STEPPING:
            spent.times += max(progress.step - before.step, 0)
        elif self._first:
            spent.first_seconds += seconds
        self._told_at = now
        if progress.phase != before.phase:
            self._phase_began = now
            self._begin(progress.phase)

    def stamp(self, now: float) -> Progress:
        """The newest progress with what has been spent until it was told, and the seconds since."""
        spent = {phase: spent.rounded() for phase, spent in self._spent.items() if spent.seconds or spent.times}
        update = {
            "spent": spent,
            "phase_s": round(now - self._phase_began, 3),
            "silent_s": round(now - self._told_at, 3),
        }
        return self._progress.model_copy(update=update)


STEPPING = frozenset({"training", "generating"})  # phases that are measured per step: their times are steps
