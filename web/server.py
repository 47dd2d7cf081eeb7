"""Gunicorn, configured in code: threads, limits against slow and silent peers, refusals in the API's own form.

Started by `python -m web`.
"""

import ctypes
import json
import resource
import signal
import socket
import struct
import sys
from typing import Any

from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.http import errors

from shared.settings import Settings
from web.app import create_app
from web.connections import PatientWorker

_GRACE_S = 10  # guess: what a short request needs; waiting readers leave sooner, see web/seats.py
_SILENCE_S = 30  # a peer that takes nothing of its answer for so long is let go; a guess
_IDLE_CONNECTIONS = 1000  # beside those that threads work on; a guess
_FILES_PER_THREAD = 16  # open at a time, at most; a guess
_MOST_LINE_BYTES = 8190  # gunicorn's own upper bound

# What a peer can get wrong before there is a request: (status, reason, code).
_REFUSALS: list[tuple[type[Exception], int, str, str]] = [
    (errors.LimitRequestLine, 414, "URI Too Long", "uri_too_long"),
    (errors.LimitRequestHeaders, 431, "Request Header Fields Too Large", "headers_too_large"),
    (errors.UnsupportedTransferCoding, 501, "Not Implemented", "unsupported_transfer_coding"),
    (errors.ParseException, 400, "Bad Request", "malformed_request"),
]
_OUR_FAULT = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)  # type: ignore[attr-defined]


class Worker(PatientWorker):
    """Refuses as problem+json, and sends waiting readers home at a stop."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        if self.wsgi is not None:
            self.wsgi.extensions["trainyard"].seats.closing = True
        super().handle_exit(sig, frame)

    def too_slow(self, conn: Any) -> None:
        detail = "the head of the request did not come in time"
        util.write_nonblock(conn.sock, _refusal(408, "Request Timeout", "request_timeout", detail))

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what is no HTTP request; what the application itself did wrong is gunicorn's to answer."""
        if isinstance(exc, _OUR_FAULT):
            return super().handle_error(req, client, addr, exc)
        for kind, status, reason, code in _REFUSALS:
            if isinstance(exc, kind):
                self.log.info("refused a request: %s %r", code, str(exc)[:200])
                return util.write_nonblock(client, _refusal(status, reason, code, str(exc)))
        return super().handle_error(req, client, addr, exc)


def _refusal(status: int, reason: str, code: str, detail: str) -> bytes:
    document = {"type": "about:blank", "title": reason, "status": status, "detail": detail[:300], "code": code}
    body = json.dumps(document | {"problems": []}).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    return head.encode() + body


def _die_with_parent(_arbiter: Any, _worker: Any) -> None:
    """In the process that serves: end when the one that watches over it is killed, so that its port is free again."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG; a graceful end would hold the port


def _limit_silence(arbiter: Any) -> None:
    """Bound every single write of a connection; web/connections.py bounds what is read.

    gthread itself waits for ever for a reader that takes nothing, which would hold a thread. Connections inherit the option
    from the socket that accepts them (Linux, BSD).
    """
    limit = struct.pack("ll", _SILENCE_S, 0)
    for listener in arbiter.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def _open_enough(threads: int) -> None:
    """Allow this process as many open files as it may need, where the system lets it: many shells allow 1,024 only."""
    wanted = _IDLE_CONNECTIONS + threads * _FILES_PER_THREAD
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now != resource.RLIM_INFINITY and now < wanted:
        highest = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, highest), most))


class Server(BaseApplication):
    """Serves create_app(settings) until SIGTERM; then answers what it has begun and leaves."""

    def __init__(self, settings: Settings):
        self._settings = settings
        super().__init__()
        _open_enough(settings.web_threads)

    def load_config(self) -> None:
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        options: dict[str, Any] = {
            "bind": [f"{host}:{self._settings.port}"],
            "worker_class": Worker,
            "workers": 1,
            "threads": self._settings.web_threads,
            "worker_connections": self._settings.web_threads + _IDLE_CONNECTIONS,
            "timeout": 120,
            "graceful_timeout": _GRACE_S,
            "keepalive": 30,
            "limit_request_line": _MOST_LINE_BYTES,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": self._settings.log_level,
            "proc_name": "trainyard-web",
            "control_socket_disable": True,
            "when_ready": _limit_silence,
            "post_fork": _die_with_parent,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return create_app(self._settings)
