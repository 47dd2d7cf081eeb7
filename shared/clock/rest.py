"""What is summed up of a job's rest: seconds of its phases, drawn a hundred times."""

import functools
import math
import random
import zlib
from dataclasses import dataclass
from statistics import NormalDist

from shared.clock.features import Features
from shared.clock.learning import Learnt
from shared.clock.lengths import Length
from shared.clock.own_pace import beside

DRAWS = 100
_COMMON = 0.9  # share of the variance that all phases of a job have in common: how busy the machine is. A guess

# Where no job of the recipe has ended yet: lengths in seconds that are no more than an order of magnitude, from the small jobs of
# benchmarks/eta.py. What a step costs is never guessed.
_GUESSED = {
    "starting": Length.about(1.0, 1.4),
    "loading": Length.about(0.4, 1.4),
    "compiling": Length.about(2.0, 0.8),
    "first evaluating": Length.about(0.4, 1.4),
    "evaluating": Length.about(0.1, 1.4),
    "first sampling": Length.about(0.3, 1.4),
    "sampling": Length.about(0.1, 1.4),
    "saving": Length.about(0.1, 0.8),
    "reporting": Length.about(0.5, 1.4),
    "baselines": Length.about(0.4, 1.4),
    "ending": Length.about(0.05, 0.8),
}


@functools.cache
def _draws(name: str) -> tuple[float, ...]:
    """Standard normal numbers, evenly spread, in an order that belongs to the name."""
    even = [NormalDist().inv_cdf((i + 0.5) / DRAWS) for i in range(DRAWS)]
    random.Random(zlib.crc32(name.encode())).shuffle(even)
    return tuple(even)


@functools.cache
def zs(name: str) -> tuple[float, ...]:
    """Those of one phase, which go with those of all others as far as the machine is the same."""
    common, own = math.sqrt(_COMMON), math.sqrt(1 - _COMMON)
    return tuple(common * a + own * b for a, b in zip(_draws("all"), _draws(name), strict=True))


@dataclass
class Rest:
    """What is summed up: seconds by draw. guessed: some phase is no more than an order of magnitude."""

    learnt: Learnt
    features: Features
    seconds: list[float]
    guessed: bool = False

    def known(self, what: str) -> Length | None:
        """What ended jobs say of it, else a guess where there may be one."""
        length = self.learnt.length(what, self.features)
        phase = what.removeprefix("first ")
        if length is not None or (len(self.learnt) and not self.learnt.likely(phase)):
            return length
        self.guessed = self.guessed or what in _GUESSED
        return _GUESSED.get(what)

    def add(self, what: str, times: list[float] | float = 1.0, length: Length | None = None) -> None:
        """A phase still to come, so many times."""
        length = length or self.known(what)
        if length is None:
            return
        log_s, spread, exp = length.log_s, length.spread, math.exp
        often = times if isinstance(times, list) else [times] * DRAWS
        self.seconds = [s + n * exp(log_s + spread * z) for s, n, z in zip(self.seconds, often, zs(what), strict=True)]

    def add_left(self, what: str, elapsed_s: float, own: Length | None = None, *, alone: bool = False) -> None:
        """What is left of a phase that has lasted elapsed_s. own: what its parts say of all of it; alone: nothing else counts."""
        length = (own if alone else beside(self.known(what), own)) or Length.about(max(elapsed_s, 0.5), 1.0)
        for i, z in enumerate(zs(what)):
            self.seconds[i] += length.left(elapsed_s, z)

    def add_beyond(self, what: str, spent_s: float) -> None:
        """What may be still to come of something that comes in pieces, of which spent_s are behind."""
        length = self.known(what)
        if length is not None:
            for i, z in enumerate(zs(what)):
                self.seconds[i] += max(length.draw(z) - spent_s, 0.0)
