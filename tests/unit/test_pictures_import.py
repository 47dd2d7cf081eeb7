"""Pictures: which folder is a class, which a part; what is left out is said; what only the user can say is asked."""

import io
from pathlib import Path

import pytest
from PIL import Image

from shared.datasets.looking import get_preview, open_preview_file
from shared.datasets.pictures import open_pictures
from shared.errors import DatasetInvalid, NotFound
from shared.volume.volume import Volume
from tests.support.uploads import classes, left_behind, load, picture, zipped


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


COCO = b'{"images": [], "annotations": [], "categories": []}'


def refused(volume, entries, **options) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as refusal:
        load(volume, ("p.zip", zipped(entries)), format="pictures", options=options)
    assert left_behind(volume) == []
    return refusal.value


def offered(refusal: DatasetInvalid) -> set[tuple[str, str]]:
    return {(choice.option, choice.value) for choice in refusal.choices}


@pytest.mark.parametrize("lead", ["", "my pictures/", "a/b/"])
def test_class_folders_are_found_below_folders_that_hold_everything(volume, lead):
    dataset = load(volume, ("p.zip", zipped(classes(lead=lead))))
    assert dataset.format == "pictures" and dataset.report.classes == {"cat": 3, "dog": 3}
    assert (volume.dataset_dir(dataset.id) / "files" / "cat" / "0.png").exists()


def test_folders_that_hold_everything_are_taken_away_in_one_move_however_many(volume, monkeypatch):
    moved = []
    rename = Path.rename
    monkeypatch.setattr(Path, "rename", lambda self, target: moved.append(self.name) or rename(self, target))
    dataset = load(volume, ("p.zip", zipped(classes(lead="a/b/a/cat/" * 3))))
    assert dataset.report.classes == {"cat": 3, "dog": 3} and sorted(moved) == ["cat", "cat", "dog"]
    assert sorted(p.name for p in (volume.dataset_dir(dataset.id) / "files").iterdir()) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("train", "test"), [("train", "test"), ("Training", "Testing"), ("training_set", "test_set"), ("训练集", "测试集")]
)
def test_train_and_test_folders_are_parts_whatever_they_are_called(volume, train, test):
    entries = [*classes(lead=f"{train}/"), (f"{test}/cat/t.png", picture((1, 2, 3)))]
    dataset = load(volume, ("p.zip", zipped(entries)))
    assert dataset.report.parts == {"train": 6, "test": 1} and dataset.report.classes == {"cat": 4, "dog": 3}
    pictures = open_pictures(volume.dataset_dir(dataset.id), dataset)
    assert sorted(set(pictures.parts)) == ["test", "train"] and pictures.classes == ["cat", "dog"]


@pytest.mark.parametrize("valid", ["val", "valid", "validation", "Validation", "dev"])
def test_the_part_to_validate_with_has_one_name_for_all_its_names(volume, valid):
    entries = [*classes(lead="train/"), (f"{valid}/cat/t.png", picture((1, 2, 3)))]
    assert load(volume, ("p.zip", zipped(entries))).report.parts == {"train": 6, "val": 1}


def test_pictures_without_classes_are_taken_bare_as_they_are_or_zipped(volume):
    files = [(f"{i}.png", picture((i, 2, 3))) for i in range(3)]
    bare = load(volume, *files)
    assert (bare.format, bare.report.rows, bare.report.classes, bare.report.unit) == ("pictures", 3, {}, "pictures")
    assert load(volume, ("p.zip", zipped([(f"photos/{name}", data) for name, data in files]))).id == bare.id
    pictures = open_pictures(volume.dataset_dir(bare.id), bare)
    assert pictures.labels == [None] * 3 and pictures.classes == [] and pictures.open(1).size == (8, 8)


def test_bare_pictures_may_lie_in_parts(volume):
    dataset = load(volume, ("p.zip", zipped(classes(names=("train", "test")))))
    assert dataset.report.parts == {"train": 3, "test": 3} and dataset.report.classes == {}


def test_one_class_in_parts_is_a_class(volume):
    entries = [*classes(lead="train/", names=("cat",)), ("test/cat/t.png", picture((1, 2, 3)))]
    assert load(volume, ("p.zip", zipped(entries))).report.classes == {"cat": 4}


