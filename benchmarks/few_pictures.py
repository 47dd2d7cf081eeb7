"""What a pre-trained backbone is worth where pictures are few: 50 of each class of the CIFAR-10 subset, its own test part.

    python -m benchmarks.few_pictures FOLDER [--of-each 50] [--ways scratch frozen full]

FOLDER: of a backbone (backbone_logits.py lite0 --keep writes one). Any param of the recipe may be given, too. Public data: see
here.py.
"""

import argparse
import io
import zipfile
from collections import Counter
from pathlib import Path

from benchmarks.here import add_params, given, test_data
from benchmarks.one_training import trained


def few(of_each: int) -> bytes:
    """The zip with the first so many training pictures of each class, in the order of their names, and the whole test part."""
    taken, out = Counter(), io.BytesIO()
    with (
        zipfile.ZipFile(test_data("cifar10_jpg_subset") / "cifar10_jpg_subset.zip") as whole,
        zipfile.ZipFile(out, "w") as part,
    ):
        for name in sorted(name for name in whole.namelist() if name.endswith(".jpg")):
            folder = name.rpartition("/")[0]
            if "train" in folder.split("/") and taken[folder] >= of_each:
                continue
            taken[folder] += 1
            part.writestr(name, whole.read(name))
    return out.getvalue()


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec, parser = get_recipe("image_classifier"), argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--of-each", type=int, default=50)
    parser.add_argument(
        "--ways", nargs="+", default=["scratch", "frozen", "full"], choices=["scratch", "frozen", "full"]
    )
    add_params(parser, spec)
    told = given(parser)
    folder, of_each, ways = told.pop("folder"), told.pop("of_each", 50), told.pop("ways", ["scratch", "frozen", "full"])
    upload = few(of_each)
    for way in ways:
        base = None if way == "scratch" else folder
        params = validate_params(spec.train_params, ({"method": way} if base else {}) | told)
        with trained(way, spec, params, [("few.zip", io.BytesIO(upload))], base=base) as made:
            made.say()
            made.say_verdict()


if __name__ == "__main__":
    main()
