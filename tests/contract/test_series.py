"""The forecaster as a whole on tiny series: what it learns, its report, its simple forecasts, whole tables forecast."""

import csv
import io
import math
from typing import Any

import numpy as np
import pytest

from shared.errors import DatasetInvalid, Paused, RecipeFailed
from shared.ids import new_id
from shared.outputs import Scores, Series, Table
from shared.recipes.base import validate_params
from shared.recipes.forecaster import SPEC
from shared.volume.files import save_file
from shared.volume.volume import Volume
from tests.support.recipe_cases import CASES
from tests.support.telling import Telling
from tests.support.tiny_datasets import given, import_files, imported
from worker.artifacts import Files, publishing
from worker.context import Context
from worker.recipe import build_model, code_of
from worker.verdict import judge

SALES = CASES["forecaster"]
TINY = {"context": 14, "horizon": 7, "epochs": 1, "batch_size": 8, "width": 8, "layers": 1, "heads": 2}
SHOPS = {"targets": ["units"], "series": "shop", "known": ["promotion"]}


def _params(**values):
    return validate_params(SPEC.train_params, {**TINY, **SHOPS, **values})


def _trained(data, params, steps=3):
    """A model after a few steps, and what it lost in each."""
    import keras

    code: Any = code_of(SPEC)
    model = build_model(code, params, data.assets, {})
    model.compile(optimizer=keras.optimizers.Adam(1e-2), **code.compile_args(params, data.assets))
    batches = data.train(0).repeat().take(steps).as_numpy_iterator()
    return model, [float(model.train_on_batch(*batch)) for batch in batches]


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    return imported(tmp_path_factory.mktemp("shops"), SALES.data(), "table")


@pytest.fixture(scope="module")
def ready(shops):
    """(data, params, a model that has learnt something of it)."""
    params = _params(network="nlinear")
    data: Any = code_of(SPEC).load(shops, params, Context())
    model, losses = _trained(data, params, steps=150)
    assert losses[-1] < losses[0] / 2
    return data, params, model


def _table(tmp_path, text, name="t.csv"):
    return imported(tmp_path / name.replace(".", "_"), [(name, text.encode())], "table")


def _daily(values, head="day,y"):
    days = np.datetime64("2020-01-01") + np.arange(len(values))
    return "\n".join([head, *(f"{day},{value}" for day, value in zip(days, values, strict=True))])


def _several(**days):
    """A series of so many days for each name."""
    lines = [f"{np.datetime64('2020-01-01') + day},{name},{day % 5}" for name in days for day in range(days[name])]
    return "\n".join(["day,of,y", *lines])


def _odd():
    """Values at the ends of what numbers can be, a channel that never changes, gaps, a series that begins late."""
    lines = ["day,of,big,flat,known"]
    for number in range(60):
        for place in range(2):
            if (place and number < 15) or number == 30 + place:
                continue
            big = ("1e99", "-1e99", "1e-300", "", "0")[(number + place) % 5]
            lines.append(
                f"{np.datetime64('2020-01-01') + number},{'ab'[place]},{big},{7 + (number == 59)},{number % 3}"
            )
    return "\n".join(lines)


