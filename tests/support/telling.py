"""A context that keeps what it was told, for tests of what a use of a model tells of itself."""

from shared.jobs.job import Progress
from worker.context import Context


class Telling(Context):
    """told: the progress, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Progress] = []

    def progress(self, progress: Progress) -> None:
        self.told.append(progress)

    @property
    def end(self) -> tuple[str, int | None, int | None]:
        """Phase, step and steps at last."""
        return self.told[-1].phase, self.told[-1].step, self.told[-1].total_steps
