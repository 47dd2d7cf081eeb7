"""Questions answered as a whole on tiny passages: split, windows, what it learns, its report, uses, whole files."""

import csv
import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from shared.errors import Cancelled, DatasetInvalid, RecipeFailed
from shared.outputs import Scores, Table, Text
from shared.recipes.base import validate_params
from shared.recipes.question_answering import SPEC
from shared.volume.volume import Volume
from tests.support.case_data import passage_about, passages, squad
from tests.support.recipe_cases import CASES
from tests.support.tiny_datasets import given, import_files
from worker.artifacts import Files
from worker.context import Context
from worker.families.questions.answering import Answering
from worker.families.questions.windows import filled
from worker.recipe import build_model, code_of
from worker.verdict import judge

pytestmark = pytest.mark.timeout(300)
CODE: Any = code_of(SPEC)
LEARNT = {"width": 16, "layers": 1, "vocabulary_size": 400, "dropout": 0.0}
FIGURES = {"exact_match", "f1", "exact_match_answerable", "right_unanswerable", "exact_match_unparted", "f1_parted"}


def _params(**values):
    return validate_params(SPEC.train_params, CASES["question_answering"].params | LEARNT | values)


def _use(name, **values):
    return validate_params(SPEC.use(name).params, values)


def _trained(data, params, times):
    import keras

    model = build_model(CODE, params, data.assets, {})
    model.compile(optimizer=keras.optimizers.Adam(1e-2), **CODE.compile_args(params, data.assets))
    for _ in range(times):
        for batch in data.train(0).as_numpy_iterator():
            model.train_on_batch(*batch)
    return model


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    return volume


@pytest.fixture(scope="module")
def rivers(volume):
    return given(volume, import_files(volume, passages(), "squad"))


@pytest.fixture(scope="module")
def learnt(rivers):
    """(data, params, model) of a network that has learnt what is asked about rivers."""
    params = _params()
    data = CODE.load(rivers, params, Context())
    return data, params, _trained(data, params, 8)


@pytest.fixture(scope="module")
def answerer(learnt):
    data, params, model = learnt
    return CODE.open_generator(model, params, data.assets)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "files").mkdir()
    return Files(tmp_path / "files")


def test_no_passage_is_in_two_parts_nor_in_two_of_a_fold(learnt):
    data, _, _ = learnt
    folds = CODE.stages(CODE.load({"data": data.opened}, _params(folds=3), Context()))
    assert len(folds) == 4
    for one in folds:
        groups = [set(one.asked.groups[places].tolist()) for places in one.places.values()]
        assert sum(map(len, groups)) == len(set().union(*groups)) and all(groups)
    assert any("split by passage: 22 for train, 2 for val, 6 for test" in note for note in data.notes)
    assert any("3 questions are asked of the same passage a second time" in note for note in data.notes)


def test_more_folds_than_passages_are_refused(volume):
    few = given(volume, import_files(volume, [("few.json", squad(*map(passage_about, range(6))))], "squad"))
    with pytest.raises(DatasetInvalid, match="10 folds of 5 passages"):
        CODE.stages(CODE.load(few, _params(folds=10), Context()))


def test_what_params_and_data_do_not_agree_on_is_told_before_it_is_queued(volume):
    none = [{**one, "qas": one["qas"][2:]} for one in map(passage_about, (0, 6, 12))]
    dataset = import_files(volume, [("none.json", squad(*none))], "squad")
    told = [(problem.field, problem.message[:40]) for problem in SPEC.check(_params(folds=5), {"data": dataset})]
    assert told == [
        ("inputs.data", "there are 3 passages: 4 at least are nee"),
        ("inputs.data", "no question has an answer: there is noth"),
        ("params.folds", "5 folds of 3 passages: at most 3"),
    ]


def test_batches_depend_on_seed_and_step_alone_and_name_the_answer(learnt):
    data, _, _ = learnt
    whole = list(data.train(0).as_numpy_iterator())
    later = list(data.train(data.total_steps - 2).as_numpy_iterator())
    assert len(whole) == data.total_steps and len(later) == 2
    for one, other in zip(whole[-2:], later, strict=True):
        for array, again in zip(one, other, strict=True):
            np.testing.assert_array_equal(array, again)
    named = 0
    for windows, ends in whole:
        assert windows.shape[2] % 8 == 0 and windows.shape[2] <= 64
        for (tokens, parts), (first, last) in zip(windows, ends.tolist(), strict=True):
            assert (first, last) == (0, 0) or (parts[first : last + 1] == 1).all()
            named += first > 0 and (tokens[first : last + 1] >= 4).all()
    assert named > 100


