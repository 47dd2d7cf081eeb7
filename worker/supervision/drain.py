"""Carries "leave now" from the Celery parent to its child: a pipe made before the fork.

One byte is written and never read, so the pipe stays readable: it works while the child computes, survives being said
early, and every loop that watches the descriptor sees it.
"""

import os


class DrainPipe:
    """Made in the parent before it forks; fd becomes readable once the worker is to leave."""

    def __init__(self) -> None:
        self.fd, self._write_fd = os.pipe()

    def drain(self) -> None:
        """Say it, from either process. Repeating is harmless; safe in a signal handler."""
        os.write(self._write_fd, b"d")

    def close(self) -> None:
        os.close(self.fd)
        os.close(self._write_fd)
