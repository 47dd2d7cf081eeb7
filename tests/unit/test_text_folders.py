"""Texts in class folders: labels from folders, encodings, what cannot be used by name, and what stays a text."""

import io
import zipfile

import pytest

from shared.datasets import get_preview
from shared.datasets.tables.reading import open_table
from shared.errors import DatasetInvalid
from shared.outputs import Table
from shared.volume.volume import Volume
from tests.support.uploads import left_behind, load, zipped

GB = ["很好", "我来", "他说一定来", "这家店的服务态度真是太差了", "不会再来"]


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def folders(labels=("good", "bad"), count=4, lead="", codec="utf-8"):
    """Entries of class folders, every text another."""
    return [(f"{lead}{label}/{n}.txt", f"{label} text {n}".encode(codec)) for label in labels for n in range(count)]


def rows_of(volume, dataset):
    with open_table(volume.dataset_dir(dataset.id)) as table:
        return [tuple(row.values()) for row in table.rows()]


def test_folders_become_labels_and_outer_ones_parts(volume):
    entries = [*folders(lead="imdb/train/"), *folders(lead="imdb/test/", count=2), ("imdb/imdb.vocab", b"the")]
    dataset = load(volume, ("imdb.zip", zipped(entries)))
    assert (dataset.format, dataset.report.rows, dataset.report.parts) == ("text_folders", 12, {"train": 8, "test": 4})
    assert dataset.report.classes == {"bad": 6, "good": 6}
    assert [(c.name, c.kind) for c in dataset.report.columns] == [
        ("label", "category"), ("text", "text"), ("part", "category"),
    ]  # fmt: skip
    assert rows_of(volume, dataset)[0] == ("bad", "bad text 0", "test")
    assert "1 file that is no text left out (1 .vocab: imdb/imdb.vocab)" in dataset.notes


def test_a_preview_shows_every_label(volume):
    dataset = load(volume, ("a.zip", zipped(folders(count=30))))
    (shown,) = get_preview(volume, dataset)
    assert isinstance(shown, Table) and shown.count == 60 > len(shown.rows)
    assert {row[0] for row in shown.rows} == {"good", "bad"}


def test_labels_are_names_whatever_they_look_like(volume):
    dataset = load(volume, ("a.zip", zipped(folders(("007", "none", "NA", "5")))))
    assert sorted({row[0] for row in rows_of(volume, dataset)}) == ["007", "5", "NA", "none"]


@pytest.mark.parametrize("codec", ["gb18030", "utf-8-sig", "utf-16"])
def test_chinese_texts_are_read_however_short_and_however_encoded(volume, codec):
    entries = [(f"{label}/{n}.txt", (GB[n % 5] + f"{n}").encode(codec)) for label in ("好", "坏") for n in range(10)]
    dataset = load(volume, ("中文.zip", zipped(entries)))
    assert {row[:2] for row in rows_of(volume, dataset)} >= {("好", "很好0"), ("坏", "不会再来9")}
    said = {"gb18030": "20 texts recognised as GB18030", "utf-16": "20 texts converted from UTF-16"}.get(codec)
    assert said is None or any(note.startswith(said) for note in dataset.notes)


def test_line_ends_marks_and_spaces_are_those_of_every_text(volume):
    entries = [("a/1.txt", b"\xef\xbb\xbfone\r\ntwo\r\n\x1a"), ("a/2.txt", "e\u0301".encode()), *folders(("b",))]
    dataset = load(volume, ("a.zip", zipped(entries)))
    assert rows_of(volume, dataset)[:2] == [("a", "one\ntwo"), ("a", "é")]


