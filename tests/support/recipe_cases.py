"""The smallest sensible case of each recipe: data, params, a generation, and input it must refuse.

tests/contract/test_recipes.py runs every recipe, those that only tests know included, through the same checks with its case.
"""

from tests.support.case_data import (
    classes,
    counted,
    edges,
    passage_about,
    passages,
    points,
    prose_and_verse,
    questions,
    sales,
    squad,
    translations,
)
from tests.support.label_cases import LABELLED
from tests.support.picture_cases import PICTURES
from tests.support.recipe_case import Case, put_as
from tests.support.recipes.tables import put_table
from tests.support.recommending_cases import RECOMMENDING
from tests.support.tiny_chats import tiny_chats

_TEXT = {"steps": 30, "eval_every": 10, "context": 16, "batch_size": 4, "layers": 2, "dropout": 0.2}
_BAD_TEXT = [
    {"context": 1}, {"learning_rate": -1}, {"steps": 0}, {"vocabulary": "words"}, {"dropout": 1.0}, {"unknown": 1},
    {"validation_fraction": 0}, {"width": "wide"},
]  # fmt: skip
_BAD_CONTINUATION = [{"temperature": -1}, {"prompt": 7}, {"top_p": 0}, {"samples": 1000}, {"stop": [""]}]
_BAD_STEPS = [{"steps": 0}, {"eval_every": "often"}, {"seed": -1}, {"clip_norm": 1.0}]
_ASKED = {
    "epochs": 3, "batch_size": 8, "max_length": 64, "stride": 24, "max_question": 16, "max_answer": 8, "dropout": 0.1,
    "warmup_steps": 0, "learning_rate": 1e-2,
}  # fmt: skip
_GRAPH = Case(
    recipe="tiny_graph",
    put=put_table,
    data=edges,
    params={"steps": 30, "batch_size": 32},
    generate=lambda volume: {"user": 1},
    bad_params=[*_BAD_STEPS, {"folds": -1}, {"xla": "maybe"}],
    bad_generate=[{}, {"user": -1}],
    bad_data=["1,2\n3", "1,2"],
)

