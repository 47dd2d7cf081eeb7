"""How fast a training goes: steps per second, time left, and how many steps to take before looking up again."""

from collections import deque

LOOK_S = 0.25  # guess: a stop is noticed and a border reached this soon, at a cost too small to measure
WINDOW_S = 10.0  # steps_per_s is the mean over these last seconds of stepping


class Pace:
    """Times steps. Only time spent in steps counts, not evaluations, samples or checkpoints."""

    def __init__(self) -> None:
        self._spans: deque[tuple[int, float]] = deque()  # (steps, seconds) of each call
        self._steps = 0
        self._seconds = 0.0

    def add(self, steps: int, seconds: float) -> None:
        """Take note of one call that ran `steps` steps in `seconds`."""
        self._spans.append((steps, seconds))
        self._steps += steps
        self._seconds += seconds
        while len(self._spans) > 2 and self._seconds - self._spans[0][1] > WINDOW_S:
            old_steps, old_seconds = self._spans.popleft()
            self._steps -= old_steps
            self._seconds -= old_seconds

    @property
    def steps_per_s(self) -> float | None:
        """Mean over the window; None before the first call was timed."""
        return self._steps / self._seconds if self._seconds > 0 else None

    def chunk(self, most: int) -> int:
        """How many steps to take now: about LOOK_S worth, 1..most; 1 while the speed is unknown."""
        rate = self.steps_per_s
        return 1 if rate is None else max(1, min(most, int(rate * LOOK_S)))
