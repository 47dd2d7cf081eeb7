"""Uses of a forecaster's model: how series go on, from the training's end or from recent values; whole tables forecast."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from shared.datasets.tables.reading import open_table
from shared.errors import RecipeFailed
from shared.outputs import Cell, Output, Score, Scores
from shared.recipes.forecaster import MOST_ROWS, ForecasterBatch, ForecasterGenerate, ForecasterTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.row_table import RowTable, row_table
from worker.families.series.answering import Answering
from worker.families.series.asking import Asked, from_rows, from_training, inputs_of, refuse_unknown
from worker.families.series.frequency import Frequency
from worker.families.series.measuring import forecast_series
from worker.families.series.occlusion import without_each
from worker.families.series.remembered import Remembered
from worker.families.tables.named import free_name, refuse_other_columns
from worker.families.tables.typed import typed_rows
from worker.recipe import Assets, Inputs, Report

DRAWN, EXPLAINED = 16, 4  # forecasts of one job
_AT_ONCE = 256  # channels
_SHOWN_PAST = 4  # horizons


class Forecaster:
    """A model ready for many jobs."""

    def __init__(self, model: Any, params: ForecasterTrain, assets: Assets):
        self._answering = Answering(model, params)
        self._params, self._of = params, Remembered(assets)

    def generate(self, params: ForecasterGenerate, inputs: Inputs, context: Context, files: Files) -> list[Output]:
        """Forecast from recent values, or from the end of the training's table. Raises RecipeFailed naming all that is wrong."""
        frequency, asked = self._asked(params, inputs, context)
        wrong = [f"{self._title(one)}: {one.error}" if one.name else one.error for one in asked if one.error]
        if wrong:
            more = f"; and {len(wrong) - 10:,} more" if len(wrong) > 10 else ""
            raise RecipeFailed("; ".join(wrong[:10]) + more, code="bad_rows")
        if not asked:
            raise RecipeFailed("there is no series to forecast", code="bad_rows")
        outputs: list[Output] = []
        going = Going(context, "generating", len(asked))
        with row_table(files, self._heads(self._answering.outputs == 3)) as written:
            for piece, said in self._forecasts(asked, context):
                for one, values in zip(piece, said, strict=True):
                    if len(outputs) < DRAWN:
                        outputs.append(self._drawn(one, values, frequency))
                    self._write(written, one, values, frequency, self._answering.outputs == 3)
                going.done(len(piece))
        _say_carried(asked, context)
        if params.explain:
            outputs += [self._explained(one, context) for one in asked[:EXPLAINED]]
        going.end()
        return [*outputs, written.output(f"{len(asked):,} forecast{'' if len(asked) == 1 else 's'}")]

    def _asked(self, params: ForecasterGenerate, inputs: Inputs, context: Context) -> tuple[Frequency, list[Asked]]:
        given = [
            name
            for name, there in (("rows", params.rows.strip()), ("file", params.file), ("data", "data" in inputs))
            if there
        ]
        if len(given) > 1:
            raise RecipeFailed(f"{' and '.join(given)} are given: one of them is to go on from", code="bad_rows")
        if not given:
            return self._of.frequency, from_training(self._of, params.only)
        if "data" in inputs:
            frequency, asked = self._of_table(inputs, context)
        else:
            text = params.rows or _text_of(params.file[0], context)
            cells = typed_rows(text, self._of.columns.needed, MOST_ROWS)
            empty = [name for name in self._of.columns.needed if cells[name].null_count == len(cells[name])]
            if empty:
                raise RecipeFailed(f"no row has a value of {', '.join(map(repr, empty))}", code="other_columns")
            frequency, asked = from_rows(self._of, cells, self._params)
        if params.only:
            refuse_unknown([one.name for one in asked], params.only)
            asked = [one for one in asked if one.name in params.only]
        return frequency, asked

    def _of_table(self, inputs: Inputs, context: Context) -> tuple[Frequency, list[Asked]]:
        with open_table(inputs["data"].folder) as table:
            refuse_other_columns(table.columns, self._of.columns.needed)
            context.check()
            return from_rows(self._of, table.arrays(0, None, self._of.columns.needed), self._params)

    def batch(self, params: ForecasterBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Forecast every series of a table into a file: a row for each step, or one with the error. Goes on after a kill."""
        frequency, asked = self._of_table(inputs, context)
        interval = params.interval and self._answering.outputs == 3
        heads, ends = self._heads(interval), 3 if interval else 1
        types = dict(zip(heads, [pa.string()] * 3 + [pa.float64()] * ends + [pa.string()], strict=True))
        with row_table(files, heads, context=context, file_format=params.format, types=types) as written:
            begun = written.state.get("channels", 0)
            going = Going(context, "generating", len(asked), begun=begun)
            for piece, said in self._forecasts(asked[begun:], context):
                answers = iter(said)
                for one in piece:
                    self._write(written, one, None if one.error else next(answers), frequency, interval)
                begun += len(piece)
                written.keep({"channels": begun})
                going.done(len(piece))
            going.end()
        wrong = [one for one in asked if one.error]
        _say_carried(asked, context)
        title = f"{len(asked) - len(wrong):,} forecasts of {self._of.horizon:,} steps"
        output = written.output(title + (f", {len(wrong):,} that could not be made" if wrong else ""))
        return Report({"forecasts": float(len(asked) - len(wrong)), "errors": float(len(wrong))}, [output])

    def _forecasts(self, asked: Sequence[Asked], context: Context) -> Iterator[tuple[Sequence[Asked], np.ndarray]]:
        """(channels, forecasts of those without an error in the table's units: (n, horizon, outputs))."""
        for start in range(0, len(asked), _AT_ONCE):
            piece = asked[start : start + _AT_ONCE]
            good = [one for one in piece if not one.error]
            yield piece, self._units(good, inputs_of(self._of, good), context) if good else np.zeros((0, 0, 0))

    def _units(self, asked: Sequence[Asked], arrays: Mapping[str, np.ndarray], context: Context) -> np.ndarray:
        said = self._answering.answers(arrays, context.check)
        std, mean = (np.array([getattr(one, name) for one in asked])[:, None, None] for name in ("std", "mean"))
        return said * std + mean

    def _title(self, one: Asked) -> str:
        return self._of.title(one.name, one.target)

    def _heads(self, interval: bool) -> list[str]:
        found = [self._of.columns.series or "series"]
        for name in ("target", self._of.columns.time, "forecast", *(("low", "high") if interval else ()), "error"):
            found.append(free_name(name, found))
        return found

    def _write(
        self, written: RowTable, one: Asked, said: np.ndarray | None, frequency: Frequency, interval: bool
    ) -> None:
        """One row of a channel with an error, else one for each step."""
        ends = 3 if interval else 1
        if said is None:
            written.add([one.name, self._of.columns.targets[one.target], *[None] * (1 + ends), one.error])
            return
        target = self._of.columns.targets[one.target]
        for step, values in enumerate(said):
            time: Cell = frequency.told(one.end + step) if frequency.unit != "rows" else f"+{step + 1}"
            written.add([one.name, target, time, *(float(value) for value in values[:ends]), None])

    def _drawn(self, one: Asked, said: np.ndarray, frequency: Frequency) -> Output:
        past = one.past[-min(len(one.past), _SHOWN_PAST * self._of.horizon) :]
        return forecast_series(
            self._title(one), times_around(frequency, one.end, len(past), self._of.horizon), past, said, self._params.interval,
            y_title=self._of.columns.targets[one.target],
        )  # fmt: skip

    def _explained(self, one: Asked, context: Context) -> Scores:
        """How far the forecast moves when each stretch of the past is flattened."""
        arrays = inputs_of(self._of, [one])
        said = self._answering.answers(arrays, context.check)[..., 0]
        found = without_each(arrays, lambda changed: self._answering.answers(changed, context.check))
        items = [Score(name=name, value=float(np.abs(other - said).mean() * one.std)) for name, other in found]
        how = f"how far the forecast moves when a part is flattened to the mean ({len(items)} further forecasts)"
        return Scores(
            title=f"Which part of the past mattered: {how}", subject=self._title(one), unit="number", items=items
        )


def times_around(frequency: Frequency, end: int, past: int, horizon: int) -> list[str | float]:
    """Places on an axis of the steps around `end`; of rows, which have no times ahead, counted from the last known one."""
    if frequency.unit == "rows":
        return [float(step) for step in range(1 - past, horizon + 1)]
    return [frequency.shown(step) for step in range(end - past, end + horizon)]


def _text_of(file_id: str, context: Context) -> str:
    info, path = context.file(file_id)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as err:
        raise RecipeFailed(f"{info.name} is no text in UTF-8 (byte {err.start})", code="bad_rows") from err


def _say_carried(asked: Sequence[Asked], context: Context) -> None:
    carried = [one for one in asked if one.carried]
    if carried:
        message = (
            f"what is known beforehand was not told for up to {max(one.carried for one in carried):,} steps of {len(carried):,} "
            "series: it was taken as it was at last"
        )
        context.event("note", {"level": "warning", "message": message})


def shown_forecasts(model: Any, params: ForecasterTrain, assets: Assets) -> list[Output]:
    """Forecasts of a few validation windows beside what came, the same ones each time."""
    of, arrays = Remembered(assets), assets.arrays
    inputs = {name: arrays[f"shown_{name}"] for name in ("past", "ahead") if f"shown_{name}" in arrays}
    said = Answering(model, params).answers(inputs)
    outputs: list[Output] = []
    for number, channel in enumerate(arrays["shown_channel"].tolist()):
        name, target = of.names[arrays["channel_series"][channel]], int(arrays["channel_target"][channel])
        mean, std = arrays["mean"][channel], arrays["std"][channel]
        past = inputs["past"][number].astype(np.float64) * std + mean
        past = past[-min(len(past), _SHOWN_PAST * of.horizon) :]
        times = times_around(of.frequency, int(arrays["shown_step"][number]), len(past), of.horizon)
        outputs.append(
            forecast_series(
                of.title(name, target), times, past, said[number] * std + mean, params.interval,
                truth=arrays["shown_truth"][number], y_title=of.columns.targets[target],
            )
        )  # fmt: skip
    return outputs
