"""Uploads: what is good is taken in the same every time, what is bad is refused by name and leaves nothing behind."""

import gzip
import io
import struct
import zipfile
import zlib

import pytest
from PIL import Image

from shared.datasets import Limits, delete_dataset, get_dataset, import_dataset, list_datasets
from shared.datasets.examples import import_example, list_examples
from shared.errors import DatasetInvalid, NotFound, TooLarge
from shared.volume import Volume

ANY_SIZE = Limits()
POEM = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n"
PROSE = "我在年青时候也曾经做过许多梦，后来大半忘却了，但自己也并不以为可惜。所谓回忆者，虽说可以使人欢欣。\n" * 5


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def load(volume, *files, limits=ANY_SIZE, **options):
    return import_dataset(volume, limits, [(name, io.BytesIO(data)) for name, data in files], **options)


def picture(colour=(200, 10, 10), size=(8, 8), format="PNG"):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, format)
    return out.getvalue()


def zipped(entries, *, links=(), compression=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            info.external_attr = (0o120777 if name in links else 0o100644) << 16
            archive.writestr(info, data)
    return out.getvalue()


def classes(count=3, names=("cat", "dog"), lead=""):
    return [
        (f"{lead}{name}/{i}.png", picture((i * 20, j * 90, 7))) for j, name in enumerate(names) for i in range(count)
    ]


def idx(images=10, labels=10, *, kinds=3, cut=0, side=4, part="train"):
    pixels = struct.pack(">HBBIII", 0, 8, 3, images, side, side) + bytes(images * side * side)
    marks = struct.pack(">HBBI", 0, 8, 1, labels) + bytes(i % kinds for i in range(labels))
    return [
        (f"{part}-images-idx3-ubyte.gz", gzip.compress(pixels[: len(pixels) - cut])),
        (f"{part}-labels-idx1-ubyte.gz", gzip.compress(marks)),
    ]


def left_behind(volume):
    folder = volume.root / "datasets"
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


# --- what is accepted ------------------------------------------------------------------------------------------------


def test_the_same_content_is_one_dataset_whatever_it_is_called(volume):
    first = load(volume, ("诗.txt", POEM.encode()))
    again = load(volume, ("other.txt", POEM.encode()), name="other")
    assert again == first and left_behind(volume) == [first.id]
    assert first.stats["characters"] == len(POEM) and first.preview == POEM.splitlines()
    assert list_datasets(volume) == [get_dataset(volume, first.id)]


@pytest.mark.parametrize(
    ("encoding", "text", "said"),
    [("utf-8", POEM, None), ("utf-8-sig", POEM, None), ("utf-16", POEM, "UTF-16"), ("gb18030", PROSE, "GB18030"),
     ("big5", "我是一個人，他說這是我們的國家，有人來了，你要不要一起去呢？" * 5, "Big5")],
)  # fmt: skip
def test_chinese_text_arrives_as_it_was_written_or_converted_by_name(volume, encoding, text, said):
    dataset = load(volume, ("a.txt", text.encode(encoding)))
    assert (volume.dataset_dir(dataset.id) / "files" / "text.txt").read_text(encoding="utf-8") == text
    assert (said is None) == (not dataset.notes) and (said is None or said in dataset.notes[0])


def test_line_ends_are_made_one_kind_and_that_is_said(volume):
    dataset = load(volume, ("a.txt", b"one\r\ntwo\r\n"))
    assert dataset.stats["lines"] == 2 and "LF" in dataset.notes[0]


def test_jsonl_documents_become_one_text_without_empty_and_repeated_ones(volume):
    rows = b'{"text": "one"}\n\n{"text": "two"}\n{"text": "one"}\n{"text": " "}\n'
    dataset = load(volume, ("a.jsonl", rows))
    assert dataset.preview == ["one", "", "two"] and dataset.stats["documents"] == 2
    assert any("1 repeated" in note for note in dataset.notes) and any("1 empty" in note for note in dataset.notes)


@pytest.mark.parametrize("lead", ["", "my pictures/", "a/b/"])
def test_class_folders_are_found_below_folders_that_hold_everything(volume, lead):
    dataset = load(volume, ("p.zip", zipped(classes(lead=lead))))
    assert dataset.format == "image_folder" and dataset.stats["classes"] == {"cat": 3, "dog": 3}
    assert (volume.dataset_dir(dataset.id) / "files" / "cat" / "0.png").exists()


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


def test_a_dataset_can_be_deleted_and_is_gone(volume):
    dataset = load(volume, ("a.txt", b"text"))
    delete_dataset(volume, dataset.id)
    assert left_behind(volume) == []
    for bad in (dataset.id, "../jobs", "", "g" * 32):
        with pytest.raises(NotFound):
            get_dataset(volume, bad)


def test_every_example_can_be_imported(volume):
    for name in list_examples():
        assert import_example(volume, name).stats["characters"] > 100_000
    with pytest.raises(NotFound):
        import_example(volume, "../x")


# --- what is refused -------------------------------------------------------------------------------------------------

NOISE = bytes(range(256)) * 8
BOMB = zipped([("cat/0.png", bytes(8 << 20)), ("dog/0.png", picture())])
IHDR = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
HUGE_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + IHDR + struct.pack(">I", zlib.crc32(IHDR)) + picture()[33:]

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"

REFUSED = {
    "empty text": ([("a.txt", b"")], "is empty"),
    "white space": ([("a.txt", b" \n\t\n")], "white space"),
    "png named txt": ([("a.txt", picture())], "PNG"),
    "zip named txt": ([("a.txt", zipped(classes()))], "ZIP"),
    "pdf named txt": ([("a.txt", b"%PDF-1.7 ...")], "PDF"),
    "pickle named txt": ([("a.txt", b"\x80\x04\x95" + NOISE)], "pickle"),
    "hdf5 named txt": ([("a.txt", b"\x89HDF\r\n")], "HDF5"),
    "binary named txt": ([("a.txt", NOISE)], "control character|binary"),
    "NUL in text": ([("a.txt", b"ab\ncd\0ef")], "U\\+0000"),
    "latin-1": ([("a.txt", "café, déjà vu. ".encode("latin-1") * 9)], "save it as UTF-8"),
    "utf-8 cut in a character": ([("a.txt", POEM.encode()[:-2] + b"\n")], "offset"),
    "broken utf-16": ([("a.txt", b"\xff\xfe\x00\xd8\x00")], "UTF-16 and broken at byte 2"),
    "jsonl with bad lines": ([("a.jsonl", b'{"text": "a"}\n{"txt": 1}\nnot json\n')], "string"),
    "jsonl of numbers": ([("a.jsonl", b"1\n2\n")], "string"),
    "empty jsonl": ([("a.jsonl", b"\n\n")], "no document"),
    "unknown kind": ([("a.exe", b"MZ....")], "cannot tell"),
    "traversal": ([("p.zip", zipped([*classes(), ("../evil.png", picture())]))], "leads out"),
    "deep traversal": ([("p.zip", zipped([*classes(), ("cat/../../evil.png", picture())]))], "leads out"),
    "absolute name": ([("p.zip", zipped([*classes(), ("/etc/evil.png", picture())]))], "leads out"),
    "backslashes": ([("p.zip", zipped([*classes(), ("cat\\..\\evil.png", picture())]))], "leads out"),
    "drive letter": ([("p.zip", zipped([*classes(), ("C:evil.png", picture())]))], "leads out"),
    "symlink": ([("p.zip", zipped([*classes(), ("cat/l.png", b"/etc/passwd")], links=["cat/l.png"]))], "link"),
    "control character in name": ([("p.zip", zipped([*classes(), ("cat/a\nb.png", picture())]))], "control"),
    "name too long": ([("p.zip", zipped([*classes(), ("cat/" + "x" * 300 + ".png", picture())]))], "too long"),
    "bomb by ratio": ([("p.zip", BOMB)], "bomb"),
    "file as folder": ([("p.zip", zipped([("cat", b"x"), *classes()]))], "clashes|class folder|no pictures"),
    "no zip at all": ([("p.zip", b"PK\x03\x04garbage")], "no readable zip"),
    "empty zip": ([("p.zip", zipped([]))], "empty|no pictures"),
    "damaged zip": ([("p.zip", zipped(classes())[:200])], "no readable zip"),
    "one class": ([("p.zip", zipped(classes(names=("cat",))))], "one class"),
    "pictures without folders": ([("p.zip", zipped([("a.png", picture()), ("b.png", picture((1, 1, 1)))]))], "class folder"),
    "corrupt png": ([("p.zip", zipped([*classes(), ("cat/bad.png", picture()[:40])]))], "cat/bad.png|read as a picture"),
    "text named png": ([("p.zip", zipped([*classes(), ("cat/bad.png", b"hello")]))], "read as a picture"),
    "PostScript named png": ([("p.zip", zipped([*classes(), ("cat/bad.png", POSTSCRIPT)]))], "read as a picture"),
    "empty picture": ([("p.zip", zipped([*classes(), ("cat/bad.png", b"")]))], "is empty"),
    "picture bomb": ([("p.zip", zipped([*classes(), ("cat/bad.png", HUGE_PNG)]))], "pixels"),
    "same picture, two classes": ([("p.zip", zipped([*classes(), ("dog/x.png", picture((0, 0, 7)))]))], "another class"),
    "class only in test": ([("p.zip", zipped([*classes(lead="train/"), ("test/cow/0.png", picture())]))], "cow"),
    "no pictures": ([("p.zip", zipped([("cat/a.txt", b"x"), ("dog/b.txt", b"x")]))], "no pictures"),
    "idx without labels": (idx()[:1], "one of labels"),
    "idx counts differ": (idx(10, 9), "10 pictures"),
    "idx cut short": (idx(cut=5), "its head says"),
    "idx with one class": (idx(kinds=1), "one class"),
    "idx with a wrong head": ([("train-images-idx3-ubyte", b"\0\0\x0d\x03" + bytes(12)), idx()[1]], "no IDX file"),
    "idx that claims a terabyte": (
        [("train-images-idx3-ubyte", struct.pack(">HBBIII", 0, 8, 3, 2**30, 1000, 1000)), idx()[1]], "allowed"),
    "idx of broken gzip": ([("train-images-idx3-ubyte.gz", b"\x1f\x8bxx"), idx()[1]], "unpacked|ends"),
    "gzip bomb in idx": (
        [("train-images-idx3-ubyte.gz", gzip.compress(idx_head := struct.pack(">HBBIII", 0, 8, 3, 2, 4, 4) + bytes(1 << 22))),
         idx(2, 2)[1]], "more than"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_upload_is_refused_by_name_and_leaves_nothing(volume, case):
    files, said = REFUSED[case]
    with pytest.raises(DatasetInvalid, match=said) as refusal:
        load(volume, *files)
    assert refusal.value.problems and refusal.value.status == 422
    assert left_behind(volume) == []


def test_limits_hold_while_reading_not_after(volume):
    with pytest.raises(TooLarge):
        load(volume, ("a.txt", b"x" * 5000), limits=Limits(max_upload_bytes=1000))
    with pytest.raises(TooLarge):
        load(volume, ("p.zip", zipped(classes(5))), limits=Limits(max_files=9))
    with pytest.raises(TooLarge):
        load(volume, ("p.zip", zipped(classes(5))), limits=Limits(max_unpacked_bytes=500))
    assert left_behind(volume) == []


def test_an_archive_that_lies_about_its_sizes_is_stopped(volume):
    data = bytearray(zipped([("cat/liar.png", bytes(300_000)), *classes()]))
    data = bytes(data).replace(struct.pack("<I", 300_000), struct.pack("<I", 3_000))
    with pytest.raises((DatasetInvalid, TooLarge)):
        load(volume, ("p.zip", data))
    assert left_behind(volume) == []


def test_all_problems_are_named_with_file_and_line_and_a_flood_is_counted(volume):
    with pytest.raises(DatasetInvalid) as refusal:
        load(volume, ("a.jsonl", b'{"text": "ok"}\n' + b"bad\n" * 70), ("b.txt", b""))
    problems = refusal.value.problems
    assert (problems[0].file, problems[0].line) == ("a.jsonl", 2)
    assert len(problems) == 51 and "21 more" in problems[-1].message
