"""Masks drawn from COCO's outlines: polygons and runs become pixels of classes; what cannot be drawn is dropped by name."""

import io
import json
import random
from pathlib import PurePosixPath
from typing import Any

import pytest
from PIL import Image

from shared.datasets.looking import get_preview
from shared.datasets.pairs import mask_classes, read_pairs
from shared.datasets.pairs.drawing import Effort, draw
from shared.datasets.pairs.outlines import Outline, Runs
from shared.datasets.pictures.annotated import stem
from shared.errors import DatasetInvalid
from shared.outputs import Mask
from shared.volume.volume import Volume
from tests.support.uploads import left_behind, load, picture, zipped

CATEGORIES = [{"id": 5, "name": "cat"}, {"id": 2, "name": "dog"}]
SIZE = (8, 6)


# Of pycocotools with NumPy 2.
decodes = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def photo(number, size=SIZE, **options):
    return picture((number, 5, 5), size=size, **options)


def box(left, top, right, bottom):
    return [left, top, right, top, right, bottom, left, bottom]


def outline(segmentation, category=5, image=1, **more):
    return {"image_id": image, "category_id": category, "bbox": [0, 0, 1, 1], "segmentation": segmentation} | more


def coco(*annotations, images=(("a.png", SIZE),), categories=CATEGORIES):
    listed = [
        {"id": number, "file_name": name} | ({"width": size[0], "height": size[1]} if size else {})
        for number, (name, size) in enumerate(images, 1)
    ]
    return json.dumps({"images": listed, "annotations": list(annotations), "categories": categories}).encode()


def upload(*annotations, images=(("a.png", SIZE),), **more):
    """Entries of a zip: pictures of their sizes, and what is outlined in them."""
    pictures = [(name, photo(number, size or SIZE)) for number, (name, size) in enumerate(images)]
    return [*pictures, ("_annotations.coco.json", coco(*annotations, images=images, **more))]


def masks(volume, entries, **options):
    """(dataset, rows of class numbers by the picture's name)."""
    dataset = load(volume, ("p.zip", zipped(entries)), format="picture_pairs", options=options)
    root, found = volume.dataset_dir(dataset.id) / "files", {}
    for pair in read_pairs(root):
        with Image.open(root / pair.right) as image:
            assert image.mode == "P" and image.size == pair.right_size == pair.size
            pixels = image.tobytes()
            found[pair.left.removeprefix("left/")] = [
                "".join(map(str, pixels[at : at + image.width])) for at in range(0, len(pixels), image.width)
            ]
    return dataset, found


def refused(volume, entries, **options) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as refusal:
        load(volume, ("p.zip", zipped(entries)), format="picture_pairs", options=options)
    assert left_behind(volume) == []
    return refusal.value


def test_polygons_become_masks_of_named_classes(volume):
    dataset, found = masks(volume, upload(outline([box(1, 1, 4, 3)]), outline([box(6, 0, 8, 6)], category=2)))
    assert found["a.png"] == ["00000011", "02220011", "02220011", "00000011", "00000011", "00000011"]
    root = volume.dataset_dir(dataset.id) / "files"
    assert [(kind.name, kind.value) for kind in mask_classes(root)] == [("background", ""), ("dog", "2"), ("cat", "5")]
    assert dataset.format == "picture_pairs" and dataset.report.facts["kind"] == "mask"
    assert dataset.report.classes == {"background": 30, "dog": 12, "cat": 6}
    assert "2 outlines of _annotations.coco.json" in dataset.notes[0]
    (shown,) = get_preview(volume, dataset)
    assert isinstance(shown, Mask) and {kind.name for kind in shown.classes} == {"background", "dog", "cat"}


def test_several_polygons_are_one_thing_and_a_list_around_one_may_be_missing(volume):
    _, found = masks(volume, upload(outline([box(0, 0, 2, 2), box(6, 4, 8, 6)]), outline(box(4, 0, 5, 1), category=2)))
    assert found["a.png"] == ["22001000", "22000000", "00000000", "00000000", "00000022", "00000022"]


def test_the_smaller_lies_on_top_whatever_the_order_and_a_crowd_undermost(volume):
    small, large = outline([box(2, 2, 4, 4)]), outline([box(0, 0, 8, 5)], category=2)
    crowd = outline({"size": [6, 8], "counts": [0, 6, 42]}, iscrowd=1)  # the first column, smaller than large
    for order in ([small, large, crowd], [crowd, large, small]):
        dataset, found = masks(volume, upload(*order))
        assert found["a.png"] == ["11111111", "11111111", "11221111", "11221111", "11111111", "20000000"]
        assert any("1 outline marks a crowd (iscrowd)" in note for note in dataset.notes)


