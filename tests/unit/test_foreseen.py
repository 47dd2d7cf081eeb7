"""What a fine-tuning will learn from is told before it is queued, and what can teach nothing is refused."""

import json
from typing import Any

import pytest

from shared.bases.importer import import_base
from shared.outputs import Table, Text
from shared.recipes.base import Given, validate_params
from shared.recipes.finetune_lm import SPEC
from shared.recipes.tuning_memory import lighter, memory_bytes
from shared.volume.volume import Volume
from tests.support.tiny_bases import files_of
from tests.support.uploads import load

CHATS = [
    {
        "messages": [
            {"role": "user", "content": f"{n}: what colour is snow?"},
            {"role": "assistant", "content": "It is white."},
        ]
    }
    for n in range(5)
]


@pytest.fixture
def volume(tmp_path):
    volume = Volume(tmp_path / "data")
    volume.ensure()
    return volume


def foreseen(volume, rows, *, template=None, format="chats", room=0, **params):
    files = dict(files_of("llama"))
    if template is not None:
        changed = volume.root / "template.jinja"
        changed.write_text(template)
        files["chat_template.jinja"] = changed
    base = import_base(volume, files, name="tiny", source="a test")
    data = rows if isinstance(rows, bytes) else "\n".join(json.dumps(row) for row in rows).encode()
    name = {"chats": "c.jsonl", "table": "t.jsonl", "text": "t.txt"}[format]
    dataset = load(volume, (name, data), format=format)
    given = {"data": Given(dataset, volume.dataset_dir(dataset.id)), "base": Given(base, volume.base_dir(base.id))}
    checked = validate_params(SPEC.train_params, {"context": 100, **params})
    assert not SPEC.check(checked, {"data": dataset})
    return SPEC.foresee(checked, given, room)


def counts(seen):
    table = seen.outputs[0]
    assert isinstance(table, Table)
    return {str(row[0]): int(row[1] or 0) for row in table.rows}


def test_it_counts_tokens_and_marks_what_the_loss_is_taken_on(volume):
    seen = foreseen(volume, CHATS)
    assert seen.problems == []
    found = counts(seen)
    assert found["rows"] == 5 and 0 < found["tokens the loss is taken on"] < found["tokens"]
    texts = [output for output in seen.outputs if isinstance(output, Text)]
    assert len(texts) == 3
    for text in texts:
        assert [text.text[mark.start : mark.end] for mark in text.marks] == ["It is white.<|im_end|>"]
    assert "Memory" in seen.outputs[-1].title


def test_learning_everything_marks_everything(volume):
    text = foreseen(volume, CHATS, learn="everything").outputs[1]
    assert isinstance(text, Text) and [(mark.start, mark.end) for mark in text.marks] == [(0, len(text.text))]


def test_rows_too_long_are_cut_or_dropped_as_chosen(volume):
    rows = [*CHATS, {"prompt": "why? " * 90, "completion": "b"}, {"prompt": "why?", "completion": "because " * 90}]
    cut, dropped = counts(foreseen(volume, rows)), counts(foreseen(volume, rows, too_long="drop"))
    assert (cut["rows"], cut["rows too long"], cut["rows of which nothing is left to learn"]) == (6, 2, 1)
    assert (dropped["rows"], dropped["rows too long"]) == (5, 2)


def test_where_every_row_is_too_long_that_is_refused_with_what_would_do(volume):
    rows = [{"prompt": f"{n} why? " * 90, "completion": "b"} for n in range(3)]
    for choice in ("cut", "drop"):
        (problem,) = foreseen(volume, rows, too_long=choice).problems
        assert (
            problem.field == "params.context" and "too long" in problem.message and "params.context" in problem.message
        )


def test_where_every_label_is_masked_that_is_refused_before_it_is_queued(volume):
    (problem,) = foreseen(
        volume, CHATS, template="{% for m in messages %}{{ loop.length }}{{ m.content | upper }}{% endfor %}"
    ).problems
    assert problem.field == "params.chat_template" and "no token is left that the loss is taken on" in problem.message


def test_a_template_that_takes_no_chat_is_refused_in_its_own_words(volume):
    (problem,) = foreseen(volume, CHATS, template="{{ raise_exception('only poems') }}").problems
    assert problem.message == "the template takes none of all 5 chats: of 5 it says: only poems"


def test_a_template_that_loops_or_reaches_for_attributes_is_refused(volume):
    loops = "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}"
    (problem,) = foreseen(volume, CHATS[:1], template=loops).problems
    assert "loops without end" in problem.message
    (problem,) = foreseen(volume, CHATS, template="{{ messages.__class__.__mro__ }}").problems
    assert "reaches for what no template may" in problem.message


