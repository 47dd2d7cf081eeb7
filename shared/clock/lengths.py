"""A length of time that is not known exactly: lognormal, since times are above zero and err by factors, not by seconds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

_NORMAL = NormalDist()
_MOST_Z = 6.0  # beyond, the normal distribution's tail is below what floats tell from zero


@dataclass(frozen=True)
class Length:
    """log_s: logarithm of the median in seconds. spread: standard deviation of the logarithm."""

    log_s: float
    spread: float

    @classmethod
    def about(cls, seconds: float, spread: float) -> "Length":
        return cls(math.log(max(seconds, 1e-7)), spread)

    @property
    def median_s(self) -> float:
        return math.exp(self.log_s)

    def times(self, factor: float) -> "Length":
        return Length(self.log_s + math.log(max(factor, 1e-9)), self.spread)

    def draw(self, z: float) -> float:
        """The length that z standard deviations stand for."""
        return math.exp(self.log_s + self.spread * z)

    def left(self, elapsed_s: float, z: float) -> float:
        """What is left of it after elapsed_s, for the same z: the distribution given that it is longer than that.

        Never zero: the longer it has lasted beyond what was expected, the longer it is expected to last still.
        """
        if elapsed_s <= 0:
            return self.draw(z)
        here = (math.log(elapsed_s) - self.log_s) / self.spread
        if here > _MOST_Z - 1:  # far out in the tail: as an exponential of the hazard that a lognormal has there
            share = min(max(1 - _NORMAL.cdf(z), 1e-9), 1 - 1e-9)
            return -math.log(share) * elapsed_s * self.spread / here
        passed = _NORMAL.cdf(here)
        share = passed + (1 - passed) * _NORMAL.cdf(z)
        return max(self.draw(_NORMAL.inv_cdf(min(max(share, 1e-9), 1 - 1e-9))) - elapsed_s, 0.01 * elapsed_s, 0.01)


def together(*known: Length | None) -> Length | None:
    """What several sources that know of the same length say together, each weighing by how sure it is. None where none knows.

    Where they differ by more than they should, the spread grows by as much (Birge 1932, Phys. Rev. 40, 207).
    """
    lengths = [length for length in known if length is not None]
    if not lengths:
        return None
    weights = [1 / length.spread**2 for length in lengths]
    total = sum(weights)
    log_s = sum(weight * length.log_s for weight, length in zip(weights, lengths, strict=True)) / total
    apart = sum(weight * (length.log_s - log_s) ** 2 for weight, length in zip(weights, lengths, strict=True))
    return Length(log_s, total**-0.5 * max(1.0, math.sqrt(apart / max(len(lengths) - 1, 1))))


def at_least(length: Length | None, spread: float) -> Length | None:
    """The same, no surer than that."""
    return Length(length.log_s, max(length.spread, spread)) if length else None


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of numbers in rising order, between two of them where need be."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