@decodes
def test_runs_as_numbers_and_as_text_are_the_same_pixels(volume):
    counts = [7, 3, 3, 3, 20, 2, 10]
    pytest.importorskip("pycocotools")
    from pycocotools import mask as theirs

    said: Any = {"size": [6, 8], "counts": counts}
    packed = theirs.frPyObjects(said, 6, 8)
    entries = upload(
        outline({"size": [6, 8], "counts": counts}),
        outline({"size": [6, 8], "counts": packed["counts"].decode()}, image=2),
        images=(("a.png", SIZE), ("b.png", SIZE)),
    )
    _, found = masks(volume, entries)
    wanted = theirs.decode(packed)
    assert found["a.png"] == found["b.png"] == ["".join(str(2 * value) for value in row) for row in wanted.tolist()]


def test_text_of_runs_is_read_as_pycocotools_writes_it():
    theirs = pytest.importorskip("pycocotools.mask")
    np = pytest.importorskip("numpy")
    from shared.datasets.pairs.outlines import _from_text

    rng = np.random.default_rng(0)
    for _ in range(30):
        height, width = map(int, rng.integers(1, 90, 2))
        pixels = (rng.random((height, width)) < rng.random()).astype(np.uint8)
        packed = theirs.encode(np.asfortranarray(pixels))
        drawn = draw(
            [
                Outline(
                    "x", "annotation 1", False, runs=Runs((width, height), _from_text(packed["counts"].decode(), ""))
                )
            ],
            (width, height),
            {"x": 1},
            Effort(),
        )
        assert bytes(drawn.pixels) == pixels.tobytes()


@decodes
def test_polygons_cover_what_pycocotools_covers_but_for_pixels_at_the_edge():
    theirs = pytest.importorskip("pycocotools.mask")
    np = pytest.importorskip("numpy")
    rng, size = np.random.default_rng(1), (120, 90)
    for _ in range(20):
        turns = np.sort(rng.random(9)) * 2 * np.pi
        far = rng.uniform(20, 60, 9)
        corners = np.stack([60 + far * np.cos(turns), 45 + far * np.sin(turns)], 1).ravel().tolist()
        drawn = draw([Outline("x", "", False, [corners])], size, {"x": 1}, Effort())
        ours = np.frombuffer(bytes(drawn.pixels), np.uint8).reshape(90, 120)
        wanted = theirs.decode(theirs.frPyObjects([corners], 90, 120))[..., 0]
        assert abs(int(ours.sum()) - int(wanted.sum())) < 0.02 * wanted.sum()
        assert (ours & wanted).sum() > 0.97 * (ours | wanted).sum()


def test_a_pixel_is_inside_where_its_middle_is():
    triangle = draw([Outline("x", "", False, [[0, 0, 4, 0, 0, 4]])], (4, 4), {"x": 1}, Effort())
    assert bytes(triangle.pixels).hex() == "01010100010100000100000000000000"
    hole = [0, 0, 4, 0, 4, 4, 0, 4, 0, 0, 1, 1, 1, 3, 3, 3, 3, 1, 1, 1]  # a ring, cut open
    ring = draw([Outline("x", "", False, [hole])], (4, 4), {"x": 1}, Effort())
    assert bytes(ring.pixels).hex() == "01010101010000010100000101010101"


def test_what_cannot_be_drawn_is_dropped_by_name_and_what_reaches_beyond_is_cut(volume):
    entries = upload(
        outline([box(0, 0, 3, 3)]),
        outline([box(20, 0, 30, 3)]),
        outline([box(5.6, 1, 5.9, 2)]),
        outline([[1, 1, 2, 2]]),
        outline([]),
        outline({"size": [3, 3], "counts": [0, 9]}),
        outline({"size": [6, 8], "counts": [48]}),
        outline([box(5, 3, 20, 6), box(-9, 0, -4, 2)], category=2),
    )
    dataset, found = masks(volume, entries)
    assert found["a.png"] == ["22200000", "22200000", "22200000", "00000111", "00000111", "00000111"]
    why = {entry["why"] for entry in dataset.report.dropped.named}
    assert why == {
        "annotation 2 (cat) lies outside its picture of 8 x 6",
        "annotation 3 (cat) is empty: no pixel's middle lies in it",
        "annotation 4 (cat) has 4 numbers: a polygon has two for each of three corners or more",
        "annotation 5 (cat) has no outline",
        "annotation 6 (cat) has runs for 3 x 3 pixels, its picture has 8 x 6",
        "annotation 7 (cat) is empty",
        "annotation 8 (dog), polygon 2 lies outside its picture of 8 x 6",
    }
    assert dataset.report.dropped.empty == 7
    assert any(note.startswith("7 outlines left out") for note in dataset.notes)
    assert any("1 outline reached beyond the edge" in note for note in dataset.notes)