def test_a_base_without_a_template_is_refused_and_helped_by_one_of_ours(volume):
    (problem,) = foreseen(volume, CHATS, template="").problems
    assert problem.message.startswith("the chat template is missing") and "chatml or plain" in problem.message
    assert counts(foreseen(volume, CHATS, template="", chat_template="chatml"))["rows"] == 5


def test_columns_of_a_table_are_chats_too(volume):
    rows = [{"title": f"{n}: what colour is snow?", "text": "white", "no": n} for n in range(4)] + [
        {"title": "a", "text": "", "no": 9}
    ]
    found = counts(foreseen(volume, rows, format="table", prompt="title", completion="text"))
    assert (found["rows"], found["rows without a question or an answer"]) == (4, 1)


def test_a_table_without_its_columns_chosen_is_refused_and_chats_have_none(volume):
    table = load(volume, ("t.csv", b"a,b\nx,y\nz,w\n"))
    problems = SPEC.check(validate_params(SPEC.train_params, {}), {"data": table})
    assert [problem.field for problem in problems] == ["params.prompt", "params.completion"]
    chats = load(volume, ("c.jsonl", json.dumps(CHATS[0]).encode()))
    (problem,) = SPEC.check(validate_params(SPEC.train_params, {"prompt": "a"}), {"data": chats})
    assert "leave it empty" in problem.message


def test_preferences_show_both_answers_and_want_a_base_that_is_kept(volume):
    rows = [{"prompt": f"{n}?", "chosen": "Yes.", "rejected": "No."} for n in range(4)]
    titles = [output.title for output in foreseen(volume, rows).outputs if isinstance(output, Text)]
    assert ["rejected" in title for title in titles] == [False, True, False]
    dataset = load(volume, ("p.jsonl", "\n".join(map(json.dumps, rows)).encode()))
    problems = SPEC.check(validate_params(SPEC.train_params, {"method": "full"}), {"data": dataset})
    assert [problem.field for problem in problems] == ["params.method"]


def test_a_text_is_told_of_by_its_memory_alone(volume):
    seen = foreseen(volume, b"A river begins where water gathers. " * 50, format="text")
    assert [type(output) for output in seen.outputs] == [Table] and seen.problems == []


def test_a_window_longer_than_the_base_can_see_is_refused(volume):
    (problem,) = foreseen(volume, CHATS, context=1000).problems
    assert problem.field == "params.context" and "160" in problem.message


def test_a_look_ends_in_time_and_says_so(volume, monkeypatch):
    monkeypatch.setattr("shared.chats.foreseen.MOST_CHATS", 2)
    seen = foreseen(volume, CHATS)
    assert "the first 2 chats" in seen.outputs[0].title


def test_what_does_not_fit_is_refused_with_what_would(volume):
    asked: dict[str, Any] = {"batch_size": 64, "context": 128}
    assert foreseen(volume, CHATS, room=0, **asked).problems == []
    needed = sum(memory_bytes(validate_params(SPEC.train_params, asked), tiny_config(volume)).values())
    assert foreseen(volume, CHATS, room=needed, **asked).problems == []
    (problem,) = foreseen(volume, CHATS, room=needed - 1, **asked).problems
    assert problem.field == "inputs.base" and "takes about 1.2 GB of memory" in problem.message
    assert "It would fit with at_once=32 (1.1 GB), or with rematerialise=true" in problem.message
    assert "context=64" in problem.message and "lora" not in problem.message
    (problem,) = foreseen(volume, CHATS, room=10**9, **asked).problems
    assert "No setting makes it fit: take a smaller base" in problem.message


def test_pairs_take_twice_the_windows(volume):
    config, params = tiny_config(volume), validate_params(SPEC.train_params, {"batch_size": 4, "context": 64})
    twice = validate_params(SPEC.train_params, {"batch_size": 8, "context": 64})
    assert memory_bytes(params, config, pairs=True) == memory_bytes(twice, config)


def test_where_no_single_change_is_enough_several_are_proposed_together(volume):
    params = validate_params(
        SPEC.train_params, {"batch_size": 64, "context": 128, "method": "full", "precision": "float32"}
    )
    least = {"at_once": 1, "rematerialise": True, "precision": "bfloat16"}
    config = tiny_config(volume)
    room = sum(memory_bytes(params.model_copy(update=least), config).values())
    ((changes, size),) = lighter(params, config, room)
    assert changes == least and size == room


def tiny_config(volume):
    return import_base(volume, files_of("llama"), name="tiny", source="a test").decoder
