"""Lengths of phases learnt from what ended jobs cost: a regression on the logarithms of seconds, one for each thing to know.

A Gaussian process (Rasmussen, Williams 2006, ch. 2): how the cost grows with each feature is guessed beforehand and corrected by
what was seen; jobs that are alike weigh most; how far it errs on each job when told of all others (ibid., 5.4.2) widens or
narrows what it says of a new one.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.clock.cost import MOST_COSTS, Cost
from shared.clock.features import SIZE, Features
from shared.clock.lengths import Length
from shared.clock.plan import planned_evaluations, planned_steps

Row = list[float]

# Guesses, in logarithms: how far the level is unknown before the first job; how far jobs deviate smoothly from powers of their
# features, and over which distance; how far equal jobs differ; and how much more so an entry of 30 jobs ago.
LEVEL, BEND, NOISE, AGED = 2.0, 0.4, 0.4, 1.0
REACH = 2.0
# How far the powers of counts, of what is planned by them, and of rates may be from those guessed; how far words change the cost.
COUNT, PLAN, RATE, WORD, DEVICE = 0.35, 0.08, 0.03, 0.2, 1.5
_MOST_SAID = 4_000  # answers remembered
_PLANNED = ("steps", "evaluations")  # ratios to what the params speak of: what is planned comes true, more or less
_NO_COST = ("steps", "epochs", "eval_every", "early_stopping_patience", "warmup_steps", "max_tokens")  # of one step

# What is known beforehand of names that recipes share: the power of the cost of one step (or row evaluated) that goes with each.
_STEP = {
    "batch_size": 0.7,
    "context": 0.9,
    "width": 1.0,
    "layers": 0.8,
    "depth": 0.8,
    "image_size": 1.2,
    "members": 0.5,
    f"{SIZE}parameters": 0.9,
}
_PASS = {
    f"{SIZE}rows": 0.5,
    "width": 0.5,
    "layers": 0.6,
    "depth": 0.6,
    "image_size": 1.0,
    "members": 0.4,
    f"{SIZE}parameters": 0.9,
}
_READ = {f"{SIZE}rows": 0.4, f"{SIZE}parameters": 0.7}
_WRITE = {"max_tokens": 0.9, f"{SIZE}rows": 0.9}
POWERS: dict[str, dict[str, float]] = {
    "training": _STEP,
    "evaluating": _PASS,
    "first evaluating": _PASS,
    "loading": _READ,
    "reporting": _PASS,
    "baselines": _PASS,
    "generating": _WRITE,
}


def seen(what: str, cost: Cost) -> float | None:
    """What an ended job says of one thing: seconds of a phase, a step or an evaluation, or a count. None where it has none."""
    if what == "steps":
        return cost.total_steps / planned_steps(cost.features) if cost.total_steps else None
    if what == "evaluations":
        times = cost.phases["evaluating"].times if cost.whole and "evaluating" in cost.phases else 0
        return times / cost.fraction / planned_evaluations(cost.features) if times else None
    first = what.startswith("first ")
    spent = cost.phases.get(what.removeprefix("first "))
    if spent is None:
        return None
    if first:
        return max(spent.first_seconds / spent.first_times, 0.005) if spent.first_times else None
    if what in ("evaluating", "sampling"):
        times = spent.times - spent.first_times
        return max((spent.seconds - spent.first_seconds) / times, 0.002) if times > 0 else None
    if "generating" in cost.phases and what in ("generating", "compiling"):  # all of it
        return max(spent.seconds, 0.005)
    return max(spent.seconds / spent.times, 1e-6 if what == "training" else 0.005) if spent.times else None


class Learnt:
    """What the costs of one recipe and use say, newest first."""

    def __init__(self, costs: Sequence[Cost]):
        self.costs = tuple(costs)
        self._fits: dict[str, _Fit | None] = {}
        self._said: dict[tuple[str, str], Length | None] = {}
        self._alike: dict[str, _Alike] = {}
        self.wholes: dict[str, Any] = {}  # what futures.py has drawn from this, by features

    def __len__(self) -> int:
        return len(self.costs)

    def length(self, what: str, features: Features) -> Length | None:
        """Seconds (of steps and evaluations: their number over the planned one). None where no ended job says anything."""
        key = (what, repr(features))
        if key not in self._said:
            if len(self._said) > _MOST_SAID:
                self._said.clear()
            fit = self._fit(what)
            self._said[key] = fit.length(features) if fit else None
        return self._said[key]

    def unrest(self) -> float:
        """How far, as a logarithm, jobs of the same size differ here: other work on the machine, mostly."""
        fits = [fit for what in ("training", "compiling", "generating") if (fit := self._fit(what))]
        return max((NOISE * fit.scale for fit in fits), default=NOISE)

    def likely(self, phase: str) -> bool:
        """Whether most jobs had this phase."""
        return 2 * sum(phase in cost.phases for cost in self.costs) > len(self.costs)

    def stages(self, features: Features) -> int:
        """How many stages a job like this has: as many as the most alike one."""
        if not self.costs:
            return 1
        nearest = min(self.costs, key=lambda cost: _far(cost.features, features))
        return max(nearest.phases["compiling"].times if "compiling" in nearest.phases else 1, 1)

    def _fit(self, what: str) -> "_Fit | None":
        if what not in self._fits:
            values = {i: value for i, cost in enumerate(self.costs) if (value := seen(what, cost)) is not None}
            kind = "plan" if what in _PLANNED else "use" if what == "generating" else "phase"
            if values and kind not in self._alike:
                self._alike[kind] = _Alike(self.costs, kind)
            self._fits[what] = _Fit(what, self.costs, values, self._alike[kind]) if values else None
        return self._fits[what]


class _Alike:
    """Covariances of what jobs cost. kind: "phase", which the length of a training hardly changes; "use" of a model; or "plan"."""

    def __init__(self, costs: Sequence[Cost], kind: str):
        self._all = [cost.features.with_words(device=cost.device) for cost in costs]
        logs: dict[str, list[float]] = {}
        for features in self._all:
            for name, value in features.numbers.items():
                logs.setdefault(name, []).append(math.log(value))
        self.centre = {name: sum(values) / len(values) for name, values in logs.items()}
        free, count = _NO_COST if kind == "phase" else (), PLAN if kind == "plan" else COUNT
        counts = {
            name for features in self._all for name, value in features.numbers.items() if not _is_rate(name, value)
        }
        self._weight = {name: count if name in counts and name not in free else RATE for name in self.centre}
        differ = [name for name, values in logs.items() if len(values) < len(costs) or max(values) - min(values) > 1e-9]
        words = {name for features in self._all for name in features.words}
        differing = [name for name in words if len({features.words.get(name) for features in self._all}) > 1]
        self.between = [[self._like(a, b, differ, differing) for b in self._all] for a in self._all]
        self._words, self._asked = sorted(words), ("", Row())

    def to(self, features: Features) -> Row:
        """Covariances with each of the jobs, and, last, with itself."""
        key = repr(features)
        if self._asked[0] != key:
            words = sorted(features.words.keys() | self._words)
            like = [self._like(features, other, self.centre, words) for other in self._all]
            self._asked = (key, [*like, self._like(features, features, self.centre, words)])
        return self._asked[1]

    def _like(self, a: Features, b: Features, numbers: Iterable[str], words: Iterable[str]) -> float:
        total, far = LEVEL**2, 0.0
        for name in numbers:
            centre, weight = self.centre[name], self._weight[name]
            x = math.log(a.numbers[name]) - centre if name in a.numbers else 0.0
            y = math.log(b.numbers[name]) - centre if name in b.numbers else 0.0
            total += weight * weight * x * y
            far += (weight / COUNT * (x - y)) ** 2
        for name in words:
            weight = DEVICE if name == "device" else WORD
            if a.words.get(name) == b.words.get(name):
                total += weight * weight
            else:
                far += weight
        return total + BEND**2 * math.exp(-far / (2 * REACH**2))


class _Fit:
    """One regression. values: by number of the cost, newest first."""

    def __init__(self, what: str, costs: Sequence[Cost], values: Mapping[int, float], alike: _Alike):
        powers = POWERS.get(what, {})
        self._powers = {name: power for name, power in powers.items() if name in alike.centre}  # of what jobs here have
        self._alike, self._rows = alike, list(values)
        rest = [math.log(value) - self._guess(costs[i].features) for i, value in values.items()]
        self._level = sum(rest) / len(rest)
        rest = [value - self._level for value in rest]
        kernel = [[alike.between[i][j] for j in self._rows] for i in self._rows]
        noise = [NOISE * (1 + AGED * i / MOST_COSTS) for i in self._rows]
        self._factor = _cholesky(_plus_diagonal(kernel, [n**2 for n in noise]))
        errors = _left_out(self._factor, rest)
        far = [abs(error) > 3 * spread for error, spread in errors]
        if any(far) and len(rest) > 3:  # such as a job beside which other work ran
            noise = [abs(error) if out else n for n, out, (error, _) in zip(noise, far, errors, strict=True)]
            self._factor = _cholesky(_plus_diagonal(kernel, [n**2 for n in noise]))
            errors = _left_out(self._factor, rest)
        self._weights = _solve(self._factor, rest)
        squares = [min((error / spread) ** 2, 9.0) for error, spread in errors]
        self.scale = math.sqrt((sum(squares) + 4.0) / (len(squares) + 4.0))

    def length(self, features: Features) -> Length:
        *all_like, itself = self._alike.to(features)
        like = [all_like[i] for i in self._rows]
        mean = self._guess(features) + self._level + sum(a * b for a, b in zip(like, self._weights, strict=True))
        variance = itself + NOISE**2 - sum(value**2 for value in _forward(self._factor, like))
        return Length(mean, self.scale * math.sqrt(max(variance, NOISE**2)))

    def _guess(self, features: Features) -> float:
        known = features.numbers
        return sum(power * math.log(known[name]) for name, power in self._powers.items() if name in known)


def _left_out(factor: list[Row], rest: Row) -> list[tuple[float, float]]:
    """(error, its expected spread) of each job when told of all others."""
    weights, size = _solve(factor, rest), len(rest)
    found = []
    for i in range(size):
        precision = max(sum(v**2 for v in _forward(factor, [float(i == j) for j in range(size)])), 1e-9)
        found.append((weights[i] / precision, precision**-0.5))
    return found


def _is_rate(name: str, value: float) -> bool:
    """A learning rate or a share hardly changes what a step costs; counts and sizes may."""
    return not isinstance(value, int) and not name.startswith(SIZE)


def _far(a: Features, b: Features) -> float:
    """How unlike two jobs are."""
    names = a.numbers.keys() & b.numbers.keys()
    numbers = sum(abs(math.log(a.numbers[name] / b.numbers[name])) for name in names)
    return numbers + len(a.numbers.keys() ^ b.numbers.keys()) + sum(a.words.get(n) != b.words.get(n) for n in a.words)


def _plus_diagonal(matrix: list[Row], diagonal: Row) -> list[Row]:
    return [[v + diagonal[i] * (i == j) for j, v in enumerate(row)] for i, row in enumerate(matrix)]


def _cholesky(matrix: list[Row]) -> list[Row]:
    """Lower triangle L with L L^T = matrix, which is positive definite."""
    size = len(matrix)
    lower = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j] - sum(a * b for a, b in zip(lower[i][:j], lower[j][:j], strict=True))
            lower[i][j] = math.sqrt(max(rest, 1e-12)) if i == j else rest / lower[j][j]
    return lower


def _forward(lower: list[Row], values: Row) -> Row:
    """x with L x = values."""
    found: Row = []
    for i, row in enumerate(lower):
        found.append((values[i] - sum(a * b for a, b in zip(row[:i], found, strict=True))) / row[i])
    return found


def _solve(lower: list[Row], values: Row) -> Row:
    """x with L L^T x = values."""
    half, size = _forward(lower, values), len(lower)
    found = [0.0] * size
    for i in reversed(range(size)):
        rest = half[i] - sum(lower[k][i] * found[k] for k in range(i + 1, size))
        found[i] = rest / lower[i][i]
    return found
