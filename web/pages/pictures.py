"""Pictures of a dataset as files of their own, for its preview. Each is named in the manifest or numbered in an IDX file."""

import gzip
import io
import struct
from pathlib import Path, PurePosixPath
from typing import Any

from flask import Response, request, send_file, url_for

from shared.datasets.images import MOST_PIXELS
from shared.datasets.manifest import DatasetManifest
from shared.errors import NotFound
from web import access
from web.pages.reach import pages, volume

_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".webp": "image/webp",
}
_IDX_SHOWN = 40  # pictures of an IDX file that can be seen, from its beginning
_IDX_READ_BYTES = MOST_PIXELS  # of an IDX file that are read through to find one of them


def previews(dataset: DatasetManifest) -> list[dict[str, str]]:
    """{url, label} of the pictures to show; [] for a dataset without pictures."""
    if dataset.format == "idx":
        height, width = (dataset.stats.get(side, [1])[0] for side in ("height", "width"))
        labels = _idx_labels(dataset)[: _idx_shown(height, width)]
        return [
            {"url": url_for("pages.idx_picture", dataset_id=dataset.id, number=n), "label": str(label)}
            for n, label in enumerate(labels)
        ]
    shown = [p for p in dataset.preview if isinstance(p, dict) and _type_of(p.get("file", ""))]
    return [
        {"url": url_for("pages.dataset_picture", dataset_id=dataset.id, file=p["file"]), "label": p.get("label", "")}
        for p in shown
    ]


def _type_of(name: str) -> str | None:
    return _TYPES.get(PurePosixPath(name).suffix.lower())


@pages.get("/datasets/<dataset_id>/picture")
def dataset_picture(dataset_id: str) -> Response:
    """Send one picture that the manifest names: ?file=train/cat/0001.png."""
    dataset = access.dataset(dataset_id)
    name = request.args.get("file", "")
    kind = _type_of(name)
    path = f"files/{name}"
    if kind is None or not any(entry.path == path for entry in dataset.files):
        raise NotFound(f"dataset {dataset_id} has no picture {name!r:.80}")
    return send_file((volume().dataset_dir(dataset_id) / path).resolve(), mimetype=kind, max_age=3600)


@pages.get("/datasets/<dataset_id>/pictures/<int:number>.png")
def idx_picture(dataset_id: str, number: int) -> Response:
    """Send picture `number` of the part to learn from of an IDX dataset as PNG."""
    from PIL import Image

    dataset = access.dataset(dataset_id)
    if dataset.format != "idx" or number >= _IDX_SHOWN:
        raise NotFound(f"dataset {dataset_id} has no picture {number} to show")
    path = _idx_file(dataset, "idx3")
    with _opened(path) as file:
        count, height, width = struct.unpack(">4x3I", file.read(16))
        if number >= min(count, _idx_shown(height, width)):
            raise NotFound(f"dataset {dataset_id} has {count} pictures of {height} x {width}, none {number} to show")
        file.seek(16 + number * height * width)  # a packed file is read through to there in small pieces
        pixels = file.read(height * width)
    body = io.BytesIO()
    Image.frombytes("L", (width, height), pixels).save(body, "png")
    body.seek(0)
    return send_file(body, mimetype="image/png", max_age=3600)


def _idx_shown(height: int, width: int) -> int:
    """How many pictures can be seen: the larger, the fewer."""
    return min(_IDX_SHOWN, _IDX_READ_BYTES // max(1, height * width))


def _idx_labels(dataset: DatasetManifest) -> bytes:
    with _opened(_idx_file(dataset, "idx1")) as file:
        return file.read(8 + _IDX_SHOWN)[8:]


def _idx_file(dataset: DatasetManifest, kind: str) -> Path:
    """The file of pictures (idx3) or labels (idx1) to learn from; the import has made sure there is one."""
    names = [entry.path for entry in dataset.files if kind in PurePosixPath(entry.path).name.lower()]
    first = next((n for n in names if PurePosixPath(n).name.lower().startswith("train")), names[0] if names else "")
    if not first:
        raise NotFound(f"dataset {dataset.id} has no file of {kind}")
    return volume().dataset_dir(dataset.id) / first


def _opened(path: Path) -> Any:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")
