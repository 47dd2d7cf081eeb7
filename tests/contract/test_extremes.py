"""Every recipe trains three steps over the extremes of what its form takes, each in a process of its own: none may die by a signal.

What is tried comes from the recipe's own schema. EXTREMES=all tries every size alone at its largest, the others at their smallest,
which is where a library once wrote outside its memory; the default suite tries a few of them.
"""

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from shared.errors import InvalidParams
from shared.ids import new_id
from shared.recipes import RECIPES
from shared.recipes.base import validate_params
from shared.volume.volume import Volume
from tests.support.recipe_case import refs_of
from tests.support.recipe_cases import CASES
from tests.support.tiny_bases import put_base
from tests.support.training_child import TrainingServer

pytest.importorskip("tensorflow")

# How long a training lasts and when it stops is not what is tried; nor is what makes XLA compile for a minute.
_NO_SIZE = {
    "seed", "steps", "epochs", "eval_every", "warmup_steps", "early_stopping_patience", "folds", "xla", "learning_rate",
    "final_learning_rate", "validation_fraction", "test_fraction",
}  # fmt: skip
_TIMES = 32  # of the case's own size; what a few seconds of one core allow
_SIDE = 256  # at most, where 0 means "as the data are": the side of a picture
_LONG_TOO = os.environ.get("EXTREMES") == "all"
_SHIPPED = [name for name, case in CASES.items() if case.recipe in RECIPES and (_LONG_TOO or not case.long)]
_FEW = ("smallest", "odd")


def fields_of(recipe: str) -> dict[str, dict[str, Any]]:
    found = RECIPES[recipe].train_params.model_json_schema()["properties"]
    return {name: field for name, field in found.items() if name not in _NO_SIZE}


def sizes_of(case: Any) -> dict[str, tuple[int, int, int]]:
    """Whole numbers of a recipe: name -> (smallest, the case's own, largest that fits)."""
    found = {}
    for name, field in fields_of(case.recipe).items():
        if field.get("type") == "integer":
            own = case.params.get(name, field["default"]) or _SIDE // 16  # 0: as the data are
            most = case.carries.get(name, field["maximum"])
            found[name] = (field["minimum"], own, min(most, own * (_TIMES if field["minimum"] else 16)))
    return found


def extremes(case: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, params): as small as may be; odd numbers and the last of all choices; all large; each alone as large as fits."""
    sizes, fields = sizes_of(case), fields_of(case.recipe)
    smallest = {name: low for name, (low, _, _) in sizes.items()}
    choices = {name: field["enum"] for name, field in fields.items() if "enum" in field}
    choices |= {name: [only] for name, only in case.carries.items() if isinstance(only, str)}
    numbers = {name: field for name, field in fields.items() if field.get("type") == "number"}
    yield (
        "smallest",
        smallest | {n: c[0] for n, c in choices.items()} | {n: f.get("minimum", 1e-3) for n, f in numbers.items()},
    )
    odd = {name: min(own * 3 + 1 | 1, most) for name, (_, own, most) in sizes.items()}
    yield "odd", odd | {name: choice[-1] for name, choice in choices.items()}
    yield "large", {name: min(own * 4, most) for name, (_, own, most) in sizes.items()}
    for name, (_, _, most) in sizes.items():
        yield f"small but for {name}", smallest | {name: most}


def legal(case: Any, changes: dict[str, Any]) -> dict[str, Any]:
    """The case with changes, less those that do not go together: what the recipe refuses stays the case's own."""
    params, told = case.params | changes, ""
    for _ in range(len(changes)):
        try:
            return validate_params(RECIPES[case.recipe].train_params, params).model_dump()
        except InvalidParams as err:
            told = " ".join(f"{problem.field} {problem.message}" for problem in err.problems)
        wrong = {name for name in set(params) & set(changes) if re.search(rf"\b{name}\b", told)}
        params = {name: value for name, value in params.items() if name not in wrong}
        params |= {name: case.params[name] for name in wrong if name in case.params}
    raise AssertionError(f"{changes} cannot be made legal: {told}")


@pytest.fixture(scope="module")
def server():
    server = TrainingServer()
    yield server
    server.close()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", _SHIPPED)
def test_no_legal_extreme_ends_its_process_by_a_signal(name, server, tmp_path):
    case = CASES[name]
    assert not case.base, "give the base's checkpoint here, as tests/contract/test_recipes.py does"
    volume = Volume(tmp_path / "data")
    volume.ensure()
    given = refs_of({"data": case.put(volume, case.data()), **case.beside(volume)})
    inputs = {role: ref.model_dump(mode="json") for role, ref in given.items()}
    if case.weights:
        inputs["base"] = put_base(volume, case.weights).model_dump(mode="json")
    ended = {}
    for what, changes in extremes(case):
        if what in _FEW or os.environ.get("EXTREMES") == "all":
            params = legal(case, changes)
            runs = [{"job": new_id(), "attempt": 1, "after": 3, "then": "paused"}]
            order = {
                "volume": str(volume.root),
                "recipe": case.recipe,
                "params": params,
                "inputs": inputs,
                "runs": runs,
            }
            status, said, errors = server.try_out(order)
            assert status >= 0, f"{what} died by signal {-status} with {params}\n{errors[-2000:]}"
            # three steps, or fewer where a whole training is; or a refusal in words, of data too few for such sizes say
            refused = errors.strip().splitlines()[-1] if errors.strip() else ""
            assert said or refused.startswith("shared.errors."), f"{what} with {params}\n{errors[-2000:]}"
            ended[what] = said[-1].get("stopped", "trained") if said else refused
    trained = [what for what, end in ended.items() if end in ("Paused", "trained")]
    assert len(trained) > len(ended) / 2, f"most of it was refused, so it says little: {ended}"
