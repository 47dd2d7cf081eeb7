"""Peers that send next to nothing, against the real server with few threads: they hold none that others need."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys

import pytest

from cli.server import free_port
from shared.api_keys import create_key
from shared.ids import new_id
from shared.volume.volume import Volume
from web.connections import BODY_S, LEAST_BYTES_PER_S, PatientSocket

THREADS = 4


@pytest.fixture(scope="module")
def served(redis_server, tmp_path_factory):
    """(port, volume) of a server that asks for a key. No test leaves anything in Redis but a rate, which dies by itself."""
    volume = Volume(tmp_path_factory.mktemp("slow") / "data")
    volume.ensure()
    wanted = {"redis_url": redis_server.url, "key_prefix": f"slow-{new_id()[-8:]}", "data": volume.root}
    wanted |= {"login": "true", "web_threads": THREADS, "port": free_port(), "log_level": "warning"}
    env = os.environ | {f"TRAINYARD_{name.upper()}": str(value) for name, value in wanted.items()}
    with subprocess.Popen([sys.executable, "-m", "web"], env=env) as server:
        try:
            while True:
                with contextlib.suppress(OSError), dial(wanted["port"]):
                    break
                assert server.poll() is None
            yield wanted["port"], volume
        finally:
            server.terminate()


@pytest.fixture
def port(served):
    return served[0]


def dial(port):
    return socket.create_connection(("127.0.0.1", port), timeout=100)


def ask(port, path="/healthz", headers=None):
    """Status of an answer to somebody else."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=100)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers or {})
        return connection.getresponse().status


def answer(connection):
    """(status, body) of one answer, which leaves the connection as it is."""
    reply = http.client.HTTPResponse(connection)
    reply.begin()
    return reply.status, reply.read()


def test_heads_that_do_not_come_to_an_end_hold_no_thread(port):
    with contextlib.ExitStack() as kept:
        slow = [kept.enter_context(dial(port)) for _ in range(3 * THREADS)]
        for connection in slow:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Sl")
        assert ask(port) == 200
        for connection in slow:
            connection.sendall(b"ow: 1\r\n\r\n")
            assert answer(connection)[0] == 200, "nobody was sent away meanwhile"
        for connection in slow:  # and once more on the same connections, two requests in one piece
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHo")
            assert answer(connection)[0] == 200
        assert ask(port) == 200
        for connection in slow:
            connection.sendall(b"st: x\r\n\r\n")
            assert answer(connection)[0] == 200


def test_a_head_that_takes_too_long_is_answered_and_let_go(port):
    with dial(port) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHos")
        status, body = answer(connection)
        assert status == 408 and json.loads(body)["code"] == "request_timeout"
        assert connection.recv(1) == b""


@pytest.mark.parametrize("head", [b"HELO x\r\n", b"GET /\r\n", b"\x16\x03\x01\x00\n", b"GET /" + b"x" * 9000])
def test_what_is_no_request_is_refused_without_waiting_for_its_end(port, head):
    with dial(port) as connection:
        connection.sendall(head)
        assert answer(connection)[0] in (400, 414)


def test_who_has_no_key_is_not_waited_for(port):
    with contextlib.ExitStack() as kept:
        for _ in range(3 * THREADS):
            connection = kept.enter_context(dial(port))
            connection.sendall(b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{")
            assert answer(connection)[0] == 401
            with contextlib.suppress(OSError):
                connection.sendall(b" " * 19 + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                assert connection.recv(1) == b"", "the rest was read and the next request answered"


def test_a_body_that_comes_in_pieces_is_taken_from_who_has_a_key(served):
    port, volume = served
    _, key = create_key(volume, owner="ann", scope="submit")
    body = json.dumps({"kind": "train", "recipe": "char_lstm"}).encode()
    with dial(port) as connection:
        head = f"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
        for byte in body:
            connection.sendall(bytes([byte]))
        assert answer(connection)[0] == 422


def pieces_taken(size):
    """How many pieces, each waited for ten seconds, are received before the peer has used up its time; 20 at most."""
    ours, theirs = socket.socketpair()
    looks = iter(range(0, 1_000_000, 10))
    with ours, theirs:
        patient = PatientSocket(ours, lambda: next(looks))
        for number in range(20):
            theirs.sendall(b"x" * size)
            try:
                assert len(patient.recv(size)) == size
            except TimeoutError:
                return number
    return 20


def test_a_body_may_take_the_longer_the_more_of_it_has_come():
    assert pieces_taken(1) <= BODY_S // 10 + 1
    assert pieces_taken(LEAST_BYTES_PER_S) < 20
    assert pieces_taken(LEAST_BYTES_PER_S * 10) == 20, "at the least rate it may go on for ever"


def test_what_was_read_ahead_comes_first_and_costs_no_time():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        patient = PatientSocket(ours)
        patient.begin(b"head")
        patient.hurry(0)
        assert patient.recv(2) == b"he" and patient.recv(9) == b"ad"
        theirs.sendall(b"x")
        with pytest.raises(TimeoutError):
            patient.recv(1)
        patient.begin(b"")
        assert patient.recv(1) == b"x", "a new request has its own time"
