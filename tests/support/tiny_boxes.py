"""Makes very small pictures with boxes for tests: bright discs and red bars on dark noise, as COCO tells them."""

import json

import numpy as np

from tests.support.tiny_pictures import png

CLASSES = ("圆盘", "bar")


def tiny_things(
    number: int, *, side: int = 56, channels: int = 3, most: int = 2
) -> tuple[np.ndarray, list[tuple[float, ...]]]:
    """uint8 picture (side, side + 8, channels), and boxes (left, top, right, bottom, number of the class), up to `most` of each."""
    rng = np.random.default_rng(number)
    height, width = side, side + 8
    pixels = rng.integers(0, 60, (height, width, channels), dtype=np.uint8)
    y, x = np.mgrid[:height, :width]
    boxes: list[tuple[float, ...]] = []
    for _ in range(int(rng.integers(1, most + 1))):
        left, top = int(rng.integers(0, width - 24)), int(rng.integers(0, height - 10))
        pixels[top : top + 8, left : left + 22, 0] += 150
        boxes.append((left, top, left + 22, top + 8, 1))
    for _ in range(int(rng.integers(1, most + 1))):
        radius = int(rng.integers(7, 10))
        middle = rng.integers(radius, height - radius), rng.integers(radius, width - radius)
        disc = (y - middle[0]) ** 2 + (x - middle[1]) ** 2 < radius**2
        pixels[disc] = 190 + rng.integers(0, 50, (int(disc.sum()), channels))
        boxes.append(
            (
                *(float(middle[axis] - radius + 1) for axis in (1, 0)),
                *(float(middle[axis] + radius) for axis in (1, 0)),
                0,
            )
        )
    return pixels, boxes


def coco(pictures: dict[str, tuple[np.ndarray, list[tuple[float, ...]]]], names=CLASSES) -> bytes:
    """Pictures with boxes, by file name, as one .json of COCO."""
    images, annotations = [], []
    for number, (name, (pixels, boxes)) in enumerate(pictures.items(), 1):
        images.append({"id": number, "file_name": name, "height": pixels.shape[0], "width": pixels.shape[1]})
        for x0, y0, x1, y1, label in boxes:
            one = {"id": len(annotations) + 1, "image_id": number, "category_id": int(label) + 1}
            annotations.append(one | {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "iscrowd": 0})
    kinds = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    return json.dumps({"images": images, "annotations": annotations, "categories": kinds}).encode()


def tiny_boxes(count: int = 20, part: str = "train", start: int = 0, **shape) -> list[tuple[str, bytes]]:
    """Entries of a zip of pictures in the folder of a part, and their annotations."""
    scenes = {f"{number:03d}.png": tiny_things(number, **shape) for number in range(start, start + count)}
    pictures = [(f"{part}/{name}", png(pixels)) for name, (pixels, _) in scenes.items()]
    return [*pictures, (f"{part}/_annotations.coco.json", coco(scenes))]
