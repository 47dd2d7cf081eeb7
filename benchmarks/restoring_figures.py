"""What image_to_image reaches on Set5, beside simple answers of the same run.

    python -m benchmarks.restoring_figures x2 --minutes 12      # twice as large; Set5 as it is published, small pictures and large
    python -m benchmarks.restoring_figures x4 --minutes 12
    python -m benchmarks.restoring_figures denoise --minutes 12 # noise of sigma 25
    python -m benchmarks.restoring_figures inpaint --minutes 12

It learns from the training and validation pictures of CamVid, from four paintings and from scikit-learn's two photographs, the
latter six made half as large, which takes the traces of JPEG away. Set5 is the test part: no picture of it is learnt from or
watched. Any param of the recipe may be given: --width 48. Public data: see here.py.
"""

import argparse
import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.here import add_params, given, test_data
from benchmarks.one_training import rounded, trained
from benchmarks.picture_figures import pace

TASKS: dict[str, dict[str, Any]] = {
    "x2": {"task": "super_resolution", "scale": 2},
    "x4": {"task": "super_resolution", "scale": 4},
    "denoise": {"task": "denoise"},
    "inpaint": {"task": "inpaint"},
}


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec = get_recipe("image_to_image")
    parser = argparse.ArgumentParser()
    parser.add_argument("set", choices=list(TASKS))
    parser.add_argument("--minutes", type=float, help="how long the training may take: steps by the pace of ten")
    parser.add_argument("--show", type=Path, help="folder to write the pictures of the report to")
    add_params(parser, spec)
    told = given(parser)
    title, minutes, show = told.pop("set"), told.pop("minutes", None), told.pop("show", None)

    def adjust(code: Any, params: Any, data: Any) -> Any:
        if minutes is None:
            return params
        steps_per_s = pace(code, params, data)
        steps = max(10, int(60 * minutes * steps_per_s))
        print(f"{steps_per_s:.2f} steps/s: {steps} steps in {minutes:g} minutes", flush=True)
        return params.model_copy(update={"steps": steps})

    params = validate_params(spec.train_params, TASKS[title] | told)
    upload = io.BytesIO(_zip([*(("train", *one) for one in learnt_from()), *(("test", *one) for one in set5())]))
    with trained(title, spec, params, [("pictures.zip", upload)], adjust=adjust) as made:
        made.say()
        for output in made.report.outputs:
            if output.kind == "table":
                for row in [output.columns, *output.rows]:
                    print("  ", row)
            elif show is not None:
                show.mkdir(parents=True, exist_ok=True)
                (show / output.file).write_bytes(made.files.path(output.file).read_bytes())
        made.say_verdict()
        if title in ("x2", "x4"):
            as_published(made, int(title[1:]))


def learnt_from() -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of the pictures to learn from."""
    from PIL import Image

    folder = test_data("camvid_240x180")
    with zipfile.ZipFile(folder / "camvid_240x180.zip") as archive:
        for name in archive.namelist():
            if name.startswith(("train/", "val/")) and name.endswith(".jpg"):
                yield name.replace("/", "_"), archive.read(name)
    large = [*test_data("style_paintings").glob("*.jpg"), *(test_data("sklearn_small") / "images").glob("*.jpg")]
    for path in sorted(large):
        with Image.open(path) as image:
            out = io.BytesIO()
            image.convert("RGB").reduce(2).save(out, "PNG")
            yield f"{path.stem}.png", out.getvalue()


def set5() -> Iterator[tuple[str, bytes]]:
    for path in sorted((test_data("set5_sr") / "Set5" / "x2").glob("*_HR.png")):
        yield path.name, path.read_bytes()


def _zip(files: list[tuple[str, str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for part, name, body in files:
            archive.writestr(f"{part}/{name}", body)
    return out.getvalue()


def as_published(made: Any, scale: int) -> None:
    """Set5's own small pictures made large by the use "batch", compared with its large ones."""
    from shared.datasets import Limits, import_dataset
    from shared.jobs.job import InputRef
    from shared.recipes import get_recipe
    from worker.artifacts import publishing
    from worker.inputs import open_inputs

    pairs = sorted((test_data("set5_sr") / "Set5" / f"x{scale}").glob("*.png"))
    body = io.BytesIO(_zip([("test", path.name, path.read_bytes()) for path in pairs]))
    volume = made.context.volume
    dataset = import_dataset(volume, Limits(), [("set5.zip", body)], name="set5", format="picture_pairs")
    inputs = open_inputs({"data": InputRef(dataset_id=dataset.id)}, made.context)
    by = made.code.open_generator(made.outcome.model, made.params, made.data.assets)
    asked = get_recipe("image_to_image").use("batch").params()
    with tempfile.TemporaryDirectory() as place, publishing(volume, Path(place) / "made") as (files, _):
        report = by.batch(asked, inputs, made.context, files)
    print("Set5 as published:", rounded(report.metrics))
    for row in report.outputs[0].rows:
        print("  ", row)


if __name__ == "__main__":
    main()
