"""Pages that are written from the code say what the code says."""

import pytest

from docs.generate import HERE, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name):
    text = (HERE / name).read_text(encoding="utf-8")
    assert text == PAGES[name](), f"run `python -m docs.generate` to rewrite docs/{name}"
