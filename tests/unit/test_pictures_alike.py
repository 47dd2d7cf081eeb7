"""Pictures that look nearly alike are found across parts, and others are not."""

import io
import random

from PIL import Image

from shared.datasets.pictures.alike import MOST_BITS, look_of, nearly_alike
from shared.volume.volume import Volume
from tests.support.uploads import load, zipped


def scene(seed: int, size=(90, 60)) -> Image.Image:
    """A smooth landscape of its own."""
    rng = random.Random(seed)
    small = Image.new("RGB", (7, 5))
    small.putdata([tuple(rng.randrange(256) for _ in range(3)) for _ in range(35)])
    return small.resize(size, Image.Resampling.BICUBIC)


def saved(image: Image.Image, format="PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def again(image: Image.Image, format: str, **options) -> Image.Image:
    return Image.open(io.BytesIO(saved(image, format, **options)))


def distance(one: int | None, other: int | None) -> int:
    assert one is not None and other is not None
    return (one ^ other).bit_count()


def test_saved_once_more_made_smaller_or_grey_it_looks_alike_and_others_do_not():
    for seed in range(8):
        image = scene(seed)
        look = look_of(image)
        for changed in (
            again(image, "JPEG", quality=40), image.resize((45, 30)), image.convert("L"), image.convert("RGBA"),
        ):  # fmt: skip
            assert distance(look, look_of(changed)) <= MOST_BITS, changed.mode
        assert distance(look, look_of(scene(seed + 100))) > 2 * MOST_BITS


def test_a_picture_on_its_side_looks_as_it_does_upright():
    image = scene(3)
    turned = image.transpose(Image.Transpose.ROTATE_90)
    assert distance(look_of(image), look_of(turned, Image.Transpose.ROTATE_270)) <= MOST_BITS


def test_plain_and_deep_pictures_are_no_error():
    assert look_of(Image.new("RGB", (1, 1))) is None and look_of(Image.new("1", (9, 9))) is None
    deep = scene(4).convert("L").convert("I")
    assert distance(look_of(deep), look_of(scene(4).convert("L"))) <= MOST_BITS
    assert look_of(deep.convert("I;16")) == look_of(deep)


def test_each_picture_is_told_with_one_that_it_looks_like_in_another_part():
    looks = {
        "a": 0b1111 << 30,
        "b": 0b1110 << 30,
        "c": 0b1111 << 30,
        "d": 0b0011 << 40,
        "plain": None,
        "also plain": None,
    }
    parts = {"a": "train", "b": "test", "c": "train", "d": "test", "plain": "train", "also plain": "test"}
    assert nearly_alike(looks, parts) == [("a", "b"), ("c", "b")]
    assert nearly_alike(looks, dict.fromkeys(parts, "train")) == []


def test_both_formats_warn_of_them(tmp_path):
    volume = Volume(tmp_path / "data")
    mask, label = Image.new("L", (90, 60)), b"0 0.5 0.5 0.2 0.2"
    mask.paste(1, (0, 0, 20, 20))
    masks, boxes = [], [("classes.txt", b"cat")]
    for part, number, options in (("train", 1, {}), ("train", 2, {}), ("val", 1, {"quality": 60})):
        picture = saved(scene(number), "JPEG" if options else "PNG", **options)
        ending = "jpg" if options else "png"
        masks += [(f"{part}/images/{number}.{ending}", picture), (f"{part}/masks/{number}.png", saved(mask))]
        boxes += [(f"images/{part}/{number}.{ending}", picture), (f"labels/{part}/{number}.txt", label)]
    for entries in (masks, boxes):
        dataset = load(volume, ("a.zip", zipped(entries)))
        (warned,) = [one for one in dataset.report.warnings if one.code == "nearly_alike"]
        assert "1 picture looks nearly like one of another part" in warned.message
        assert "in train" in warned.message and "in val" in warned.message
        assert dataset.report.leakage == {}
