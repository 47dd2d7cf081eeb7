"""The table predictor as a whole on tiny tables: what it learns, its report, its simple answers, whole tables answered."""

import csv
import io
import math
from typing import Any

import numpy as np
import pytest

from shared.errors import DatasetInvalid, Paused, RecipeFailed
from shared.ids import new_id
from shared.outputs import Scores, Table, dump_outputs
from shared.recipes.base import validate_params
from shared.recipes.tabular import SPEC
from shared.volume.volume import Volume
from tests.support.recipe_cases import CASES
from tests.support.tables import table
from tests.support.telling import Telling
from tests.support.tiny_datasets import given, import_files, imported
from worker.artifacts import Files, publishing
from worker.context import Context
from worker.recipe import build_model, code_of

PEOPLE = CASES["tabular"]
TINY = {"width": 8, "layers": 1, "members": 2, "epochs": 1, "batch_size": 16}


def _params(**values):
    return validate_params(
        SPEC.train_params, {**TINY, "target": "earns", "features": PEOPLE.params["features"]} | values
    )


def _trained(data, params, steps=3):
    """A model after a few steps, and what it lost in each."""
    import keras

    code: Any = code_of(SPEC)
    model = build_model(code, params, data.assets, {})
    model.compile(optimizer=keras.optimizers.AdamW(1e-2), **code.compile_args(params, data.assets))
    batches = data.train(0).repeat().take(steps).as_numpy_iterator()
    return model, [float(model.train_on_batch(*batch)) for batch in batches]


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return imported(tmp_path_factory.mktemp("people"), PEOPLE.data(), "table")


def _odd_rows():
    """Cells at the ends of what numbers can be, columns without numbers, a word that occurs once."""
    lines = ["big,none,text,few,earns,far,when,never"]
    for number in range(40):
        big = ("1e300", "-1e300", "1e-300", "", "0")[number % 5]
        none, answer = "7" if number == 3 else "", ("yes", "no", "no")[number % 3]
        when = ("0001-01-01", "9999-12-31 23:59", "", "2020-02-29")[number % 4]
        words, far = f"{'word ' * (number % 3)}{number}", f"{(number - 20) ** 9}e80"
        lines.append(f"{big},{none},{words},{'ab'[number % 2]},{answer},{far},{when},")
    return [("odd.csv", "\n".join(lines).encode())]


@pytest.mark.parametrize(
    "values",
    [
        {"precision": "bfloat16", "dropout": 0.99, "loss": "focal", "class_weights": "resampled", "batch_size": 65_536},
        {"precision": "float16", "network": "resnet", "width": 4, "layers": 6, "test_fraction": 0.5},
        {"target": "far", "network": "resnet", "layers": 2, "epochs": 2, "cost_of_missing": 1e9, "folds": 2},
        {
            "target": "far",
            "members": 1,
            "dropout": 0.0,
            "learning_rate": 10.0,
            "class_weights": "resampled",
            "loss": "focal",
        },
        {
            "members": 64,
            "width": 4,
            "validation_fraction": 0.0,
            "test_fraction": 0.0,
            "batch_size": 1,
            "class_weights": "balanced",
        },
    ],
)
def test_any_legal_extreme_trains_and_is_measured(tmp_path, values):
    params = validate_params(SPEC.train_params, {**TINY, "target": "earns"} | values)
    data = code_of(SPEC).load(imported(tmp_path, _odd_rows(), "table"), params, Context())
    model, losses = _trained(data, params)
    assert len(losses) == 3 and all(math.isfinite(loss) for loss in losses)
    (tmp_path / "shown").mkdir()
    report = code_of(SPEC).report(model, data, params, Context(), Files(tmp_path / "shown"), [])
    assert report.metrics and all(math.isfinite(value) for value in report.metrics.values())
    assert len(report.predictions) == report.rows and np.isfinite(report.predictions).all()
    dump_outputs(report.outputs)  # which JSON can hold


def test_batches_depend_on_seed_and_step_alone(people):
    data = code_of(SPEC).load(people, _params(class_weights="balanced", epochs=3), Context())
    whole = list(data.train(0).as_numpy_iterator())
    later = list(data.train(data.total_steps - 2).as_numpy_iterator())
    assert len(whole) == data.total_steps and len(later) == 2
    for one, other in zip(whole[-2:], later, strict=True):
        for name in one[0]:
            np.testing.assert_array_equal(one[0][name], other[0][name])
        np.testing.assert_array_equal(one[1], other[1])
        np.testing.assert_array_equal(one[2], other[2])


def test_a_fold_learns_its_categories_and_means_from_its_own_training_part_alone(people):
    code: Any = code_of(SPEC)
    data = code.load(people, _params(target="euros", features=["age", "job"], folds=3, test_fraction=0.0), Context())
    stages = code.stages(data)
    assert len(stages) == 4 and stages[-1] is data
    for stage in stages:
        truth = stage.encoded.targets[stage.rows["train"]]
        assert stage.assets.arrays["target"] == pytest.approx([truth.mean(), truth.std()])
    assert len({stage.assets.arrays["target"][0] for stage in stages}) == 4
    tested = np.concatenate([stage.rows["test"] for stage in stages[:-1]])
    assert sorted(tested) == list(range(120))


