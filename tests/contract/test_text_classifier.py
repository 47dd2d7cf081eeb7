"""The text classifier as a whole on tiny texts: what it learns, its report, its simple answers, long texts, whole tables."""

import csv
import json
import math
from typing import Any

import numpy as np
import pytest

from shared.errors import RecipeFailed
from shared.outputs import Scores, Table, Text
from shared.recipes.base import validate_params
from shared.recipes.text_classifier import SPEC
from shared.volume.volume import Volume
from tests.support.recipe_cases import CASES
from tests.support.telling import Telling
from tests.support.tiny_datasets import given, import_files, imported
from worker.artifacts import Files
from worker.context import Context
from worker.recipe import build_model, code_of
from worker.verdict import judge

OPINIONS = CASES["text_classifier"]
TINY = {"width": 8, "epochs": 1, "batch_size": 16, "texts": ["review"], "labels": ["mood"]}


def _params(**values):
    return validate_params(SPEC.train_params, TINY | values)


def _use(name, **values):
    return validate_params(SPEC.use(name).params, values)


def _trained(data, params, steps=3):
    """A model after a few steps, and what it lost in each."""
    import keras

    code: Any = code_of(SPEC)
    model = build_model(code, params, data.assets, {})
    model.compile(optimizer=keras.optimizers.AdamW(1e-2), **code.compile_args(params, data.assets))
    batches = data.train(0).repeat().take(steps).as_numpy_iterator()
    return model, [float(model.train_on_batch(*batch)) for batch in batches]


@pytest.fixture(scope="module")
def opinions(tmp_path_factory):
    return imported(tmp_path_factory.mktemp("opinions"), OPINIONS.data(), "table")


@pytest.fixture(scope="module")
def learnt(opinions):
    """(data, params, model) of a network that has learnt what is praised."""
    params = _params(max_length=12, width=16, dropout=0.1)
    data: Any = code_of(SPEC).load(opinions, params, Context())
    return data, params, _trained(data, params, steps=120)[0]


def _odd_rows():
    """Texts at the ends of what texts can be: one character, very long ones, marks alone, no space, two of a label."""
    lines = ["text,kind"]
    texts = [
        "!",
        "a",
        "word " * 600,
        "字" * 700,
        "。。。",
        "🙂🙃",
        "nospace" * 200,
        "ａｂｃ ABC abc",
        "à la carte",
        "12 34",
    ]
    for number in range(40):
        lines.append(f"{texts[number % 10]} {number if number % 3 else ''},{('x', 'y', 'z')[number % 3]}")
    return [("odd.csv", "\n".join(lines).encode())]


@pytest.mark.parametrize(
    "values",
    [
        {"precision": "bfloat16", "dropout": 0.99, "token_dropout": 0.99, "batch_size": 65_536, "max_length": 8, "layers": 3},
        {"precision": "float16", "network": "bilstm", "width": 4, "layers": 2, "tokens": "bpe", "test_fraction": 0.5},
        {"network": "transformer", "width": 8, "heads": 8, "layers": 2, "tokens": "characters", "max_length": 64,
         "validation_fraction": 0.0, "test_fraction": 0.0, "batch_size": 1, "class_weights": "balanced"},
        {"precision": "bfloat16", "network": "transformer", "width": 4, "heads": 1, "label_mark": "|", "class_weights": "balanced"},
    ],
)  # fmt: skip
def test_any_legal_extreme_trains_and_is_measured(tmp_path, values):
    params: Any = _params(
        **{"width": 4, "texts": ["text"], "labels": ["kind"], "max_length": 32, "batch_size": 8} | values
    )
    data: Any = code_of(SPEC).load(imported(tmp_path, _odd_rows(), "table"), params, Context())
    model, losses = _trained(data, params)
    assert len(losses) == 3 and all(math.isfinite(loss) for loss in losses)
    (tmp_path / "shown").mkdir()
    report = code_of(SPEC).report(model, data, params, Context(), Files(tmp_path / "shown"), [])
    assert report.metrics and all(math.isfinite(value) for value in report.metrics.values())
    assert report.predictions.shape == (report.rows, 3)
    assert data.length <= params.max_length and any("longer than" in note for note in data.notes)


