"""When a training that may stop early will: the share of its steps at which it ends, drawn a hundred times.

It stops once so many evaluations (its patience) in a row were no better than the best one. So what is asked is the number of its
best evaluation. What other jobs of its recipe showed of theirs counts most, whatever lengths and patience they had; before them,
as little is assumed as can be: any number up to some tens of times the patience, evenly in the logarithm. While it runs, how many
evaluations have brought nothing better says more: were they exchangeable numbers, the chance
that none of those up to the stop is better would be the share of them that is behind (the law of records, Renyi 1962).
"""

import random
from collections.abc import Iterator, Sequence

from shared.clock.cost import Cost
from shared.clock.features import Features
from shared.clock.plan import planned_evaluations

PATIENCE = "early_stopping_patience"
_FARTHEST = (
    30.0  # times the patience: the latest best evaluation that is thought of before any other job has told. A guess
)
_NEVER = 0.2  # chance that it gets better to its very end, before any other job has told. A guess
_GUESSES = 8  # points that stand for the even spread
_OWN = 3.0  # how many jobs the law of records counts as

Weighted = tuple[float, float]  # number of the best evaluation, weight


def fractions(
    costs: Sequence[Cost], features: Features, draws: int, now: float = 0.0, without_better: int | None = None
) -> list[float]:
    """By draw, the share of its steps at which a job stops; all 1 where it may not stop early.

    costs: ended jobs of its recipe. now: the share it has come to. without_better: how many evaluations in a row have brought
    nothing better by now; None: not known.
    """
    patience = features.numbers.get(PATIENCE)
    if not patience:
        return [1.0] * draws
    planned = max(planned_evaluations(features), 1.0)
    done = now * planned
    weighted = [(min((best + patience) / planned, 1.0), weight) for best, weight in _bests(costs, patience, planned)]
    later = [(share, weight) for share, weight in weighted if share > now]
    if without_better and done >= 1:
        stop = done + max(patience - without_better, 0.0)
        if stop < planned:
            none_better = done / stop
            total = sum(weight for _, weight in later) or 1.0
            later = [(share, weight * (1 + _OWN * (1 - none_better) / total)) for share, weight in later]
            later.append((stop / planned, _OWN * none_better))
            later = [(max(share, stop / planned), weight) for share, weight in later]
    return _drawn(later or [(1.0, 1.0)], draws)


def _bests(costs: Sequence[Cost], patience: float, planned: float) -> Iterator[Weighted]:
    """Where the best evaluation may be, by what is guessed and what ended jobs showed."""
    guesses = [(_FARTHEST * patience) ** ((i + 0.5) / _GUESSES) for i in range(_GUESSES)]
    for guess in guesses:
        yield guess, (1 - _NEVER) / _GUESSES
    yield planned, _NEVER
    for cost in costs:
        theirs = cost.features.numbers.get(PATIENCE)
        if not theirs:
            continue
        all_of_it = max(planned_evaluations(cost.features), 1.0)
        best = max(cost.fraction * all_of_it - theirs, 1.0)  # the first of all is always the best so far
        if cost.stopped_early:
            yield best, 1.0
        elif best + patience >= planned:
            yield best, 1.0  # it had none this early, so this one comes to its end
        else:
            beyond = [guess for guess in guesses if guess > best] or [planned]
            for guess in beyond:
                yield guess, 1 / len(beyond)


def _drawn(weighted: Sequence[Weighted], draws: int) -> list[float]:
    """As often as they weigh, in an order that is the same at every call."""
    total, found, place = sum(weight for _, weight in weighted), [], 0.0
    for share, weight in sorted(weighted):
        place += weight / total * draws
        found += [share] * (round(place) - len(found))
    random.Random(1).shuffle(found)
    return found
