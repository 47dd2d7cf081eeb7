"""Chats as people have them: every shape becomes one, what is no chat is named by line, doubles and empty answers are counted."""

import json

import pytest

from shared.datasets import get_preview
from shared.datasets.chats.chat import Chat, answers, chat_of, out_of_order, read_chats
from shared.errors import DatasetInvalid
from shared.outputs import Text
from shared.volume.volume import Volume
from tests.support.uploads import left_behind, load, zipped

HELLO = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def lines(*rows):
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def stored(volume, *rows, name="chats.jsonl", **more):
    dataset = load(volume, (name, lines(*rows)), **more)
    assert dataset.format == "chats"
    return [chat.messages for chat in read_chats(volume.dataset_dir(dataset.id))]


def refused(volume, data, name="chats.jsonl", **more):
    with pytest.raises(DatasetInvalid) as refusal:
        load(volume, (name, data), format="chats", **more)
    assert left_behind(volume) == []
    return refusal.value


@pytest.mark.parametrize(
    "row",
    [
        {"messages": HELLO},
        {"prompt": "Hi", "completion": "Hello!"},
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello!"}]},
        {"turns": HELLO, "id": 7},
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]},
                HELLO[1],
            ]
        },
        {"prompt": HELLO[:1], "completion": HELLO[1:]},
    ],
)
def test_every_shape_becomes_the_same_chat(volume, row):
    assert stored(volume, row) == [tuple(HELLO)]


def test_alpacas_pairs_are_taken_with_what_they_are_about(volume):
    row = {"instruction": "Translate", "input": "Katze", "output": "cat", "system": "You translate."}
    assert stored(volume, row, format="chats")[0] == (
        {"role": "system", "content": "You translate."},
        {"role": "user", "content": "Translate\n\nKatze"},
        {"role": "assistant", "content": "cat"},
    )


def test_texts_are_composed_and_line_ends_set_but_spaces_stay(volume):
    (found,) = stored(volume, {"prompt": " e\u0301\r\n", "completion": " yes "})
    assert [message["content"] for message in found] == [" é\n", " yes "]


def test_names_calls_and_weights_of_messages_stay(volume):
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "now", "arguments": "{}"}}]}
    tool = {"role": "tool", "content": "12:00", "tool_call_id": "1", "name": "now"}
    row = {
        "messages": [HELLO[0], call, tool, {"role": "assistant", "content": "Noon.", "weight": 0}],
        "tools": [{"type": "function"}],
    }
    dataset = load(volume, ("c.jsonl", lines(row)))
    (chat,) = read_chats(volume.dataset_dir(dataset.id))
    assert chat.tools == ({"type": "function"},)
    assert [sorted(message) for message in chat.messages[1:]] == [
        ["content", "role", "tool_calls"], ["content", "name", "role", "tool_call_id"], ["content", "role", "weight"]
    ]  # fmt: skip
    assert answers(chat) == [1] and not out_of_order(chat)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "2 + 2?", "chosen": "4", "rejected": "22"},
        {
            "chosen": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}],
            "rejected": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "22"}],
        },
        {
            "prompt": [{"role": "user", "content": "2 + 2?"}],
            "chosen": [{"role": "assistant", "content": "4"}],
            "rejected": [{"role": "assistant", "content": "22"}],
        },
    ],
)
def test_preferences_keep_both_answers_to_one_question(volume, row):
    dataset = load(volume, ("p.jsonl", lines(row)))
    assert (dataset.format, dataset.report.unit) == ("chats", "preferences")
    (chat,) = read_chats(volume.dataset_dir(dataset.id))
    assert [message["content"] for message in chat.messages] == ["2 + 2?", "4"]
    assert [message["content"] for message in chat.other.messages] == ["2 + 2?", "22"]
    assert chat_of(chat.line()) == chat


def test_what_is_no_chat_is_named_by_line_with_what_would_be_right(volume):
    data = lines(
        {"messages": HELLO},
        {"messages": [{"role": "wizard", "content": "x"}, HELLO[1]]},
        {"messages": HELLO[:1]},
        ["a"],
        {"messages": []},
        {"title": "x"},
        {"messages": [HELLO[0], {"role": "assistant", "content": [{"type": "image_url"}]}]},
        {"messages": [HELLO[0], {"role": "assistant", "content": "a\u0007"}]},
        {"chosen": "a", "rejected": "b"},
        {"prompt": "q", "chosen": "a", "rejected": "a"},
        {"prompt": "q", "chosen": "a"},
        {"messages": [HELLO[0], HELLO[1] | {"weight": 3}]},
        {"prompt": "q", "chosen": "a", "rejected": "b"},
    )
    error = refused(volume, data + b"\n{broken\n")
    found = {problem.line: problem.message for problem in error.problems}
    assert found.keys() == set(range(2, 15))
    assert "'wizard' is no role; known are system, user, assistant, tool" in found[2]
    assert 'no message is of the role "assistant"' in found[3]
    assert '{"messages": [{"role": "user"' in found[4]
    assert "is no list of messages" in found[5]
    assert 'needs "messages"' in found[6]
    assert "'image_url'; only texts" in found[7]
    assert "U+0007" in found[8]
    assert 'without a "prompt"' in found[9]
    assert "nothing to prefer" in found[10]
    assert 'has no "rejected"' in found[11]
    assert "right are 0" in found[12]
    assert "is a preference among chats" in found[13]
    assert "is no JSON" in found[14]


