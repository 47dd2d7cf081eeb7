"""Connections that cost no thread before there is work for one, and no more of a thread's time than a slow network needs.

gunicorn's gthread gives every connection with a first byte to a thread, which waits for the rest; a few peers that send a
byte now and then would hold all of them, without any key. Here the loop that accepts connections collects the head of a
request, a thread waits for a body only as long as it comes at a least rate, and a connection is seen off by the loop again.

It stands on gunicorn's inside: tests/unit/test_connections.py names what it takes for granted.
"""

import contextlib
import errno
import re
import select
import socket
import time
from collections.abc import Callable
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

# All guesses: what the slowest honest network needs, with room to spare.
HEAD_S = 15.0  # from the first byte of a request's head to its last
BODY_S = 30.0  # waited for a body in all, and further as it comes
LEAST_BYTES_PER_S = 16 * 1024
SILENCE_S = 30.0  # of a single wait
_LINGER_S = 2.0  # how long a refused peer may go on sending, so that it sees its answer and no reset

_PIECE_BYTES = 1 << 16
_MOST_LINE_BYTES = 8190
_FIRST_LINE = re.compile(rb"[!-~]{1,20} [!-~]+ HTTP/1\.[01]\r\n")


class PatientSocket:
    """A connection's socket, as gunicorn uses it, with an end to what the peer is waited for.

    What the loop has read ahead is received first. Time counts only while the peer is waited for: an application that reads
    slowly, or answers for hours, costs its peer nothing.
    """

    def __init__(self, sock: socket.socket, clock: Callable[[], float] = time.monotonic):
        self._sock = sock
        self._clock = clock
        self.begin(b"")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def begin(self, ahead: bytes) -> None:
        """Expect a new request. ahead: what came of it with the one before."""
        self._ahead = ahead
        self._gone = False
        self._received = 0
        self._waited_s = 0.0
        self._allowed_s = BODY_S

    @property
    def begun(self) -> bool:
        return bool(self._ahead)

    @property
    def gone(self) -> bool:
        """The peer has left without a word."""
        return self._gone and not self._ahead

    def read_head(self) -> bool:
        """Take what has come of a head, without waiting. True when it is whole, or wrong, or the peer has left."""
        try:
            data = self._sock.recv(_PIECE_BYTES)
        except BlockingIOError:
            data = None
        except OSError:
            data = b""
        self._gone = data == b""
        self._ahead += data or b""
        return self._gone or _is_head(self._ahead)

    def hurry(self, allowed_s: float) -> None:
        """Wait no longer than this for what is still to come, beside what its bytes are allowed."""
        self._allowed_s = min(self._allowed_s, allowed_s)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Raises TimeoutError when the peer has used up its time."""
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        timeout_s = self._sock.gettimeout()
        if timeout_s != 0:
            self._wait(SILENCE_S if timeout_s is None else timeout_s)
        data = self._sock.recv(size, flags)
        self._received += len(data)
        return data

    def _wait(self, most_s: float) -> None:
        left_s = self._allowed_s + self._received / LEAST_BYTES_PER_S - self._waited_s
        began = self._clock()
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        come = left_s > 0 and poll.poll(min(left_s, most_s) * 1000)
        self._waited_s += self._clock() - began
        if not come:
            raise TimeoutError(errno.ECONNRESET, "the rest of the request did not come in time")  # no news to gunicorn


def _is_head(data: bytes) -> bool:
    """True when a head has its end, is too long to be waited for, or can be none."""
    line_end = data.find(b"\n")
    if line_end < 0:
        return len(data) > _MOST_LINE_BYTES
    return not _FIRST_LINE.match(data) or b"\r\n\r\n" in data or b"\n\n" in data or len(data) > _PIECE_BYTES


_Conn = Any  # gunicorn's TConn, whose socket is a PatientSocket from enqueue_req on


class PatientWorker(ThreadWorker):
    """gthread whose loop waits for heads, and sees connections off."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._until: dict[_Conn, float] = {}  # when the wait for a connection of the loop's ends

    def too_slow(self, conn: _Conn) -> None:
        """Answer a head that did not come in time."""

    def accept(self, listener: Any) -> None:
        try:
            super().accept(listener)
        except OSError as err:
            if err.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self.log.warning("no further connection can be taken: %s", err)
            if self._until:  # the one that has waited longest makes room
                self._forget(next(iter(self._until)))

    def enqueue_req(self, conn: _Conn) -> None:
        """Wait in the loop for the head of the next request, then give the connection to a thread."""
        if not isinstance(conn.sock, PatientSocket):
            conn.sock = PatientSocket(conn.sock)
        conn.sock.begin(conn.parser.unreader.take_buffered() if conn.parser else b"")
        conn.sock.setblocking(False)
        if self._head_is_there(conn):
            return
        wait_s = HEAD_S if conn.sock.begun else self.cfg.keepalive
        self._wait(conn, wait_s, self._on_head)

    def finish_request(self, conn: _Conn, fs: Any) -> None:
        if fs.cancelled() or fs.exception() is not None or fs.result() is not False:
            return super().finish_request(conn, fs)
        try:  # gunicorn would wait right here, up to two seconds, and accept nobody meanwhile
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self._wait(conn, _LINGER_S, self._on_rest)
        except (OSError, ValueError):
            self._close(conn)

    def murder_pending(self) -> None:
        """Called by gunicorn's loop at least once a second, also while it stops."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn, until in self._until.items() if until <= now]:
            if conn.sock.begun:
                with contextlib.suppress(OSError):
                    self.too_slow(conn)
            self._forget(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)  # type: ignore[misc]
        self._until = {conn: min(until, deadline) for conn, until in self._until.items()}

    def _head_is_there(self, conn: _Conn) -> bool:
        """True when the connection is no longer the loop's: a thread has it, or it is closed."""
        if not conn.sock.read_head():
            return False
        if conn.sock.gone:
            self._close(conn)
        else:
            conn.data_ready = True
            super().enqueue_req(conn)
        return True

    def _on_head(self, conn: _Conn, _sock: Any) -> None:
        begun = conn.sock.begun
        self._unregister(conn)
        until = self._until.pop(conn)
        if not self._head_is_there(conn):
            now = time.monotonic()
            self._wait(conn, until - now if begun or not conn.sock.begun else HEAD_S, self._on_head)

    def _on_rest(self, conn: _Conn, sock: Any) -> None:
        try:
            if sock.recv(_PIECE_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._forget(conn)

    def _wait(self, conn: _Conn, wait_s: float, then: Callable[[_Conn, Any], None]) -> None:
        self.poller.register(conn.sock, EVENT_READ, partial(then, conn))
        self._until[conn] = time.monotonic() + wait_s

    def _unregister(self, conn: _Conn) -> None:
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)

    def _forget(self, conn: _Conn) -> None:
        self._unregister(conn)
        self._until.pop(conn, None)
        self._close(conn)

    def _close(self, conn: _Conn) -> None:
        self.nr_conns -= 1
        conn.close()
