"""Questions and answers in SQuAD's form: answers stand where they are said to, and what does not is named."""

import json

import pytest

from shared.datasets import get_preview
from shared.datasets.formats import squad
from shared.errors import DatasetInvalid, TooLarge
from shared.outputs import Text
from shared.volume.volume import Volume
from tests.support.uploads import left_behind, load, zipped

RHINE = "The Rhine is 1,230 km long."


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def answer(text: str = "1,230 km", start: object = 13):
    return {"text": text, "answer_start": start}


def question(name="q1", answers=None, **more):
    found = [answer()] if answers is None else answers
    return {"id": name, "question": "How long is the Rhine?", "answers": found, **more}


def written(*questions, context=RHINE, version="1.1"):
    article = {"title": "Rivers", "paragraphs": [{"context": context, "qas": list(questions)}]}
    return json.dumps({"version": version, "data": [article]}).encode()


def refused(volume, data):
    with pytest.raises(DatasetInvalid) as refusal:
        load(volume, ("q.json", data), format="squad")
    assert left_behind(volume) == []
    return refusal.value


def test_a_file_of_questions_is_recognised_reported_and_stored_by_paragraph(volume):
    none = question("q2", answers=[], is_impossible=True)
    dataset = load(volume, ("q.json", written(question(), none, version="v2.0")))
    assert (dataset.format, dataset.report.rows, dataset.report.unit) == ("squad", 2, "questions")
    assert dataset.report.facts == {
        "paragraphs": 1, "unanswerable": 1, "answers": 1, "longest_paragraph_characters": len(RHINE)
    }  # fmt: skip
    lines = (volume.dataset_dir(dataset.id) / "files" / "squad.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"title": "Rivers", "context": RHINE, "qas": [question(is_impossible=False), none]}
    ]


def test_a_preview_marks_the_answer_in_its_paragraph(volume):
    dataset = load(volume, ("q.json", written(question(), question("q2"))))
    (preview,) = get_preview(volume, dataset, most=1)
    assert isinstance(preview, Text) and (preview.title, preview.text) == ("How long is the Rhine?", RHINE)
    assert [preview.text[mark.start : mark.end] for mark in preview.marks] == ["1,230 km"]


def test_places_count_characters_not_bytes(volume):
    context = "莱茵河😀长1230公里。"
    dataset = load(volume, ("q.json", written(question(answers=[answer("1230公里", 5)]), context=context)))
    assert dataset.notes == []


def test_an_answer_somewhere_else_is_named_with_what_is_there(volume):
    problems = refused(
        volume, written(question(), question("q7", answers=[answer(start=0), answer("Danube", 4)]))
    ).problems
    assert problems[0].message == (
        "article 1, paragraph 1, question 'q7': the answer '1,230 km' is not at 0, where 'The Rhin' is; it stands at 13"
    )
    assert "stands nowhere in the paragraph" in problems[1].message


def test_answers_a_character_off_or_nowhere_are_all_named_and_repair_is_offered(volume):
    many = [question(f"q{number}", answers=[answer(start=12)]) for number in range(120)]
    refusal = refused(volume, written(*many, question("good")))
    assert (
        len(refusal.problems) == 120
        and "question 'q119': the answer '1,230 km' is not at 12" in refusal.problems[-1].message
    )
    assert [(choice.option, choice.value) for choice in refusal.choices] == [
        ("answers", "nearest"),
        ("answers", "drop"),
    ]


def test_nearest_moves_answers_and_tells_each_and_leaves_out_what_stands_nowhere(volume):
    context = "It is 5 km, then 5 km, and 5 km long."
    asked = [
        question("near", answers=[answer("5 km", 20)]),
        question("padded", answers=[answer(" 5 km long ", 27)]),
        question("both", answers=[answer("5 km", 6), answer("9 km", 6)]),
        question("lost", answers=[answer("Danube", 4)]),
    ]
    dataset = load(volume, ("q.json", written(*asked, context=context)), format="squad", options={"answers": "nearest"})
    (line,) = (volume.dataset_dir(dataset.id) / "files" / "squad.jsonl").read_text().splitlines()
    stored = [[(one["text"], one["answer_start"]) for one in asked["answers"]] for asked in json.loads(line)["qas"]]
    assert stored == [[("5 km", 17)], [("5 km long", 27)], [("5 km", 6)]]
    where = "article 1, paragraph 1, question"
    assert dataset.notes[:2] == [
        "2 answers stood elsewhere than was said, and were moved to the nearest place where they stand",
        f"{where} 'near': '5 km' from 20 to 17",
    ]
    assert sum("stands nowhere" in note for note in dataset.notes) == 2
    assert dataset.notes[-1] == "1 questions whose only answers were left out were left out with them"
    assert (dataset.report.rows, dataset.report.dropped.broken) == (3, 1)


