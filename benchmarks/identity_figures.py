"""What image_matcher reaches on the ORL faces: 30 people to learn from and to watch, 10 others, never seen, to be told apart.

    python -m benchmarks.identity_figures                            # ArcFace
    python -m benchmarks.identity_figures --loss triplet

People s31 to s40 are the test part. Any param of the recipe may be given: --width 24 --steps 1200. Public data: see here.py.
"""

import argparse
import io
import zipfile

from benchmarks.here import add_params, given, test_data
from benchmarks.one_training import trained


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec = get_recipe("image_matcher")
    parser = argparse.ArgumentParser()
    add_params(parser, spec)
    params = validate_params(spec.train_params, given(parser))
    uploads = [("orl.zip", io.BytesIO(_parted()))]
    with trained("orl", spec, params, uploads, options={"missing_classes": "keep"}) as made:
        made.say()
        for output in made.report.outputs:
            print("  ", output.title)
        made.say_verdict()


def _parted() -> bytes:
    """The set with its people in two parts."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(test_data("orl_faces") / "orl_faces.zip") as archive,
        zipfile.ZipFile(out, "w") as parted,
    ):
        for name in archive.namelist():
            if name.endswith(".png"):
                person, file = name.split("/")[-2:]
                part = "train" if int(person.removeprefix("s")) <= 30 else "test"
                parted.writestr(f"{part}/{person}/{file}", archive.read(name))
    return out.getvalue()


if __name__ == "__main__":
    main()