@pytest.mark.parametrize(
    "values",
    [
        {"precision": "bfloat16", "network": "transformer", "dropout": 0.99, "patch": 512, "interval": 0.99, "layers": 3},
        {"precision": "float16", "network": "lstm", "normalise": "none", "point": "median", "known": [], "calendar": False},
        {"network": "dlinear", "context": 2, "horizon": 1, "batch_size": 65_536, "validation_fraction": 0.0, "test_fraction": 0.0},
        {"network": "nlinear", "normalise": "window", "interval": 0.0, "fill": "linear", "season": 40, "parts": [30, 14, 14]},
        {"network": "dlinear", "fill": "zero", "doubled": "sum", "frequency": "rows", "batch_size": 1},
    ],
)  # fmt: skip
def test_any_legal_extreme_trains_and_is_measured(tmp_path, values):
    wanted = {
        **TINY,
        "context": 5,
        "horizon": 3,
        "targets": ["big", "flat"],
        "series": "of",
        "known": ["known"],
        "keep": "last",
    }
    params = validate_params(SPEC.train_params, wanted | values)
    code: Any = code_of(SPEC)
    data = code.load(_table(tmp_path, _odd()), params, Context())
    model, losses = _trained(data, params)
    assert len(losses) == 3 and all(math.isfinite(loss) for loss in losses)
    (tmp_path / "shown").mkdir()
    report = code.report(model, data, params, Context(), Files(tmp_path / "shown"), [])
    assert report.metrics and all(not math.isnan(value) for value in report.metrics.values())
    assert report.predictions.shape == (report.rows, 2)
    assert code.sample(model, params, data.assets, seed=0, context=Context(), files=Files(tmp_path / "shown"))


def test_batches_depend_on_seed_and_step_alone(shops):
    data = code_of(SPEC).load(shops, _params(epochs=3), Context())
    whole = list(data.train(0).as_numpy_iterator())
    later = list(data.train(data.total_steps - 2).as_numpy_iterator())
    assert len(whole) == data.total_steps and len(later) == 2
    for (x, y), (x_later, y_later) in zip(whole[-2:], later, strict=True):
        for name in x:
            np.testing.assert_array_equal(x[name], x_later[name])
        np.testing.assert_array_equal(y, y_later)
    assert not np.array_equal(whole[0][1], whole[data.steps_per_epoch][1])


