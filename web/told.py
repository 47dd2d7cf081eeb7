"""A long request told as it goes on: lines of JSON for who asks for application/x-ndjson. A reader who leaves cancels it.

{"done": bytes, "of": bytes} now and then, and last what came of it: {"status": 201, "body": {...}}, or the problem that would
else have been the answer. The work is done by a thread of its own, since what does it calls back and cannot be gone on with.
"""

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response, current_app, request, stream_with_context

KIND = "application/x-ndjson"
_EVERY_S = 0.2  # between two lines
_SILENCE_S = 1.0  # an empty line then shows whether the reader is still there


class ReaderGone(Exception):
    """Nobody waits for the end any more."""


def asked_to_tell() -> bool:
    return request.accept_mimetypes.best_match(["application/json", KIND]) == KIND


def told(work: Callable[[Callable[[int, int], None]], Any], answer: Callable[[Any], Response]) -> Response:
    """Carry out work(look), look(done, of) as often as it likes; answer: what is said of what it returns.

    look raises ReaderGone once the reader has left: work leaves nothing behind then.
    """
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(stream_with_context(_lines(work, answer)), mimetype=KIND, headers=headers)


def _lines(work: Callable[[Callable[[int, int], None]], Any], answer: Callable[[Any], Response]) -> Iterator[str]:
    said: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    gone = threading.Event()
    spoke_at = -_EVERY_S

    def look(done: int, of: int) -> None:
        nonlocal spoke_at
        if gone.is_set():
            raise ReaderGone
        if time.monotonic() - spoke_at >= _EVERY_S:
            spoke_at = time.monotonic()
            said.put(("look", {"done": done, "of": of}))

    def run() -> None:
        try:
            said.put(("made", work(look)))
        except Exception as err:  # noqa: BLE001  told to the reader, by the one place that turns errors into answers
            said.put(("failed", err))

    thread = threading.Thread(target=run, name="told")
    thread.start()
    try:
        yield "\n"  # begun: from here on the end of this generator ends the work
        while True:
            try:
                kind, found = said.get(timeout=_SILENCE_S)
            except queue.Empty:
                yield "\n"
                continue
            if kind == "look":
                yield json.dumps(found) + "\n"
                continue
            response = answer(found) if kind == "made" else _refusal(found)
            yield json.dumps({"status": response.status_code, "body": response.get_json(force=True)}) + "\n"
            return
    finally:
        gone.set()
        thread.join()


def _refusal(err: Exception) -> Response:
    try:
        return current_app.make_response(current_app.handle_user_exception(err))
    except Exception as unknown:  # noqa: BLE001  as Flask itself does with what no handler takes
        return current_app.make_response(current_app.handle_exception(unknown))
