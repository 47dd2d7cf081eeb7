"""Params and the input of recipes that learn to see, from scratch or upon a network that has learnt it already."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.errors import Problem
from shared.recipes.base import Foreseen, Given, Input, advanced

SMALLEST_UPON_BACKBONE = 32  # pixels: below it a backbone's last maps are empty

_GROUP: dict[str, Any] = {"group": "Backbone"}
Learns = Annotated[
    Literal["full", "frozen"],
    Field(
        description="What learns of a backbone. full: everything; frozen: nothing, only what stands upon it: faster and weaker.",
        json_schema_extra=_GROUP,
    ),
]
BackboneShare = Annotated[
    float,
    Field(
        gt=0,
        le=1,
        description="Of a backbone that learns: its step size is learning_rate times this.",
        json_schema_extra=advanced("Backbone"),
    ),
]


def backbone_input(role: str = "base") -> Input:
    """The backbone a recipe may stand on."""
    return Input(
        role,
        "Backbone",
        "A network that has learnt to see from a million photographs; better where there are few pictures. None: from scratch.",
        bases=("backbone",),
        required=False,
    )


def foresee_size(role: str = "base") -> Callable[[Any, Mapping[str, Given], int], Foreseen]:
    """A spec's foresee(): whether a backbone can see pictures of the size asked for."""

    def foresee(params: Any, given: Mapping[str, Given], room: int) -> Foreseen:
        if role in given and 0 < params.image_size < SMALLEST_UPON_BACKBONE:
            message = f"must be 0, or at least {SMALLEST_UPON_BACKBONE} upon a backbone; 128 is a good size for small pictures"
            return Foreseen([Problem(field="params.image_size", message=message)])
        return Foreseen()

    return foresee
