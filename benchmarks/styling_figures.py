"""How near style_transfer comes to four paintings, on scikit-learn's two photographs: by optimisation, and by networks.

    python -m benchmarks.styling_figures BACKBONE pairs --show FOLDER           # any two pictures, step by step
    python -m benchmarks.styling_figures BACKBONE network --steps 1000          # a network for each painting
    python -m benchmarks.styling_figures BACKBONE network --only wave           # ... for this one
    python -m benchmarks.styling_figures BACKBONE illustrate                    # docs/screenshots/styling.jpg

BACKBONE: a folder of open weights as `trainyard models import` takes it. Networks learn from every second training picture of
CamVid; neither photograph is learnt from. Beside each way, in the same run: the photograph as it is, and colours moved (Reinhard
et al. 2001). Any param of the training may be given. Public data: see here.py.
"""

import argparse
import io
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.here import ROOT, add_params, given, test_data
from benchmarks.one_training import trained

SIDE = 256
PHOTOGRAPHS = ("china", "flower")
STEPS = 120  # of a pair, the recipe's default
_SHOWN = 168  # pixels of a picture in the illustration


def main() -> None:
    from shared.recipes import get_recipe

    spec = get_recipe("style_transfer")
    parser = argparse.ArgumentParser()
    parser.add_argument("backbone", type=Path)
    parser.add_argument("way", choices=("pairs", "network", "illustrate"))
    parser.add_argument("--show", type=Path, help="folder to write pictures to")
    parser.add_argument("--only", help="name of the one painting")
    add_params(parser, spec)
    told = given(parser)
    backbone, way, show, only = told.pop("backbone"), told.pop("way"), told.pop("show", None), told.pop("only", "")
    paintings = {path.stem: path for path in sorted(test_data("style_paintings").glob("*.jpg")) if only in path.stem}
    if way == "network":
        by_networks(spec, backbone, paintings, told, show)
    elif way == "pairs":
        by_pairs(backbone, paintings, show)
    else:
        illustrate(backbone, paintings)


def photographs() -> Iterator[tuple[str, np.ndarray]]:
    """uint8 (height, width, 3), the longer side 256 pixels."""
    for name in PHOTOGRAPHS:
        yield name, opened(test_data("sklearn_small") / "images" / f"{name}.jpg")


def opened(path: Path) -> np.ndarray:
    from worker.families.styling.pictures import sized

    with Image.open(path) as image:
        return sized(image.convert("RGB"), SIDE)


def painter_of(backbone: Path, volume_at: str) -> tuple[Any, Any]:
    """(features, a painter by them) of a backbone."""
    from shared.bases.importer import import_base
    from shared.volume.volume import Volume
    from worker.families.styling.features import features_of
    from worker.families.styling.painting import Painter

    volume = Volume(volume_at)
    files = {path.name: path for path in backbone.iterdir() if path.is_file()}
    base = import_base(volume, files, name=backbone.name, source="a benchmark")
    features = features_of(SimpleNamespace(base=base, folder=volume.base_dir(base.id)))  # pyright: ignore[reportArgumentType]
    return features, Painter(features)


def painted(painter: Any, style: Any, photo: np.ndarray) -> np.ndarray:
    from worker.families.styling.losses import Weights
    from worker.families.styling.pictures import stylised

    return stylised(
        photo, lambda wide: painter.painted(wide, style, Weights(1.0, 10.0, 0.02), STEPS, lambda step: None)
    )


def row(features: Any, style: Any, painting: np.ndarray, photo: np.ndarray, made: np.ndarray) -> str:
    """content loss / style loss of what was made, of the photograph as it is, and of its colours moved."""
    from worker.families.styling.colours import colours_transferred
    from worker.families.styling.measuring import losses_beside

    ways = (made, photo, colours_transferred(photo, [painting]))
    return " | ".join("{:.2f} / {:.3f}".format(*losses_beside(features, style, one, photo)) for one in ways)


