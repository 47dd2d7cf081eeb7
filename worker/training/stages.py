"""The stages of a training on one axis of steps: most have one; k folds and a last one on everything are k + 1.

Every stage begins with a fresh model, optimizer and schedule, built from the same seed: only their data differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from worker.recipe import Data, RecipeCode, optional
from worker.training.loop_state import Borders


@dataclass(frozen=True)
class Stages:
    """data, borders, begins_at: by stage; begins_at is the step of the whole training at which it begins. data may make each anew
    whenever it is asked for (worker.recipe.Lazily).
    """

    data: Sequence[Data]
    borders: tuple[Borders, ...]
    begins_at: tuple[int, ...]
    total_steps: int

    @classmethod
    def of(cls, code: RecipeCode, data: Data) -> "Stages":
        """The stages a recipe makes of its data. Raises ValueError when it makes none."""
        split = optional(code, "stages")
        parts: Sequence[Data] = split(data) if split else (data,)
        if not len(parts):
            raise ValueError("stages() returned none")
        borders = []
        for number in range(len(parts)):
            part = parts[number]
            borders.append(
                Borders.of(part.total_steps, part.steps_per_epoch, part.eval_every, code.STEPS_PER_EXECUTION)
            )
            del part  # before the next is made
        ends = list(accumulate(each.total_steps for each in borders))
        return cls(parts, tuple(borders), (0, *ends[:-1]), ends[-1])

    def __len__(self) -> int:
        return len(self.data)

    def epochs_before(self, stage: int) -> int:
        return sum(borders.epochs for borders in self.borders[:stage])

    @property
    def epochs(self) -> int:
        """Of the whole training; 0 without epochs."""
        return self.epochs_before(len(self))

    def evaluations_left(self, stage: int, step: int) -> int:
        """Evaluations still to come when a stage is at a step, counted from its own start."""
        return self.borders[stage].evaluations_after(step) + sum(
            b.evaluations_after(0) for b in self.borders[stage + 1 :]
        )
