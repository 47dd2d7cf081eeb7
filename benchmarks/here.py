"""Where benchmarks find things: the repository, public data, params on the command line."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def test_data(name: str) -> Path:
    """Folder of one of the public datasets; ends the program when it is absent."""
    path = Path(os.environ.get("TRAINYARD_TEST_DATA", ROOT.parent / "shared" / "data")) / name
    if not path.is_dir():
        sys.exit(f"{path} is absent: set TRAINYARD_TEST_DATA to the folder that holds {name}/")
    return path


def add_params(parser: argparse.ArgumentParser, spec: Any) -> None:
    """A flag for each param of a recipe's training that one word can say."""
    for name, field in spec.train_params.model_fields.items():
        if not str(field.annotation).startswith("list"):
            parser.add_argument(f"--{name.replace('_', '-')}")


def given(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """What stands on the command line, and nothing else."""
    return {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
