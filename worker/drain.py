"""Carries "leave now" from the Celery parent to its child: a pipe made before the fork whose write end the parent closes.

Works without the child's attention, survives being said early, and is said by the parent's death too.
"""

import os


class DrainPipe:
    """Made in the parent before it forks; fd becomes readable (end of file) once the worker is to leave."""

    def __init__(self) -> None:
        self.fd, self._write_fd = os.pipe()

    def in_child(self) -> None:
        """Drop the child's copy of the write end: else the end of file never comes."""
        self.drain()

    def drain(self) -> None:
        """Say it (parent). Repeating is harmless; safe in a signal handler."""
        fd, self._write_fd = self._write_fd, -1
        if fd >= 0:
            os.close(fd)
