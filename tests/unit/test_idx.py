"""IDX files: MNIST's and those of its followers, singly or zipped, each picture read by itself; oddities named."""

import gzip
import io
import struct

import pytest
from PIL import Image

from shared.datasets.looking import get_preview, open_preview_file
from shared.datasets.pictures import open_pictures
from shared.errors import DatasetInvalid, NotFound
from shared.volume.volume import Volume
from tests.support.uploads import idx, left_behind, load, zipped


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def pair(labels, part="train", side=4):
    """A part in which every picture is as grey as ten times its number."""
    pixels = b"".join(bytes([10 * i % 256]) * side**2 for i in range(len(labels)))
    return [
        (f"{part}-images-idx3-ubyte", struct.pack(">HBBIII", 0, 8, 3, len(labels), side, side) + pixels),
        (f"{part}-labels-idx1-ubyte", struct.pack(">HBBI", 0, 8, 1, len(labels)) + bytes(labels)),
    ]


def test_idx_files_are_read_singly_and_from_a_zip(volume):
    files = idx() + idx(4, 4, part="t10k")
    dataset = load(volume, *files)
    assert dataset.format == "idx" and dataset.report.parts == {"train": 10, "test": 4}
    assert dataset.report.classes["0"] == 6 and dataset.report.unit == "pictures"
    assert load(volume, ("mnist.zip", zipped(files))).id == dataset.id


def test_packed_and_plain_files_make_the_same_dataset_and_any_picture_can_be_read(volume):
    plain = pair([7, 3, 7])
    dataset = load(volume, *plain)
    assert load(volume, *((f"{name}.gz", gzip.compress(data)) for name, data in plain)).id == dataset.id
    pictures = open_pictures(volume.dataset_dir(dataset.id), dataset)
    assert [pictures.open(i).getpixel((3, 3)) for i in (2, 0, 1)] == [20, 0, 10]
    assert pictures.classes == ["3", "7"] and pictures.labels == [1, 0, 1]


@pytest.mark.parametrize("twin", ["train-images-idx3-ubyte", "d/train-images.idx3-ubyte", "train-images.idx3-ubyte.gz"])
def test_of_two_copies_of_a_file_one_is_taken_and_that_is_said(volume, twin):
    files = idx()
    data = files[0][1] if twin.endswith(".gz") else gzip.decompress(files[0][1])
    dataset = load(volume, ("m.zip", zipped([*files, (twin, data)])))
    assert dataset.report.rows == 10 and "1 second copy" in dataset.notes[0]


def test_two_files_of_a_part_that_differ_are_refused(volume):
    with pytest.raises(DatasetInvalid, match="second file of images for the part train"):
        load(volume, ("m.zip", zipped([*idx(), ("d/train-images-idx3-ubyte", pair([1] * 10)[0][1])])))


def emnist(name, labels=(0, 1, 0)):
    return [(f"gzip/emnist-{name}-{file}.gz", gzip.compress(data)) for file, data in pair(list(labels))]


def test_of_several_sets_one_is_chosen(volume):
    files = ("e.zip", zipped([*emnist("letters"), *emnist("digits", (5, 6, 6))]))
    with pytest.raises(DatasetInvalid, match="emnist-digits, emnist-letters") as refusal:
        load(volume, files)
    assert {(c.option, c.value) for c in refusal.value.choices} == {
        ("subset", "emnist-digits"),
        ("subset", "emnist-letters"),
    }
    assert left_behind(volume) == []
    dataset = load(volume, files, options={"subset": "emnist-digits"})
    assert dataset.report.classes == {"5": 1, "6": 2} and any("emnist-letters" in note for note in dataset.notes)


def test_emnists_list_of_characters_names_the_classes(volume):
    mapping = ("gzip/emnist-letters-mapping.txt", b"0 65 97\n1 66 98\n")
    dataset = load(volume, ("e.zip", zipped([*emnist("letters"), mapping])))
    assert dataset.report.classes == {"A/a": 2, "B/b": 1}
    assert open_pictures(volume.dataset_dir(dataset.id), dataset).classes == ["A/a", "B/b"]
    assert get_preview(volume, dataset, most=4)[0].title == "A/a"
    assert any("mirrored" in note for note in dataset.notes)


def test_other_files_are_left_out_and_named(volume):
    dataset = load(volume, ("m.zip", zipped([*idx(), ("README.md", b"words")])))
    assert "README.md" in dataset.notes[0] and dataset.report.dropped.other == 1


def test_classes_that_only_the_test_part_has_are_kept_by_choice(volume):
    files = [*pair([0, 1]), *pair([0, 2], part="t10k")]
    with pytest.raises(DatasetInvalid, match="train has not: 2") as refusal:
        load(volume, *files)
    assert [(c.option, c.value) for c in refusal.value.choices] == [("missing_classes", "keep")]
    dataset = load(volume, *files, options={"missing_classes": "keep"})
    assert dataset.report.classes == {"0": 2, "1": 1, "2": 1}
    assert "classes_not_in_train" in {said.code for said in dataset.report.warnings}


def test_one_class_is_a_dataset_a_classifier_will_say_what_it_misses(volume):
    assert load(volume, *pair([7, 7])).report.classes == {"7": 2}


def test_a_preview_shows_pictures_as_png_and_no_others_are_served(volume):
    dataset = load(volume, *pair([1, 0] * 20))
    outputs = get_preview(volume, dataset, most=6)
    assert [(o.title, getattr(o, "file", "")) for o in outputs][:4] == [
        ("0", "pictures/1.png"), ("0", "pictures/3.png"), ("0", "pictures/5.png"), ("1", "pictures/0.png")]  # fmt: skip
    stream, kind = open_preview_file(volume, dataset, "pictures/3.png")
    with Image.open(io.BytesIO(stream.read())) as shown:
        assert kind == "image/png" and shown.getpixel((0, 0)) == 30
    names = (
        "pictures/39.png",
        "pictures/40.png",
        "pictures/-1.png",
        "pictures/٣.png",
        "train-images-idx3-ubyte",
        "../manifest.json",
    )
    for name in names:
        with pytest.raises(NotFound):
            open_preview_file(volume, dataset, name)


def test_the_real_mnist_is_read(volume, data_sets):
    folder = data_sets / "mnist"
    dataset = load(volume, *((path.name, path.read_bytes()) for path in sorted(folder.glob("*.gz"))))
    assert dataset.report.parts == {"train": 60_000, "test": 10_000} and len(dataset.report.classes) == 10
    pictures = open_pictures(volume.dataset_dir(dataset.id), dataset)
    assert pictures.labels[:5] == [5, 0, 4, 1, 9] and len(pictures) == 70_000
