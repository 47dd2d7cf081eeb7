"""Tells how the reading of a dataset goes, and lets it be stopped. Used by what recipes' load() does in loops."""

import time

from shared.jobs.job import Progress
from worker.context import Context

_TOLD_EVERY_S = 0.5


class Loading:
    """Counts what has been done of `total` (bytes, pictures; any unit)."""

    def __init__(self, context: Context, total: float):
        self._context, self._total = context, total
        self._began = self._told_at = time.monotonic()
        self._done = 0.0
        context.progress(Progress(phase="loading"))

    def done(self, amount: float) -> None:
        """Take note of a further amount. Raises the Interrupted that was asked for, if any."""
        self._context.check()
        self._done += amount
        now = time.monotonic()
        if now - self._told_at >= _TOLD_EVERY_S:
            self._told_at = now
            left = max(self._total - self._done, 0) * (now - self._began) / max(self._done, 1e-9)
            self._context.progress(Progress(phase="loading", remaining_s=left))