@pytest.mark.parametrize("turn", [3, 6, 8])
@pytest.mark.parametrize("as_stored", [True, False])
def test_masks_stand_upright_with_their_pictures(volume, turn, as_stored):
    exif = Image.Exif()
    exif[0x0112] = turn
    out = io.BytesIO()
    Image.new("RGB", (8, 4), (9, 9, 9)).save(out, "JPEG", exif=exif)
    on_its_side = turn in (6, 8)
    said = (8, 4) if as_stored or not on_its_side else (4, 8)
    body = coco(outline([box(0, 0, 2, 1)]), images=(("a.jpg", said),))
    dataset, found = masks(volume, [("a.jpg", out.getvalue()), ("instances.json", body)])
    rows = found["a.jpg"]
    assert (len(rows[0]), len(rows)) == ((4, 8) if on_its_side else (8, 4))
    marked = {(x, y) for y, row in enumerate(rows) for x, value in enumerate(row) if value == "2"}
    if on_its_side and as_stored:  # 6: the left of what is stored is at the top; 8: at the bottom
        assert marked == ({(3, 0), (3, 1)} if turn == 6 else {(0, 7), (0, 6)})
        assert any("stored on the side (EXIF)" in note for note in dataset.notes)
    else:
        assert marked == {(0, 0), (1, 0)}


def test_a_picture_of_another_size_than_its_annotations_say_is_named_or_left_out(volume):
    entries = upload(outline([box(0, 0, 2, 2)], image=1), images=(("a.png", SIZE), ("b.png", SIZE)))
    entries[1] = ("b.png", photo(3, (9, 9)))
    refusal = refused(volume, entries)
    assert refusal.problems[0].file == "b.png" and "is 9 x 9 pixels, its annotations say 8 x 6" in refusal.message
    assert [(choice.option, choice.value) for choice in refusal.choices] == [("bad_rows", "drop")]
    _, found = masks(volume, entries, bad_rows="drop")
    assert found.keys() == {"a.png"}


def test_a_picture_nobody_lists_is_named_and_one_without_outlines_is_background(volume):
    entries = upload(outline([box(0, 0, 2, 2)]), images=(("a.png", SIZE), ("b.png", None)))
    dataset, found = masks(volume, entries)
    assert set(found["b.png"]) == {"00000000"}
    assert "1 picture has no outline: all background (b.png)" in dataset.notes
    with pytest.raises(DatasetInvalid, match="in no annotation's list") as refusal:
        masks(volume, [*entries, ("c.png", photo(7))])
    assert [problem.file for problem in refusal.value.problems] == ["c.png"]


def test_a_hundred_thousand_pictures_that_did_not_come_are_counted_and_the_first_named(volume):
    images = [("a.png", SIZE), *((f"missing/{number:06d}.jpg", SIZE) for number in range(100_000))]
    body = coco(
        outline([box(0, 0, 2, 2)]), *(outline([box(0, 0, 1, 1)], image=n + 2) for n in range(100_000)), images=images
    )
    entries = [("a.png", photo(1)), ("instances.json", body)]
    refusal = refused(volume, entries)
    assert len(refusal.problems) <= 51 and "000000.jpg" in refusal.message and "99999 more" in refusal.message
    assert "Leave out 100,000 entries and take the other 1 pairs" in refusal.choices[0].title
    dataset, found = masks(volume, entries, bad_rows="drop")
    assert found.keys() == {"a.png"} and dataset.report.dropped.broken == 100_000
    assert len(dataset.report.dropped.named) == 100 and max(map(len, dataset.notes)) < 400


