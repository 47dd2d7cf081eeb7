"""Says why an attempt failed, in the words of its record. Used at both ends of the pipe."""

import errno
import logging
import signal
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import ClientError, JobError, OutOfMemory, ProcessDied, RecipeFailed, VolumeFull
from shared.jobs.job import Progress
from worker.supervision import crash

log = logging.getLogger(__name__)

_MESSAGE_LIMIT = 500  # characters of a message in a record; the whole text is in the log
_NEEDS_LESS = "A smaller batch_size or model needs less"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}


def describe_failure(err: BaseException) -> dict[str, Any]:
    """Turn what ended an order into {code, message, cause, step} and write the traceback to the log.

    Called inside the trainer or generator process.
    """
    log.error("the job failed\n%s", "".join(traceback.format_exception(err)).rstrip())
    failure = _as_job_error(err)
    return {
        "code": failure.code,
        "message": failure.message[:_MESSAGE_LIMIT],
        "cause": failure.cause,
        "step": getattr(err, "step", None),
    }


def _as_job_error(err: BaseException) -> JobError:
    if isinstance(err, JobError):
        return err
    if isinstance(err, ClientError):  # params or data that no retry makes better
        return RecipeFailed(err.message, code=err.code)
    if isinstance(err, MemoryError) or type(err).__name__ == "ResourceExhaustedError":
        why = _first_line(err) or "the system refused it"
        return OutOfMemory(f"not enough memory: {why}. {_NEEDS_LESS}")
    if isinstance(err, OSError) and err.errno in _FULL:
        return VolumeFull(f"the volume cannot be written: {err.strerror}")
    return RecipeFailed(f"{type(err).__name__}: {_first_line(err)}".rstrip(": "))


def _first_line(err: BaseException) -> str:
    lines = str(err).strip().splitlines()
    return lines[0] if lines else ""


def oom_kills() -> int:
    """How often the kernel has killed for want of memory: in this container if that can be told, else on the machine."""
    for path, name in (("/sys/fs/cgroup/memory.events", "oom_kill"), ("/proc/vmstat", "oom_kill")):
        try:
            for line in Path(path).read_text().splitlines():
                key, _, value = line.partition(" ")
                if key == name:
                    return int(value)
        except OSError:
            continue
    return 0


@dataclass(frozen=True)
class Death:
    """error: what the record says. place: "" unless the process died by a fault of its own. step: the last one heard of."""

    error: JobError
    place: str = ""
    step: int | None = None


def describe_death(
    returncode: int | None, oom_kills_before: int, last_words: str = "", progress: Progress | None = None
) -> Death:
    """Say why a process ended without an answer.

    oom_kills_before: oom_kills() when it took the job. last_words: the end of its stderr. progress: the last it told.
    """
    step = progress.step if progress else None
    if returncode is None or returncode >= 0:
        return Death(
            ProcessDied(f"the process ended without an answer (exit status {returncode}); its log may say why"),
            step=step,
        )
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    if name == "SIGKILL" and oom_kills() > oom_kills_before:
        return Death(OutOfMemory(f"the machine ran out of memory and killed the process. {_NEEDS_LESS}"), step=step)
    if -returncode not in crash.SIGNALS:
        return Death(ProcessDied(f"the process was ended by {name}; its log may say why"), step=step)
    place = crash.place_of(last_words) or "no Python code"
    when = f", step {step} of {progress.phase}" if progress else ", before its first step"
    return Death(ProcessDied(f"{name} at {place}{when}; its log has the stack"), place, step)