def test_what_is_read_in_windows_or_cut_is_told(volume):
    asked = {
        "id": "1",
        "question": "how long " * 30,
        "answers": [{"text": "It is wide. The Riao is 100 km", "answer_start": 0}],
    }
    first = passage_about(0)
    data = [("long.json", squad({**first, "qas": [asked]}, *map(passage_about, range(1, 12))))]
    told = " | ".join(
        CODE.load(given(volume, import_files(volume, data, "squad")), _params(max_answer=2), Context()).notes
    )
    for part in (
        "questions are read in windows", "questions are longer than 16 tokens: their ends are not read",
        "answers are longer than 2 tokens, and cannot be given whole",
    ):  # fmt: skip
        assert part in told


def test_it_learns_and_the_report_says_how_well_beside_the_simple_answers(learnt, files):
    data, params, model = learnt
    said = CODE.evaluate(model, data, lambda done: None)
    report = CODE.report(model, data, params, Context(), files, [said])
    assert {name.removeprefix("test_") for name in report.metrics} >= FIGURES
    assert report.metrics["test_f1"] > 0.6 and report.rows == data.split["test"]
    beside = CODE.baselines(data, params, Context())
    assert [one.name for one in beside][-1] == "never an answer" and len(beside) == 3
    assert all(one.metrics["test_f1"] < report.metrics["test_f1"] for one in beside)
    verdict = judge(report.judge, report.predictions, [(one.name, one.predictions) for one in beside], report.rows)
    assert verdict is not None and verdict.better
    by_kind = report.outputs[0]
    assert isinstance(by_kind, Table) and {row[0] for row in by_kind.rows} >= {
        "all", "how", "who", "without an answer", "Chinese, Japanese, Korean"
    }  # fmt: skip


def test_mistakes_are_shown_in_their_passages(learnt, files):
    data, params, _ = learnt
    model = build_model(CODE, params, data.assets, {})  # has learnt nothing
    report = CODE.report(model, data, params, Context(), files, [])
    table = next(one for one in report.outputs if one.title == "The surest mistakes")
    assert isinstance(table, Table) and table.rows
    marked = [one for one in report.outputs if isinstance(one, Text)]
    assert marked
    for one in marked:
        (right,) = [one.text[mark.start : mark.end] for mark in one.marks if mark.score < 0]
        assert f"Right is {right!r}" in one.title


def test_what_fills_a_window_up_changes_no_score(learnt):
    data, params, model = learnt
    answering = Answering(model, data.assets, params)
    row = answering.frame.row(*answering.vocabulary.pieces(["How long is it?", "The Riao is 100 km long."]))
    longer = (np.arange(60, dtype=np.int32) + 5, np.ones(60, np.int32))
    alone, beside = (np.array(model(filled(rows)))[0, : len(row[0])] for rows in ([row], [row, longer]))
    np.testing.assert_allclose(alone, beside, atol=1e-5)


def test_an_answer_far_into_a_passage_is_marked_there(answerer, files):
    filling = "It is wide and flat, and there is nothing to be seen. " * 40
    text = f"{filling}The Rizo is 777 km long, and Anna found it. {filling}"
    outputs = answerer.generate(_use("generate", question="How long is the Rizo?", context=text), Context(), files)
    marked, scores = outputs
    assert isinstance(marked, Text) and isinstance(scores, Scores)
    best = marked.marks[0]
    assert marked.text[best.start : best.end] == scores.items[0].name == "777 km"
    start = text.index("777")
    assert scores.items[0].note == f"characters {start} to {start + 6}"
    assert len(marked.text) < len(text) and marked.text.startswith("… ") and marked.text.endswith(" …")


