"""Tells a hung process from a slow one. Pure: times are passed in."""

from collections import deque
from statistics import median

from shared.jobs.job import Progress

START_S = 300.0  # a guess: importing the libraries takes 8 s on a quiet machine, and may come from a slow disk


class Watchdog:
    """Called hung: no sign of life for max(floor_s, factor * usual time between two steps).

    A sign of life is something new: a step, a phase, a checkpoint, a piece of output. Progress told again is none.
    """

    def __init__(self, *, floor_s: float, factor: float, now: float):
        self._floor_s, self._factor = floor_s, factor
        self._seen: tuple[str, int, int] = ("", -1, 0)
        self._alive_at = now
        self._started = False
        self._step_s: deque[float] = deque(maxlen=20)

    def started(self, now: float) -> None:
        """Note that the process has begun with the job: its libraries are imported."""
        self._started = True
        self._alive_at = now

    def life(self, now: float) -> None:
        """Note a sign of life that is not a step."""
        self._alive_at = now

    def progress(self, progress: Progress, now: float) -> None:
        """Note a progress message."""
        seen = (progress.phase, progress.step, progress.part)
        if seen == self._seen:
            return
        steps = progress.step - self._seen[1]
        if progress.phase == self._seen[0] == "training" and steps > 0:
            self._step_s.append((now - self._alive_at) / steps)
        self._seen = seen
        self._alive_at = now

    @property
    def limit_s(self) -> float:
        """Silence that is still taken for work."""
        if not self._started:
            return max(self._floor_s, START_S)
        return max(self._floor_s, self._factor * median(self._step_s)) if self._step_s else self._floor_s

    @property
    def hung_at(self) -> float:
        return self._alive_at + self.limit_s
