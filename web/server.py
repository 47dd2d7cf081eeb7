"""Gunicorn, configured in code: threads, limits against slow and silent peers, refusals in the API's own form.

Started by `python -m web`.
"""

import ctypes
import json
import signal
import socket
import struct
import sys
from typing import Any

from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from shared.settings import Settings
from web.app import create_app

_GRACE_S = 10  # guess: what a short request needs; waiting readers leave sooner, see web/seats.py
_SILENCE_S = 30  # a peer that neither sends what it has begun nor takes its answer for so long is let go; a guess
_MOST_LINE_BYTES = 8190  # gunicorn's own upper bound

# What a peer can get wrong before there is a request: (status, reason, code).
_REFUSALS: list[tuple[type[Exception], int, str, str]] = [
    (errors.LimitRequestLine, 414, "URI Too Long", "uri_too_long"),
    (errors.LimitRequestHeaders, 431, "Request Header Fields Too Large", "headers_too_large"),
    (errors.UnsupportedTransferCoding, 501, "Not Implemented", "unsupported_transfer_coding"),
    (errors.ParseException, 400, "Bad Request", "malformed_request"),
]
_OUR_FAULT = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)  # type: ignore[attr-defined]


class Worker(ThreadWorker):
    """gthread, with refusals as problem+json and waiting readers sent home at a stop."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        if self.wsgi is not None:
            self.wsgi.extensions["trainyard"].seats.closing = True
        super().handle_exit(sig, frame)

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
    """Bound every single read and write of a connection.

    gthread itself waits for ever for the rest of a request once it has begun, and for a reader that takes nothing: each
    would hold a thread. Connections inherit the option from the socket that accepts them (Linux, BSD).
    """
    limit = struct.pack("ll", _SILENCE_S, 0)
    for listener in arbiter.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


class Server(BaseApplication):
    """Serves create_app(settings) until SIGTERM; then answers what it has begun and leaves."""

    def __init__(self, settings: Settings):
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        options: dict[str, Any] = {
            "bind": [f"{host}:{self._settings.port}"],
            "worker_class": Worker,
            "workers": 1,
            "threads": self._settings.web_threads,
            "worker_connections": self._settings.web_threads + 1000,
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
            if name in self.cfg.settings:  # control_socket_disable is younger than the oldest gunicorn allowed
                self.cfg.set(name, value)

    def load(self) -> Any:
        return create_app(self._settings)