def test_several_answers_never_overlap_and_no_answer_is_said(answerer, files):
    text = "It is wide. The Riao is 100 km long, and Anna found it. The Ribo is 9 km long, and Cy found it."
    outputs = answerer.generate(
        _use("generate", question="Who found it?\nWhich colour is it?", by_line=True, context=text, top_k=5),
        Context(),
        files,
    )
    who, scores, colour, none = outputs
    assert (
        isinstance(who, Text) and isinstance(scores, Scores) and isinstance(colour, Text) and isinstance(none, Scores)
    )
    spans = sorted(tuple(map(int, item.note.split()[1::2])) for item in scores.items if item.note)
    assert len(spans) >= 3 and all(a[1] <= b[0] for a, b in pairwise(spans))
    assert colour.title.endswith("Answer: none in this passage") and colour.marks == []
    assert (none.items[0].name, none.items[0].note) == ("no answer", "said")
    assert sum(item.value for item in none.items) <= 1.0001


def test_many_questions_come_as_a_table(answerer, files):
    outputs = answerer.generate(
        _use("generate", question="Who found it?\n" * 9, by_line=True, context=passage_about(0)["context"]),
        Context(),
        files,
    )
    assert isinstance(outputs[0], Table) and outputs[0].count == 9 and len(outputs) == 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"question": " \n ", "by_line": True, "context": "a"}, "there is no question"),
        ({"question": "who?", "context": " \n "}, "holds nothing to read"),
        ({"question": "who?\n" * 201, "by_line": True, "context": "a"}, "201 lines; at most 200"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(answerer, files, values, said):
    with pytest.raises(RecipeFailed, match=said):
        answerer.generate(_use("generate", **values), Context(), files)


def _rows(files, name="rows.csv"):
    with files.path(name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_of_questions_is_answered_in_its_order_and_measured(answerer, rivers, files):
    report = answerer.batch(_use("batch"), {"data": rivers["data"]}, Context(), files)
    rows = _rows(files)
    assert [row["row"] for row in rows] == [str(number) for number in range(1, 74)]
    assert list(rows[0]) == ["row", "id", "question", "answer", "score", "start", "error"]
    assert report.metrics["f1"] > 0.6
    paragraphs = json.loads(passages()[0][1])["data"][0]["paragraphs"]
    texts = {question["id"]: one["context"] for one in paragraphs for question in one["qas"]}
    for row in rows:
        assert not row["answer"] or texts[row["id"]].startswith(row["answer"], int(row["start"]))
        assert bool(row["answer"]) == bool(row["start"]) and 0 <= float(row["score"]) <= 1


def test_a_table_is_answered_and_rows_that_cannot_be_are_told(answerer, volume, files):
    lines = ["passage,asked,note", "The Riao is 100 km long.,How long is the Riao?,a", ",Who?,b", "It is wide.,,c"]
    table = given(volume, import_files(volume, [("asked.csv", "\n".join(lines).encode())], "table"))
    with pytest.raises(RecipeFailed, match=r"lacks 2 of the columns .*'question', 'context'"):
        answerer.batch(_use("batch"), table, Context(), files)
    wanted = _use("batch", question="asked", context="passage", format="jsonl")
    report = answerer.batch(wanted, table, Context(), files)
    rows = [json.loads(line) for line in files.path("rows.jsonl").read_text().splitlines()]
    assert report.metrics == {} and [row["note"] for row in rows] == ["a", "b", "c"]
    assert [row["error"] for row in rows] == [None, "there is no passage to read", "there is no question to read"]
    assert rows[0]["passage"].startswith(rows[0]["answer"] or "", rows[0]["start"] or 0)
    assert rows[1]["answer"] is None and rows[1]["score"] is None


def test_a_batch_can_be_stopped(answerer, rivers, files):
    class Stopped(Context):
        def check(self):
            raise Cancelled

    with pytest.raises(Cancelled):
        answerer.batch(_use("batch"), {"data": rivers["data"]}, Stopped(), files)


def test_a_model_that_knows_no_question_without_an_answer_always_gives_one(volume, files):
    answered = [{**one, "qas": one["qas"][:2]} for one in map(passage_about, range(12))]
    data = CODE.load(
        given(volume, import_files(volume, [("all.json", squad(*answered))], "squad")), _params(), Context()
    )
    assert data.assets["knows_none"] is False and "held_lengths" not in data.assets.arrays
    model = _trained(data, _params(), 1)
    report = CODE.report(model, data, _params(), Context(), files, [])
    assert "threshold" not in report.metrics and not any("unanswerable" in name for name in report.metrics)
    marked, scores = CODE.open_generator(model, _params(), data.assets).generate(
        _use("generate", question="Which colour?", context="It is wide."), Context(), files
    )
    assert marked.marks and all(item.name != "no answer" for item in scores.items)
