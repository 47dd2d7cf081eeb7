"""Boxes: VOC, COCO and YOLO come out in one form; what does not fit its picture is named, dropped by name, or asked about."""

import io
import json

import pytest
from PIL import Image

from shared.datasets.boxes import read_boxes
from shared.datasets.looking import get_preview, open_preview_file
from shared.datasets.pictures import upright
from shared.errors import DatasetInvalid, NotFound
from shared.outputs import Boxes
from shared.volume.volume import Volume
from tests.support.uploads import left_behind, load, picture, zipped


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def voc(*boxes, name="a.jpg", size=(40, 30), head="", more=""):
    objects = "".join(
        f"<object><name>{label}</name>{more}<bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
        "</bndbox></object>"
        for x0, y0, x1, y1, label in boxes
    )
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
    return f"{head}<annotation><filename>{name}</filename>{sides}{objects}</annotation>".encode()


def photo(number, size=(40, 30), format="PNG"):
    return picture((number, 5, 5), size=size, format=format)


def boxes_of(volume, dataset):
    return {p.file: p for p in read_boxes(volume.dataset_dir(dataset.id) / "files")}


def refused(volume, entries, **options) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as refusal:
        load(volume, ("b.zip", zipped(entries)), format="boxes", options=options)
    assert left_behind(volume) == []
    return refusal.value


CAT, DOG = (2, 3, 20, 25, "cat"), (10, 10, 30, 28, "dog")


def as_voc():
    return [
        ("images/a.png", photo(1)),
        ("images/b.png", photo(2)),
        ("annotations/a.xml", voc(CAT, DOG, name="a.png")),
        ("annotations/b.xml", voc(CAT, name="b.png")),
    ]


def as_coco():
    body = {
        "images": [
            {"id": 7, "file_name": "a.png", "width": 40, "height": 30},
            {"id": 9, "file_name": "b.png", "width": 40, "height": 30},
        ],
        "annotations": [
            {"image_id": 7, "category_id": 2, "bbox": [2, 3, 18, 22]},
            {"image_id": 7, "category_id": 1, "bbox": [10, 10, 20, 18]},
            {"image_id": 9, "category_id": 2, "bbox": [2, 3, 18, 22]},
        ],
        "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}],
    }
    return [("a.png", photo(1)), ("b.png", photo(2)), ("_annotations.coco.json", json.dumps(body).encode())]


def as_yolo(names=("data.yaml", b"nc: 2\nnames: ['dog', 'cat']  # in order\n")):
    cat, dog = "1 0.275 0.46666667 0.45 0.73333333", "0 0.5 0.63333333 0.5 0.6"
    return [
        ("images/a.png", photo(1)),
        ("images/b.png", photo(2)),
        ("labels/a.txt", f"{cat}\n{dog}\n".encode()),
        ("labels/b.txt", f"{cat}\n".encode()),
        names,
    ]


@pytest.mark.parametrize("entries", [as_voc(), as_coco(), as_yolo()], ids=["voc", "coco", "yolo"])
def test_all_three_come_out_alike(volume, entries):
    dataset = load(volume, ("b.zip", zipped(entries)))
    assert dataset.format == "boxes" and dataset.report.rows == 2 and dataset.report.classes == {"cat": 2, "dog": 1}
    stored = boxes_of(volume, dataset)["pictures/a.png"]
    assert (stored.width, stored.height, stored.part) == (40, 30, "train")
    assert [[*map(round, box[:4]), box[4]] for box in stored.boxes] == [list(CAT), list(DOG)]
    assert dataset.report.facts["boxes"] == 3 and dataset.report.facts["boxes_a_picture"] == [1, 2]


def test_a_flat_folder_of_files_needs_no_zip(volume):
    assert load(volume, ("a.png", photo(1)), ("a.xml", voc(CAT))).report.classes == {"cat": 1}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "dog\ncat\n"),
        ("data.yaml", "names:\n- dog\n- cat\nnc: 2\n"),
        ("data.yaml", "path: x\nnames:\n  0: dog\n  1: 'cat'\n"),
        ("obj.names", "dog\ncat"),
    ],
)
def test_yolos_names_of_classes_are_found(volume, name, text):
    assert load(volume, ("b.zip", zipped(as_yolo((name, text.encode()))))).report.classes == {"cat": 2, "dog": 1}


