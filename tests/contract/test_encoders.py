"""What a pre-trained encoder is good for, on a tiny one: classifiers upon it, search, doubles, groups, names without examples."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from shared.errors import DatasetInvalid, InvalidParams, RecipeFailed
from shared.jobs.job import InputRef
from shared.outputs import Scores, Table
from shared.recipes import get_recipe
from shared.recipes.base import validate_params
from shared.volume.volume import Volume
from tests.support.recipe_cases import CASES
from tests.support.tiny_bases import put_base
from tests.support.tiny_datasets import import_files
from worker.artifacts import Files
from worker.context import Context
from worker.inputs import open_inputs
from worker.recipe import build_model, code_of, optional

pytestmark = pytest.mark.timeout(600)
CLASSIFIER, MATCHER = get_recipe("text_classifier"), get_recipe("text_matcher")
THINGS = "text,kind\n" + "".join(
    f"{text},{kind}\n"
    for text, kind in (
        ("the room is good", "room"), ("a bad room", "room"), ("the room is good", "room"), (" ", "none"),
        ("fine food", "food"), ("the food is awful and the staff poor", "food"), ("床 太差", "room"),
    )
)  # fmt: skip


class Place:
    """A volume with the cases' data, some texts and a tiny encoder."""

    def __init__(self, root: Path, weights: str):
        self.volume = Volume(root / "volume")
        self.volume.ensure()
        self.context = Context(volume=self.volume, cache_dir=self.volume.root / "cache")
        self.base = put_base(self.volume, weights)
        self.folder = root

    def inputs(self, files: Any) -> Any:
        refs = {"data": InputRef(dataset_id=import_files(self.volume, files, "table").id), "base": self.base}
        return open_inputs(refs, self.context)

    def trained(self, spec: Any, case: str, steps: int = 3, **changes: Any) -> tuple[Any, Any, Any]:
        """(model, data, params) after a few steps."""
        import keras

        code: Any = code_of(spec)
        params = validate_params(spec.train_params, CASES[case].params | changes)
        inputs = self.inputs(CASES[case].data())
        data = code.load(inputs, params, self.context)
        model: Any = build_model(code, params, data.assets, inputs)
        model.compile(optimizer=keras.optimizers.AdamW(1e-3), **code.compile_args(params, data.assets))
        before = [np.array(variable.numpy()) for variable in code.fixed(model)]
        for batch in data.train(0).take(steps).as_numpy_iterator():
            assert np.isfinite(model.train_on_batch(*batch))
        for variable, was in zip(code.fixed(model), before, strict=True):
            assert np.array_equal(np.array(variable.numpy()), was)
        return model, data, params

    def files(self) -> Files:
        folder = self.folder / f"files-{np.random.default_rng().integers(1 << 60)}"
        folder.mkdir()
        return Files(folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("encoders"), "bert")


def _use(spec: Any, name: str, **values: Any) -> Any:
    return validate_params(spec.use(name).params, values)


@pytest.mark.parametrize(("method", "fixed", "learns"), [("full", 0, 39), ("lora", 37, 26), ("frozen", 37, 2)])
def test_what_learns_of_an_encoder_is_what_was_asked_for(place, method, fixed, learns):
    model, data, params = place.trained(CLASSIFIER, "text_classifier upon an encoder", method=method)
    code: Any = code_of(CLASSIFIER)
    assert (len(code.fixed(model)), len(model.trainable_variables)) == (fixed, learns)
    said = code.evaluate(model, data, lambda done: None)
    assert 0 <= said["val_accuracy"] <= 1 and np.isfinite(said["val_loss"])
    report = code.report(model, data, params, place.context, place.files(), [said])
    assert report.rows and report.judge is not None


