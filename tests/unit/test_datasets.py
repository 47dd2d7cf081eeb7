"""Datasets whatever their format: one content is one dataset, names are clean, real uploads are taken in as they should be."""

import io
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from shared.datasets import delete_dataset, get_dataset, import_dataset, importer, list_datasets
from shared.datasets.examples import import_example, list_examples
from shared.datasets.importer import Limits, clean_name
from shared.errors import NotFound, TooLarge
from shared.volume.volume import Volume, staging
from tests.support.uploads import left_behind, load

POEM = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n"


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def test_the_same_content_is_one_dataset_whatever_it_is_called(volume):
    first = load(volume, ("诗.txt", POEM.encode()))
    again = load(volume, ("other.txt", POEM.encode()), name="other")
    assert again == first and left_behind(volume) == [first.id]
    assert first.stats["characters"] == len(POEM) and first.preview == POEM.splitlines()
    assert list_datasets(volume) == [first.model_copy(update={"files": []})]


def test_a_dataset_can_be_deleted_and_is_gone(volume):
    dataset = load(volume, ("a.txt", b"text"))
    delete_dataset(volume, dataset.id)
    assert left_behind(volume) == []
    for bad in (dataset.id, "../jobs", "", "g" * 32):
        with pytest.raises(NotFound):
            get_dataset(volume, bad)


@pytest.mark.parametrize("texts", [("one ", "two ", "six ", "ten "), ("one ",) * 4])
def test_uploads_that_end_at_the_same_moment_do_not_pass_an_owners_limit_together(volume, monkeypatch, texts):
    all_checked = threading.Barrier(len(texts), timeout=60)
    now = importer.utc_now

    def utc_now():  # asked for after the first check, before a dataset is published
        all_checked.wait()
        return now()

    def take(text):
        try:
            return load(volume, ("a.txt", text.encode() * 100), limits=Limits(max_dataset_bytes_per_owner=1000)).id
        except TooLarge as err:
            return err.message

    limit = Limits(max_dataset_bytes_per_owner=1000)
    load(volume, ("there.txt", b"x" * 300), limits=limit)
    load(volume, ("bob.txt", b"x" * 900), limits=limit, owner="bob")
    monkeypatch.setattr(importer, "utc_now", utc_now)
    with ThreadPoolExecutor(len(texts)) as pool:
        said = list(pool.map(take, texts))
    kept = [dataset for dataset in list_datasets(volume) if dataset.owner == "local"]
    assert sorted(dataset.bytes for dataset in kept) == [300, 400]
    if len(set(texts)) > 1:
        assert len([text for text in said if "you may keep 1,000" in text]) == len(texts) - 1
    else:
        assert set(said) == {next(dataset.id for dataset in kept if dataset.bytes == 400)}
    assert len(left_behind(volume)) == 3


def test_every_example_can_be_imported(volume):
    for name in list_examples():
        assert import_example(volume, name, owner="local", limits=Limits()).stats["characters"] > 100_000
    with pytest.raises(NotFound):
        import_example(volume, "../x", owner="local", limits=Limits())


def test_an_example_is_held_to_the_limits_of_an_upload(volume):
    with pytest.raises(TooLarge, match="you may keep 9,999"):
        import_example(volume, "python_docs", owner="local", limits=Limits(max_dataset_bytes_per_owner=9_999))
    assert left_behind(volume) == []


@pytest.mark.parametrize(
    ("given", "shown"),
    [("../../etc/passwd", "passwd"), ("C:\\x\\诗.txt", "诗.txt"), ("a\0\nb", "ab"), ("a\u202egnp.exe", "agnp.exe"),
     ("half \ud800", "half"), (" ", ""), ("x" * 999, "x" * 120), ("cafe\u0301", "café")],
)  # fmt: skip
def test_a_dataset_is_named_without_folders_and_tricks(given, shown):
    assert clean_name(given) == shown


def test_no_more_of_a_name_is_composed_than_is_looked_at(monkeypatch):
    asked = []

    def normalize(form, text):
        asked.append(len(text))
        return unicodedata.normalize(form, text)

    monkeypatch.setattr(importer, "unicodedata", SimpleNamespace(normalize=normalize))
    assert clean_name("x/e" + "\u0301\u0316" * 25_000).startswith("é")
    assert asked == [1000]


def test_a_damaged_manifest_is_no_dataset_and_can_be_deleted(volume):
    dataset = load(volume, ("a.txt", POEM.encode()))
    (volume.dataset_dir(dataset.id) / "manifest.json").write_text('{"files": [1]}')
    with pytest.raises(NotFound):
        get_dataset(volume, dataset.id)
    assert list_datasets(volume) == []
    delete_dataset(volume, dataset.id)
    assert left_behind(volume) == []


def test_a_manifest_is_read_once_however_often_datasets_are_listed(volume, monkeypatch):
    read = []
    read_json = staging.read_json
    monkeypatch.setattr(staging, "read_json", lambda path: read.append(path.parent.name) or read_json(path))
    first, second = load(volume, ("a.txt", b"one")), load(volume, ("b.txt", b"two"))
    (volume.root / "datasets" / "stray").write_text("no dataset")
    list_datasets(volume)
    read.clear()
    assert [dataset.id for dataset in list_datasets(volume)] == [second.id, first.id] and read == []
    manifest = volume.dataset_dir(first.id) / "manifest.json"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-30])
    for _ in range(2):
        assert [dataset.id for dataset in list_datasets(volume)] == [second.id] and read == [first.id]
    manifest.write_bytes(whole.replace(b'"a.txt"', b'"A better name.txt"'))
    assert [dataset.name for dataset in list_datasets(volume)] == ["b.txt", "A better name.txt"]
    delete_dataset(volume, second.id)
    assert [dataset.id for dataset in list_datasets(volume)] == [first.id] and read == [first.id] * 2


REAL = {
    "tinyshakespeare/input.txt": {"characters": 1_115_394, "distinct_characters": 65},
    "zh_tang_poems/tang.txt": {"characters": 810_542, "distinct_characters": 6406},
    "zh_luxun_fiction/luxun_fiction.txt": {"characters": 205_225, "distinct_characters": 3531},
    "mnist": {"images": 70_000, "splits": {"t10k": 10_000, "train": 60_000}, "width": [28, 28]},
    "cifar10_jpg_subset/cifar10_jpg_subset.zip": {
        "images": 6000,
        "splits": {"test": 1000, "train": 5000},
        "channels": 3,
    },
}


@pytest.mark.parametrize("name", REAL)
def test_real_data_is_taken_in(volume, data_sets, name):
    path = data_sets / name
    files = sorted(path.glob("*.gz")) if path.is_dir() else [path]
    dataset = import_dataset(volume, Limits(), [(f.name, io.BytesIO(f.read_bytes())) for f in files])
    assert dataset.stats | REAL[name] == dataset.stats and dataset.notes == []


@pytest.mark.parametrize("name", ["zh_tang_poems/tang.txt", "zh_luxun_fiction/luxun_fiction.txt"])
def test_real_chinese_text_in_gb18030_becomes_the_same_dataset_as_in_utf_8(volume, data_sets, name):
    written = (data_sets / name).read_text(encoding="utf-8")
    first = load(volume, ("a.txt", written.encode("gb18030")))
    assert "GB18030" in first.notes[0]
    assert load(volume, ("a.txt", written.encode())).id == first.id
