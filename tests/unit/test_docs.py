"""Pages that are written from the code say what the code says."""

import pytest

from docs.figures import REACHED
from docs.generate import HERE, PAGES
from shared.recipes import RECIPES


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name):
    text = (HERE / name).read_text(encoding="utf-8")
    assert text == PAGES[name](), f"run `python -m docs.generate` to rewrite docs/{name}"


def test_figures_are_of_recipes_that_there_are():
    assert set(REACHED) <= set(RECIPES)
