"""A trainer or generator process as the supervisor holds it: start, speak, listen, kill.

The other end is worker/process.py. All reading is non-blocking, so that the supervisor's loop never waits here.
"""

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[2]
_REAP_LIMIT_S = 10.0
_SEND_LIMIT_S = 5.0  # a guess: a process that does not read its orders for this long is as good as dead


class ChildProcess:
    """One `python -m worker.process` in a session of its own; it dies with this process (PDEATHSIG, end of stdin)."""

    def __init__(self, environment: Mapping[str, str], *, ready_fd: int | None = None):
        """Start it; it imports TensorFlow at once. ready_fd: a pipe it tells, once, that it is ready."""
        # What a recipe does not need it does not get: no address or password of Redis.
        env = {k: v for k, v in os.environ.items() if not k.startswith("TRAINYARD_")} | dict(environment)
        env["PYTHONPATH"] = os.pathsep.join(p for p in (str(_ROOT), os.environ.get("PYTHONPATH", "")) if p)
        env["PYTHONUNBUFFERED"] = "1"
        env.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # no notes on how TensorFlow was built in every job's log
        command = [sys.executable, "-m", "worker.process", "--parent", str(os.getpid())]
        if ready_fd is not None:
            command += ["--ready-fd", str(ready_fd)]
        self._popen = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            pass_fds=() if ready_fd is None else (ready_fd,),
        )
        self.pid = self._popen.pid
        assert self._popen.stdin and self._popen.stdout and self._popen.stderr
        self._in = self._popen.stdin.fileno()
        self.out_fd = self._popen.stdout.fileno()
        self.log_fd = self._popen.stderr.fileno()
        for fd in (self._in, self.out_fd, self.log_fd):
            os.set_blocking(fd, False)
        self._buffer = b""
        self.ended = False  # its stdout is closed: nothing more will be said

    @property
    def alive(self) -> bool:
        return self.returncode is None

    @property
    def returncode(self) -> int | None:
        """As subprocess: negative for a signal; None while it runs.

        Looks without reaping: until kill() the pid stays ours, so its group can be killed and no stranger's.
        """
        if self._popen.returncode is not None:
            return self._popen.returncode
        info = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if info is None:
            return None
        return info.si_status if info.si_code == os.CLD_EXITED else -info.si_status

    def send(self, message: dict[str, Any]) -> bool:
        """Write one order. False when the process is gone or does not read."""
        data = (json.dumps(message, ensure_ascii=False) + "\n").encode()
        give_up_at = time.monotonic() + _SEND_LIMIT_S
        while data:
            try:
                data = data[os.write(self._in, data) :]
            except BlockingIOError:
                left = give_up_at - time.monotonic()
                if left <= 0 or not select.select([], [self._in], [], left)[1]:
                    return False
            except OSError:
                return False
        return True

    def read(self) -> list[dict[str, Any]]:
        """Return the messages that have arrived, maybe none; sets ended at the end of the stream."""
        chunk = _read_some(self.out_fd)
        if chunk == b"":
            self.ended = True
        *lines, self._buffer = (self._buffer + (chunk or b"")).split(b"\n")
        messages = []
        for line in lines:
            try:
                message = json.loads(line)
                message["ev"]
            except (ValueError, KeyError, TypeError):
                log.warning("process %d said something that is no message: %r", self.pid, line[:200])
                continue
            messages.append(message)
        return messages

    def read_log(self) -> bytes | None:
        """Return what has arrived on its stderr: None for nothing now, b"" at the end."""
        return _read_some(self.log_fd)

    def signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        if self._popen.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL its whole session group and reap it. Harmless when it is gone."""
        if self._popen.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            try:
                self._popen.wait(_REAP_LIMIT_S)
            except subprocess.TimeoutExpired:
                log.error("process %d does not die: a driver or a dead file system may hold it", self.pid)

    def wait(self, timeout_s: float) -> bool:
        """Wait until it has ended, without reaping it. False when it still runs after timeout_s."""
        if self._popen.returncode is not None:
            return True
        fd = os.pidfd_open(self.pid)
        try:
            return bool(select.select([fd], [], [], timeout_s)[0])
        finally:
            os.close(fd)

    def close(self) -> None:
        """Kill it and close the pipes."""
        self.kill()
        for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if stream:
                stream.close()


def _read_some(fd: int) -> bytes | None:
    """Read what is there: None for nothing now, b"" at the end of the stream."""
    try:
        return os.read(fd, 1 << 18)
    except BlockingIOError:
        return None
    except OSError:
        return b""
