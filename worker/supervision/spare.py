"""The processes of one slot between jobs: a spare with its libraries imported, and the warm generator.

Used by the supervisor alone, from the thread that runs its tasks (a process dies with the thread that started it).
"""

import logging
from collections.abc import Mapping

from worker.supervision.child import ChildProcess

log = logging.getLogger(__name__)


class Crew:
    """Hands out processes and keeps their successors ready."""

    def __init__(
        self, environment: Mapping[str, str], *, keep_spare: bool, trains: bool = True, ready_fd: int | None = None
    ):
        """environment: the slot's variables. trains: False when only generation is served: then the warm generator does
        without a spare beside it. ready_fd: passed to each process, see ChildProcess.
        """
        self._environment, self._keep_spare, self._trains, self._ready_fd = environment, keep_spare, trains, ready_fd
        self._spare: ChildProcess | None = None
        self._generator: ChildProcess | None = None
        self.warm: list[str] = []  # checkpoints the generator holds, as shared.jobs.record.source_key names them

    @property
    def spare_pid(self) -> int | None:
        return self._spare.pid if self._spare else None

    def prepare(self) -> None:
        """Start a spare unless there is one; notice a spare or generator that has died."""
        if self._generator and not self._generator.alive:
            log.warning("the warm generator has ended by itself (status %s)", self._generator.returncode)
            self.dismiss_generator()
        if self._spare and not self._spare.alive:
            log.warning("the spare has ended by itself (status %s): %s", self._spare.returncode, self._last_words())
            self._spare.close()
            self._spare = None
        if self._keep_spare and self._spare is None and (self._trains or self._generator is None):
            self._spare = self._start()

    def _start(self) -> ChildProcess:
        return ChildProcess(self._environment, ready_fd=self._ready_fd)

    def _last_words(self) -> str:
        said = self._spare.read_log() if self._spare else None
        return (said or b"").decode(errors="replace")[-500:]

    def trainer(self) -> ChildProcess:
        """Give away a process for one training; the caller closes it."""
        child = self._spare if self._spare and self._spare.alive else self._start()
        self._spare = None
        _drop_log(child)
        return child

    def generator(self) -> ChildProcess:
        """Lend the warm generator, made from the spare if there is none. Give it back or dismiss it."""
        if self._generator is None or not self._generator.alive:
            self.dismiss_generator()
            self._generator = self.trainer()
        _drop_log(self._generator)
        return self._generator

    def dismiss_generator(self) -> None:
        """End the warm generator: it failed, or its memory is wanted."""
        if self._generator:
            self._generator.close()
        self._generator, self.warm = None, []

    def close(self) -> None:
        """End everything."""
        self.dismiss_generator()
        if self._spare:
            self._spare.close()
        self._spare = None


def _drop_log(child: ChildProcess) -> None:
    """What was printed before a job began (notes of the imports) is not that job's."""
    while child.read_log():
        pass