BROKEN = {
    "of no picture": (outline([box(0, 0, 1, 1)], image=9), "image_id 9"),
    "of no class": (outline([box(0, 0, 1, 1)], category=9), "category_id 9"),
    "of words": (outline([["a", "b"]]), "annotation 1 has the segmentation"),
    "of one number": (outline([3]), "annotation 1 (cat) has 1 numbers"),
    "without a number": (outline([[0, 0, float("nan"), 1, 1, 1]]), "annotation 1 has the segmentation"),
    "runs without a size": (outline({"counts": [48]}), "[height, width]"),
    "runs too short": (outline({"size": [6, 8], "counts": [3, 4]}), "7 pixels"),
    "runs below zero": (outline({"size": [6, 8], "counts": [-1, 49]}), "whole numbers"),
    "runs that are no text": (outline({"size": [6, 8], "counts": "\u00ff"}), "no text of runs"),
    "runs that end early": (outline({"size": [6, 8], "counts": "oo"}), "end in the middle"),
    "runs of an endless number": (outline({"size": [6, 8], "counts": "o" * 99}), "no text of runs"),
    "runs that are true": (outline({"size": [6, 8], "counts": [True, 47]}), "whole numbers"),
    "runs larger than anything": (outline({"size": [10**9, 10**9], "counts": [10**18]}), "has runs for"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_annotation_is_said(volume, case):
    annotation, words = BROKEN[case]
    assert words in refused(volume, upload(annotation)).message


def test_more_categories_than_a_mask_has_values_are_refused(volume):
    many = [{"id": number, "name": f"kind {number}"} for number in range(300)]
    assert (
        "300 categories; 254 are the most"
        in refused(volume, upload(outline([box(0, 0, 2, 2)]), categories=many)).message
    )


def test_a_category_called_background_is_the_background(volume):
    named = [{"id": 0, "name": "Background"}, {"id": 1, "name": "cat"}]
    cut_out = [outline([box(0, 0, 8, 6)], category=1), outline([box(0, 0, 2, 1)], category=0)]
    dataset, found = masks(volume, upload(*cut_out, categories=named))
    assert found["a.png"][:2] == ["00111111", "11111111"]
    assert [kind.name for kind in mask_classes(volume.dataset_dir(dataset.id) / "files")] == ["background", "cat"]


def test_files_of_two_parts_have_the_same_classes_by_their_names(volume):
    one = coco(outline([box(0, 0, 2, 2)], category=5))
    other = coco(
        outline([box(0, 0, 1, 6)], category=1), images=(("b.png", SIZE),), categories=[{"id": 1, "name": "cat"}]
    )
    entries = [
        ("train/a.png", photo(1)),
        ("train/x.coco.json", one),
        ("valid/b.png", photo(2)),
        ("valid/x.coco.json", other),
    ]
    dataset, found = masks(volume, entries)
    assert dataset.report.parts == {"train": 1, "val": 1}
    assert found["a.png"][0] == "22000000" and found["b.png"][0] == "20000000"


def test_an_upload_of_pictures_and_coco_is_of_boxes_unless_it_is_said_otherwise_and_each_names_the_other(volume):
    entries = upload(outline([box(0, 0, 2, 2)], bbox=[0, 0, 2, 2]))
    boxes = load(volume, ("p.zip", zipped(entries)))
    assert boxes.format == "boxes" and any("picture_pairs" in note for note in boxes.notes)
    without = upload(outline([], bbox=[0, 0, 3, 3]))
    assert not any("picture_pairs" in note for note in load(volume, ("p.zip", zipped(without))).notes)
    with pytest.raises(DatasetInvalid, match="format boxes"):
        masks(volume, without)


def test_masks_that_are_pictures_go_before_outlines_unless_these_are_wished(volume):
    entries = upload(outline([box(0, 0, 2, 2)]), images=(("images/a.png", SIZE),))
    mask = picture((1, 1, 1), size=SIZE)
    entries.append(("masks/a.png", mask))
    dataset, found = masks(volume, entries)
    assert set(found["a.png"]) == {"00000000"} and dataset.report.classes == {"#010101": 48}
    body = coco(outline([box(0, 0, 2, 2)]), images=(("images/a.png", SIZE),))
    entries = [("images/a.png", photo(1)), ("instances.json", body)]
    assert masks(volume, entries, kind="outlines")[1]["a.png"][0] == "22000000"
    with pytest.raises(DatasetInvalid, match="no COCO"):
        masks(volume, entries[:1], kind="outlines")


def test_outlines_without_end_are_refused():
    draws = random.Random(0)
    jagged = [draws.choice((0, 6)) if i % 2 else draws.randrange(8) for i in range(200)]
    with pytest.raises(DatasetInvalid, match="too long to draw"):
        draw([Outline("x", "", False, [jagged])], SIZE, {"x": 1}, Effort(100))
    with pytest.raises(DatasetInvalid, match="too long to draw"):
        whole = Runs((100, 100), [0, 10_000])
        draw([Outline("x", "", False, runs=whole)] * 3, (100, 100), {"x": 1}, Effort(400))


@pytest.mark.parametrize(
    "name", ["a.png", "a/b.c.png", ".hidden", "a/.hidden.png", "a.", "a/b", "a/b/", "a..png", "x.y/z", ""]
)
def test_a_stem_is_what_paths_say(name):
    assert stem(name) == PurePosixPath(name).stem
