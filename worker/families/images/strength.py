"""How much of the augmentation asked for a training gets: by what the network makes of the pictures it learns from.

Variation helps a network that has begun to know its pictures by heart, and only costs one that has not: on 60,000 pictures seen
five times the same shifts and turns lose accuracy that win it on 5,000 seen twenty times. Which of the two it is shows as the
network learns: so it begins with none, and after each evaluation has a quarter more where the network was better at the pictures it
learns from, varied as they were, than at those held out; a quarter less where it was worse. The idea of steering by that
difference: Karras et al. 2020, "Training generative adversarial networks with limited data", arXiv:2006.06676.
"""

from collections.abc import Mapping
from typing import Literal

LEVELS = 4

Choice = Literal["auto", "full"]


class Strength:
    """A worker.recipe.Steering of the augmentation. metric: that "val_" stands before for the pictures held out; more is better.

    watched: whether pictures are held out; without them nothing can be told and all of it is given.
    """

    def __init__(self, choice: Choice, metric: str, *, watched: bool):
        self._metric, self._grows = metric, choice == "auto" and watched
        self.most, self.start = LEVELS, 0 if self._grows else LEVELS
        self.state = self.start

    @property
    def share(self) -> float:
        """Of what is asked for, 0..1."""
        return self.state / LEVELS

    @property
    def shown(self) -> dict[str, float]:
        return {"augmentation": self.share} if self._grows else {}

    def take(self, metrics: Mapping[str, float]) -> bool:
        known, held = metrics.get(self._metric), metrics.get(f"val_{self._metric}")
        if not self._grows or known is None or held is None:
            return False
        before = self.state
        self.state = min(max(before + (known > held) - (known < held), 0), LEVELS)
        return self.state != before