def test_the_simple_answers_stand_on_the_same_rows_and_find_what_is_to_be_found(people, tmp_path):
    code: Any = code_of(SPEC)
    for target, figure, names in (
        ("earns", "test_roc_auc", ["always", "logistic", "gradient"]),
        ("euros", "test_r2", ["always", "linear", "gradient"]),
    ):
        params = _params(target=target)
        data = code.load(people, params, Context())
        found = code.baselines(data, params, Context())
        assert [each.name.split()[0] for each in found] == names
        assert all(len(each.predictions) == len(data.rows["test"]) for each in found)
        assert found[1].metrics[figure] > 0.6 > found[0].metrics[figure]


@pytest.mark.parametrize(("target", "gap"), [("earns", "test_said_gap"), ("euros", "test_error_gap")])
def test_groups_that_are_asked_for_are_measured_and_change_nothing(people, tmp_path, target, gap):
    code: Any = code_of(SPEC)
    said = []
    for groups in ("married", ""):
        params = _params(target=target, groups=groups, test_fraction=0.5)
        data = code.load(people, params, Context())
        model, _ = _trained(data, params)
        said.append(code.report(model, data, params, Context(), Files(tmp_path), []))
    asked, without = said
    assert gap in asked.metrics and gap not in without.metrics
    assert asked.metrics.items() >= without.metrics.items()
    (told,) = [output for output in asked.outputs if output.title.startswith("Groups by married")]
    assert [row[0] for row in told.rows] == ["yes", "no"] or [row[0] for row in told.rows] == ["no", "yes"]