def by_pairs(backbone: Path, paintings: dict[str, Path], show: Path | None) -> None:
    from worker.families.styling.losses import style_of

    with tempfile.TemporaryDirectory() as place:
        features, painter = painter_of(backbone, place)
        print("painting, photograph | content / style loss | as it is | colours moved | wall and CPU seconds")
        for name, path in paintings.items():
            painting = opened(path)
            style = style_of(features, [painting])
            for title, photo in photographs():
                began, cpu = time.monotonic(), time.process_time()
                made = painted(painter, style, photo)
                cost = f"{time.monotonic() - began:.0f}, {time.process_time() - cpu:.0f}"
                print(f"{name}, {title} | {row(features, style, painting, photo, made)} | {cost}", flush=True)
                save(show, f"{name}_{title}_pair", made)


def by_networks(spec: Any, backbone: Path, paintings: dict[str, Path], told: dict[str, Any], show: Path | None) -> None:
    from shared.recipes.base import validate_params
    from worker.families.styling.losses import style_of
    from worker.families.styling.pictures import stylised
    from worker.families.styling.reporting import styled

    for name, path in paintings.items():
        upload = [("pictures.zip", io.BytesIO(camvid()))]
        with trained(
            name, spec, validate_params(spec.train_params, told), upload, base=backbone, files={"style": [path]}
        ) as made:
            made.say()
            made.say_verdict()
            model: Any = made.outcome.model
            painting = opened(path)
            style = style_of(model.features, [painting])
            for title, photo in photographs():
                stylised(photo, lambda wide: styled(model, wide))  # noqa: B023  # what is compiled once is not counted
                began = time.monotonic()
                said = stylised(photo, lambda wide: styled(model, wide))  # noqa: B023
                cost = f"{time.monotonic() - began:.2f} s"
                print(f"{name}, {title} | {row(model.features, style, painting, photo, said)} | {cost}", flush=True)
                save(show, f"{name}_{title}_network", said)


def camvid() -> bytes:
    """A zip: every second picture of CamVid's training part, and every twentieth of its test part."""
    body = io.BytesIO()
    with (
        zipfile.ZipFile(test_data("camvid_240x180") / "camvid_240x180.zip") as there,
        zipfile.ZipFile(body, "w") as made,
    ):
        names = sorted(name for name in there.namelist() if name.endswith(".jpg"))
        for part, every in (("train", 2), ("test", 20)):
            for name in [name for name in names if f"{part}/" in name][::every]:
                made.writestr(f"{part}/{Path(name).name}", there.read(name))
    return body.getvalue()


def save(show: Path | None, name: str, pixels: np.ndarray) -> None:
    if show is not None:
        show.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(show / f"{name}.png")


def illustrate(backbone: Path, paintings: dict[str, Path]) -> None:
    """Four columns, one for each painting: itself, and the first photograph in its style, all colours and its own."""
    from worker.families.styling.colours import finished
    from worker.families.styling.losses import style_of

    _, photo = next(photographs())
    columns = []
    with tempfile.TemporaryDirectory() as place:
        features, painter = painter_of(backbone, place)
        for path in paintings.values():
            made = painted(painter, style_of(features, [opened(path)]), photo)
            kept = finished(made, photo, keep_colour=True, strength=1.0)
            columns.append(np.concatenate([_shown(opened(path)), _shown(made), _shown(kept)]))
    where = ROOT / "docs" / "screenshots" / "styling.jpg"
    Image.fromarray(np.concatenate(columns, 1)).save(where, quality=88)
    print(where, where.stat().st_size, "bytes")


def _shown(pixels: np.ndarray) -> np.ndarray:
    """The middle of a picture, all of one size."""
    image = Image.fromarray(pixels)
    height = round(_SHOWN * 2 / 3)
    share = max(_SHOWN / image.width, height / image.height)
    image = image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.LANCZOS)
    left, top = (image.width - _SHOWN) // 2, (image.height - height) // 2
    return np.pad(
        np.asarray(image)[top : top + height, left : left + _SHOWN], ((3, 3), (3, 3), (0, 0)), constant_values=255
    )


if __name__ == "__main__":
    main()