def test_batches_depend_on_seed_and_step_alone(opinions):
    params = _params(class_weights="balanced", epochs=3, max_length=8)
    data: Any = code_of(SPEC).load(opinions, params, Context())
    whole = list(data.train(0).as_numpy_iterator())
    later = list(data.train(data.total_steps - 2).as_numpy_iterator())
    assert len(whole) == data.total_steps and len(later) == 2
    for one, other in zip(whole[-2:], later, strict=True):
        for array, again in zip(one, other, strict=True):
            np.testing.assert_array_equal(array, again)
    assert (np.concatenate([batch[0] for batch in whole]) == 1).any(), "some tokens are made unknown"


def test_what_fills_a_short_text_up_changes_no_answer(opinions):
    code: Any = code_of(SPEC)
    for network in ("cnn", "bilstm", "transformer"):
        params = _params(network=network, heads=2)
        data = code.load(opinions, params, Context())
        model = build_model(code, params, data.assets, {})
        tokens = np.zeros((2, data.length), np.int32)
        tokens[0, :4] = tokens[1, :4] = [5, 6, 7, 8]
        scores = model(tokens, training=False).numpy()
        embedding = model.get_layer("tokens_")
        for layer in (embedding, model.get_layer("evidence")):
            table = layer.get_weights()
            table[0][0] += 10
            layer.set_weights(table)
        np.testing.assert_allclose(model(tokens, training=False).numpy(), scores, atol=1e-5, err_msg=network)


def test_a_fold_learns_its_tokens_from_its_own_training_part_alone(opinions):
    code: Any = code_of(SPEC)
    data = code.load(opinions, _params(folds=3, test_fraction=0.0), Context())
    stages = code.stages(data)
    assert len(stages) == 4 and stages[-1] is data
    assert len({stage.assets["tokenizer"] for stage in stages}) == 4
    tested = np.concatenate([stage.places["test"] for stage in stages[:-1]])
    assert sorted(tested) == list(range(89))
    fold = stages[0]
    known = json.loads(fold.assets["tokenizer"])["model"]["vocab"]
    only = {text.split()[-1] for text in data.texts(fold.places["test"])} - {
        word for text in data.texts(fold.places["train"]) for word in text.split()
    }
    assert only and not only & set(known), "numbers that the test part alone holds"


def test_the_simple_answers_stand_on_the_same_texts_and_find_what_is_to_be_found(opinions, learnt, tmp_path):
    code: Any = code_of(SPEC)
    data, params, model = learnt
    found = code.baselines(data, params, Context())
    assert [each.name.split()[0] for each in found] == ["always", "logistic", "naive"]
    assert found[1].metrics["test_accuracy"] > 0.9 > found[0].metrics["test_accuracy"]
    report = code.report(model, data, params, Context(), Files(tmp_path), [])
    assert report.metrics["test_accuracy"] > 0.9 and {"threshold", "test_roc_auc", "test_calibration_error"} <= set(
        report.metrics
    )
    assert all(len(each.predictions) == report.rows == len(data.places["test"]) for each in found)
    titles = [output.title for output in report.outputs]
    assert any("95% intervals" in title for title in titles) and not any("Groups" in title for title in titles)
    grouped = code.report(model, data, params.model_copy(update={"groups": "about"}), Context(), Files(tmp_path), [])
    assert any(output.title.startswith("Groups by about") for output in grouped.outputs)
    verdict = judge(report.judge, report.predictions, [(each.name, each.predictions) for each in found], report.rows)
    assert verdict is not None and "ROC-AUC" in verdict.sentence
    many = _params(labels=["about"], label_mark=";")
    data = code.load(opinions, many, Context())
    found = code.baselines(data, many, Context())
    assert [each.name.split()[0] for each in found] == ["how", "logistic", "naive"]
    assert found[1].metrics["test_mean_average_precision"] > 0.6 > found[0].metrics["test_mean_average_precision"]


