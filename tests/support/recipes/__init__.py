"""Recipes that only tests know, each of a kind that the shipped ones are not. They keep the contract honest.

tiny_gan      two optimizers, a step of its own, a criterion that is no loss
tiny_graph    a sparse matrix product that XLA cannot compile, arrays as assets, hardly any params, k folds
tiny_adapter  fixed variables taken from a base: the item vectors of a tiny_graph, or a table of numbers
"""

from shared.recipes import RECIPES
from tests.support.recipes import specs

TEST_ONLY = {spec.name: spec for spec in (specs.TINY_GAN, specs.TINY_GRAPH, specs.TINY_ADAPTER)}


def register() -> None:
    """Make them known to this process beside the shipped ones."""
    RECIPES.update(TEST_ONLY)


def unregister() -> None:
    for name in TEST_ONLY:
        RECIPES.pop(name, None)
