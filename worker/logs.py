"""Log lines of the worker's own processes: one line each, UTC time, level, logger, job=... attempt=..., message."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_fields: ContextVar[str] = ContextVar("job_fields", default="")


@contextmanager
def job_fields(job_id: str, attempt: int) -> Iterator[None]:
    """Have every line logged inside name the job and attempt."""
    token = _fields.set(f"job={job_id} attempt={attempt} ")
    try:
        yield
    finally:
        _fields.reset(token)


class _Formatter(logging.Formatter):
    converter = time.gmtime
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        record.job = _fields.get()
        return super().format(record)


def set_up_logging(level: str) -> None:
    """Send all logging of this process to stderr. level: "debug", "info", "warning" or "error"."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s %(job)s%(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Celery tells of every wake-up it receives and ends; jobs tell more.
    for name in ("celery.worker.strategy", "celery.app.trace", "celery.redirected", "kombu"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