def test_yolo_without_names_is_numbered_and_that_is_said(volume):
    dataset = load(volume, ("b.zip", zipped(as_yolo()[:-1])))
    assert dataset.report.classes == {"1": 2, "0": 1} and "called by their numbers" in dataset.notes[0]


def test_yolos_outlines_become_boxes(volume):
    outline = b"0 0.25 0.5 0.5 0.2 0.75 0.5 0.5 0.8"
    dataset = load(volume, ("b.zip", zipped([("a.png", photo(1)), ("a.txt", outline), ("classes.txt", b"cat")])))
    assert boxes_of(volume, dataset)["pictures/a.png"].boxes == ((10.0, 6.0, 30.0, 24.0, "cat"),)


def test_parts_come_from_folders_and_from_the_names_of_json_files(volume):
    entries = [(f"{part}/{name}", data) for part in ("train", "valid") for name, data in as_coco()]
    entries = [(name, data + bytes([0]) * name.startswith("valid/a.png")) for name, data in entries]
    dataset = load(volume, ("b.zip", zipped(entries)))
    assert dataset.report.parts == {"train": 2, "val": 2} and dataset.report.rows == 4
    flat = [(n.replace("_annotations.coco", "instances_test2017"), d) for n, d in as_coco()]
    assert load(volume, ("b.zip", zipped(flat))).report.parts == {"test": 2}


def test_parts_come_from_lists(volume):
    lists = [("splits/train.txt", b"a\n"), ("splits/test.txt", b"./images/b.png\n"), ("splits/trainval.txt", b"a\n")]
    assert load(volume, ("b.zip", zipped([*as_voc(), *lists]))).report.parts == {"train": 1, "test": 1}


def test_pictures_that_are_not_there_are_named_and_left_out_by_choice(volume):
    entries = [*as_voc(), ("annotations/gone.xml", voc(CAT, name="gone.jpg"))]
    refusal = refused(volume, entries)
    assert [(p.file, "gone.jpg" in p.message) for p in refusal.problems] == [("annotations/gone.xml", True)]
    assert [(c.option, c.value) for c in refusal.choices] == [("bad_rows", "drop")]
    dataset = load(volume, ("b.zip", zipped(entries)), options={"bad_rows": "drop"})
    assert dataset.report.rows == 2 and dataset.report.dropped.named[0]["file"] == "annotations/gone.xml"


def test_coco_names_the_pictures_that_are_not_there(volume):
    refusal = refused(volume, [as_coco()[0], as_coco()[2]])
    assert refusal.problems[0].file == "_annotations.coco.json: b.png" and "has not" in refusal.problems[0].message


def test_an_annotation_of_another_size_is_named(volume):
    refusal = refused(
        volume, [("a.png", photo(1)), ("a.xml", voc(CAT, size=(80, 60))), ("b.png", photo(2)), ("b.xml", voc(DOG))]
    )
    assert [(p.file, p.message) for p in refusal.problems] == [
        ("a.xml", "says 80 x 60 pixels, its picture has 40 x 30")
    ]


def test_empty_and_outside_boxes_are_dropped_by_name_and_others_cut_at_the_edge(volume):
    boxes = [CAT, (5, 5, 5, 9, "cat"), (50, 5, 60, 9, "dog"), (-8, 5, 90, 9, "dog"), (1, 1, 41, 30, "dog")]
    dataset = load(volume, ("b.zip", zipped([("a.png", photo(1)), ("a.xml", voc(*boxes))])))
    assert [(d["file"], d["value"], d["why"]) for d in dataset.report.dropped.named] == [
        ("a.png", "cat (5, 5, 5, 9)", "is empty"),
        ("a.png", "dog (50, 5, 60, 9)", "lies outside its picture of 40 x 30"),
    ]
    assert (
        dataset.report.dropped.empty == 2
        and "2 boxes left out" in dataset.notes[0]
        and "1 box reached" in dataset.notes[1]
    )
    assert boxes_of(volume, dataset)["pictures/a.png"].boxes[1:] == ((0, 5, 40, 9, "dog"), (1, 1, 40, 30, "dog"))