def test_a_long_text_is_answered_by_its_windows_together_and_explained_by_what_would_be_without_each_word(
    learnt, tmp_path
):
    code: Any = code_of(SPEC)
    data, params, model = learnt
    classifier = code.open_generator(model, params, data.assets)
    text = "lovely good fine lovely room " * 9 + "awful"
    context = Telling()
    said, why = classifier.generate(_use("generate", text=text), context, Files(tmp_path))
    assert context.end == ("generating", 1, 1)  # what estimates go by
    assert isinstance(said, Scores) and said.items[0].name == "like"
    (ids,) = data.tokenizer.encode([text])
    windows = data.tokens.of([ids]).windows(np.zeros(4, int), np.arange(4), data.length)
    scores = np.asarray(model(windows, training=False), np.float64)
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    assert data.length == 12 and len(ids) == 46
    assert said.items[0].value == pytest.approx(shares.mean(0)[0], abs=1e-5)
    assert isinstance(why, Text) and why.text == text and "46 further answers" in why.title
    words = [text[mark.start : mark.end] for mark in why.marks]
    assert len(words) == 46 and set(words) == {"lovely", "good", "fine", "room", "awful"}
    by_word = {
        word: np.mean([mark.score for mark, one in zip(why.marks, words, strict=True) if one == word])
        for word in set(words)
    }
    assert by_word["awful"] < 0 < max(by_word["lovely"], by_word["good"], by_word["fine"])
    assert max(abs(mark.score) for mark in why.marks) == pytest.approx(1)


def test_typed_texts_without_anything_to_read_are_refused_and_many_make_a_table(learnt, tmp_path):
    code: Any = code_of(SPEC)
    data, params, model = learnt
    classifier = code.open_generator(model, params, data.assets)
    for text, by_line in ((" \u3000\n", False), ("\n \n", True)):
        with pytest.raises(RecipeFailed, match=r"nothing to read|no line"):
            classifier.generate(_use("generate", text=text, by_line=by_line), Context(), Files(tmp_path))
    with pytest.raises(RecipeFailed, match="at most 1,000"):
        classifier.generate(_use("generate", text="good\n" * 1_001, by_line=True), Context(), Files(tmp_path))
    (table,) = classifier.generate(
        _use("generate", text="good room\nbad food\n" * 6, by_line=True), Context(), Files(tmp_path)
    )
    assert isinstance(table, Table) and table.count == 12 and table.rows[0][-1] == "good room"


def _rows_of(folder):
    with (folder / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_is_answered_row_by_row_empty_texts_with_their_error(learnt, tmp_path):
    code: Any = code_of(SPEC)
    data, params, model = learnt
    classifier = code.open_generator(model, params, data.assets)
    volume = Volume(tmp_path / "volume")
    volume.ensure()
    body = (
        "extra,review,mood\n1,a lovely room 很好,like\n2,,hate\n3,awful food 太差,hate\n4," + "poor " * 300 + ",like\n"
    )
    dataset = import_files(volume, [("new.csv", body.encode())], "table")
    (tmp_path / "made").mkdir()
    report = classifier.batch(_use("batch"), given(volume, dataset), Context(), Files(tmp_path / "made"))
    rows = _rows_of(tmp_path / "made")
    assert isinstance(report.outputs[0], Table) and report.outputs[0].count == len(rows) == 4
    assert [row["extra"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["error"] != "" for row in rows] == [False, True, False, False] and rows[1]["predicted label"] == ""
    assert [rows[i]["predicted label"] for i in (0, 2, 3)] == ["like", "hate", "hate"]
    shares = [float(rows[0][f"probability of {name}"]) for name in ("like", "hate")]
    assert sum(shares) == pytest.approx(1) and float(rows[0]["probability"]) == pytest.approx(max(shares))
    assert report.metrics == {"accuracy": pytest.approx(2 / 3)}
    (answer, _) = classifier.generate(_use("generate", text="a lovely room 很好"), Context(), Files(tmp_path))
    assert answer.items[0].value == pytest.approx(max(shares), abs=1e-6), "typed in it gets the same answer"


def test_a_table_of_other_columns_is_refused_unless_it_is_said_which_to_read(learnt, tmp_path):
    code: Any = code_of(SPEC)
    data, params, model = learnt
    classifier = code.open_generator(model, params, data.assets)
    other = imported(tmp_path, [("other.csv", b"Reviews,n\ngood food here,1\nbad room there,2\n")], "table")
    with pytest.raises(RecipeFailed, match=r"lacks 1 of the columns.*'review' \(is 'Reviews' meant\?\)"):
        classifier.batch(_use("batch"), other, Context(), Files(tmp_path))
    (tmp_path / "made").mkdir()
    wanted = _use("batch", texts=["Reviews"], keep_columns=False, probabilities=False)
    classifier.batch(wanted, other, Context(), Files(tmp_path / "made"))
    assert [set(row) for row in _rows_of(tmp_path / "made")] == [{"row", "predicted label", "probability", "error"}] * 2