def test_everything_that_cannot_be_used_is_named_at_once_and_left_out_when_asked(volume):
    entries = [
        *folders(), ("good/empty.txt", b""), ("good/blank.txt", b" \n"), ("bad/picture.txt", b"\x89PNG\r\n\x1a\n\0"),
        ("stray.txt", b"where"), ("bad/marks.txt", ("e" + "\u0301" * 70).encode()),
    ]  # fmt: skip
    with pytest.raises(DatasetInvalid) as raised:
        load(volume, ("a.zip", zipped(entries)))
    assert {p.file: p.message for p in raised.value.problems} == {
        "good/empty.txt": "is empty",
        "good/blank.txt": "holds nothing but white space",
        "bad/picture.txt": "is a PNG picture, not a text file; upload plain text as UTF-8",
        "bad/marks.txt": "has more than 64 combining marks (accents) on one character; at most 64 are taken",
        "stray.txt": "lies in no class folder; put it into a folder named after its class",
    }
    (choice,) = raised.value.choices
    assert (choice.option, choice.value, choice.title) == ("bad_rows", "drop", "Leave out 5 texts and take the rest")
    assert left_behind(volume) == []
    dataset = load(volume, ("a.zip", zipped(entries)), options={"bad_rows": "drop"}, format="text_folders")
    assert dataset.report.rows == 8 and dataset.report.dropped.broken == 5


def test_a_class_that_would_vanish_is_asked_about(volume):
    upload = ("a.zip", zipped([*folders(), ("odd/1.txt", b" ")]))
    with pytest.raises(DatasetInvalid) as raised:
        load(volume, upload, options={"bad_rows": "drop"})
    assert raised.value.choices[0].title == "Leave out 1 text, and with them the class 'odd'"
    dataset = load(volume, upload, options={"missing_classes": "leave_out"})
    assert dataset.report.classes == {"bad": 4, "good": 4}
    assert any("and with them the class 'odd'" in note for note in dataset.notes)


def test_an_empty_folder_and_a_folder_of_one_text_are_named(volume):
    body = io.BytesIO(zipped([*folders(count=9), ("lonely/1.txt", b"just one")]))
    with zipfile.ZipFile(body, "a") as archive:
        archive.writestr("nobody/", b"")
    dataset = load(volume, ("a.zip", body.getvalue()))
    assert any(note.startswith("1 empty folder left out") and "nobody" in note for note in dataset.notes)
    said = {one.code: one.message for one in dataset.report.warnings}
    assert said["tiny_classes"] == "'lonely' has fewer than 8: too few to learn from and test with."


def test_folders_around_classes_are_asked_about(volume):
    upload = ("a.zip", zipped([*folders(lead="shop/"), *folders(lead="web/")]))
    with pytest.raises(DatasetInvalid) as raised:
        load(volume, upload)
    assert [choice.value for choice in raised.value.choices] == ["merge", "classes"]
    assert "texts of shop, web are put together" in raised.value.choices[0].title
    assert load(volume, upload, options={"outer_folders": "merge"}).report.classes == {"bad": 8, "good": 8}
    assert load(volume, upload, options={"outer_folders": "classes"}).report.classes == {"shop": 8, "web": 8}


def test_classes_that_train_has_not_are_warned_about(volume):
    entries = [*folders(lead="train/"), *folders(("good", "odd"), lead="test/")]
    dataset = load(volume, ("a.zip", zipped(entries)))
    assert any("the part test has classes that train has not (odd)".casefold() in w.message.casefold()
               for w in dataset.report.warnings)  # fmt: skip


@pytest.mark.parametrize(
    "entries",
    [[("1.txt", b"one"), ("2.txt", b"two")], folders(("book",)), [("a/1.txt", b"one"), ("b/2.txt", b"two")]],
    ids=["bare", "one folder", "a text in each folder"],
)
def test_texts_without_labels_become_one_text(volume, entries):
    assert load(volume, ("a.zip", zipped(entries))).format == "text"


def test_without_folders_the_way_is_said(volume):
    with pytest.raises(DatasetInvalid, match="put each into a folder named after its label, such as good"):
        load(volume, ("a.zip", zipped([("1.txt", b"one"), ("2.txt", b"two")])), format="text_folders")