# name -> case; a recipe may have several
CASES: dict[str, Case] = {
    "char_lstm": Case(
        recipe="char_lstm",
        put=put_as("text"),
        data=lambda: prose_and_verse(60),
        params={**_TEXT, "width": 16, "embedding": 8, "learning_rate": 1e-2},
        generate=lambda volume: {"prompt": "床前", "max_tokens": 12, "seed": 3},
        bad_params=_BAD_TEXT,
        bad_generate=_BAD_CONTINUATION,
        bad_data=[[("short.txt", b"too short")]],
    ),
    "gpt": Case(
        recipe="gpt",
        put=put_as("text"),
        data=lambda: prose_and_verse(60),
        params={**_TEXT, "width": 16, "heads": 2, "warmup_steps": 0, "vocabulary": "bpe", "vocabulary_size": 300},
        generate=lambda volume: {"prompt": "床前", "max_tokens": 12, "seed": 3, "samples": 2},
        bad_params=_BAD_TEXT,
        bad_generate=_BAD_CONTINUATION,
        bad_data=[[("short.txt", b"too short")]],
    ),
    **LABELLED,
    **PICTURES,
    "text_matcher": Case(
        recipe="text_matcher",
        put=put_as("table"),
        data=questions,
        weights="distilbert",
        params={
            "asked": "question", "found": "answer", "wrong": "other", "method": "lora", "rank": 2, "epochs": 4, "batch_size": 8,
            "max_length": 24, "warmup_steps": 0, "learning_rate": 1e-2,
        },
        generate=lambda volume: {"text": "where is the key?\nhow much is the room?", "by_line": True, "top_k": 3},
        bad_params=[
            {"asked": 3}, {"method": "frozen"}, {"pooling": "last"}, {"rank": 0}, {"encoder_share": 0}, {"temperature": 0},
            {"validation_fraction": 0}, {"max_length": 4}, {"epochs": -1}, {"unknown": 1}, {"seed": -1}, {"dropout": 1.0},
        ],
        bad_generate=[{}, {"text": ""}, {"text": "a", "top_k": 0}, {"text": "a", "texts": "question"}],
        bad_data=[
            [("few.csv", b"question,answer,other\nwhere is it,here it is,nowhere\nwho is it,it is me,nobody\n")],
            [("same.csv", b"question,answer,other\n" + b"where is the key,it is in the door,no\n" * 30)],
        ],
    ),
    "seq2seq": Case(
        recipe="seq2seq",
        put=put_as("table"),
        data=translations,
        params={
            "source": "english", "target": "chinese", "width": 16, "heads": 2, "layers": 1, "epochs": 3, "batch_size": 8,
            "vocabulary_size": 320, "max_source_length": 32, "max_target_length": 24, "beams": 2, "validation_fraction": 0.1,
            "test_fraction": 0.1, "warmup_steps": 0, "learning_rate": 1e-2,
        },
        generate=lambda volume: {"text": "the key 3 is here\nthe dog is gone", "by_line": True, "answers": 2, "max_length": 9},
        bad_params=[
            {"source": 3}, {"architecture": "rnn"}, {"width": 4}, {"layers": 0}, {"heads": 0}, {"vocabulary": "words"},
            {"vocabulary_size": 100}, {"max_source_length": 4}, {"long_sources": "skip"}, {"most_windows": 1}, {"dropout": 1.0},
            {"label_smoothing": 1.0}, {"measure": "taste"}, {"beams": 0}, {"validation_fraction": 0}, {"unknown": 1}, {"seed": -1},
        ],
        bad_generate=[{}, {"text": ""}, {"text": "a", "beams": 17}, {"text": "a", "beams": 2, "answers": 3}],
        bad_data=[
            [("few.csv", "english,chinese\nHi.,你好。\nRun!,你用跑的。\n".encode())],
            [("same.csv", b"english,chinese\n" + b"".join(b"say %d,say %d\n" % (n, n) for n in range(40)))],
            [("one_sided.csv", b"english,chinese\n" + b"".join(b"say %d,\n" % n for n in range(40)))],
        ],
    ),
    "seq2seq with an LSTM": Case(
        recipe="seq2seq",
        put=put_as("table"),
        data=translations,
        params={
            "source": "english", "target": "chinese", "architecture": "lstm", "width": 8, "layers": 1, "epochs": 2, "batch_size": 8,
            "vocabulary": "separate", "vocabulary_size": 320, "max_source_length": 32, "max_target_length": 24,
            "validation_fraction": 0.1, "test_fraction": 0.1, "beams": 1, "dropout": 0.2, "learning_rate": 1e-2,
        },
        generate=lambda volume: {"text": "the key 3 is here", "beams": 2, "coverage_penalty": 0.2},
        bad_params=[{"beams": 17}],
        bad_generate=[{}],
        bad_data=[[("one_sided.csv", b"english,chinese\n" + b"".join(b"say %d,\n" % n for n in range(40)))]],
    ),
    "question_answering": Case(
        recipe="question_answering",
        put=put_as("squad"),
        data=passages,
        params=_ASKED | {"width": 8, "layers": 1, "vocabulary_size": 400},
        generate=lambda volume: {
            "context": passage_about(4)["context"] + " 它长90公里。", "question": "How long is the Rieo?\n它多长？",
            "by_line": True,
        },
        bad_params=[
            {"width": 0}, {"layers": 0}, {"vocabulary_size": 10}, {"max_length": 8}, {"max_answer": 0}, {"folds": 1}, {"seed": -1},
            {"dropout": 1.0}, {"unknown": 1}, {"max_question": 1}, {"epochs": -1}, {"stride": 1},
        ],
        bad_generate=[{}, {"question": "who?"}, {"context": "a"}, {"question": "", "context": "a"},
                      {"question": "who?", "context": "a", "top_k": 0}],
        bad_data=[
            [("few.json", squad(passage_about(1), passage_about(2)))],
            [("none.json", squad(*({**one, "qas": one["qas"][2:]} for one in map(passage_about, range(0, 30, 3)))))],
            [("elsewhere.json", squad({"context": "It is red.", "qas": [
                {"id": "1", "question": "Which?", "answers": [{"text": "blue", "answer_start": 6}]}]}))],
        ],
    ),
    "question_answering upon an encoder": Case(
        recipe="question_answering",
        put=put_as("squad"),
        data=lambda: passages(16),
        weights="bert",
        params=_ASKED | {"method": "lora", "rank": 2},
        generate=lambda volume: {"context": passage_about(4)["context"], "question": "How long is the Rieo?"},
        bad_params=[{"method": "frozen"}, {"rank": 0}, {"encoder_share": 0}],
        bad_generate=[{"question": "who?"}],
        bad_data=[[("few.json", squad(passage_about(1), passage_about(2)))]],
    ),
    "forecaster": Case(
        recipe="forecaster",
        put=put_as("table"),
        data=sales,
        params={
            "targets": ["units"], "series": "shop", "known": ["promotion"], "context": 14, "horizon": 7, "network": "transformer",
            "width": 8, "heads": 2, "layers": 1, "patch": 3, "epochs": 3, "batch_size": 8, "holidays": "DE", "learning_rate": 1e-2,
        },
        generate=lambda volume: {},
        carries={"context": 28, "horizon": 8, "frequency": "auto"},
        bad_params=[
            {"context": 1}, {"horizon": 0}, {"network": "arima"}, {"interval": 1.0}, {"holidays": "Germany"}, {"parts": [1, 2]},
            {"targets": "units"}, {"fill": "mean"}, {"unknown": 1}, {"seed": -1}, {"dropout": 1.0}, {"learning_rate": float("nan")},
        ],
        bad_generate=[{"rows": 3}, {"file": ["no id"]}, {"only": "Köln"}],
        bad_data=[
            [("short.csv", b"day,shop,units,promotion\n" + b"".join(b"2021-01-%02d,a,%d,no\n" % (d, d * d) for d in range(1, 15)))],
            [("words.csv", b"day,shop,units,promotion\n" + b"".join(b"2021-01-%02d,a,many,no\n" % d for d in range(1, 29)))],
            [("no_time.csv", b"shop,units,promotion\n" + b"a,3,no\nb,4,yes\n" * 30)],
        ],
    ),
    "forecaster of two numbers": Case(
        recipe="forecaster",
        put=put_as("table"),
        data=counted,
        params={
            "time": "step", "targets": ["first", "second"], "context": 12, "horizon": 5, "network": "lstm", "width": 8, "layers": 1,
            "epochs": 3, "batch_size": 8, "interval": 0.0, "point": "median", "learning_rate": 1e-2,
        },
        generate=lambda volume: {"rows": "step,first,second\n" + "\n".join(f"{2 * s},{s % 5},{s % 3}" for s in range(15))},
        stop_after=4,
        carries={"context": 28, "horizon": 8},
        bad_params=[{"validation_fraction": 0.9}, {"width": "wide"}],
        bad_generate=[{"explain": "maybe"}],
        bad_data=[[("same.csv", b"step,first,second\n" + b"".join(b"%d,%d,1\n" % (i // 2, i * i) for i in range(80)))]],
    ),
    "finetune_lm": Case(
        recipe="finetune_lm",
        put=put_as("chats"),
        data=tiny_chats,
        weights="llama",
        params={
            "epochs": 4, "batch_size": 4, "context": 96, "learning_rate": 1e-2, "rank": 2, "at_once": 2, "precision": "float32",
            "lora_dropout": 0.1, "eval_every": 16,
        },
        generate=lambda volume: {"prompt": "what colour is grass?", "max_tokens": 12, "seed": 3, "samples": 2, "base": True},
        carries={"context": 160, "learn": "everything"},
        bad_params=[
            {"rank": 0}, {"context": 4}, {"chat_template": "mine"}, {"method": "prefix"}, {"matrices": "q"}, {"unknown": 1},
            {"validation_fraction": 0}, {"beta": 0}, {"too_long": "keep"}, {"epochs": "x"}, {"seed": -1}, {"lora_dropout": 1.0},
        ],
        bad_generate=[{}, {"prompt": 7}, {"prompt": "a", "temperature": -1}, {"messages": ["x"]}, {"prompt": "a", "stop": [""]}],
        bad_data=[
            [("one.jsonl", b'{"prompt": "a", "completion": "b"}')],
            [("question.jsonl", b'{"messages": [{"role": "user", "content": "a"}]}')],
            [("long.jsonl", b"\n".join(b'{"prompt": "%s%d", "completion": "b"}' % (b"a " * 900, i) for i in range(9)))],
        ],
    ),
    "finetune_lm by preferences": Case(
        recipe="finetune_lm",
        put=put_as("chats"),
        data=lambda: tiny_chats(24, pairs=True),
        weights="gpt2",
        params={"epochs": 3, "batch_size": 2, "context": 96, "learning_rate": 1e-2, "rank": 2, "precision": "bfloat16"},
        generate=lambda volume: {"messages": [{"role": "user", "content": "what colour is snow?"}], "max_tokens": 8, "seed": 1},
        carries={"context": 160, "learn": "everything", "method": "lora"},
        bad_params=[{"alpha": 0}, {"at_once": -1}],
        bad_generate=[{"messages": [{"role": "wizard", "content": "x"}]}],
        bad_data=[[("one.jsonl", b'{"prompt": "a", "chosen": "b", "rejected": "c"}')]],
    ),
    "finetune_lm of everything": Case(
        recipe="finetune_lm",
        put=put_as("text"),
        data=lambda: prose_and_verse(8),
        weights="gemma3",
        params={
            "method": "full", "steps": 20, "eval_every": 10, "batch_size": 2, "context": 48, "learning_rate": 1e-3,
            "precision": "float32", "rematerialise": True,
        },
        generate=lambda volume: {"prompt": "床前", "raw": True, "max_tokens": 8, "seed": 1},
        carries={"context": 160},
        bad_params=[{"steps": -1}, {"packing": "maybe"}],
        bad_generate=[{"prompt": "a", "base": "perhaps"}],
        bad_data=[[("short.txt", b"ab")]],
    ),
    **{name: Case(put=put_as("table"), **about) for name, about in RECOMMENDING.items()},
    "tiny_gan": Case(
        recipe="tiny_gan",
        put=put_table,
        data=points,
        params={"steps": 40},
        generate=lambda volume: {"count": 3, "seed": 2},
        bad_params=[*_BAD_STEPS, {"keep": "all"}, {"learning_rate": 0}],
        bad_generate=[{"count": 0}, {"seed": "x"}],
        bad_data=["1,2,3", "a,b\n" * 30, "1,2"],
    ),
    "tiny_graph": _GRAPH,
    "tiny_graph in 3 folds": Case(
        recipe="tiny_graph",
        put=put_table,
        data=edges,
        params={"steps": 12, "eval_every": 6, "folds": 3},
        generate=lambda volume: {"user": 0},
        stop_after=8,  # paused in the first fold, killed in the second, drained in the third
        stages=4,
        bad_params=[{"folds": 11}],
        bad_generate=[{"user": "x"}],
        bad_data=["1,2"],
    ),
    "tiny_adapter": Case(
        recipe="tiny_adapter",
        put=put_table,
        data=classes,
        params={"epochs": 5},
        generate=lambda volume: {"item": 3},
        base="tiny_graph",
        stop_after=7,
        bad_params=[{"epochs": 0}, {"learning_rate": -1}, {"unknown": 1}],
        bad_generate=[{"item": -1}],
        bad_data=["1,1,1", "1,1"],
    ),
}  # fmt: skip
