"""What web/connections.py takes for granted of gunicorn's inside, each by itself: an upgrade that changes one fails here.

The behaviour that stands on it, against a real server: tests/integration/test_slow_clients.py.
"""

import inspect
import selectors
import socket
from collections import deque
from concurrent.futures import Future
from typing import Any

import gunicorn
import pytest
from gunicorn import http
from gunicorn.config import Config
from gunicorn.http.wsgi import default_environ
from gunicorn.workers.gthread import TConn, ThreadWorker

from web.connections import PatientSocket, PatientWorker

ANOTHER = "is another gunicorn: read its workers/gthread.py beside web/connections.py, then name the version here"
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def ends():
    """(what the server holds, what the peer holds)."""
    here, there = socket.socketpair()
    yield here, there
    here.close()
    there.close()


@pytest.fixture
def worker():
    """A ThreadWorker without a process: what its methods for one connection need."""
    found: Any = object.__new__(ThreadWorker)
    found.cfg, found.nr_conns, found.alive = Config(), 0, True
    found.poller, found.keepalived_conns, found.pending_conns = selectors.DefaultSelector(), deque(), deque()
    found.queued = []
    found.enqueue_req = found.queued.append
    yield found
    found.poller.close()


def connection(worker, sock) -> Any:
    return TConn(worker.cfg, sock, ("127.0.0.1", 1), ("127.0.0.1", 2))


def done(result) -> Future:
    future: Future = Future()
    future.set_result(result)
    return future


def test_the_version_is_the_one_that_was_read():
    assert gunicorn.__version__.startswith("27."), f"{gunicorn.__version__} {ANOTHER}"


@pytest.mark.parametrize(
    ("name", "takes"),
    [
        ("accept", ["self", "listener"]),
        ("enqueue_req", ["self", "conn"]),
        ("finish_request", ["self", "conn", "fs"]),
        ("murder_pending", ["self"]),
        ("_cap_keepalive", ["self", "deadline"]),
    ],
)
def test_every_method_that_is_replaced_is_there_and_is_called_as_it_was(name, takes):
    assert list(inspect.signature(getattr(ThreadWorker, name)).parameters) == takes, ANOTHER
    assert getattr(PatientWorker, name) is not getattr(ThreadWorker, name)


def test_the_loop_looks_for_what_is_overdue_while_it_runs_and_while_it_stops():
    loop = inspect.getsource(ThreadWorker.run)
    before, _, after = loop.partition("self._cap_keepalive(")
    assert "self.murder_pending()" in before and "self.murder_pending()" in after, ANOTHER
    assert "timeout=1.0" in before, "at least once a second"


def test_a_connection_that_is_accepted_is_counted_and_handed_on_unread(worker):
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as peer:
        peer.sendall(REQUEST)
        ThreadWorker.accept(worker, listener)
        (conn,) = worker.queued
        assert isinstance(conn, TConn) and worker.nr_conns == 1
        assert (conn.parser, conn.data_ready) == (None, False)
        conn.sock.settimeout(10)
        assert conn.sock.recv(1000) == REQUEST
        conn.close()


def test_a_thread_does_not_wait_for_data_that_the_loop_has_seen(worker, ends):
    conn = connection(worker, ends[0])
    assert not conn.wait_for_data(0)
    conn.data_ready = True
    assert conn.wait_for_data(0)


def test_the_parser_reads_by_recv_of_the_socket_it_is_given_and_keeps_what_came_too_early(worker, ends):
    conn = connection(worker, ends[0])
    patient: Any = PatientSocket(conn.sock)
    conn.sock = patient
    conn.init()
    conn.sock.begin(REQUEST + b"GET /next")
    request = next(conn.parser)
    assert (request.method, request.path) == ("GET", "/healthz"), "taken from what the loop had read ahead"
    assert request.body.read() == b""
    assert conn.parser.unreader.take_buffered() == b"GET /next"
    assert conn.parser.unreader.take_buffered() == b"", "once"
    assert default_environ(request, patient, worker.cfg)["gunicorn.socket"] is conn.sock


def test_a_parser_is_made_of_any_socket(worker, ends):
    source: Any = PatientSocket(ends[0])
    parser: Any = http.get_parser(worker.cfg, source, ("127.0.0.1", 1))
    ends[1].sendall(REQUEST)
    assert next(parser).path == "/healthz"


def test_an_answered_connection_that_stays_waits_in_the_loop_under_its_socket(worker, ends):
    conn = connection(worker, ends[0])
    conn.parser = http.get_parser(worker.cfg, conn.sock, conn.client)
    ThreadWorker.finish_request(worker, conn, done(True))
    key = worker.poller.get_key(conn.sock)
    assert list(worker.keepalived_conns) == [conn]
    ends[1].sendall(REQUEST)
    key.data(conn.sock)
    assert worker.queued == [conn] and not worker.keepalived_conns
    with pytest.raises(KeyError):
        worker.poller.get_key(conn.sock)  # free to be registered anew


def test_only_the_answer_false_closes_a_connection(worker, ends):
    conn = connection(worker, ends[0])
    worker.nr_conns = 1
    ThreadWorker.finish_request(worker, conn, done(False))
    assert worker.nr_conns == 0 and conn.sock.fileno() == -1
    source = inspect.getsource(ThreadWorker.handle)
    assert "return False" in source, ANOTHER


def test_who_has_waited_too_long_is_forgotten_by_the_loop(worker, ends):
    conn = connection(worker, ends[0])
    conn.timeout = 0.0
    worker.pending_conns.append(conn)
    worker.nr_conns = 1
    ThreadWorker.murder_pending(worker)
    assert worker.nr_conns == 0 and conn.sock.fileno() == -1
