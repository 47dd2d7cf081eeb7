"""Pictures: which folder is a class, which a part; what is dropped is said; IDX files."""

from pathlib import Path

import pytest
from PIL import Image

from shared.volume.volume import Volume
from tests.support.uploads import classes, idx, load, picture, zipped


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


@pytest.mark.parametrize("lead", ["", "my pictures/", "a/b/"])
def test_class_folders_are_found_below_folders_that_hold_everything(volume, lead):
    dataset = load(volume, ("p.zip", zipped(classes(lead=lead))))
    assert dataset.format == "image_folder" and dataset.stats["classes"] == {"cat": 3, "dog": 3}
    assert (volume.dataset_dir(dataset.id) / "files" / "cat" / "0.png").exists()


def test_folders_that_hold_everything_are_taken_away_in_one_move_however_many(volume, monkeypatch):
    moved = []
    rename = Path.rename
    monkeypatch.setattr(Path, "rename", lambda self, target: moved.append(self.name) or rename(self, target))
    dataset = load(volume, ("p.zip", zipped(classes(lead="a/b/a/cat/" * 3))))
    assert dataset.stats["classes"] == {"cat": 3, "dog": 3} and sorted(moved) == ["cat", "cat", "dog"]
    assert sorted(p.name for p in (volume.dataset_dir(dataset.id) / "files").iterdir()) == ["cat", "dog"]


def test_train_and_test_folders_are_parts(volume):
    entries = [*classes(lead="train/"), ("test/cat/t.png", picture((1, 2, 3)))]
    assert load(volume, ("p.zip", zipped(entries))).stats["splits"] == {"test": 1, "train": 6}


def test_repeated_pictures_and_hidden_files_are_dropped_and_that_is_said(volume):
    entries = [
        *classes(),
        ("cat/copy.png", picture((0, 0, 7))),
        ("__MACOSX/cat/._0.png", b"x"),
        ("cat/notes.txt", b"x"),
    ]
    dataset = load(volume, ("p.zip", zipped(entries)))
    assert dataset.stats["images"] == 6
    assert [word in " ".join(dataset.notes) for word in ("repeated", "hidden", "no pictures")] == [True] * 3


def test_chinese_class_names_survive_a_zip_made_on_chinese_windows(volume):
    data = zipped([(f"{name}/{i}.png", picture((i, j, 9))) for j, name in enumerate(("AA", "BB")) for i in range(2)])
    for mark, name in ((b"AA", "猫"), (b"BB", "狗")):
        data = data.replace(mark + b"/", name.encode("gbk") + b"/")
    assert set(load(volume, ("p.zip", data)).stats["classes"]) == {"猫", "狗"}


def test_idx_files_are_read_singly_and_from_a_zip(volume):
    files = idx() + idx(4, 4, part="t10k")
    dataset = load(volume, *files)
    assert dataset.stats["splits"] == {"t10k": 4, "train": 10} and dataset.stats["classes"]["0"] == 6
    assert load(volume, ("mnist.zip", zipped(files))).id == dataset.id


@pytest.mark.parametrize("beside", ["README.txt", "d/README.txt", "d/train/labels.csv", "cat/a/notes.txt"])
def test_a_file_that_is_no_picture_does_not_hide_the_parts(volume, beside):
    entries = [(beside, b"words"), *classes(lead="d/train/"), ("d/test/cat/t.png", picture((1, 2, 3)))]
    dataset = load(volume, ("p.zip", zipped(entries)))
    assert dataset.stats["splits"] == {"test": 1, "train": 6} and beside in dataset.notes[0]


def test_a_class_may_be_called_train(volume):
    dataset = load(volume, ("p.zip", zipped(classes(names=("train", "car", "bus")))))
    assert dataset.stats["classes"] == {"bus": 3, "car": 3, "train": 3} and dataset.stats["splits"] == {"train": 9}


def test_a_picture_in_train_and_test_stays_in_test_only(volume):
    entries = [*classes(lead="train/"), ("test/cat/same.png", picture((0, 0, 7)))]
    dataset = load(volume, ("p.zip", zipped(entries)))
    assert dataset.stats["splits"] == {"test": 1, "train": 5} and "1 repeated" in dataset.notes[0]


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "MPO"])
def test_the_usual_picture_formats_are_read(volume, format):
    suffix = {"JPEG": "jpg", "MPO": "jpg", "TIFF": "tif"}.get(format, format.lower())
    entries = [(f"{label}/0.{suffix}", picture((9, 90 * i, 9), format=format)) for i, label in enumerate("ab")]
    assert load(volume, ("p.zip", zipped(entries))).stats["images"] == 2


def test_a_known_upload_is_not_decoded_again(volume, monkeypatch):
    first = load(volume, ("p.zip", zipped(classes())))
    monkeypatch.setattr(Image, "open", None)
    assert load(volume, ("other.zip", zipped(classes()))) == first


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