def test_a_class_may_be_called_train(volume):
    dataset = load(volume, ("p.zip", zipped(classes(names=("train", "car", "bus")))))
    assert dataset.report.classes == {"bus": 3, "car": 3, "train": 3} and dataset.report.parts == {"train": 9}


def test_folders_of_which_some_are_called_like_parts_are_asked_about(volume):
    entries = classes(names=("train", "test", "car"))
    assert offered(refused(volume, entries)) == {("outer_folders", "classes")}
    dataset = load(volume, ("p.zip", zipped(entries)), options={"outer_folders": "classes"})
    assert dataset.report.classes == {"car": 3, "test": 3, "train": 3}


def test_outer_folders_that_hold_the_same_classes_are_asked_about(volume):
    entries = [*classes(lead="north/"), ("south/cat/s.png", picture((1, 2, 3)))]
    refusal = refused(volume, entries)
    assert "north, south" in refusal.message and "cat" in refusal.message
    assert offered(refusal) == {("outer_folders", "merge"), ("outer_folders", "classes")}
    merged = load(volume, ("p.zip", zipped(entries)), options={"outer_folders": "merge"})
    outer = load(volume, ("p.zip", zipped(entries)), options={"outer_folders": "classes"})
    assert merged.report.classes == {"cat": 4, "dog": 3} and outer.report.classes == {"north": 6, "south": 1}
    assert merged.id != outer.id
    assert open_pictures(volume.dataset_dir(outer.id), outer).classes == ["north", "south"]


def test_outer_folders_that_group_classes_are_mentioned(volume):
    entries = [*classes(lead="animals/"), *classes(lead="vehicles/", names=("car",))]
    dataset = load(volume, ("p.zip", zipped([(n, picture((i, 1, 1))) for i, (n, _) in enumerate(entries)])))
    assert set(dataset.report.classes) == {"cat", "dog", "car"} and "animals, vehicles" in dataset.notes[0]


def test_repeated_pictures_hidden_files_and_others_are_left_out_and_that_is_said(volume):
    entries = [
        *classes(),
        ("cat/copy.png", picture((0, 0, 7))),
        ("__MACOSX/cat/._0.png", b"x"),
        ("cat/notes.txt", b"x"),
    ]
    dataset = load(volume, ("p.zip", zipped(entries)))
    assert dataset.report.rows == 6 and dataset.report.dropped.duplicate == 1
    assert [word in " ".join(dataset.notes) for word in ("repeated", "hidden", "no picture")] == [True] * 3


@pytest.mark.parametrize("beside", ["README.txt", "d/README.txt", "d/train/labels.csv", "cat/a/notes.txt"])
def test_a_file_that_is_no_picture_does_not_hide_the_parts(volume, beside):
    entries = [(beside, b"words"), *classes(lead="d/train/"), ("d/test/cat/t.png", picture((1, 2, 3)))]
    dataset = load(volume, ("p.zip", zipped(entries)))
    assert dataset.report.parts == {"train": 6, "test": 1} and beside in dataset.notes[0]


def test_an_empty_class_folder_is_said(volume):
    data = zipped([*classes(), ("green/", b"")])
    notes = load(volume, ("p.zip", data)).notes
    assert len(notes) == 1 and "green" in notes[0]


def test_the_only_class_beside_an_empty_folder_stays_a_class(volume):
    assert load(volume, ("p.zip", zipped([*classes(names=("cat",)), ("dog/", b"")]))).report.classes == {"cat": 3}


def test_a_picture_in_train_and_test_stays_in_test_only_and_both_parts_are_named(volume):
    entries = [*classes(lead="train/"), ("test/cat/same.png", picture((0, 0, 7)))]
    dataset = load(volume, ("p.zip", zipped(entries)))
    assert dataset.report.parts == {"train": 5, "test": 1} and "1 repeated" in dataset.notes[0]
    assert dataset.report.leakage == {"train and test": 1}
    assert any(said.code == "leakage" for said in dataset.report.warnings)


