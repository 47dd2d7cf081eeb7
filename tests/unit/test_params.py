"""Params written on the command line become the values the recipe's schema means."""

import pytest

from cli.params import read_params
from shared.errors import InvalidParams

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


def test_everything_wrong_is_named_at_once():
    with pytest.raises(InvalidParams) as err:
        read_params(SCHEMA, ["steps"], ["--learning-rate", "fast", "--colour", "red", "stray"])
    assert {problem.field for problem in err.value.problems} == {"steps", "learning_rate", "colour", "stray"}
