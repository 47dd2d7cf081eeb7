"""What people are told of a length of time: its median, the range it is in four times out of five, and what it is known from."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from shared.clock.lengths import quantile

LOW, HIGH = 0.05, 0.95  # meant to hold four times out of five, with room for what no model foresees


class Estimate(BaseModel):
    """Seconds until something has happened. jobs: how many ended jobs it rests on; own_s: seconds of this job's own work that were
    measured; guessed: whether a part is no more than an order of magnitude."""

    median_s: float = Field(gt=0)
    low_s: float = Field(gt=0)
    high_s: float = Field(gt=0)
    jobs: int = 0
    own_s: float = 0.0
    guessed: bool = False


def estimate_of(futures: Sequence[float], *, jobs: int, own_s: float = 0.0, guessed: bool = False) -> Estimate:
    """futures: seconds, one of each draw."""
    ordered = sorted(futures)
    low, median, high = (max(round(quantile(ordered, share), 3), 0.01) for share in (LOW, 0.5, HIGH))
    return Estimate(median_s=median, low_s=low, high_s=high, jobs=jobs, own_s=round(own_s, 3), guessed=guessed)
