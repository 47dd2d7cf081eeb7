"""Talks HTTP to a Trainyard: JSON calls, uploads streamed from disk, events that survive a broken connection."""

import contextlib
import http.client
import json
import secrets
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit

from cli.multipart import chunks, field, part
from shared.errors import Choice, Problem, TrainyardError

API = "/api/v1"
TOLD = "application/x-ndjson"  # an answer that comes in lines, which tell how far it is (web/told.py)
ENDINGS = ("succeeded", "failed", "cancelled")
_CHUNK = 1 << 16
_SILENCE_S = 60.0  # the server says something on an event stream at least every 15 s
_MOST_PAUSE_S = 10.0


class ApiError(TrainyardError):
    """The server refused. status is HTTP's; problems says what is wrong with each field, choices what would do instead."""

    def __init__(self, status: int, message: str, code: str, problems: list[Problem], choices: list[Choice]):
        super().__init__(message, code=code)
        self.status = status
        self.problems = problems
        self.choices = choices


class Unreachable(TrainyardError):
    """No server answers, or the connection broke and repeating would not be safe."""

    code = "unreachable"


class Client:
    """One server. Holds no connection between calls."""

    def __init__(self, url: str, *, api_key: str = "", timeout_s: float = 60):
        """api_key: for a server that asks for one. Raises Unreachable when url is no http address."""
        self.url = url.rstrip("/")
        try:
            parts = urlsplit(self.url)
            host, self._port = parts.hostname, parts.port
        except ValueError as err:  # a port that is none, brackets that do not close
            raise Unreachable(
                f"{self.url!r:.100} is no address of a server: it would look like http://127.0.0.1:8000, "
                "its port a number up to 65535"
            ) from err
        if parts.scheme not in ("http", "https") or not host:
            raise Unreachable(f"{self.url!r:.100} is no address of a server; it would look like http://127.0.0.1:8000")
        self._secure, self._host = parts.scheme == "https", host
        self._base = parts.path.rstrip("/") + API
        self._timeout_s = timeout_s
        self._always = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def _connect(self, timeout_s: float | None = None) -> http.client.HTTPConnection:
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=timeout_s, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)

    def _lost(self, err: Exception) -> Unreachable:
        hint = "Is it running? `trainyard up` starts one; --url names another"
        return Unreachable(f"no answer from {self.url} ({err}). {hint}")

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """Send one request and return the JSON answer (None for an empty one). Raises ApiError, Unreachable."""
        connection = self._connect(timeout_s)
        try:
            data = None if body is None else json.dumps(body).encode()
            sent = {"Accept": "application/json", "Connection": "close"} | self._always | (headers or {})
            if data is not None:
                sent["Content-Type"] = "application/json"
            connection.request(method, self._target(path, query), body=data, headers=sent)
            return _answer(connection.getresponse())
        except (OSError, http.client.HTTPException) as err:
            raise self._lost(err) from err
        finally:
            connection.close()

    def _target(self, path: str, query: dict[str, Any] | None) -> str:
        chosen = {k: v for k, v in (query or {}).items() if v not in (None, "")}
        bytes_as_they_are = "surrogateescape"  # a name that is not UTF-8 is asked for, and not found
        query_text = f"?{urlencode(chosen, errors=bytes_as_they_are)}" if chosen else ""
        return self._base + quote(path, safe="/", errors=bytes_as_they_are) + query_text

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, query=query)

    def wait(self, job_id: str, etag: str = "", *, seconds: float = 20) -> tuple[dict[str, Any], str]:
        """A job once it differs from what `etag` stands for, and its new etag; empty when nothing changed meanwhile."""
        connection = self._connect(seconds + self._timeout_s)
        try:
            headers = self._always | ({"If-None-Match": etag} if etag else {})
            query = {"wait": f"{seconds:g}"} if etag else None
            connection.request("GET", self._target(f"/jobs/{job_id}", query), headers=headers)
            response = connection.getresponse()
            return _answer(response) or {}, response.getheader("ETag", "")
        except (OSError, http.client.HTTPException) as err:
            raise self._lost(err) from err
        finally:
            connection.close()

    def submit(self, request: dict[str, Any]) -> dict[str, Any]:
        """Submit a job. A lost connection is tried once more under the same key, so that it is never queued twice."""
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        try:
            return self.call("POST", "/jobs", request, headers=headers)
        except Unreachable:
            return self.call("POST", "/jobs", request, headers=headers)

    def download(self, path: str, out: IO[bytes]) -> int:
        """Copy a file to `out`; returns its bytes. Raises ApiError, Unreachable."""
        connection = self._connect()
        try:
            connection.request("GET", self._target(path, None), headers=self._always | {"Connection": "close"})
            response = connection.getresponse()
            if response.status >= 400:
                _answer(response)
            count = 0
            while chunk := response.read(_CHUNK):
                out.write(chunk)
                count += len(chunk)
            return count
        except (OSError, http.client.HTTPException) as err:
            raise self._lost(err) from err
        finally:
            connection.close()

    def upload(
        self,
        files: Sequence[tuple[str, Path]],
        fields: dict[str, str],
        *,
        to: str = "/datasets",
        progress: Callable[[int, int], None] = lambda sent, total: None,
        taken: Callable[[int, int], None] | None = None,
    ) -> dict[str, Any]:
        """Upload files (name, path), streamed, as one dataset; one alone to "/files", for params that hold files.

        progress: called with the bytes sent and all bytes. taken: afterwards with the bytes the server has taken in and all it
        will, of what it tells that of. Raises ApiError, Unreachable, NameUnfit.
        """
        boundary = secrets.token_hex(16)
        parts = [(part(boundary, name), path) for name, path in files]
        head = b"".join(field(boundary, name, value) for name, value in fields.items() if value)
        end = f"--{boundary}--\r\n".encode()
        total = len(head) + sum(len(lead) + path.stat().st_size + 2 for lead, path in parts) + len(end)

        def body() -> Iterator[bytes]:
            sent = 0
            for chunk in chunks(head, parts, end):
                yield chunk
                sent += len(chunk)
                progress(sent, total)

        connection = self._connect(timeout_s=600)  # the server checks every file before it answers
        try:
            kind = f"multipart/form-data; boundary={boundary}"
            headers = self._always | {"Content-Type": kind, "Content-Length": str(total)}
            if taken is not None:
                headers["Accept"] = TOLD
            with contextlib.suppress(BrokenPipeError):  # refused before all was read: the answer says why
                connection.request("POST", self._target(to, None), body=body(), headers=headers)
            response = connection.getresponse()
            if taken is not None and response.headers.get_content_type() == TOLD:
                return _told(response, taken)
            return _answer(response)
        except (OSError, http.client.HTTPException) as err:
            raise self._lost(err) from err
        finally:
            connection.close()

    def events(
        self, job_id: str, *, after: str = "0", on_gap: Callable[[str], None] = lambda reason: None
    ) -> Iterator[dict[str, Any]]:
        """Follow a job's events to its end: {id, type, at, attempt, data}. Reconnects, and goes on after the last one.

        on_gap(reason) is called when the connection breaks, on_gap("") when it is back. Raises ApiError.
        """
        pause_s, broken = 0.2, False
        while True:
            connection = self._connect(timeout_s=_SILENCE_S)
            try:
                target = self._target(f"/jobs/{job_id}/events", None)
                headers = self._always | {"Accept": "text/event-stream", "Last-Event-ID": after}
                connection.request("GET", target, headers=headers)
                response = connection.getresponse()
                if response.status == 204:  # it has ended, and its last event has been seen
                    return
                if response.status >= 400:
                    _answer(response)
                for event in parse_events(response):
                    if broken:
                        on_gap("")
                    pause_s, broken = 0.2, False
                    after = event.get("id") or after
                    yield event
                    if event["type"] in ENDINGS:
                        return
            except ApiError as err:
                if err.status < 500:
                    raise
                broken = _say_once(on_gap, broken, err.message)
            except (OSError, http.client.HTTPException) as err:
                broken = _say_once(on_gap, broken, str(err))
            finally:
                connection.close()
            threading.Event().wait(pause_s)  # between two tries to reach a server that is away
            pause_s = min(pause_s * 2, _MOST_PAUSE_S)