def test_drop_leaves_out_answers_that_are_off_and_tells_each(volume):
    asked = [question("off", answers=[answer(start=12)]), question("good")]
    dataset = load(volume, ("q.json", written(*asked)), format="squad", options={"answers": "drop"})
    assert dataset.report.rows == 1 and any(
        "'off': the answer '1,230 km' is not at 12" in note for note in dataset.notes
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "is empty"), (b"{", "is no JSON"), (b"[" * 100_000, "nested too deeply"), (b"{}", 'needs {"data"'),
     (b"[1]", "article 1: is no object"),
     (b'{"data": [{"title": "x"}]}', 'has no list "paragraphs"'), (written(context=""), "is no text"),
     (written(context="a\0b"), "U+0000"), (written(context="e" + "\u0301" * 80), "combining marks"),
     (b'{"data": [{"paragraphs": [{"context": "x"}]}]}', 'no list "qas"'), (written("q"), "question 1 is no object"),
     (written(question(answers=[])), '"is_impossible" is true'),
     (written(question(is_impossible=True)), "without an answer and has one"),
     (written(question(answers=["x"])), 'needs "text"'), (written(question(answers=[answer(start="13")])), 'needs "text"'),
     (written(question(answers=[answer(start=-5)])), "is not at -5"), (written({"id": "q1", "answers": [answer()]}), "is no text"),
     (b"\x89PNG not json", "PNG")],
)  # fmt: skip
def test_what_is_no_such_file_is_refused_in_words(volume, data, said):
    error = refused(volume, data) if data else None
    if error is None:
        with pytest.raises(DatasetInvalid, match=said):
            load(volume, ("q.json", data), format="squad")
    else:
        assert any(said in problem.message for problem in error.problems)


def test_files_in_a_zip_and_several_are_one_dataset(volume):
    one, two = ("one.json", written(question())), ("two.json", written(question("q2"), context=RHINE))
    dataset = load(volume, one, two)
    assert dataset.report.rows == 2 and dataset.report.facts["paragraphs"] == 2
    assert [w.code for w in dataset.report.warnings] == ["few_rows", "duplicate_paragraphs"]
    assert load(volume, ("all.zip", zipped([one, two])), format="squad").id == dataset.id
    again = load(volume, one, ("again.json", one[1]))
    assert "repeated_ids" in [w.code for w in again.report.warnings]


def test_paragraphs_without_a_question_are_left_out_and_counted(volume):
    data = json.loads(written(question()))
    data["data"][0]["paragraphs"].append({"context": "No question here.", "qas": []})
    dataset = load(volume, ("q.json", json.dumps(data).encode()))
    assert dataset.report.dropped.empty == 1 and any("1 paragraphs without" in note for note in dataset.notes)


def test_a_file_too_large_to_be_parsed_at_once_is_refused(volume, monkeypatch):
    monkeypatch.setattr(squad, "MOST_BYTES", 100)
    with pytest.raises(TooLarge, match="cut it into several files"):
        load(volume, ("q.json", written(question())))
    assert left_behind(volume) == []


@pytest.mark.parametrize("name", ["xquad.en.json", "xquad.zh.json"])
def test_real_questions_are_taken_in(volume, data_sets, name):
    dataset = load(volume, (name, (data_sets / "xquad_en_zh" / name).read_bytes()))
    assert (dataset.format, dataset.report.rows, dataset.report.facts["paragraphs"]) == ("squad", 1190, 240)
    assert dataset.report.warnings == [] and dataset.notes == []