def _rows_of(files_folder):
    with (files_folder / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_is_answered_row_by_row_whatever_its_types(people, tmp_path):
    code: Any = code_of(SPEC)
    params = _params()
    data = code.load(people, params, Context())
    model, _ = _trained(data, params)
    predictor = code.open_generator(model, params, data.assets)
    volume = Volume(tmp_path / "volume")
    volume.ensure()
    body = (
        b"extra,note,since,married,job,hours,age\n"
        b"1,tea,2020-03-11,yes,baker,50,40\n"
        b"2,tea,soon,no,smith,many,40\n"
        b"3,,,,,,\n"
        b"4,cake,2020-03-11,no,clerk,10,20\n"
    )
    dataset = import_files(volume, [("new.csv", body)], "table")
    (tmp_path / "made").mkdir()
    use = validate_params(SPEC.use("batch").params, {})
    report = predictor.batch(use, given(volume, dataset), Context(), Files(tmp_path / "made"))
    rows = _rows_of(tmp_path / "made")
    assert isinstance(report.outputs[0], Table) and report.outputs[0].count == len(rows) == 4
    assert [row["extra"] for row in rows] == ["1", "2", "3", "4"]
    assert "'soon' is no date" in rows[1]["error"] and "'many' is no number" in rows[1]["error"]
    assert rows[1]["predicted earns"] == "" and all(rows[i]["predicted earns"] in ("much", "little") for i in (0, 2, 3))
    shares = [float(rows[0][f"probability of {name}"]) for name in ("little", "much")]
    assert sum(shares) == pytest.approx(1) and float(rows[0]["probability"]) == pytest.approx(max(shares))
    (answer, *_) = predictor.generate(
        validate_params(SPEC.use("generate").params, {"rows": "age,hours,job,married,since,note\n40,50,baker,yes,2020-03-11,tea"}),
        Context(), Files(tmp_path / "made"),
    )  # fmt: skip
    assert answer.items[0].value == pytest.approx(max(shares), abs=1e-6), "typed in it gets the same answer"


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_a_batch_stopped_anywhere_goes_on_and_is_the_same(people, tmp_path, monkeypatch, file_format):
    code: Any = code_of(SPEC)
    params = _params()
    data = code.load(people, params, Context())
    predictor = code.open_generator(build_model(code, params, data.assets, {}), params, data.assets)
    monkeypatch.setattr("worker.families.tables.batching._AT_ONCE", 16)
    volume = Volume(tmp_path)
    volume.ensure()
    use = validate_params(SPEC.use("batch").params, {"format": file_format})

    class Stopping(Context):
        pieces = 2

        def check(self) -> None:
            self.pieces -= 1
            if self.pieces < 0:
                raise Paused("asked to stop")

    def attempt(job_id: str, number: int, kind: type[Context]) -> tuple[Any, Any]:
        context = kind(volume.start_attempt(job_id, number), volume, job_id, number)
        if isinstance(context, Stopping):
            context.pieces = 2 * number
        made = tmp_path / f"made-{job_id}-{number}"
        with publishing(volume, made) as (files, outputs):
            report = predictor.batch(use, people, context, files)
            outputs += report.outputs
        return report, (made / f"rows.{file_format}").read_bytes()

    whole, wanted = attempt(new_id(), 1, Context)
    job_id, number = new_id(), 0
    while True:
        number += 1
        try:
            report, found = attempt(job_id, number, Stopping)
            break
        except Paused:
            assert number < 20
    assert number > 2, "it was stopped on the way"
    assert found == wanted and report.outputs == whole.outputs and report.metrics == pytest.approx(whole.metrics)
    assert whole.outputs[0].count == 120 and "accuracy" in whole.metrics


def test_more_rows_than_are_explained_are_a_table_with_a_file_of_all(people, tmp_path):
    code: Any = code_of(SPEC)
    params = _params()
    data = code.load(people, params, Context())
    predictor = code.open_generator(build_model(code, params, data.assets, {}), params, data.assets)
    use = validate_params(SPEC.use("generate").params, {"rows": "age\n" + "40\n" * 150})
    (table,) = predictor.generate(use, Context(), Files(tmp_path))
    assert isinstance(table, Table) and table.count == 150 and len(table.rows) == 100 and table.file == "rows.csv"
    assert len(_rows_of(tmp_path)) == 150


@pytest.mark.parametrize("how", ["drop", "text"])
def test_a_number_column_with_one_word_in_it_is_refused_by_its_place_or_taken_as_chosen(tmp_path, how):
    body = "age,answer\n" + "".join(f"{20 + i % 30},{'yn'[i % 3 == 0]}\n" for i in range(60)) + "forty,y\n"
    volume = Volume(tmp_path)
    volume.ensure()
    with pytest.raises(DatasetInvalid, match=r"(?s)62.*forty|forty.*62"):
        table(volume, body)
    dataset = table(volume, body, bad_rows=how)
    code: Any = code_of(SPEC)
    data = code.load(given(volume, dataset), _params(target="answer", features=["age"]), Context())
    assert data.kinds["age"] == ("number" if how == "drop" else "text")
    assert sum(data.split.values()) == (60 if how == "drop" else 61)


def test_a_table_of_other_columns_is_refused_with_all_that_it_lacks(people, tmp_path):
    code: Any = code_of(SPEC)
    params = _params()
    data = code.load(people, params, Context())
    predictor = code.open_generator(build_model(code, params, data.assets, {}), params, data.assets)
    other = imported(tmp_path, [("other.csv", b"Age,hours,job,since\n" + b"1,2,baker,5\n" * 3)], "table")
    with pytest.raises(RecipeFailed, match=r"lacks 3 of the columns.*'age' \(is 'Age' meant\?\).*'married'.*'note'"):
        predictor.batch(validate_params(SPEC.use("batch").params, {}), other, Context(), Files(tmp_path))


def test_an_answer_is_explained_by_what_it_would_be_without_each_value(people, tmp_path):
    code: Any = code_of(SPEC)
    params = _params(target="euros", features=["age", "hours", "job"])
    data = code.load(people, params, Context())
    model, _ = _trained(data, params, steps=150)
    predictor = code.open_generator(model, params, data.assets)
    use = validate_params(SPEC.use("generate").params, {"rows": '{"age": 78, "hours": 59}'})
    context = Telling()
    said, why = predictor.generate(use, context, Files(tmp_path))
    assert context.end == ("generating", 1, 1)  # what estimates go by
    assert isinstance(said, Scores) and "90% interval" in said.items[0].note
    by_name = {item.name: item for item in why.items}
    assert by_name["age"].value > 0 and by_name["hours"].value > 0 and by_name["job"].note == "missing"
    assert abs(by_name["age"].value) > abs(by_name["job"].value)


def test_a_class_of_one_row_and_a_target_given_away_are_told_of(tmp_path):
    code: Any = code_of(SPEC)
    lines = "amount,letter,answer\n" + "".join(f"{i % 9},{'pq'[i % 2]},{'yn'[i % 2]}\n" for i in range(40))
    data = code.load(
        imported(tmp_path / "a", [("t.csv", lines.encode())], "table"),
        _params(target="answer", features=["amount", "letter"]),
        Context(),
    )
    assert any("'letter' gives 'answer' away" in note for note in data.notes)
    with pytest.raises(DatasetInvalid, match="one row only of 'once'"):
        code.load(
            imported(tmp_path / "b", [("t.csv", (lines + "1,p,once\n").encode())], "table"),
            _params(target="answer", features=["amount"]),
            Context(),
        )


def test_the_parts_that_a_table_names_are_kept(tmp_path):
    out = io.StringIO()
    rows = [[i % 7, "yn"[i % 2], ("train", "train", "test")[i % 3]] for i in range(60)]
    csv.writer(out).writerows([["amount", "answer", "split"], *rows])
    inputs = imported(tmp_path, [("t.csv", out.getvalue().encode())], "table")
    code: Any = code_of(SPEC)
    data = code.load(inputs, _params(target="answer", features=[]), Context())
    assert data.rows["test"].tolist() == list(range(2, 60, 3))
    assert list(data.kinds) == ["amount"]