def test_bad_rows_are_dropped_where_that_is_chosen_and_named(volume):
    data = lines({"messages": HELLO}, {"messages": 3}, {"prompt": "a", "completion": "b"})
    (choice,) = refused(volume, data).choices
    dataset = load(volume, ("c.jsonl", data), options={choice.option: choice.value})
    assert (dataset.report.rows, dataset.report.dropped.broken) == (2, 1)
    assert dataset.report.dropped.named[0]["line"] == 2


def test_doubles_and_rows_without_an_answer_are_left_out_and_counted(volume):
    silent = [HELLO[0], {"role": "assistant", "content": " "}]
    dataset = load(volume, ("c.jsonl", lines({"messages": HELLO}, {"messages": HELLO}, {"messages": silent})))
    assert (dataset.report.rows, dataset.report.dropped.duplicate, dataset.report.dropped.empty) == (1, 1, 1)
    assert dataset.notes == ["left out: 1 there twice, 1 without any answer"]


def test_a_file_of_empty_answers_has_nothing_to_learn_from(volume):
    silent = [HELLO[0], {"role": "assistant", "content": " "}]
    assert "nothing to learn" in refused(volume, lines({"messages": silent})).message


def test_the_report_counts_turns_roles_out_of_order_and_chats_that_end_with_a_question(volume):
    twice = [*HELLO, HELLO[1], HELLO[0]]
    dataset = load(
        volume,
        ("c.jsonl", lines({"messages": HELLO}, {"messages": [{"role": "system", "content": "Be brief."}, *twice]})),
    )
    facts = dataset.report.facts
    assert facts["turns"] == 7 and facts["answers"] == 3 and facts["with_system_message"] == 1
    assert facts["roles_out_of_order"] == 1 and facts["ending_without_an_answer"] == 1
    assert {warning.code for warning in dataset.report.warnings} == {
        "few_rows",
        "roles_out_of_order",
        "no_last_answer",
        "same_answer",
    }


def test_parts_are_told_by_a_column_or_by_the_names_of_files(volume):
    other = {"prompt": "a", "completion": "b"}
    dataset = load(volume, ("c.jsonl", lines({"messages": HELLO, "split": "train"}, other | {"split": "validation"})))
    assert dataset.report.parts == {"train": 1, "val": 1}
    dataset = load(volume, ("train.jsonl", lines({"messages": HELLO})), ("test.jsonl", lines(other)), format="chats")
    assert dataset.report.parts == {"train": 1, "test": 1}


def test_a_list_in_json_and_a_zip_are_taken_too(volume):
    dataset = load(
        volume, ("sharegpt.json", json.dumps([{"messages": HELLO}, {"prompt": "a", "completion": "b"}]).encode())
    )
    assert (dataset.format, dataset.report.rows) == ("chats", 2)
    packed = zipped([("a/chats.jsonl", lines({"messages": HELLO})), ("a/readme.md", b"x")])
    assert load(volume, ("c.zip", packed), format="chats").report.rows == 1


def test_a_json_that_is_no_list_is_refused(volume):
    assert "is no list of chats" in refused(volume, b'{"a": 1}', name="a.json").message


def test_a_preview_marks_what_is_learnt_and_what_was_rejected(volume):
    dataset = load(volume, ("p.jsonl", lines({"prompt": "2 + 2?", "chosen": "4", "rejected": "22"})))
    (text,) = get_preview(volume, dataset)
    assert isinstance(text, Text)
    assert text.text == "user: 2 + 2?\nassistant: 4\nassistant, rejected: 22"
    assert [(text.text[mark.start : mark.end], mark.score) for mark in text.marks] == [("4", 1.0), ("22", -1.0)]


def test_a_flat_table_under_other_names_stays_a_table_and_plain_texts_stay_texts(volume):
    assert (
        load(volume, ("t.jsonl", lines({"question": "a", "grade": 1}, {"question": "b", "grade": 2}))).format == "table"
    )
    assert load(volume, ("t.jsonl", lines({"text": "some text " * 9}, {"text": "another"}))).format == "text"


def test_an_empty_first_line_a_long_first_row_and_a_mark_do_not_hide_a_chat(volume):
    long = [HELLO[0], {"role": "assistant", "content": "x" * 100_000}]
    assert load(volume, ("c.jsonl", b"\xef\xbb\xbf\n" + lines({"messages": long}))).format == "chats"


def test_an_answer_without_a_question_is_out_of_order():
    assert out_of_order(Chat(({"role": "assistant", "content": "x"},)))
