"""Forms made from params models, and posts turned back into values; what pages say of a model and of a report."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError
from werkzeug.datastructures import FileStorage, MultiDict

from shared.datasets.examples import list_examples
from shared.datasets.manifest import DatasetManifest
from shared.datasets.report import ColumnReport, DatasetReport, Dropped
from shared.datasets.tables.typed import one_row
from shared.errors import Problem
from shared.jobs.job import CheckpointRef
from shared.recipes import RECIPES
from shared.recipes.base import Criterion
from shared.volume.files import FileInfo
from shared.volume.volume import CheckpointInfo
from tests.support.picky_spec import SPEC, PickyTrain, PickyUse
from web.cells import cells_of, read_cells
from web.forms import build_form
from web.pages.judging import best_checkpoint, best_said, key_metrics
from web.pages.report_view import report_view
from web.pages.uploading import examples
from web.posted import read_values

COLUMNS = [
    ColumnReport(name="price", kind="number"),
    ColumnReport(name="城市", kind="category"),
    ColumnReport(name="t", kind="text"),
]


def field(form, name):
    found = form.get(name)
    assert found is not None
    return found


def test_examples_are_those_meant_for_a_recipe_or_such_as_need_no_param_of_another():
    assert {example["recipe"] for example in examples(("table",), "tabular")} == {"tabular"}
    assert {example["format"] for example in examples(("chats", "table", "text"), "finetune_lm")} == {"text"}
    assert len(examples()) == len(list_examples())


def test_of_a_dataset_without_columns_no_column_is_missed():
    pickers = [item for item in build_form(PickyTrain, {}, columns={"data": []}).fields if item.widget == "column"]
    assert pickers and not any(item.parted for item in pickers)


def test_a_picker_offers_columns_of_the_kinds_that_fit_and_whatever_was_chosen():
    values = {"target": "gone", "features": ["t", "城市"]}
    form = build_form(PickyTrain, values, columns={"data": COLUMNS})
    target, features = field(form, "target").columns, field(form, "features").columns
    assert target and features
    assert [(c.name, c.about, c.chosen) for c in target] == [
        ("gone", "not in this dataset", True), ("price", "number", False), ("城市", "category", False)
    ]  # fmt: skip
    assert [(c.name, c.chosen) for c in features] == [
        ("price", False),
        ("城市", True),
        ("t", True),
    ]


def test_without_a_dataset_columns_are_typed():
    form = build_form(PickyTrain, {"features": ["a", "b"]})
    assert field(form, "target").columns is None and field(form, "features").value == "a\nb"


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name.startswith("recommender_")])
def test_an_id_is_asked_for_in_one_line_that_enter_sends(recipe):
    widgets = {item.name: item.widget for item in build_form(RECIPES[recipe].uses["generate"].params).fields}
    assert (widgets["user"], widgets["similar_to"], widgets["liked"]) == ("text", "text", "list")


def test_what_it_works_on_comes_first_in_a_form():
    form = build_form(PickyTrain)
    assert form.groups[0].title == "Columns"
    assert form.fields[0].name == "target"


@pytest.mark.parametrize("spec", RECIPES.values(), ids=lambda spec: spec.name)
def test_the_form_of_every_recipe_gives_back_its_defaults(spec):
    for model in (spec.train_params, *(use.params for use in spec.uses.values())):
        form = build_form(model)
        post = MultiDict()
        for f in form.fields:
            if f.widget == "flag":
                post.setlist(f.path, ["false", "true"] if f.value is True else ["false"])
            elif f.widget not in ("files", "column"):
                post.add(f.path, f.value)
        values, problems = read_values(model, post)
        needed = {f.name for f in form.fields if f.required}
        assert not problems and needed <= {f.name for f in form.fields}
        drawn = {f.name for f in form.fields if f.drawn}
        if not needed and (plain := _plain(model)) is not None:
            assert model.model_validate(values).model_dump(exclude=drawn) == plain.model_dump(exclude=drawn)


def _plain(model):
    """The model of defaults, None where one of several params must be given."""
    try:
        return model()
    except ValidationError:
        return None


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (ColumnReport(name="a", kind="boolean", low=1, high=1), ""),  # of yes and no: the lengths of the words
        (ColumnReport(name="a", kind="constant", low=3, high=3), ""),
        (ColumnReport(name="a", kind="id", low=1, high=30, mean=15.5), "1 to 30"),
        (ColumnReport(name="a", kind="id", low=6, high=6), "6 characters"),
        (ColumnReport(name="a", kind="category", low=1, high=1), "1 character"),
        (ColumnReport(name="a", kind="number", low=0.5, high=2), "0.5 to 2"),
    ],
)
def test_the_range_of_a_column_is_that_of_its_values_or_of_their_lengths(column, said):
    manifest = DatasetManifest(
        id="0" * 32, name="x", format="table", created_at=datetime.now(UTC), bytes=5, files=[],
        report=DatasetReport(rows=30, columns=[column]),
    )  # fmt: skip
    assert report_view(manifest).columns[0].span == said


@pytest.mark.parametrize("spec", RECIPES.values(), ids=lambda spec: spec.name)
def test_a_form_posted_as_it_was_keeps_its_folded_part_folded(spec):
    values = {
        f.name: ("true" if f.value else "false") for f in build_form(spec.train_params).fields if f.widget == "flag"
    }
    assert not build_form(spec.train_params, values).open_advanced


def test_a_picker_says_what_is_needed_and_what_choosing_none_means():
    form = build_form(RECIPES["forecaster"].train_params)
    time, targets, series = (field(form, name) for name in ("time", "targets", "series"))
    assert (targets.needed, time.needed, series.needed) == (True, False, False) and not targets.required
    assert (time.empty, series.empty) == ("the only column of dates", "none")
    assert field(form, "holidays").widget == "text"


def test_columns_are_read_from_boxes_and_from_lines():
    post: MultiDict[str, str] = MultiDict(
        [("params.target", "price"), ("params.features", "城市"), ("typed.features", "t\r\n 城市 \r\n")]
    )
    assert read_values(PickyTrain, post)[0] == {"target": "price", "features": ["城市", "t"]}


def upload(name: str, body: bytes) -> FileStorage:
    return FileStorage(io.BytesIO(body), filename=name)


def keeper(kept: list):
    def save(name, stream):
        body = stream.read()
        kept.append((name, body))
        return FileInfo(id=f"{len(kept):032x}", name=name, owner="me", media_type="image/png", bytes=len(body))

    return save


def test_files_that_come_along_join_those_that_were_sent_before():
    kept: list = []
    post: MultiDict[str, str] = MultiDict([("params.pictures", "a" * 32), ("params.note", "x")])
    files: MultiDict[str, FileStorage] = MultiDict(
        [("params.pictures", upload("b.png", b"1")), ("params.pictures", upload("", b""))]
    )
    values, problems = read_values(PickyUse, post, files, keeper(kept))
    assert values == {"pictures": ["a" * 32, f"{1:032x}"], "note": "x"} and not problems
    assert kept == [("b.png", b"1")]


def test_too_many_and_empty_files_are_named_and_the_others_kept():
    kept: list = []
    files: MultiDict[str, FileStorage] = MultiDict(
        [("params.pictures", upload(f"{n}.png", b"x" * (n != 1))) for n in range(5)]
    )
    values, problems = read_values(PickyUse, MultiDict(), files, keeper(kept))
    assert [p.message for p in problems] == ["5 files; at most 3", "1.png is empty"]
    assert len(values["pictures"]) == 2 and len(kept) == 3


def test_problems_stand_at_their_fields_also_those_of_one_file_among_many():
    problems = [
        Problem(field="params.pictures.1", message="is no picture"),
        Problem(field="inputs.model", message="gone"),
    ]
    form = build_form(PickyUse, problems=problems)
    assert field(form, "pictures").problems == ["is no picture"] and [p.field for p in form.problems] == [
        "inputs.model"
    ]


def info(step: int, **metrics: float) -> CheckpointInfo:
    ref = CheckpointRef(job_id="0" * 26, attempt=1, step=step)
    return CheckpointInfo(ref=ref, path=Path("x"), metrics=metrics, bytes=1, created_at=datetime.now(UTC))


def test_the_best_checkpoint_is_that_of_the_criterion_by_its_own_metrics():
    infos = [info(1, val_loss=3, score=0.1), info(2, val_loss=1, score=0.9), info(3, score=0.95)]
    best = best_checkpoint(SPEC, infos)
    assert best is infos[1]
    by_score = SPEC.__class__(**{**SPEC.__dict__, "criterion": Criterion("score", "max")})
    assert best_checkpoint(by_score, infos) is infos[2]
    assert best_checkpoint(SPEC, infos[1:]) is None  # one alone is not the best of any


def test_the_figure_of_a_model_is_its_criterion_on_the_test_part_where_that_was_measured():
    assert best_said(SPEC, {"val_loss": 2.0, "test_loss": 1.5, "accuracy": 1}) == "test loss 1.5"
    assert best_said(SPEC, {"val_loss": 2.0}) == "val loss 2" and best_said(SPEC, {"accuracy": 1}) == ""
    names = list(key_metrics(SPEC, {"loss": 1, "val_loss": 2, "test_f1": 3, "test_loss": 4, "learning_rate": 5}))
    assert names == ["test_loss", "val_loss", "test_f1", "loss"]


def test_a_report_is_told_in_words():
    report = DatasetReport(
        rows=1,
        unit="pictures",
        dropped=Dropped(
            duplicate=2,
            broken=1,
            named=[{"file": "a.csv", "line": 7, "column": "价", "value": "n/a", "why": "is no number"}],
        ),
        columns=[
            ColumnReport(name="a", kind="date", low="2024-01-01T00:00:00Z", high="2024-02-01T10:00:00Z", missing=1)
        ],
        classes={"cat": 3, "狗": 1},
        facts={"width": [8, 8], "by_part": {"train": 1200}, "grey": True},
    )
    manifest = DatasetManifest(
        id="0" * 32, name="x", format="pictures", created_at=datetime.now(UTC), bytes=5, files=[], report=report
    )
    view = report_view(manifest)
    assert view.held == "1 picture, 1 column, 2 classes" and view.left_out == "2 there twice, 1 broken"
    assert view.named == ["a.csv, line 7, column 价: “n/a” is no number"]
    assert view.facts == [("Width", "8"), ("By part", "train 1,200"), ("Grey", "yes")]
    assert view.columns[0].span == "2024-01-01 to 2024-02-01 10:00:00" and view.columns[0].missing == "1 (100.0 %)"
    assert [(b.name, b.width, b.note) for b in view.classes.items] == [("cat", 100, "75.0 %"), ("狗", 33.33, "25.0 %")]


ROW = [
    ColumnReport(name="price", kind="number"),
    ColumnReport(name="a.b 城市", kind="category", values={"北京": 3, "Köln": 2}),
    ColumnReport(name="sure", kind="boolean", values={"yes": 2, "no": 1}),
]


@pytest.mark.parametrize("text", ['{"price": 3.5, "a.b 城市": "Köln", "sure": null}', "a.b 城市,price,sure\nKöln,3.5,"])
def test_one_row_goes_into_cells_and_comes_back_as_json(text):
    row = one_row(text)
    cells = cells_of("rows", ROW, row or {})
    assert [(c.column, c.value) for c in cells] == [("price", "3.5"), ("a.b 城市", "Köln"), ("sure", "")]
    assert cells[1].suggested == ("北京", "Köln")
    posted = MultiDict({c.path: c.value for c in cells} | {"params.top_k": "3", "params.rows": ""})
    values, problems = read_values(RECIPES["tabular"].use("generate").params, posted)
    assert not problems and json.loads(values["rows"]) == {"price": "3.5", "a.b 城市": "Köln"}


def test_rows_typed_as_text_count_before_cells_and_several_stay_text():
    posted = MultiDict({"cells.rows.price": "1", "params.rows": '{"price": 2}'})
    assert read_values(RECIPES["tabular"].use("generate").params, posted)[0]["rows"] == '{"price": 2}'
    assert one_row('{"a": 1}\n{"a": 2}') is None and one_row("{broken") is None and one_row(" ") is None
    assert read_cells({"cells.rows.price": " "}, "rows") is None
