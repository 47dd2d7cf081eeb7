"""What the image classifier reaches through fit(), on public datasets. Used by mnist.py and cifar_subset.py."""

import argparse
import contextlib
from pathlib import Path
from typing import Any

from benchmarks.here import add_params, given
from benchmarks.one_training import trained


def params_from_flags(defaults: dict[str, Any]) -> Any:
    """Validate --name value flags laid over defaults; any param of the recipe may be given."""
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec, parser = get_recipe("image_classifier"), argparse.ArgumentParser()
    add_params(parser, spec)
    return validate_params(spec.train_params, defaults | given(parser))


def run(title: str, files: list[Path], params: Any) -> None:
    """Import as an upload, train, report, print."""
    from shared.recipes import get_recipe

    with contextlib.ExitStack() as opened:
        uploads = [(path.name, opened.enter_context(path.open("rb"))) for path in files]
        opened.enter_context(trained(title, get_recipe("image_classifier"), params, uploads)).say()