def test_nothing_of_what_comes_after_the_training_part_enters_it(tmp_path):
    """The last fifth is multiplied by a thousand: neither a batch nor a scale changes."""
    values = np.sin(np.arange(200) / 3) + 5
    params = validate_params(SPEC.train_params, {**TINY, "targets": ["y"]})
    loaded: list[Any] = []
    for number, factor in enumerate((1, 1_000)):
        changed = np.where(np.arange(200) >= 160, values * factor, values)
        loaded.append(code_of(SPEC).load(_table(tmp_path, _daily(changed), f"{number}.csv"), params, Context()))
    one, other = loaded
    assert one.edges[2] == 160
    for mine, its in zip(one.train(0).as_numpy_iterator(), other.train(0).as_numpy_iterator(), strict=True):
        np.testing.assert_array_equal(mine[1], its[1])
    for name in ("mean", "std", "scale", "season"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_missing_steps_are_neither_learnt_nor_measured(tmp_path):
    values: list[Any] = (np.arange(120) % 9 + 1).tolist()
    for step in range(0, 120, 4):
        values[step] = ""
    data: Any = code_of(SPEC).load(
        _table(tmp_path, _daily(values)), validate_params(SPEC.train_params, {**TINY, "targets": ["y"]}), Context()
    )
    x, y = next(data.train(0).as_numpy_iterator())
    assert np.isfinite(x["past"]).all() and np.isnan(y).mean() == pytest.approx(0.25, abs=0.08)
    _, losses = _trained(data, data.params)
    assert all(math.isfinite(loss) and loss > 0 for loss in losses)


def test_the_simple_forecasts_are_what_their_names_say(shops):
    code: Any = code_of(SPEC)
    params = _params(season=7)
    data = code.load(shops, params, Context())
    found = code.baselines(data, params, Context())
    assert [each.name.split(" (")[0] for each in found] == [
        "repeating the last value", "repeating the season before", "always the mean", "linear regression",
    ]  # fmt: skip
    channel, place = data.windows["test"].places(np.arange(data.split["test"]))
    truth = data.truth(channel, place)
    week = data.read(channel, place - 7, 0, 7)
    wanted = np.nanmean(np.abs((truth - week) / data.std[channel][:, None]))
    assert found[1].metrics["test_mae"] == pytest.approx(wanted)
    assert found[3].metrics["test_mse"] < found[0].metrics["test_mse"]


def test_the_report_has_every_figure_and_a_verdict_and_shows_the_worst(ready, tmp_path):
    data, params, model = ready
    code: Any = code_of(SPEC)
    report = code.report(model, data, params, Context(), Files(tmp_path), [])
    names = {"mse", "mae", "original_mse", "original_mae", "smape", "mase", "coverage", "interval_width", "pinball"}
    assert {f"{part}_{name}" for part in ("test", "val") for name in names} == set(report.metrics)
    assert 0.3 < report.metrics["test_coverage"] <= 1
    worst, middling = report.outputs[:2]
    assert isinstance(worst, Series) and worst.band is not None and worst.split is not None

    def off(series):
        came, said = series.lines
        return np.mean([abs(y - z) for y, z in zip(came.y[-7:], said.y, strict=True) if y is not None])

    assert off(worst) > off(middling)
    titles = [output.title for output in report.outputs]
    assert any("flattened" in title for title in titles) and any(title.startswith("By series") for title in titles)
    found = next(output for output in report.outputs if output.title.startswith("What was found"))
    assert ["a step is", "1 day"] in found.rows and ["repeats after, steps", 9] in found.rows
    others = [(one.name, one.predictions) for one in code.baselines(data, params, Context())]
    verdict = judge(report.judge, report.predictions, others, report.rows)
    assert verdict is not None and "linear regression" in verdict.sentence


def _read(folder):
    with (folder / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_forecast_goes_on_from_the_end_of_the_training(ready, tmp_path):
    data, params, model = ready
    forecaster: Any = code_of(SPEC).open_generator(model, params, data.assets)
    use = validate_params(SPEC.use("generate").params, {"only": ["Köln"]})
    context = Telling()
    drawn, why, table = forecaster.generate(use, {}, context, Files(tmp_path))
    assert context.end == ("generating", 1, 1)  # what estimates go by
    assert isinstance(drawn, Series) and isinstance(why, Scores) and isinstance(table, Table)
    rows = _read(tmp_path)
    assert [row["day"] for row in rows] == [f"2021-04-{day:02d}" for day in range(4, 11)]
    assert all(float(row["low"]) <= float(row["forecast"]) <= float(row["high"]) for row in rows)
    best = max(range(7), key=lambda number: float(rows[number]["forecast"]))
    assert rows[best]["day"] in ("2021-04-04", "2021-04-10"), "a promotion that is known beforehand, or the Saturday"
    with pytest.raises(RecipeFailed, match=r"no series 'Koln'.*'Köln' meant"):
        wrong = validate_params(SPEC.use("generate").params, {"only": ["Koln"]})
        forecaster.generate(wrong, {}, Context(), Files(tmp_path))


def _recent(shop, days=20, promotion="no"):
    rng = np.random.default_rng(5)
    rows = [f"2022-03-{day:02d},{shop},{20 + rng.normal():.2f},{promotion}" for day in range(1, days + 1)]
    return "\n".join(["day,shop,units,promotion", *rows])


def test_typed_in_uploaded_and_imported_recent_values_give_the_same_forecast(ready, tmp_path):
    data, params, model = ready
    forecaster: Any = code_of(SPEC).open_generator(model, params, data.assets)
    volume = Volume(tmp_path / "volume")
    volume.ensure()
    text = _recent("Köln")
    file = save_file(volume, "recent.csv", io.BytesIO(text.encode()), owner="local", max_bytes=10**6)
    dataset = import_files(volume, [("recent.csv", text.encode())], "table")
    said = []
    for number, (values, inputs) in enumerate(
        (({"rows": text}, {}), ({"file": [file.id]}, {}), ({}, given(volume, dataset)))
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        use = validate_params(SPEC.use("generate").params, {**values, "explain": False})
        forecaster.generate(use, inputs, Context(volume=volume), Files(folder))
        said.append([(row["day"], row["forecast"]) for row in _read(folder)])
    assert said[0] == said[1] == said[2] and said[0][0][0] == "2022-03-21"
    both = validate_params(SPEC.use("generate").params, {"rows": text, "file": [file.id]})
    with pytest.raises(RecipeFailed, match="rows and file are given"):
        forecaster.generate(both, {}, Context(volume=volume), Files(tmp_path))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (_recent("Köln", 9), "units of Köln: units: 9 steps have values, 14 are needed"),
        (_recent("Köln").replace("2022-03-07", "soon"), "row 7: day: 'soon' is no date"),
        (_recent("Köln") + "\n2022-03-20,Köln,99,no", "rows 20, 21 are all of 2022-03-20 and differ"),
        (_recent("Köln").replace("day,shop", "day,store"), "no row has a value of 'shop'"),
        (_recent("Köln").replace(",no", ",perhaps"), "'perhaps' is no number"),
    ],
)
def test_recent_values_that_cannot_be_used_are_told_of(ready, tmp_path, text, why):
    data, params, model = ready
    forecaster: Any = code_of(SPEC).open_generator(model, params, data.assets)
    use = validate_params(SPEC.use("generate").params, {"rows": text})
    with pytest.raises(RecipeFailed, match=why):
        forecaster.generate(use, {}, Context(), Files(tmp_path))


def test_a_whole_table_is_forecast_and_what_cannot_be_has_its_error(ready, tmp_path):
    data, params, model = ready
    forecaster: Any = code_of(SPEC).open_generator(model, params, data.assets)
    body = "\n".join(
        [
            _recent("Köln"),
            *_recent("new one", 14).splitlines()[1:],
            *_recent("short", 5).splitlines()[1:],
            "2022-03-21,bad,many,no",
        ]
    )
    inputs = _table(tmp_path, body.replace("2022-03-21,bad,many,no", "2022-03-21,bad,,no"))
    use = validate_params(SPEC.use("batch").params, {})
    report = forecaster.batch(use, inputs, Context(), Files(tmp_path))
    rows = _read(tmp_path)
    assert [(row["shop"], bool(row["error"])) for row in rows] == [
        *[("Köln", False)] * 7, *[("new one", False)] * 7, ("short", True), ("bad", True),
    ]  # fmt: skip
    assert "5 steps have values" in rows[-2]["error"] and all(
        math.isfinite(float(row["forecast"])) for row in rows[:14]
    )
    assert report.metrics == {"forecasts": 2, "errors": 2} and report.outputs[0].count == len(rows)
    other = _table(tmp_path, "Day,shop,units\n2020-01-01,a,3\n2020-01-02,a,4", "other.csv")
    with pytest.raises(RecipeFailed, match=r"lacks 2 of the columns.*'day' \(is 'Day' meant\?\), 'promotion'"):
        forecaster.batch(use, other, Context(), Files(tmp_path))


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_a_batch_stopped_anywhere_goes_on_and_is_the_same(ready, tmp_path, monkeypatch, file_format):
    data, params, model = ready
    forecaster: Any = code_of(SPEC).open_generator(model, params, data.assets)
    monkeypatch.setattr("worker.families.series.forecasting._AT_ONCE", 2)
    volume = Volume(tmp_path)
    volume.ensure()
    lines = [line for number in range(9) for line in _recent(f"shop {number}", 14 - number % 3).splitlines()[1:]]
    inputs = given(
        volume, import_files(volume, [("t.csv", "\n".join(["day,shop,units,promotion", *lines]).encode())], "table")
    )
    use = validate_params(SPEC.use("batch").params, {"format": file_format})

    class Stopping(Context):
        pieces = 4

        def check(self) -> None:
            self.pieces -= 1
            if self.pieces < 0:
                raise Paused("asked to stop")

    def attempt(job_id: str, number: int, kind: type[Context]) -> tuple[Any, Any]:
        context = kind(volume.start_attempt(job_id, number), volume, job_id, number)
        made = tmp_path / f"made-{job_id}-{number}"
        with publishing(volume, made) as (files, outputs):
            report = forecaster.batch(use, inputs, context, files)
            outputs += report.outputs
        return report, (made / f"rows.{file_format}").read_bytes()

    whole, wanted = attempt(new_id(), 1, Context)
    job_id, number = new_id(), 0
    while True:
        number += 1
        try:
            report, found = attempt(job_id, number, Stopping if number < 4 else Context)
            break
        except Paused:
            assert number < 4
    assert number > 2, "it was stopped on the way"
    assert found == wanted and report.outputs == whole.outputs and report.metrics == whole.metrics
    assert whole.metrics == {"forecasts": 3, "errors": 6}


def test_words_among_the_numbers_of_a_table_are_an_error_of_their_series_alone(ready, tmp_path):
    data, params, model = ready
    forecaster: Any = code_of(SPEC).open_generator(model, params, data.assets)
    lines = _recent("Köln").splitlines() + [
        line.replace(",20.", ",about 20.") for line in _recent("b").splitlines()[1:]
    ]
    report = forecaster.batch(
        validate_params(SPEC.use("batch").params, {"interval": False}),
        _table(tmp_path, "\n".join(lines)),
        Context(),
        Files(tmp_path),
    )
    rows = _read(tmp_path)
    assert report.metrics == {"forecasts": 1, "errors": 1} and "low" not in rows[0]
    assert "is no number" in rows[-1]["error"] and "row 2" in rows[-1]["error"]


@pytest.mark.parametrize(
    ("text", "values", "why"),
    [
        (_daily(np.arange(40)) + "\n2020-01-05,99", {}, "rows 5, 41 are all of 2020-01-05 and differ.*set params.doubled"),
        (_daily(np.arange(18)), {}, "context and horizon together are 21"),
        (_daily([*range(30), "", *range(9)]).replace("2020-01-31", "2050-01-31"), {}, "times do not follow each other evenly"),
        (_daily(np.arange(40) % 9), {"holidays": "XX"}, "no holidays are known of 'XX'"),
        (_daily([f"{n}ten" for n in range(40)]), {}, "wanted are numbers"),
        (_daily(np.arange(28) % 9), {}, "the training part, 14 steps, is too short for a window: 21 are needed"),
        (_several(a=9, b=90, c=4), {"series": "of"}, "y of a has 9 steps.*y of c has 4 steps.*short_series"),
        (_daily([*range(30), "-1e200", *range(9)]), {}, "row 31: y: -1e[+]200 is too large"),
    ],
)  # fmt: skip
def test_series_that_cannot_be_learnt_are_refused_with_all_that_is_wrong(tmp_path, text, values, why):
    params = validate_params(SPEC.train_params, {**TINY, "targets": ["y"], **values})
    with pytest.raises(DatasetInvalid, match=why) as refusal:
        code_of(SPEC).load(_table(tmp_path, text), params, Context())
    assert refusal.value.problems


def test_short_series_are_left_out_when_asked_and_named(tmp_path):
    params = validate_params(SPEC.train_params, {**TINY, "targets": ["y"], "series": "of", "short_series": "leave_out"})
    data: Any = code_of(SPEC).load(_table(tmp_path, _several(a=9, b=90)), params, Context())
    assert any("left out, shorter than 21 steps: y of a" in note for note in data.notes)
    channel, _ = data.windows["train"].places(np.arange(data.split["train"]))
    assert set(channel.tolist()) == {1}


def test_moments_with_a_zone_are_taken_in_utc_and_out_of_order_ones_sorted(tmp_path):
    lines = ["at,y"]
    for step in range(80):
        hour = np.datetime64("2020-03-28T20", "h") + step
        lines.append(f"{str(hour).replace('T', ' ')}:00:00+02:00,{step % 24}")
    lines[5], lines[9] = lines[9], lines[5]
    params = validate_params(SPEC.train_params, {**TINY, "targets": ["y"]})
    data: Any = code_of(SPEC).load(_table(tmp_path, "\n".join(lines)), params, Context())
    assert data.frequency.name == "1 hour" and data.frequency.told(0) == "2020-03-28 18:00:00"
    assert data.prepared.counts["unsorted"] and not data.prepared.counts["missing"]