def test_pictures_without_an_annotation_are_kept_and_said(volume):
    dataset = load(volume, ("b.zip", zipped([*as_voc(), ("images/c.png", photo(3))])))
    assert dataset.report.rows == 3 and "1 picture has no annotation" in dataset.notes[0]
    assert "without_boxes" in {said.code for said in dataset.report.warnings}


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_boxes_of_a_picture_on_its_side_are_turned_with_it(volume, orientation):
    stored = Image.new("RGB", (40, 30))
    stored.paste((255, 255, 255), (2, 3, 20, 25))
    exif = Image.Exif()
    exif[0x0112] = orientation
    dataset = load(volume, ("a.png", saved(stored, exif)), ("a.xml", voc(CAT, size=(40, 30))))
    kept = boxes_of(volume, dataset)["pictures/a.png"]
    assert (kept.width, kept.height) == (30, 40) and "stored on the side" in dataset.notes[0]
    with Image.open(volume.dataset_dir(dataset.id) / "files" / kept.file) as image:
        assert kept.boxes[0][:4] == upright(image).convert("L").getbbox()
    upright_said = load(volume, ("b.png", saved(stored, exif)), ("b.xml", voc(CAT, size=(30, 40))))
    assert boxes_of(volume, upright_said)["pictures/b.png"].boxes == (CAT,)


