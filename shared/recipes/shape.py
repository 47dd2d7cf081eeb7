"""Whether a model can begin with the weights of another: the params that make its shape, RecipeSpec.shape, must be alike.

Asked before a job is queued and once more by the worker; what the data add to a shape (classes, words) only the worker can know.
"""

from collections.abc import Collection, Mapping
from typing import Any

from shared.recipes.base import RecipeSpec


def unlike(
    spec: RecipeSpec, there: Mapping[str, Any], here: Mapping[str, Any], *, without: Collection[str] = ()
) -> str:
    """Which params of a training that is there differ from those of one to begin with its weights, in a sentence; "" for none.

    A param that one of both does not name has its default; of a model whose params nobody knows ({}) nothing is said. without:
    params that are not to be looked at, since they are wrong in themselves.
    """
    differing = []
    for name in [name for name in spec.shape if there and name not in without]:
        default = spec.train_params.model_fields[name].get_default(call_default_factory=True)
        was, will_be = there.get(name, default), here.get(name, default)
        if was != will_be:
            differing.append(f"{name} {_shown(was)} (here {_shown(will_be)})")
    if not differing:
        return ""
    return f"was trained with {', '.join(differing)}: its weights do not fit; set them alike, or begin without it"


def _shown(value: Any) -> str:
    return f"{value!r:.60}" if value not in ("", []) else "not set"
