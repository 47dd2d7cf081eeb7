"""Pairs of pictures: partners are found by folders and names, masks of every kind come out in one form, misfits are named."""

import io

import pytest
from PIL import Image

from shared.datasets.looking import get_preview, open_preview_file
from shared.datasets.pairs import mask_classes, read_pairs
from shared.datasets.pairs.finding import find_pairs
from shared.errors import DatasetInvalid, NotFound
from shared.outputs import Mask, Picture
from shared.volume.volume import Volume
from tests.support.uploads import classes, left_behind, load, picture, zipped


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def photo(number, size=(4, 2)):
    return picture((number, 5, 5), size=size)


def saved(image, format="PNG", **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def mask(*values, mode="L", palette=None):
    """A mask of one row of values, twice."""
    image = Image.new(mode, (len(values), 2))
    for x, value in enumerate(values):
        for y in range(2):
            image.putpixel((x, y), value)
    if palette:
        image.putpalette(palette)
    return saved(image)


def entries(*masks, start=0):
    found = []
    for number, one in enumerate(masks, start):
        found += [(f"images/{number}.png", photo(number)), (f"masks/{number}.png", one)]
    return found


def refused(volume, files, **options) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as refusal:
        load(volume, ("p.zip", zipped(files)), format="picture_pairs", options=options)
    assert left_behind(volume) == []
    return refusal.value


def offered(refusal):
    return {(choice.option, choice.value) for choice in refusal.choices}


def stored(volume, dataset):
    """Rows of class numbers by the left picture's name."""
    root = volume.dataset_dir(dataset.id) / "files"
    found = {}
    for pair in read_pairs(root):
        with Image.open(root / pair.right) as image:
            assert image.mode == "P" and image.size == pair.right_size == pair.size
            found[pair.left] = list(image.tobytes()[: image.width])
    return found


FOUND = {
    "folders": (["images/a.jpg", "masks/a.png"], "mask"),
    "capital folders": (["Images/a.jpg", "Masks/a.png"], "mask"),
    "VOC": (["VOC/JPEGImages/a.jpg", "VOC/SegmentationClass/a.png"], "mask"),
    "CamVid": (["train/a.png", "trainannot/a.png"], "mask"),
    "parts within": (["images/train/a.jpg", "labels/train/a.png"], "mask"),
    "parts around": (["train/images/a.jpg", "train/labels/a.png"], "mask"),
    "parts in one word": (["train_images/a.jpg", "train_masks/a_mask.png"], "mask"),
    "ends of names": (["a.jpg", "a_mask.png"], "mask"),
    "Cityscapes": (["leftImg8bit/train/x/a_leftImg8bit.png", "gtFine/train/x/a_gtFine_labelIds.png"], "mask"),
    "pets": (["images/a.jpg", "annotations/trimaps/a.png"], "mask"),
    "small and large": (["img_001_SRF_2_LR.png", "img_001_SRF_2_HR.png"], "picture"),
    "noisy and clean": (["noisy/a.png", "clean/a.png"], "picture"),
    "input and target": (["test/input/a.png", "test/target/a.png"], "picture"),
}


@pytest.mark.parametrize("case", FOUND)
def test_partners_are_found_by_their_names(case):
    names, kind = FOUND[case]
    found = find_pairs(names)
    assert found.pairs == [tuple(names)] and found.kind == kind and not found.lonely


@pytest.mark.parametrize("names", [("cat", "dog"), ("clean", "dirty"), ("labels", "no_labels"), ("high", "low")])
def test_class_folders_are_no_pairs(volume, names):
    files = [(f"{name}/{name}-{i}.png", picture((i, j, 7))) for j, name in enumerate(names) for i in range(3)]
    assert load(volume, ("p.zip", zipped(files))).format == "pictures"
    assert load(volume, ("p.zip", zipped(classes()))).format == "pictures"


def test_masks_of_numbers_are_stored_by_class(volume):
    dataset = load(volume, ("p.zip", zipped(entries(mask(0, 3, 3, 7), mask(7, 7, 0, 0)))))
    assert dataset.format == "picture_pairs" and dataset.report.rows == 2 and dataset.report.unit == "pairs"
    assert stored(volume, dataset) == {"left/0.png": [0, 1, 1, 2], "left/1.png": [2, 2, 0, 0]}
    assert dataset.report.classes == {"0": 6, "7": 6, "3": 4} and dataset.report.facts["shares"]["3"] == 0.25


def test_two_empty_masks_both_stay(volume):
    dataset = load(volume, ("p.zip", zipped(entries(mask(0, 0, 0, 0), mask(0, 0, 0, 0), mask(0, 255, 255, 255)))))
    assert dataset.report.rows == 3 and dataset.report.classes == {"background": 18, "foreground": 6}


def test_a_mask_of_true_and_false_has_two_classes(volume):
    one = Image.new("1", (4, 2))
    one.putpixel((1, 0), 1)
    dataset = load(volume, ("p.zip", zipped(entries(saved(one)))))
    assert dataset.report.classes == {"background": 7, "foreground": 1}


def test_palettes_keep_their_numbers_and_colours(volume):
    palette = [0, 0, 0, 128, 0, 0, 0, 128, 0, *[200] * 759]
    dataset = load(volume, ("p.zip", zipped(entries(mask(0, 1, 2, 255, mode="P", palette=palette)))))
    kinds = mask_classes(volume.dataset_dir(dataset.id) / "files")
    assert [(kind.name, kind.colour) for kind in kinds] == [("0", "#000000"), ("1", "#800000"), ("2", "#008000")]
    assert stored(volume, dataset) == {"left/0.png": [0, 1, 2, 255]}
    assert dataset.report.facts["nothing"] == 0.25


def test_palettes_that_number_colours_anew_are_read_by_colour(volume):
    one = mask(0, 1, 1, 1, mode="P", palette=[255, 0, 0, 0, 0, 255])
    other = mask(0, 1, 1, 1, mode="P", palette=[0, 0, 255, 255, 0, 0])
    dataset = load(volume, ("p.zip", zipped(entries(one, other))))
    assert dataset.report.classes == {"#0000ff": 8, "#ff0000": 8}
    assert stored(volume, dataset) == {"left/0.png": [1, 0, 0, 0], "left/1.png": [0, 1, 1, 1]}


@pytest.mark.parametrize("count", [2, 12, 30, 60])
def test_coloured_masks_keep_all_colours_apart(volume, count):
    colours = [(i * 37 % 256, i * 91 % 256, i * 3) for i in range(count)]
    image = Image.new("RGB", (count, 2))
    for x, colour in enumerate(colours):
        image.putpixel((x, 0), colour)
        image.putpixel((x, 1), colour)
    files = [("images/0.png", photo(0, (count, 2))), ("masks/0.png", saved(image))]
    dataset = load(volume, ("p.zip", zipped(files)))
    kinds = mask_classes(volume.dataset_dir(dataset.id) / "files")
    found = stored(volume, dataset)["left/0.png"]
    assert [kinds[place].value for place in found] == ["#" + bytes(colour).hex() for colour in colours]


LEGENDS = {
    "numbers and names": ("classes.csv", b"0,sky\n1,car\n2,road\n"),
    "names alone": ("classes.txt", b"sky\ncar\nroad\n"),
    "with a head": ("legend.csv", "number,name\n0,sky\n1,car\n2,road\n".encode("utf-8-sig")),
}


@pytest.mark.parametrize("case", LEGENDS)
def test_a_legend_names_numbers(volume, case):
    dataset = load(volume, ("p.zip", zipped([*entries(mask(0, 1, 1, 1)), LEGENDS[case]])))
    assert dataset.report.classes == {"car": 6, "sky": 2, "road": 0}
    assert "road" in next(said.message for said in dataset.report.warnings if said.code == "missing_classes")


COLOUR_LEGENDS = {
    "CamVid": ("label_colors.txt", b"128 128 128\tSky\n64 0 128\tCar\n"),
    "Kaggle": ("class_dict.csv", b"name,r,g,b\nSky,128,128,128\nCar,64,0,128\n"),
    "hex": ("legend.csv", b"Sky;#808080\nCar;#400080\n"),
}


@pytest.mark.parametrize("case", COLOUR_LEGENDS)
def test_a_legend_names_colours(volume, case):
    coloured = mask((128, 128, 128), (64, 0, 128), (64, 0, 128), (64, 0, 128), mode="RGB")
    dataset = load(volume, ("p.zip", zipped([*entries(coloured), COLOUR_LEGENDS[case]])))
    assert dataset.report.classes == {"Car": 6, "Sky": 2}


def test_values_that_the_legend_has_not_are_named_and_may_be_taken_as_no_class(volume):
    files = [*entries(mask(0, 1, 1, 9), mask(0, 0, 0, 0)), LEGENDS["names alone"]]
    refusal = refused(volume, files)
    assert [(p.file, "9" in p.message) for p in refusal.problems] == [("masks/0.png", True)]
    assert offered(refusal) == {("unknown_values", "nothing")}
    dataset = load(volume, ("p.zip", zipped(files)), options={"unknown_values": "nothing"})
    assert stored(volume, dataset)["left/0.png"] == [0, 1, 1, 255] and "no class: 9" in dataset.notes[0]
    dropped = load(volume, ("p.zip", zipped(files)), options={"bad_rows": "drop"})
    assert dropped.report.rows == 1 and dropped.report.dropped.named[0]["file"] == "masks/0.png"


def test_strange_colours_become_no_class_even_where_they_look_like_one_to_the_tables(volume):
    strange = [(i, 255 - i, 17) for i in range(40)]
    image = Image.new("RGB", (42, 2), (128, 128, 128))
    for x, colour in enumerate(strange):
        image.putpixel((x, 0), colour)
    image.putpixel((41, 0), (64, 0, 128))
    files = [("images/0.png", photo(0, (42, 2))), ("masks/0.png", saved(image)), COLOUR_LEGENDS["CamVid"]]
    dataset = load(volume, ("p.zip", zipped(files)), options={"unknown_values": "nothing"})
    row = stored(volume, dataset)["left/0.png"]
    names = [kind.name for kind in mask_classes(volume.dataset_dir(dataset.id) / "files")]
    assert row[:40] == [255] * 40 and [names[place] for place in row[40:]] == ["Sky", "Car"]


def test_a_mask_of_another_size_is_named_and_left_out_by_choice(volume):
    files = [*entries(mask(0, 1, 1, 1)), ("images/x.png", photo(7)), ("masks/x.png", mask(0, 1))]
    refusal = refused(volume, files)
    assert [(p.file, p.message) for p in refusal.problems] == [
        ("masks/x.png", "is 2 x 2 pixels, its picture images/x.png 4 x 2")]  # fmt: skip
    assert offered(refusal) == {("bad_rows", "drop")}
    assert load(volume, ("p.zip", zipped(files)), options={"bad_rows": "drop"}).report.rows == 1


def test_pictures_without_a_partner_are_named_and_left_out_by_choice(volume):
    files = [*entries(*[mask(0, 1, 1, 1)] * 6), ("images/lonely.png", photo(99)), ("masks/gone.png", mask(0, 0, 0, 0))]
    refusal = refused(volume, files)
    assert {p.file for p in refusal.problems} == {"images/lonely.png", "masks/gone.png"}
    assert load(volume, ("p.zip", zipped(files)), options={"bad_rows": "drop"}).report.rows == 6


def noise(mode):
    image = Image.new(mode, (20, 20))
    for i in range(400):
        image.putpixel((i % 20, i // 20), (i % 256) if mode == "L" else (i % 256, i * 7 % 256, 9))
    return image


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (saved(noise("RGB")), "more than 64 colours"),
        (saved(noise("RGB"), "JPEG"), "save masks as PNG"),
        (saved(noise("L")), "smoothed"),
        (saved(Image.new("I;16", (20, 20), 300)), "above 255"),
        (b"", "is empty"),
        (b"hello", "cannot be read"),
    ],
)
def test_what_is_no_mask_is_refused(volume, data, said):
    files = [("images/a.png", photo(1, (20, 20))), ("masks/a.png", data)]
    assert said in refused(volume, files).message


def test_a_mask_of_a_picture_on_its_side_is_turned_with_it(volume):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = saved(Image.new("RGB", (4, 2)), exif=exif)
    dataset = load(volume, ("p.zip", zipped([("images/a.png", image), ("masks/a.png", mask(0, 1, 2, 3))])))
    (pair,) = read_pairs(volume.dataset_dir(dataset.id) / "files")
    assert pair.size == pair.right_size == (2, 4)
    with Image.open(volume.dataset_dir(dataset.id) / "files" / pair.right) as turned:
        assert turned.tobytes() == bytes([0, 0, 1, 1, 2, 2, 3, 3])


def test_small_and_large_pictures_are_pairs_of_pictures(volume):
    files = [(f"Set/{i}_{end}.png", photo(i, size)) for i in range(2) for end, size in (("LR", (4, 2)), ("HR", (8, 5)))]
    dataset = load(volume, ("p.zip", zipped(files)))
    assert dataset.report.facts["kind"] == "picture" and dataset.report.facts["factor"] == [2, 2]
    pair = next(read_pairs(volume.dataset_dir(dataset.id) / "files"))
    assert (pair.left, pair.right, pair.right_size) == ("left/0_LR.png", "right/0_LR.png", (8, 5))
    assert [type(output) for output in get_preview(volume, dataset)] == [Picture] * 4
    odd = [*files, ("Set/9_LR.png", photo(9)), ("Set/9_HR.png", photo(9, (5, 4)))]
    with pytest.raises(DatasetInvalid, match="no whole number"):
        load(volume, ("p.zip", zipped(odd)))


def test_folders_whose_names_say_nothing_are_asked_about(volume):
    files = [(name.replace("images", "one").replace("masks", "two"), data) for name, data in entries(mask(0, 1, 1, 1))]
    refusal = refused(volume, files)
    assert offered(refusal) == {("right", "one"), ("right", "two")}
    dataset = load(volume, ("p.zip", zipped(files)), format="picture_pairs", options={"right": "two"})
    assert dataset.report.classes == {"1": 6, "0": 2}


def test_pictures_that_are_no_pairs_at_all_are_refused(volume):
    assert "belong together" in refused(volume, [("a.png", photo(1)), ("b.png", photo(2))]).message


def test_parts_leaks_and_copies_are_reported(volume):
    files = [("train/a.png", photo(1)), ("trainannot/a.png", mask(0, 1, 1, 1)),
             ("test/b.png", photo(1)), ("testannot/b.png", mask(0, 1, 1, 1))]  # fmt: skip
    report = load(volume, ("p.zip", zipped(files))).report
    assert report.parts == {"train": 1, "test": 1} and report.leakage == {"train and test": 1}
    assert {"leakage", "copies"} <= {said.code for said in report.warnings}


def test_a_preview_lays_masks_over_pictures_and_serves_both(volume):
    dataset = load(volume, ("p.zip", zipped(entries(mask(0, 0, 0, 3)))))
    (shown,) = get_preview(volume, dataset)
    assert isinstance(shown, Mask) and [(c.name, c.share) for c in shown.classes] == [("0", 0.75), ("3", 0.25)]
    for name in (shown.picture, shown.mask):
        stream, kind = open_preview_file(volume, dataset, name)
        stream.close()
        assert kind == "image/png"
    for name in ("pairs.jsonl", "classes.json", "left/none.png"):
        with pytest.raises(NotFound):
            open_preview_file(volume, dataset, name)


def test_the_real_camvid_and_set5_import(volume, data_sets):
    camvid = load(volume, ("c.zip", (data_sets / "camvid_240x180" / "camvid_240x180.zip").read_bytes())).report
    assert camvid.parts == {"train": 367, "val": 101, "test": 233} and camvid.classes["3"] == 8_841_415
    folder = data_sets / "set5_sr"
    files = [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in sorted(folder.rglob("*.png"))]
    set5 = load(volume, ("s.zip", zipped(files))).report
    assert set5.rows == 10 and set5.facts["factor"] == [2, 4]