def test_a_part_of_nothing_but_copies_is_asked_about(volume):
    entries = [*classes(lead="train/"), *classes(lead="test/")]
    refusal = refused(volume, entries)
    assert "part train" in refusal.message and offered(refusal) == {("missing_classes", "leave_out")}
    dataset = load(volume, ("p.zip", zipped(entries)), options={"missing_classes": "leave_out"})
    assert dataset.report.parts == {"test": 6}


def test_a_class_that_only_the_test_part_has_is_asked_about(volume):
    entries = [*classes(lead="train/"), ("test/cow/0.png", picture()), ("test/cat/9.png", picture((9, 9, 9)))]
    assert offered(refused(volume, entries)) == {("missing_classes", "leave_out"), ("missing_classes", "keep")}
    out = load(volume, ("p.zip", zipped(entries)), options={"missing_classes": "leave_out"})
    assert out.report.classes == {"cat": 4, "dog": 3} and "train has not" in " ".join(out.notes)
    kept = load(volume, ("p.zip", zipped(entries)), options={"missing_classes": "keep"})
    assert kept.report.classes["cow"] == 1 and "cow" in " ".join(said.message for said in kept.report.warnings)


def test_pictures_that_cannot_be_used_are_left_out_by_choice_and_named(volume):
    entries = [*classes(), ("cat/bad.png", picture()[:40]), ("dog/x.png", picture((0, 0, 7))), ("stray.png", picture())]
    refusal = refused(volume, entries)
    assert {p.file for p in refusal.problems} == {"cat/bad.png", "cat/0.png", "dog/x.png", "stray.png"}
    assert offered(refusal) == {("bad_rows", "drop")}
    dataset = load(volume, ("p.zip", zipped(entries)), options={"bad_rows": "drop"})
    assert dataset.report.classes == {"cat": 2, "dog": 3} and dataset.report.dropped.broken == 4
    assert {entry["file"] for entry in dataset.report.dropped.named} == {p.file for p in refusal.problems}


def test_where_a_class_would_be_gone_leaving_out_names_it(volume):
    entries = [*classes(), *((f"green/{i}.png", b"") for i in range(2))]
    for options in ({}, {"bad_rows": "drop"}):
        refusal = refused(volume, entries, **options)
        assert any("'green' would be empty" in p.message for p in refusal.problems)
        assert offered(refusal) == {("missing_classes", "leave_out")} and "green" in refusal.choices[0].title
    dataset = load(volume, ("p.zip", zipped(entries)), options={"missing_classes": "leave_out"})
    assert set(dataset.report.classes) == {"cat", "dog"} and "'green'" in " ".join(dataset.notes)


def test_nothing_is_offered_where_nothing_would_be_left(volume):
    assert refused(volume, [("cat/0.png", b""), ("dog/0.png", b"x")]).choices == []


@pytest.mark.parametrize("annotation", ["cat/0.xml", "labels/0.txt", "annotations.json", "any.json"])
def test_annotations_beside_pictures_are_not_dropped_in_silence(volume, annotation):
    entries = [*classes(), (annotation, COCO if annotation == "any.json" else b"0 0.5 0.5 0.1 0.1")]
    refusal = refused(volume, entries)
    assert annotation in refusal.message and "boxes" in refusal.message
    assert offered(refusal) == {("annotations", "leave_out")}
    assert (
        load(volume, ("p.zip", zipped(entries)), format="pictures", options={"annotations": "leave_out"}).report.rows
        == 6
    )


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "MPO", "PPM", "AVIF"])
def test_the_usual_picture_formats_are_read(volume, format):
    suffix = {"JPEG": "jfif", "MPO": "jpg", "TIFF": "tif"}.get(format, format.lower())
    entries = [(f"{label}/0.{suffix}", picture((9, 90 * i, 9), format=format)) for i, label in enumerate("ab")]
    dataset = load(volume, ("p.zip", zipped(entries)))
    assert dataset.report.rows == 2
    pictures = open_pictures(volume.dataset_dir(dataset.id), dataset)
    assert abs(pictures.open(1).getpixel((4, 4))[1] - 90) < 12  # pyright: ignore[reportIndexIssue, reportOptionalSubscript]


