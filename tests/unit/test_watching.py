"""What the command line writes of a job as it goes: streamed text once and whole, samples, curves by the criterion."""

import io

import pytest

from cli.generate import Stream
from cli.view import LiveView, PlainView
from shared.outputs import Picture, Text

JOB = {"kind": "train", "recipe": "any", "name": "", "id": "j" * 26, "use": ""}


def _finished(pieces: list[tuple[int, str]], outputs: list) -> tuple[str, list]:
    out = io.StringIO()
    stream = Stream(out)
    for index, piece in pieces:
        stream.add(index, piece)
    rest = stream.finish(outputs)
    return out.getvalue(), rest


def test_a_streamed_text_is_not_written_again():
    assert _finished([(0, "one "), (0, "two")], [Text(text="one two")]) == ("one two\n", [])


def test_the_last_pieces_that_were_missed_are_written_from_the_final_text():
    assert _finished([(0, "one ")], [Text(text="one two three")]) == ("one two three\n", [])


def test_a_text_of_which_nothing_was_streamed_is_left_to_be_shown():
    outputs = [Text(text="one")]
    assert _finished([], outputs) == ("", outputs)


def test_a_final_text_that_begins_otherwise_is_shown_whole():
    text = Text(text="something else")
    assert _finished([(0, "one")], [text]) == ("one\n", [text])


def test_further_texts_and_other_kinds_are_left_to_be_shown():
    second, picture = Text(text="second"), Picture(file="a.png")
    assert _finished([(0, "first"), (1, "sec")], [Text(text="first"), second, picture]) == (
        "first\n",
        [second, picture],
    )


def test_after_a_lost_attempt_the_same_text_is_not_written_twice():
    out = io.StringIO()
    stream = Stream(out)
    stream.add(0, "one two")
    stream.restart()
    stream.add(0, "one ")
    stream.add(0, "two three")
    assert stream.finish([Text(text="one two three")]) == []
    assert out.getvalue() == "one two three\n"


def _event(kind: str, **data) -> dict:
    return {"type": kind, "at": "2026-01-02T00:00:00+00:00", "attempt": 1, "data": data}


def test_a_sample_is_whole_where_nobody_reads_it_on_a_screen():
    out = io.StringIO()
    view = PlainView(out)
    view.begin(JOB, [], "val_loss")
    view.take(_event("sample", step=5, title="goes on", text="\n".join(["x" * 200] * 9)))
    assert out.getvalue().count("x" * 200) == 9


def test_a_sample_that_is_no_text_says_how_to_see_it():
    out = io.StringIO()
    view = PlainView(out)
    view.begin(JOB, [], "val_loss")
    view.take(_event("sample", step=5, title="a grid", text=""))
    assert f"trainyard samples {JOB['id']} --step 5" in out.getvalue()


@pytest.mark.parametrize(
    ("criterion", "metrics", "drawn"),
    [
        ("val_loss", {"loss": 1.0, "val_loss": 2.0}, "loss"),
        ("val_distance", {"loss": 0.0, "val_distance": 2.0}, "val_distance"),
        ("val_hits", {"learning_rate": 0.1}, ""),
    ],
)
def test_the_curve_is_of_what_the_recipe_calls_better(criterion, metrics, drawn):
    view = PlainView(io.StringIO())
    view.begin(JOB, [metrics], criterion)
    assert view.curve_name(metrics) == drawn
    assert view.curve == ([metrics[drawn]] if drawn else [])


def test_the_last_line_says_the_best_value_and_where_it_was():
    out = io.StringIO()
    view = PlainView(out)
    view.begin(JOB, [], "val_hits")
    ended = {"state": "succeeded", "result": {"metrics": {"hits": 0.5}, "best_value": 0.75, "best_step": 1200}}
    view.end(JOB | ended)
    assert out.getvalue().splitlines()[-1].endswith("hits 0.5; best val_hits 0.75 at step 1,200")


def test_the_last_words_say_whether_the_model_is_better_than_simple_answers():
    out = io.StringIO()
    view = PlainView(out)
    view.begin(JOB, [], "val_loss")
    verdict = {"sentence": "Not better than always 'no': 0.000 accuracy (0.000 to 0.000).", "better": None}
    view.end(JOB | {"state": "succeeded", "result": {"metrics": {}, "verdict": verdict}})
    assert out.getvalue().splitlines()[-1] == verdict["sentence"]


def test_a_text_that_is_being_written_shows_its_end_below(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    view = LiveView(io.StringIO())
    view.begin(JOB, [], "")
    view.take(_event("output", index=0, text="a long text " * 20))
    view.take(_event("output", index=1, text="another"))
    assert view.block(30)[-1].endswith("long text")
