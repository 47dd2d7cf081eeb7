"""Tells how a loop over a dataset goes, and lets it be stopped: the reading in a recipe's load(), the rows of a batch."""

import time
from collections import deque

from shared.jobs.job import Progress
from worker.context import Context

_TOLD_EVERY_S = 0.5
_RECENT = 10  # tellings that the pace is measured over


class Going:
    """Counts what has been done of `total`. begun: how much of it an earlier attempt has left done.

    phase: "loading" tells parts, since the steps of a training are others. Any other tells steps.
    """

    def __init__(self, context: Context, phase: str, total: float, begun: float = 0.0):
        self._context, self._phase, self._total = context, phase, total
        self._told_at = time.monotonic()
        self._done = begun
        self._told: deque[tuple[float, float]] = deque(maxlen=_RECENT)
        self._tell()

    def done(self, amount: float) -> None:
        """Take note of a further amount. Raises the Interrupted that was asked for, if any."""
        self._context.check()
        self._done += amount
        if time.monotonic() - self._told_at >= _TOLD_EVERY_S:
            self._tell()

    def end(self) -> None:
        """Tell how far it came at last."""
        self._tell()

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        self._told.append((self._told_at, self._done))
        (began, begun), *_ = self._told
        rate = (self._done - begun) / max(self._told_at - began, 1e-9)
        if self._phase == "loading":
            progress = Progress(phase=self._phase, part=int(self._done), parts=int(self._total))
        else:
            progress = Progress(
                phase=self._phase, step=int(self._done), total_steps=int(self._total), steps_per_s=rate or None
            )
        self._context.progress(progress)
