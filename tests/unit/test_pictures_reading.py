"""The n-th picture of a dataset comes out upright and in 8 bits, whatever its file holds."""

import io
import struct

import pytest
from PIL import Image

from shared.datasets.pictures import eight_bit, open_pictures, upright, upright_size
from shared.errors import DatasetInvalid
from shared.volume.volume import Volume
from tests.support.uploads import idx, load, picture, zipped


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def bytes_of(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def opened(volume, *files, **options):
    dataset = load(volume, *files, **options)
    return dataset, open_pictures(volume.dataset_dir(dataset.id), dataset)


def deep(mode, values):
    """A picture of two rows of more than 8 bits."""
    image = Image.new(mode, (len(values), 2))
    for x, value in enumerate(values):
        for y in range(2):
            image.putpixel((x, y), value)
    return image


def big_endian_tiff(values):
    """A 16-bit grey TIFF with the big end first, as microscopes write it."""
    data = struct.pack(f">{len(values)}H", *values)
    tags = [(256, 4, len(values)), (257, 4, 1), (258, 3, 16 << 16), (259, 3, 1 << 16), (262, 3, 1 << 16), (273, 4, 8),
            (277, 3, 1 << 16), (278, 4, 1), (279, 4, len(data))]  # fmt: skip
    table = b"".join(struct.pack(">HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"MM\0*" + struct.pack(">I", 8 + len(data)) + data + struct.pack(">H", len(tags)) + table + bytes(4)


def row(image):
    return [image.getpixel((x, 0)) for x in range(image.width)]


def test_16_bit_greys_keep_their_levels_also_with_the_big_end_first(volume):
    files = [
        (f"{name}/0.tif", big_endian_tiff(values)) for name, values in (("dark", [0, 5140]), ("light", [40863, 65535]))
    ]
    dataset, pictures = opened(volume, ("p.zip", zipped(files)))
    assert [row(pictures.open(i)) for i in range(2)] == [[0, 20], [159, 255]]
    assert dataset.report.facts["channels"] == 1 and dataset.report.facts["levels"] == {"whole": [0, 65535]}


def test_12_bit_pictures_are_not_black_and_all_are_scaled_alike(volume):
    files = [(f"{i}.png", bytes_of(deep("I;16", values), "PNG")) for i, values in enumerate([[0, 4095], [200, 1000]])]
    _, pictures = opened(volume, *files)
    assert [row(pictures.open(i)) for i in range(2)] == [[0, 255], [12, 62]]


@pytest.mark.parametrize(
    ("values", "shown"),
    [([0.0, 0.5], [0, 128]), ([0.0, 128.0], [0, 128]), ([-1.0, 3.0], [0, 255]), ([1000.5, 2000.5], [0, 255])],
)
def test_floats_are_scaled_and_never_black(volume, values, shown):
    _, pictures = opened(volume, ("f.tif", bytes_of(deep("F", values), "TIFF")))
    assert row(pictures.open(0)) == shown


def test_floats_that_are_no_numbers_are_refused_by_name(volume):
    with pytest.raises(DatasetInvalid, match=r"nan\.tif: holds values that are no numbers"):
        load(volume, ("nan.tif", bytes_of(deep("F", [0.5, float("nan")]), "TIFF")))


def test_transparency_becomes_white_and_grey_stays_grey(volume):
    clear = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    grey = Image.new("LA", (2, 2), (7, 255))
    _, pictures = opened(volume, ("a.png", bytes_of(clear, "PNG")), ("b.png", bytes_of(grey, "PNG")))
    assert pictures.open(0).getpixel((0, 0)) == (255, 255, 255)
    assert pictures.open(1).mode == "L" and pictures.open(1).getpixel((0, 0)) == 7


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "YCbCr"])
def test_every_mode_becomes_grey_or_colour(mode):
    assert eight_bit(Image.new(mode, (3, 2))).mode == ("L" if mode == "1" else "RGB")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright_as_their_exif_says(format, orientation):
    wanted = Image.new("RGB", (24, 16))
    wanted.paste((255, 255, 255), (0, 0, 12, 8))  # the upper left is white
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose that undoes each
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = wanted.transpose(Image.Transpose(turns[orientation])) if orientation > 1 else wanted
    data = bytes_of(stored, format, exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        assert upright_size(image) == (24, 16)
        found = upright(image)
    corners = [found.convert("L").getpixel(at) > 128 for at in ((2, 2), (21, 2), (2, 13), (21, 13))]  # pyright: ignore[reportOperatorIssue, reportOptionalOperand]
    assert found.size == (24, 16) and corners == [True, False, False, False]


@pytest.mark.parametrize(
    "orientation", [struct.pack("<HHI4s", 0x0112, 2, 4, b"abc"), struct.pack("<HHII", 0x0112, 3, 1, 99)]
)
def test_exif_that_says_nonsense_turns_nothing(volume, orientation):
    exif = b"Exif\0\0II*\0\x08\0\0\0\1\0" + orientation + bytes(4)
    _, pictures = opened(volume, ("e.jpg", bytes_of(Image.new("RGB", (9, 5)), "JPEG", exif=exif)))
    assert pictures.size(0) == (9, 5) and pictures.open(0).size == (9, 5)


def test_idx_pictures_are_read_one_by_one(volume):
    dataset, pictures = opened(volume, *idx(7, 7), *idx(3, 3, part="t10k"))
    assert len(pictures) == 10 and pictures.names[7] == "test/0" and pictures.parts == ["train"] * 7 + ["test"] * 3
    assert pictures.classes == ["0", "1", "2"] and pictures.labels[:4] == [0, 1, 2, 0] and pictures.channels == 1
    assert pictures.open(9).mode == "L" and pictures.size(9) == (4, 4)
    assert dataset.report.rows == 10


def test_a_picture_that_is_gone_or_damaged_is_named(volume):
    dataset, pictures = opened(volume, ("a.png", picture()), ("b.png", picture((1, 1, 1))))
    folder = volume.dataset_dir(dataset.id) / "files"
    (folder / "a.png").unlink()
    (folder / "b.png").write_bytes(b"junk")
    for i, name in enumerate(("a.png", "b.png")):
        with pytest.raises(DatasetInvalid, match=name):
            pictures.open(i)
