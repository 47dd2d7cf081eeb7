"""Small uploads that real programs and people made, from the folder of cases beside the repository: read right, or refused by name.

Each has a twin that its test builds itself in test_pictures_import.py, test_pictures_reading.py or test_zip_names.py.
"""

import os
from pathlib import Path

import pytest

from shared.datasets.pictures import open_pictures
from shared.errors import DatasetInvalid
from shared.volume.volume import Volume
from tests.support.uploads import left_behind, load


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of cases beside the repository (or TRAINYARD_TEST_CASES); skips where there is none."""
    folder = Path(os.environ.get("TRAINYARD_TEST_CASES") or Path(__file__).parents[3] / "shared" / "cases")
    if not (folder / "README.md").exists():
        pytest.skip(f"no cases at {folder}; set TRAINYARD_TEST_CASES to run this test")
    return folder


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


READ = {  # classes, parts, words of notes, codes of warnings
    "backslash": ({"blue": 6, "red": 6}, {"train": 12}, "read as /", ""),
    "case_dup": ({"Red": 4, "blue": 6, "red": 6, "red ": 4}, {"train": 20}, "", "classes_alike"),
    "cp437_german": ({"Köln": 6, "Äpfel": 6}, {"train": 12}, "read as CP437", ""),
    "empty_class": ({"blue": 6, "red": 6}, {"train": 12}, "green", ""),
    "exif_long_orient": ({"blue": 6, "red": 7}, {"train": 13}, "", ""),
    "jfif_ppm_avif": ({"blue": 11, "red": 11}, {"train": 22}, "", ""),
    "noext": ({"blue": 5, "red": 5}, {"train": 10}, "from their content", ""),
    "sjis": ({"いぬ": 6, "ねこ": 6}, {"train": 12}, "read as Shift-JIS", ""),
    "tiff16_be": ({"dark": 6, "light": 6}, {"train": 12}, "", "deep_pictures"),
    "tiff_float": ({"dark": 6, "light": 6}, {"train": 12}, "", "deep_pictures"),
    "training_testing": ({"blue": 8, "red": 8}, {"train": 12, "test": 4}, "", ""),
}
REFUSED = {
    "heic_as_jpg": ("red/IMG_0001.jpg: is a HEIC picture named .jpg", ("bad_rows", "drop")),
    "heic_whole_class": ("class 'green' would be empty", ("missing_classes", "leave_out")),
}


@pytest.mark.parametrize("name", READ)
def test_a_case_is_read_right_and_what_was_changed_is_said(volume, cases, name):
    classes, parts, noted, warned = READ[name]
    dataset = load(volume, (f"{name}.zip", (cases / f"{name}.zip").read_bytes()))
    assert dataset.format == "pictures" and dataset.report.classes == classes and dataset.report.parts == parts
    assert noted in " ".join(dataset.notes) and bool(dataset.notes) == bool(noted)
    assert not warned or warned in {said.code for said in dataset.report.warnings}
    pictures = open_pictures(volume.dataset_dir(dataset.id), dataset)
    assert {pictures.open(i).size for i in range(len(pictures))} == {(24, 24)}


@pytest.mark.parametrize("name", ["tiff16_be", "tiff_float"])
def test_deep_pictures_keep_dark_dark_and_light_light(volume, cases, name):
    dataset = load(volume, (f"{name}.zip", (cases / f"{name}.zip").read_bytes()))
    pictures = open_pictures(volume.dataset_dir(dataset.id), dataset)
    means = [sum(pictures.open(i).tobytes()) / 24**2 for i in range(len(pictures))]
    labels = [pictures.classes[label] for label in pictures.labels if label is not None]
    assert all(mean < 60 if label == "dark" else mean > 180 for mean, label in zip(means, labels, strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_a_case_is_refused_by_name_and_the_way_on_is_offered(volume, cases, name):
    said, (option, value) = REFUSED[name]
    data = (cases / f"{name}.zip").read_bytes()
    with pytest.raises(DatasetInvalid) as refusal:
        load(volume, (f"{name}.zip", data))
    assert said in " ".join(f"{p.file}: {p.message}" for p in refusal.value.problems)
    assert [(choice.option, choice.value) for choice in refusal.value.choices] == [(option, value)]
    assert left_behind(volume) == []
    assert load(volume, (f"{name}.zip", data), options={option: value}).report.classes == {"blue": 6, "red": 6}