def test_names_without_an_ending_are_looked_at_by_content(volume):
    entries = [
        (f"{label}/{i}", picture((i * 40, 9, 9), format=f))
        for label, f in (("a", "PNG"), ("b", "JPEG"))
        for i in range(3)
    ]
    dataset = load(volume, ("p.zip", zipped([*entries, ("a/words", b"BMW and words")])))
    assert dataset.report.classes == {"a": 3, "b": 3} and "a/words" in " ".join(dataset.notes)
    assert (volume.dataset_dir(dataset.id) / "files" / "b" / "0.jpg").exists()


def heic():
    return b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)


def test_heic_is_called_by_its_name_whatever_the_file_is_called(volume):
    refusal = refused(volume, [*classes(), ("cat/IMG_1.jpg", heic()), ("dog/IMG_2.HEIC", heic())])
    said = {p.file: p.message for p in refusal.problems}
    assert "HEIC picture named .jpg" in said["cat/IMG_1.jpg"] and "HEIC picture" in said["dog/IMG_2.HEIC"]
    assert all("convert it" in message for message in said.values())


def test_classes_that_differ_in_size_of_letters_or_spaces_are_warned_about(volume):
    entries = [
        (f"{name}/{i}.png", picture((i, j, 7)))
        for j, name in enumerate(("red", "Red", "red ", "blue"))
        for i in range(2)
    ]
    dataset = load(volume, ("p.zip", zipped(entries)))
    (said,) = (said for said in dataset.report.warnings if said.code == "classes_alike")
    assert all(repr(name) in said.message for name in ("red", "Red", "red ")) and "blue" not in said.message


def test_a_report_tells_sizes_colours_and_imbalance(volume):
    entries = [(f"many/{i}.png", picture((i, 0, 0))) for i in range(20)] + [("few/0.png", picture(size=(16, 4)))]
    report = load(volume, ("p.zip", zipped(entries))).report
    assert report.facts["width"] == [8, 16] and report.facts["height"] == [4, 8] and report.facts["pixels"] == [64, 64]
    assert report.facts["channels"] == 3
    assert {"imbalance", "tiny_classes", "mixed_sizes"} <= {said.code for said in report.warnings}


def test_a_preview_shows_a_few_pictures_of_each_class_and_no_other_file_is_served(volume):
    entries = [(f"{name}/{i}.png", picture((i, j, 7))) for j, name in enumerate(("cat", "dog")) for i in range(30)]
    dataset = load(volume, ("p.zip", zipped([*entries, ("cat/tif.tif", picture((1, 1, 1), format="TIFF"))])))
    outputs = get_preview(volume, dataset, most=6)
    assert [output.title for output in outputs] == ["cat"] * 3 + ["dog"] * 3
    stream, kind = open_preview_file(volume, dataset, "cat/0.png")
    with stream:
        assert kind == "image/png" and stream.read() == picture((0, 0, 7))
    for name in (
        "cat/tif.tif",
        "manifest.json",
        "../manifest.json",
        "/etc/passwd",
        "cat",
        "cat/../cat/0.png",
        "cat/\0",
        "",
    ):
        with pytest.raises(NotFound):
            open_preview_file(volume, dataset, name)


def test_a_tiff_is_shown_as_png(volume):
    dataset = load(volume, ("t.tif", picture(format="TIFF")))
    stream, kind = open_preview_file(volume, dataset, "t.tif")
    assert kind == "image/png"
    with Image.open(io.BytesIO(stream.read())) as shown:
        assert shown.format == "PNG" and shown.getpixel((0, 0)) == (200, 10, 10)


def test_a_known_upload_is_not_decoded_again(volume, monkeypatch):
    first = load(volume, ("p.zip", zipped(classes())))
    monkeypatch.setattr(Image, "open", None)
    assert load(volume, ("other.zip", zipped(classes()))).id == first.id


@pytest.mark.parametrize("damage", ["flip", "remove", "manifest"])
def test_uploading_again_repairs_a_damaged_dataset(volume, damage):
    first = load(volume, ("p.zip", zipped(classes())))
    victim = volume.dataset_dir(first.id) / ("manifest.json" if damage == "manifest" else "files/cat/0.png")
    if damage == "remove":
        victim.unlink()
    else:
        victim.write_bytes(b"junk")
    again = load(volume, ("p.zip", zipped(classes())))
    assert again.id == first.id and volume.verify(volume.dataset_dir(first.id))