def saved(image, exif):
    out = io.BytesIO()
    image.save(out, "PNG", exif=exif)
    return out.getvalue()


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
BAD = {
    "entities": (voc(CAT, head=ENTITIES), "DOCTYPE"),
    "a file read through an entity": (
        voc(CAT, head='<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'),
        "DOCTYPE",
    ),
    "entities in another encoding": (voc(CAT, head=ENTITIES).decode().encode("utf-16"), "DOCTYPE"),
    "no xml": (b"hello", "no readable XML"),
    "cut off": (voc(CAT)[:-20], "no readable XML"),
    "an unknown encoding": (voc(CAT, head='<?xml version="1.0" encoding="x-none"?>'), "no readable XML"),
    "another root": (b"<html></html>", "no annotation in VOC's XML"),
    "no number": (voc((2, "x", 3, 4, "cat")), "<ymin> 'x'"),
    "no label": (voc((2, 2, 3, 4, "")), "without a <name>"),
    "no box": (b"<annotation><object><name>cat</name></object></annotation>", "without <xmin>"),
    "elements without end": (b"<annotation>" + b"<a>" * 40 + b"</a>" * 40 + b"</annotation>", "deep"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_voc_file_is_refused_by_name(volume, case):
    body, said = BAD[case]
    refusal = refused(volume, [*as_voc(), ("images/c.png", photo(3)), ("annotations/c.xml", body)])
    assert [(p.file, said in p.message) for p in refusal.problems] == [("annotations/c.xml", True)]


def coco(**changes):
    return json.dumps(json.loads(as_coco()[2][1]) | changes).encode()


BAD_COCO = {
    "no json": (b'{"images": [], "annotations": ', "no JSON"),
    "nested without end": (b'{"images": "annotations",' + b'"a":[' * 200_000, "nested|no JSON"),
    "no list": (coco(images=3), "should be a list"),
    "an unknown picture": (
        coco(annotations=[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}]),
        "images has not",
    ),
    "an unknown class": (
        coco(annotations=[{"image_id": 7, "category_id": 5, "bbox": [0, 0, 1, 1]}]),
        "categories has not",
    ),
    "three numbers": (coco(annotations=[{"image_id": 7, "category_id": 1, "bbox": [0, 0, 1]}]), "four numbers"),
    "no box": (coco(annotations=[{"image_id": 7, "category_id": 1}]), "without 'bbox'"),
}


@pytest.mark.parametrize("case", BAD_COCO)
def test_a_bad_coco_file_is_refused_by_name(volume, case):
    body, said = BAD_COCO[case]
    refusal = refused(volume, [*as_coco()[:2], ("x.json", body)])
    assert refusal.problems[0].file == "x.json" and any(word in refusal.problems[0].message for word in said.split("|"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.5 0.5", "a box has five"),
        ("cat 0.5 0.5 0.1 0.1", "number of a class"),
        ("5 0.5 0.5 0.1 0.1", "there are 2 names"),
        ("0 100 100 20 20", "no shares"),
        ("0 nan 0.5 0.1 0.1", "no shares"),
        ("0 x 0.5 0.1 0.1", "five numbers"),
    ],
)
def test_a_bad_yolo_line_is_named(volume, line, said):
    entries = [*as_yolo(), ("images/c.png", photo(3)), ("labels/c.txt", f"0 0.5 0.5 0.1 0.1\n{line}\n".encode())]
    refusal = refused(volume, entries)
    assert refusal.problems[0].file == "labels/c.txt" and "line 2" in refusal.problems[0].message
    assert said in refusal.problems[0].message


def test_annotations_of_two_programs_are_asked_about(volume):
    entries = [*as_voc(), *as_yolo()[2:]]
    assert {(c.option, c.value) for c in refused(volume, entries).choices} == {
        ("annotations", "voc"),
        ("annotations", "yolo"),
    }
    dataset = load(volume, ("b.zip", zipped(entries)), format="boxes", options={"annotations": "yolo"})
    assert dataset.report.classes == {"cat": 2, "dog": 1}


def test_pictures_without_any_annotation_are_refused(volume):
    assert "no annotations" in refused(volume, as_voc()[:2]).message


def test_two_pictures_of_one_name_in_two_folders_are_told_apart_by_their_folders(volume):
    entries = [
        ("x/images/a.png", photo(1)), ("x/labels/a.xml", voc(CAT)),
        ("y/images/a.png", photo(2)), ("y/labels/a.xml", voc(DOG)),
    ]  # fmt: skip
    stored = boxes_of(volume, load(volume, ("b.zip", zipped(entries))))
    assert {file: picture.boxes[0][4] for file, picture in stored.items()} == {
        "pictures/x_images_a.png": "cat", "pictures/y_images_a.png": "dog"}  # fmt: skip


def test_the_same_picture_in_train_and_test_is_a_leak(volume):
    entries = [("train/a.png", photo(1)), ("train/a.xml", voc(CAT)), ("test/b.png", photo(1)), ("test/b.xml", voc(CAT))]
    report = load(volume, ("b.zip", zipped(entries))).report
    assert report.leakage == {"train and test": 1} and "leakage" in {said.code for said in report.warnings}


def test_a_broken_picture_is_named_with_all_else(volume):
    refusal = refused(volume, [*as_voc(), ("images/c.png", photo(3)[:50]), ("annotations/d.xml", b"x")])
    assert {p.file for p in refusal.problems} == {"images/c.png", "annotations/d.xml"}


def test_a_preview_draws_boxes_and_serves_the_pictures_it_names(volume):
    dataset = load(volume, ("b.zip", zipped(as_voc())))
    first, _ = get_preview(volume, dataset)
    assert isinstance(first, Boxes) and first.size == (40, 30) and [box.label for box in first.boxes] == ["cat", "dog"]
    stream, kind = open_preview_file(volume, dataset, first.picture)
    with stream:
        assert kind == "image/png" and stream.read() == photo(1)
    for name in ("boxes.jsonl", "pictures/none.png"):
        with pytest.raises(NotFound):
            open_preview_file(volume, dataset, name)


def test_the_real_blood_cells_import_with_their_own_parts(volume, data_sets):
    data = (data_sets / "bccd_blood_cells" / "bccd_blood_cells.zip").read_bytes()
    report = load(volume, ("bccd_blood_cells.zip", data)).report
    assert report.classes == {"RBC": 4153, "WBC": 372, "Platelets": 361} and report.dropped.empty == 2
    assert report.parts == {"train": 205, "val": 87, "test": 72}
    assert [d["file"] for d in report.dropped.named] == ["images/BloodImage_00338.jpg", "images/BloodImage_00343.jpg"]
