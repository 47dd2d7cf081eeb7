"""Places for waiting readers. Each of them holds a thread for as long as it waits."""

import contextlib
import threading
from collections.abc import Iterator

_SHARE = 0.75  # of the threads that may wait; a guess


class Seats:
    """Keeps a part of the threads free, so that submitting, looking and probing stay quick however many readers wait.

    Whoever finds no seat is answered at once and asks again a little later; nothing is lost by it.
    """

    def __init__(self, threads: int):
        self._free = threading.BoundedSemaphore(max(1, int(threads * _SHARE)))
        self.closing = False  # the server stops: every waiting reader leaves within a slice of its wait

    @contextlib.contextmanager
    def taken(self) -> Iterator[bool]:
        """Hold a seat for the block; False when all are taken: do not wait then."""
        seated = self._free.acquire(blocking=False)
        try:
            yield seated
        finally:
            if seated:
                self._free.release()