def test_vectors_made_once_say_what_the_tokens_say(place):
    model, data, params = place.trained(CLASSIFIER, "text_classifier upon an encoder", method="frozen", max_length=8)
    from worker.families.text_labels.answering import Answering

    answering, places = Answering(model, data.assets, params), np.arange(20)
    assert data.tokens.lengths.max() > data.length  # some are read in windows
    by_tokens, by_vectors = answering.answers(data.tokens, places), answering.answers(data.read, places)
    np.testing.assert_allclose(by_tokens, by_vectors, atol=1e-5)


def test_the_encoder_learns_at_a_share_of_the_rate(place):
    from worker.training.optimizer import make_optimizer

    model, _, params = place.trained(CLASSIFIER, "text_classifier upon an encoder", method="full", steps=0)
    params = params.model_copy(
        update={"optimizer": "sgd", "schedule": "constant", "clip_norm": 0.0, "weight_decay": 0.0}
    )
    optimizer = make_optimizer(params, 10, model.trainable_variables)
    optimizer.build(model.trainable_variables)
    before = [np.array(variable.numpy()) for variable in model.trainable_variables]
    optimizer.apply([np.ones(variable.shape, np.float32) for variable in model.trainable_variables])
    moved = [float(np.abs(v.numpy() - b).max()) for v, b in zip(model.trainable_variables, before, strict=True)]
    assert len(moved) == 39 and moved[-1] == pytest.approx(moved[0] / params.encoder_share, rel=1e-3)


def test_an_encoder_as_it_came_chooses_among_names(place):
    opened = place.inputs([("things.csv", THINGS.encode())])
    namer: Any = optional(code_of(CLASSIFIER), "open_base")(opened["base"])  # pyright: ignore[reportOptionalCall]
    params = _use(CLASSIFIER, "generate", text="a good room", classes=["room", "food", "room"])
    (answer,) = namer.generate(params, place.context, place.files())
    assert isinstance(answer, Scores) and "weak" in answer.title
    assert {item.name for item in answer.items} == {"room", "food"} and abs(answer.items[0].value) <= 1.0001
    for classes in ([], ["room", " room "]):
        with pytest.raises(RecipeFailed, match="name two at least"):
            namer.generate(_use(CLASSIFIER, "generate", text="a", classes=classes), place.context, place.files())
    files = place.files()
    batch = _use(CLASSIFIER, "batch", texts=["text"], classes=["room", "food"])
    report = namer.batch(batch, opened, place.context, files)
    rows = list(csv.DictReader(io.StringIO(files.path(report.outputs[0].file).read_text(encoding="utf-8"))))
    assert [row["error"] for row in rows] == ["", "", "", "there is no text to read", "", "", ""]
    assert {row["nearest name"] for row in rows} <= {"room", "food", ""} and rows[0]["nearness of room"] == rows[2][
        "nearness of room"
    ]
    with pytest.raises(RecipeFailed, match="name those to read"):
        namer.batch(_use(CLASSIFIER, "batch", classes=["a", "b"]), opened, place.context, place.files())


def test_a_trained_classifier_takes_no_names(place):
    model, data, params = place.trained(CLASSIFIER, "text_classifier upon an encoder")
    code: Any = code_of(CLASSIFIER)
    with pytest.raises(RecipeFailed, match="leave classes out"):
        code.open_generator(model, params, data.assets).generate(
            _use(CLASSIFIER, "generate", text="a", classes=["b", "c"]), place.context, place.files()
        )


