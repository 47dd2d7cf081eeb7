"""What several files of contracts begin with."""

import pytest


@pytest.fixture(scope="module")
def test_only_recipes():
    """The recipes that only tests know are known while a module runs."""
    from tests.support.recipes import register, unregister

    register()
    yield
    unregister()
