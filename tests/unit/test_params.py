"""Params written on the command line become the values the recipe's schema means."""

import pytest

from cli.params import read_params, word_param
from shared.errors import InvalidParams
from shared.recipes import get_recipe

SCHEMA = {
    "$defs": {"Shape": {"enum": ["wide", "deep"], "type": "string"}},
    "properties": {
        "steps": {"type": "integer"},
        "learning_rate": {"type": "number"},
        "prompt": {"type": "string"},
        "shuffle": {"type": "boolean"},
        "seed": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "shape": {"$ref": "#/$defs/Shape"},
        "stop": {"type": "array", "items": {"type": "string"}},
        "images": {"type": "array", "items": {"type": "string"}, "widget": "files", "short": True},
        "target": {"type": "string", "widget": "column"},
    },
}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["--steps", "500"], {"steps": 500}),
        (["--learning-rate=1e-3"], {"learning_rate": 1e-3}),
        (["--learning_rate", "-1"], {"learning_rate": -1}),
        (["--prompt", "42"], {"prompt": "42"}),
        (["--prompt", "床前明月光"], {"prompt": "床前明月光"}),
        (["--shuffle"], {"shuffle": True}),
        (["--no-shuffle", "--steps", "1"], {"shuffle": False, "steps": 1}),
        (["--shuffle", "false"], {"shuffle": False}),
        (["--seed", "none"], {"seed": None}),
        (["--seed", "7"], {"seed": 7}),
        (["--shape", "deep"], {"shape": "deep"}),
        (["--stop", '["a", "b"]'], {"stop": ["a", "b"]}),
        (["--stop", "a"], {"stop": ["a"]}),
        (["--stop", "a", "--stop", "b"], {"stop": ["a", "b"]}),
        (["--target", "price"], {"target": "price"}),
    ],
)
def test_a_flag_is_read_as_its_schema_says(written, meant):
    assert read_params(SCHEMA, [], written) == meant


def test_a_pair_may_hold_equal_signs_in_its_value():
    assert read_params(SCHEMA, ["prompt=a=b", "learning-rate=2"], []) == {"prompt": "a=b", "learning_rate": 2}


def test_a_value_is_read_from_a_file_after_an_at_sign(tmp_path):
    file = tmp_path / "prompt.txt"
    file.write_text("明月\n", encoding="utf-8")
    assert read_params(SCHEMA, [f"prompt=@{file}"], []) == {"prompt": "明月\n"}


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"not looked at here")
    return path


def test_files_are_sent_and_their_ids_are_the_value(photo):
    sent = []
    upload = lambda path: (sent.append(path), f"{len(sent):032x}")[1]  # noqa: E731
    known = "f" * 32
    params = read_params(SCHEMA, [f"images=@{photo}", f"images={known}"], ["--images", str(photo)], upload=upload)
    assert params == {"images": [f"{1:032x}", known, f"{2:032x}"]}
    assert sent == [photo, photo]


def test_no_file_is_sent_when_anything_is_wrong(photo):
    sent = []
    with pytest.raises(InvalidParams) as err:
        upload = lambda path: str(sent.append(path))  # noqa: E731
        read_params(SCHEMA, [f"images={photo}", "images=@no.jpg", "steps=x"], [], upload=upload)
    assert [problem.field for problem in err.value.problems] == ["images", "steps"]
    assert "no.jpg" in err.value.problems[0].message
    assert not sent


def test_words_that_are_files_go_to_the_param_that_holds_files(photo):
    params = read_params(SCHEMA, [], [], words=[str(photo), f"@{photo}"], upload=lambda path: path.name)
    assert params == {"images": ["photo.jpg", "photo.jpg"]}


@pytest.mark.parametrize("words", [["Once", "upon a time"], ["@everybody"], ["x" * 5000]])
def test_words_that_are_no_files_are_one_text_as_it_is_written(words):
    assert read_params(SCHEMA, [], [], words=words) == {"prompt": " ".join(words)}


def test_words_go_to_the_text_of_the_short_form_first():
    properties = {
        "prefix": {"type": "string"},
        "way": {"type": "string", "enum": ["a"]},
        "prompt": {"type": "string", "short": True},
    }
    assert read_params({"properties": properties}, [], [], words=["hello"]) == {"prompt": "hello"}


def test_a_use_that_takes_files_alone_names_those_that_are_missing():
    schema = {"properties": {"images": SCHEMA["properties"]["images"]}}
    with pytest.raises(InvalidParams, match=r"no such file: none\.jpg"):
        read_params(schema, [], [], words=["none.jpg"])


def test_words_are_refused_where_no_param_is_meant_for_them():
    with pytest.raises(InvalidParams, match="unexpected"):
        read_params({"properties": {"top_k": {"type": "integer"}}}, [], [], words=["hello"])


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    file = tmp_path / "prompt.txt"
    file.write_bytes("床前".encode("gb18030"))
    with pytest.raises(InvalidParams, match=r"prompt\.txt is not UTF-8"):
        read_params(SCHEMA, [f"prompt=@{file}"], [])


def test_everything_wrong_is_named_at_once():
    with pytest.raises(InvalidParams) as err:
        read_params(SCHEMA, ["steps"], ["--learning-rate", "fast", "--colour", "red", "stray"])
    assert {problem.field for problem in err.value.problems} == {"steps", "learning_rate", "colour", "stray"}


@pytest.mark.parametrize(
    ("recipe", "name"),
    [("gpt", "prompt"), ("finetune_lm", "prompt"), ("text_classifier", "text"), ("text_matcher", "text"),
     ("question_answering", "question"), ("tabular", "rows"), ("seq2seq", "text"),
     ("recommender_mf", "user"), ("image_classifier", "images"), ("image_segmenter", "images"),
     ("image_to_image", "images"), ("image_matcher", "images"), ("image_text_matcher", "text"),
     ("object_detector", "images"),
     ("style_transfer", "images")],
)  # fmt: skip
def test_words_without_a_name_are_what_the_usual_use_of_a_recipe_asks_for(recipe, name):
    schema = get_recipe(recipe).use("generate").params.model_json_schema()
    assert word_param(schema, ["how much is it?"]) == name


def test_words_may_also_stand_behind_flags_where_there_may_be_words():
    flags = ["--steps", "3", "the cellar", "--no-flag"]
    schema = {"properties": {"prompt": {"type": "string"}, "steps": {"type": "integer"}, "flag": {"type": "boolean"}}}
    said = {"prompt": "in the cellar", "steps": 3, "flag": False}
    assert read_params(schema, [], flags, words=["in"]) == said
    for words, wrong in ((None, flags), (["in"], ["-x"])):  # a training takes none; a flag of one letter is no word
        with pytest.raises(InvalidParams, match="unexpected"):
            read_params(schema, [], wrong, words=words)
