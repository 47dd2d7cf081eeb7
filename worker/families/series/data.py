"""Makes series ready for a training: split by time, standardised by the training part, turned into batches by seed and step."""

from typing import Any

import numpy as np
import tensorflow as tf

from shared.errors import DatasetInvalid, Problem
from shared.recipes.forecaster import TARGET_KINDS, check, time_of
from worker.context import Context
from worker.families.evaluation.series import seasonal_scale
from worker.families.series.prepared import Prepared, prepare, refused
from worker.families.series.rows import Columns
from worker.families.series.season import find_season
from worker.families.series.windows import Windows, cut_times, windows_between
from worker.recipe import Data, Inputs

AUTO_STEPS, AUTO_EPOCHS = 3_000, (3, 200)  # guesses
MOST_EVALUATIONS = 50  # short epochs are not each evaluated
STEPS_AN_EPOCH = 16  # at least, where there are windows enough for batches of 8
MOST_ORDERED = 2_000_000  # windows whose order of an epoch is held in memory; of more they are drawn
_SEASON_CHANNELS = 32
VARIES = 1e-12  # of what is standardised, as a share of its size: less is rounding
KNOWN_CUT = 10.0  # deviations: what is known beforehand and farther off is cut


class SeriesData(Data):
    """Batches are ({"past": (batch, context), "ahead": (batch, context + horizon, features)}, (batch, horizon, 1)), float32.

    past and the values to forecast are standardised by channel, the latter NaN where missing; "ahead" is left out without
    features. windows: by part. edges: the steps between which the parts lie. mean, std: float64 (channels,). scale: of the seasonal
    repeat's error, for MASE, the same.
    """

    def __init__(self, prepared: Prepared, params: Any):
        self.prepared, self.params, self.columns = prepared, params, prepared.columns
        self.channels, self.frequency = prepared.channels, prepared.frequency
        self.context, self.horizon = params.context, params.horizon
        self.notes: list[str] = []
        shares = (params.validation_fraction, params.test_fraction)
        self.edges = cut_times(self.channels, shares, params.parts, self.horizon)
        first, val, test, stop = self.edges
        self.windows = {
            "train": self._between(first, val, inside=True),
            "val": self._between(val, test, inside=False),
            "test": self._between(test, stop, inside=False),
        }
        self.split = {part: len(windows) for part, windows in self.windows.items()}
        self._refuse()
        size = len(self.windows["train"])
        self.batch_size = max(1, min(params.batch_size, max(size // STEPS_AN_EPOCH, min(size, 8))))
        self.steps_per_epoch = max(1, size // self.batch_size)
        low, high = AUTO_EPOCHS
        epochs = params.epochs or min(max(round(AUTO_STEPS / self.steps_per_epoch), low), high)
        self.total_steps = epochs * self.steps_per_epoch
        self.eval_every = self.steps_per_epoch * -(-epochs // MOST_EVALUATIONS)
        self._learn()

    def _between(self, first: int, stop: int, *, inside: bool) -> Windows:
        return windows_between(self.channels, self.context, self.horizon, first, stop, inside=inside)

    def _refuse(self) -> None:
        """Raise DatasetInvalid for series that are too short, all at once, and for parts without a window."""
        needed = self.context + self.horizon
        short = np.flatnonzero(self.channels.length < needed)
        told = [
            f"{self.prepared.title(channel)} has {self.channels.length[channel]:,} steps; context and horizon together are "
            f"{needed:,}"
            for channel in short.tolist()
        ]
        if told and (self.params.short_series == "refuse" or len(short) == len(self.channels)):
            raise refused(told, "Take less of both, or set params.short_series to leave_out")
        if told:
            shown = ", ".join(self.prepared.title(channel) for channel in short[:10].tolist())
            self.notes.append(f"left out, shorter than {needed:,} steps: {shown}{' ...' if len(short) > 10 else ''}")
        wanted = {"train": True, "val": self._wanted(1), "test": self._wanted(2)}
        names = {"train": "training", "val": "validation", "test": "test"}
        steps = dict(zip(names, np.diff(self.edges).tolist(), strict=True))
        empty = [
            f"the {names[part]} part, {steps[part]:,} steps, is too short for a window: "
            + (
                f"{needed:,} are needed"
                if part == "train"
                else f"{self.horizon:,} are needed, and {self.context:,} before them"
            )
            for part, windows in self.windows.items()
            if wanted[part] and not len(windows)
        ]
        if empty:
            raise refused(empty, "Take less of context or horizon, or other parts")

    def _wanted(self, part: int) -> bool:
        if self.params.parts:
            return self.params.parts[part] > 0
        return bool((self.params.validation_fraction, self.params.test_fraction)[part - 1])

    def _learn(self) -> None:
        """Means, deviations, the season and what is known of the calendar, from the training part alone."""
        first, val, _, stop = self.edges
        self.mean, self.std = self._scales(val)
        self.season = self.params.season or find_season(
            (self._learnt(channel, val) for channel in range(min(len(self.channels), _SEASON_CHANNELS))),
            self.frequency.seasons(),
        )
        self.scale = np.zeros(len(self.channels))
        for channel in range(len(self.channels)):
            apart = seasonal_scale(self._learnt(channel, val)[:, None], self.season)[0]
            self.scale[channel] = apart if apart > VARIES * self.std[channel] else 0.0
        try:
            last = max(stop, int(self.prepared.ends.max())) + self.horizon
            self.calendar = self.frequency.calendar(
                self.params.calendar, self.params.holidays, first, last, max(val - first, 0)
            )
        except ValueError as err:
            raise DatasetInvalid(str(err), problems=[Problem(field="params.holidays", message=str(err))]) from err
        self._moments = None
        if self.calendar.parts:
            self._moments = self.calendar.features(self.frequency.at(np.arange(first, last, dtype=np.int64)))
        self.known_scale = self._known_scale(val)
        self.features = self.calendar.size + len(self.columns.known)

    def _learnt(self, channel: int, stop: int) -> np.ndarray:
        """float64 (steps,): a channel's values before a step, NaN where missing."""
        length = int(np.clip(stop - self.channels.first[channel], 0, self.channels.length[channel]))
        offset = self.channels.offset[channel : channel + 1]
        values = self.prepared.values.read(offset, length)[0]
        return np.where(self.prepared.there.read(offset, length)[0] > 0, values, np.nan)

    def _scales(self, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of each channel in the training part; where it has none there, those of its whole."""
        mean, std = np.zeros(len(self.channels)), np.ones(len(self.channels))
        for channel in range(len(self.channels)):
            values = self._learnt(channel, stop)
            if np.isfinite(values).sum() < 2:
                values = self._learnt(channel, stop=1 << 60)
            known = values[np.isfinite(values)]
            mean[channel], std[channel] = known.mean(), known.std()
            if std[channel] <= VARIES * max(1.0, abs(mean[channel])):
                std[channel] = 1.0
        return mean, std

    def _known_scale(self, stop: int) -> np.ndarray:
        """float64 (2, known): mean and deviation of each of the known columns in the training part."""
        if self.prepared.known is None:
            return np.zeros((2, 0))
        found = []
        for channel in range(min(len(self.channels), 1_000)):
            length = int(np.clip(stop - self.channels.first[channel], 0, self.channels.length[channel]))
            found.append(self.prepared.known.read(self.channels.ahead[channel : channel + 1], length)[0])
        rows = np.concatenate(found)
        spread = rows.std(0)
        return np.stack([rows.mean(0), np.where(spread > 1e-12, spread, 1.0)])

    def read(self, channel: np.ndarray, place: np.ndarray, past: int, ahead: int) -> np.ndarray:
        """float64 (n, past + ahead): values before and from a place in each channel on, filled."""
        return self.prepared.values.read(self.channels.offset[channel] + place - past, past + ahead)

    def standardised(self, channel: np.ndarray, values: np.ndarray) -> np.ndarray:
        return (values - self.mean[channel][:, None]) / self.std[channel][:, None]

    def truth(self, channel: np.ndarray, place: np.ndarray) -> np.ndarray:
        """float64 (n, horizon), in the table's units; NaN where missing."""
        values = self.read(channel, place, 0, self.horizon)
        there = self.prepared.there.read(self.channels.offset[channel] + place, self.horizon)
        return np.where(there > 0, values, np.nan)

    def inputs(self, channel: np.ndarray, place: np.ndarray) -> dict[str, np.ndarray]:
        """What the network takes of windows: the past and, where there are features, what is known ahead."""
        past = self.standardised(channel, self.read(channel, place, self.context, 0))
        found = {"past": past.astype(np.float32)}
        if self.features:
            found["ahead"] = self._ahead(channel, place)
        return found

    def _ahead(self, channel: np.ndarray, place: np.ndarray) -> np.ndarray:
        """float32 (n, context + horizon, features)."""
        length, parts = self.context + self.horizon, []
        if self._moments is not None:
            steps = (self.channels.first[channel] + place - self.context - self.edges[0])[:, None] + np.arange(length)
            parts.append(self._moments[steps])
        if self.prepared.known is not None:
            known = self.prepared.known.read(self.channels.ahead[channel] + place - self.context, length)
            parts.append(known_features(known, self.known_scale))
        return np.concatenate(parts, axis=2)

    def train(self, start_step: int) -> tf.data.Dataset:
        batch, steps = self.batch_size, self.steps_per_epoch
        windows = self.windows["train"]
        kept: dict[int, np.ndarray] = {}  # the order of the epoch that is read

        def numbers(step: int) -> np.ndarray:
            epoch, place = divmod(step, steps)
            if len(windows) > MOST_ORDERED:
                return np.random.default_rng([self.params.seed, 2, step]).integers(len(windows), size=batch)
            if epoch not in kept:
                kept.clear()
                kept[epoch] = np.random.default_rng([self.params.seed, 1, epoch]).permutation(len(windows))
            return kept[epoch][place * batch : (place + 1) * batch]

        def read(step: np.int64) -> list[np.ndarray]:
            channel, place = windows.places(numbers(int(step)))
            arrays = self.inputs(channel, place)
            truth = self.standardised(channel, self.truth(channel, place)).astype(np.float32)
            return [*arrays.values(), truth[..., None]]

        shapes = [
            (batch, self.context),
            *([(batch, self.context + self.horizon, self.features)] if self.features else []),
        ]

        @tf.autograph.experimental.do_not_convert
        def make(step: Any) -> Any:
            parts = tf.numpy_function(read, [step], [tf.float32] * (len(shapes) + 1))
            x = {
                name: tf.ensure_shape(part, shape)
                for name, part, shape in zip(("past", "ahead"), parts, shapes, strict=False)
            }
            return x, tf.ensure_shape(parts[-1], (batch, self.horizon, 1))

        return tf.data.Dataset.range(start_step, self.total_steps).map(make).prefetch(4)

    def validation(self) -> None:
        return None  # evaluate() of the recipe does it


def known_features(known: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """float32: what is known beforehand, standardised. known: float64 (..., known); scale: (2, known)."""
    return np.clip((known - scale[0]) / scale[1], -KNOWN_CUT, KNOWN_CUT).astype(np.float32)


def load_series(inputs: Inputs, params: Any, context: Context) -> SeriesData:
    """Read, bring to even steps and split the dataset in the role "data". Raises DatasetInvalid with every problem found."""
    from worker.families.series.remembered import remember  # which describes what is made here

    opened = inputs["data"]
    report = opened.dataset.report
    problems = check(params, {"data": opened.dataset})
    for name in params.targets:
        column = report.column(name)
        if column is None or column.kind not in TARGET_KINDS:
            shown = f" such as {column.examples[0]!r}" if column is not None and column.examples else ""
            holds = f"holds {column.kind} values{shown}" if column is not None else "is not there"
            problems.append(Problem(field="params.targets", message=f"column {name!r} {holds}: wanted are numbers"))
    for field, name in (
        ("time", time_of(params, report)),
        ("series", params.series),
        *(("known", n) for n in params.known),
    ):
        if name and report.column(name) is None:
            problems.append(Problem(field=f"params.{field}", message=f"there is no column {name!r}"))
    if problems:
        raise DatasetInvalid("; ".join(problem.message for problem in problems), problems=problems)
    time = time_of(params, report)
    found = report.column(time)
    columns = Columns(
        time, params.targets, params.series, params.known, dated=found is not None and found.kind == "date"
    )
    prepared = prepare(opened, columns, params, context)
    if not len(prepared.channels):
        raise refused([f"no row has a value of {', '.join(map(repr, params.targets))}"])
    data = SeriesData(prepared, params)
    data.notes[:0] = _notes(data)
    data.assets = remember(data)
    return data


def _notes(data: SeriesData) -> list[str]:
    """What was found of the times, and what was mended."""
    counts, name = data.prepared.counts, data.frequency.name
    series = len(data.prepared.names)
    repeats = (
        f"repeats after {data.season} steps"
        if data.season > 1
        else "repeats after no number of steps that could be found"
    )
    if data.params.season:
        repeats = f"is said to repeat after {data.season} steps"
    targets = len(data.columns.targets)
    found = [f"{series:,} series, {targets} {'target' if targets == 1 else 'targets'}; a step is {name}; {repeats}"]
    filled = {"last": "the value before", "linear": "a line between its neighbours", "zero": "0"}[data.params.fill]
    told = {
        "unsorted": "rows were earlier than the one before them, and were sorted",
        "doubled": f"rows shared their time with another one ({data.params.doubled if counts.get('differing') else 'equal ones'})",
        "missing": f"steps were missing and were filled with {filled}",
        "moved": "times lay between steps, and were moved to the nearest",
    }
    found += [f"{counts[key]:,} {what}" for key, what in told.items() if counts.get(key)]
    return found