def _say_once(on_gap: Callable[[str], None], broken: bool, reason: str) -> bool:
    if not broken:
        on_gap(reason)
    return True


def parse_events(lines: IO[bytes] | http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """Read server-sent events whose data is JSON; comments and unfinished events are passed over.

    Source: HTML standard, section 9.2.6 "Interpreting an event stream".
    """
    data: list[str] = []
    event_id = ""
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            if data:
                event = json.loads("\n".join(data))
                yield {"id": event_id} | event if event_id else event
            data = []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "id":
            event_id = value


def _told(response: http.client.HTTPResponse, taken: Callable[[int, int], None]) -> Any:
    """What comes at the end of lines that tell how far it is. Raises as _answer, and HTTPException when they break off."""
    of = 0
    for line in response:
        said = json.loads(line) if line.strip() else {}
        if "status" in said:
            taken(of, of)
            return _accepted(said["status"], said["body"], "")
        if said:
            of = said["of"]
            taken(said["done"], of)
    raise http.client.IncompleteRead(b"")


def _answer(response: http.client.HTTPResponse) -> Any:
    """The JSON of an answer. Raises ApiError when it is a refusal, whatever its form."""
    raw = response.read()
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        body = None
    return _accepted(response.status, body, response.reason)


def _accepted(status: int, body: Any, reason: str) -> Any:
    """The body of an answer. Raises ApiError when it is a refusal."""
    if status < 400:
        return body
    problem = body if isinstance(body, dict) else {}
    message = problem.get("detail") or problem.get("title") or f"the server answered {status} {reason}"
    problems = [Problem.model_validate(p) for p in problem.get("problems", [])]
    choices = [Choice.model_validate(c) for c in problem.get("choices", [])]
    raise ApiError(status, message, problem.get("code", "http_error"), problems, choices)