def test_an_encoder_as_it_came_searches_and_compares(place):
    opened = place.inputs([("things.csv", THINGS.encode())])
    matcher: Any = optional(code_of(MATCHER), "open_base")(opened["base"])  # pyright: ignore[reportOptionalCall]
    params = _use(MATCHER, "generate", text="the room is good", texts=["text"], top_k=3)
    (answer,) = matcher.generate(params, opened, place.context, place.files())
    assert [item.note for item in answer.items[:2]] == ["row 1", "row 3"]
    assert answer.items[0].value == pytest.approx(1, abs=1e-4) and len(answer.items) == 3
    many = _use(MATCHER, "generate", text="a room\n" * 9, by_line=True, texts=["text"], top_k=2)
    (table,) = matcher.generate(many, opened, place.context, place.files())
    assert isinstance(table, Table) and table.count == 18

    files = place.files()
    batch = _use(MATCHER, "batch", texts=["text"], clusters=2, vectors=True, same_from=0.9999)
    report = matcher.batch(batch, opened, place.context, files)
    rows = list(csv.DictReader(io.StringIO(files.path(report.outputs[0].file).read_text(encoding="utf-8"))))
    assert [row["double of row"] for row in rows] == ["", "", "1", "", "", "", ""]
    assert (rows[0]["nearest row"], rows[3]["error"], rows[3]["group"]) == ("3", "there is no text to read", "")
    assert {row["group"] for row in rows} == {"1", "2", ""} and len(rows[0]["vector"].split()) == 32
    assert report.metrics == {"texts": 6.0, "doubles": 1.0, "clusters": 2.0}
    for wrong, match in (
        ({"text": " "}, "nothing to look for"),
        ({"text": "a", "texts": ["colour"]}, "no column 'colour'"),
    ):
        with pytest.raises(RecipeFailed, match=match):
            matcher.generate(_use(MATCHER, "generate", **wrong), opened, place.context, place.files())


def test_pairs_are_cleaned_and_no_question_is_in_two_parts(place):
    _, data, _ = place.trained(MATCHER, "text_matcher", steps=1, precision="bfloat16")
    assert len(data.rows) == 79 and sum(data.split.values()) == 79
    parts = [set(data.asked_as[places].tolist()) for places in data.places.values()]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    assert any("lack a text" in note for note in data.notes) and any("there already" in note for note in data.notes)


def test_a_matcher_learns_to_find(place):
    model, data, params = place.trained(MATCHER, "text_matcher", steps=1, method="full", wrong="", precision="bfloat16")
    code: Any = code_of(MATCHER)
    (x, y), *_ = data.train(0).take(1).as_numpy_iterator()
    first = float(model.train_on_batch(x, y))
    for _ in range(25):
        last = float(model.train_on_batch(x, y))
    assert last < first
    said = code.evaluate(model, data, lambda done: None)
    assert set(said) == {"val_mrr", "val_recall_at_1", "val_recall_at_10"}
    report = code.report(model, data, params, place.context, place.files(), [said])
    beside = code.baselines(data, params, place.context)
    assert [one.name for one in beside] == ["TF-IDF of words", "the encoder as it came"]
    assert all(set(one.metrics) <= set(report.metrics) and len(one.predictions) == report.rows for one in beside)
    assert beside[0].metrics["test_mrr"] > 0.5  # questions and answers share words


def test_pairs_that_cannot_be_learnt_from_are_refused(place):
    params = validate_params(MATCHER.train_params, CASES["text_matcher"].params | {"wrong": ""})
    few = b"question,answer\nwhere is it,here it is\nwho is it,it is me\n"
    with pytest.raises(DatasetInvalid, match="2 pairs are left: at least 4"):
        code_of(MATCHER).load(place.inputs([("few.csv", few)]), params, place.context)
    with pytest.raises(InvalidParams, match="nothing to be told apart from"):
        validate_params(MATCHER.train_params, {"asked": "a", "found": "b", "batch_size": 1})
    pairs = {"data": place.inputs(CASES["text_matcher"].data())["data"].dataset}
    for params, wrong in (
        ({"asked": "question", "found": "question"}, {"params.found": "'question' is taken already"}),
        (
            {"asked": "question"},
            {"params.found": "choose the column of what is to be found by it; there are answer, other"},
        ),
        ({}, {"params.asked": "choose the column of what is asked", "params.found": "choose the column of what is to"}),
    ):
        problems = MATCHER.check(validate_params(MATCHER.train_params, params), pairs)
        assert {problem.field for problem in problems} == set(wrong)
        assert all(problem.message.startswith(wrong[problem.field]) for problem in problems)
