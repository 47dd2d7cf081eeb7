"""Bad uploads are refused by name and leave nothing behind. Real files, as an attacker or an unlucky user would send them."""

import contextlib
import gzip
import struct
import zipfile
import zlib

import pytest

from shared.datasets import Limits, receiving
from shared.errors import DatasetInvalid, TooLarge
from shared.volume.volume import Volume
from tests.support.uploads import classes, idx, left_behind, load, picture, zipped

POEM = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n"
PROSE = "我在年青时候也曾经做过许多梦，后来大半忘却了，但自己也并不以为可惜。所谓回忆者，虽说可以使人欢欣。\n" * 5

NOISE = bytes(range(256)) * 8
BOMB = zipped([("cat/0.png", bytes(8 << 20)), ("dog/0.png", picture())])
IHDR = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
HUGE_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + IHDR + struct.pack(">I", zlib.crc32(IHDR)) + picture()[33:]

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"


def misplaced(offset):
    """A zip whose directory says, in 64 bits, that its first file begins at offset."""
    data = zipped(classes())
    at = data.index(b"PK\1\2")
    entry = bytearray(data[at : at + 46 + len("cat/0.png")])
    struct.pack_into("<H", entry, 30, 12)  # length of the extra field
    struct.pack_into("<I", entry, 42, 0xFFFFFFFF)  # the place is in the extra field
    rest = bytearray(data[at + len(entry) :])
    end = rest.index(b"PK\5\6")
    struct.pack_into("<I", rest, end + 12, end + len(entry) + 12)  # length of the directory
    return data[:at] + bytes(entry) + struct.pack("<HHQ", 1, 8, offset) + bytes(rest)


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
    "backslashes": ([("p.zip", zipped([*classes(), ("cat\\..\\..\\evil.png", picture())]))], "leads out"),
    "drive letter": ([("p.zip", zipped([*classes(), ("C:evil.png", picture())]))], "leads out"),
    "symlink": ([("p.zip", zipped([*classes(), ("cat/l.png", b"/etc/passwd")], links=["cat/l.png"]))], "link"),
    "control character in name": ([("p.zip", zipped([*classes(), ("cat/a\nb.png", picture())]))], "control"),
    "name too long": ([("p.zip", zipped([*classes(), ("cat/" + "x" * 300 + ".png", picture())]))], "too long"),
    "marks without end in a name": ([("p.zip", zipped([*classes(), (f"cat/e{chr(0x301) * 65}.png", picture())]))], "marks"),
    "folders without end": ([("p.zip", zipped([*classes(), ("a/" * 17 + "x.png", picture())]))], "17 folders deep; 16 are"),
    "bomb by ratio": ([("p.zip", BOMB)], "bomb"),
    "file as folder": ([("p.zip", zipped([("cat", b"x"), *classes()]))], "clashes|class folder|no pictures"),
    "no zip at all": ([("p.zip", b"PK\x03\x04garbage")], "no readable zip"),
    "empty zip": ([("p.zip", zipped([]))], "empty|no pictures"),
    "damaged zip": ([("p.zip", zipped(classes())[:200])], "no readable zip"),
    "corrupt png": ([("p.zip", zipped([*classes(), ("cat/bad.png", picture()[:40])]))], "cat/bad.png|read as a picture"),
    "text named png": ([("p.zip", zipped([*classes(), ("cat/bad.png", b"hello")]))], "read as a picture"),
    "PostScript named png": ([("p.zip", zipped([*classes(), ("cat/bad.png", POSTSCRIPT)]))], "is a PostScript picture named .png"),
    "empty picture": ([("p.zip", zipped([*classes(), ("cat/bad.png", b"")]))], "is empty"),
    "picture bomb": ([("p.zip", zipped([*classes(), ("cat/bad.png", HUGE_PNG)]))], "pixels"),
    "same picture, two classes": ([("p.zip", zipped([*classes(), ("dog/x.png", picture((0, 0, 7)))]))], "another class"),
    "class only in test": ([("p.zip", zipped([*classes(lead="train/"), ("test/cow/0.png", picture())]))], "cow"),
    "no pictures": ([("p.zip", zipped([("cat/a.bin", b"x"), ("dog/b.bin", b"x")]))], "no pictures"),
    "idx without labels": (idx()[:1], "one of labels"),
    "idx counts differ": (idx(10, 9), "10 pictures"),
    "idx cut short": (idx(cut=5), "its head says"),
    "idx with a wrong head": ([("train-images-idx3-ubyte", b"\0\0\x0d\x03" + bytes(12)), idx()[1]], "no IDX file"),
    "idx that claims a terabyte": (
        [("train-images-idx3-ubyte", struct.pack(">HBBIII", 0, 8, 3, 2**30, 1000, 1000)), idx()[1]], "allowed"),
    "idx of broken gzip": ([("train-images-idx3-ubyte.gz", b"\x1f\x8bxx"), idx()[1]], "unpacked|ends"),
    "gzip bomb in idx": (
        [("train-images-idx3-ubyte.gz", gzip.compress(idx_head := struct.pack(">HBBIII", 0, 8, 3, 2, 4, 4) + bytes(1 << 22))),
         idx(2, 2)[1]], "more than"),
    "file that lies nowhere": ([("p.zip", misplaced(2**62))], "outside the archive"),
    "file that lies beyond any number": ([("p.zip", misplaced(2**63))], "outside the archive"),
    "file that lies beyond the last number": ([("p.zip", misplaced(2**64 - 1))], "outside the archive"),
    "gzip bomb that does not lie": ([*idx()[1:], idx(10, 10, side=1000)[0]], "refused as a gzip bomb"),
    "idx of pictures too large to show": (
        [("train-images-idx3-ubyte", struct.pack(">HBBIII", 0, 8, 3, 1, 8001, 8001)), idx()[1]], "8001 x 8001 pixels"),
    "EOCD only": ([("p.zip", b"PK\x05\x06" + bytes(18))], "empty"),
    "json nested deeply": ([("a.jsonl", b"[" * 100_000 + b"\n")], "nested too deeply"),
    "half a character in json": ([("a.jsonl", b'{"text": "a\\ud800b"}\n')], "U\\+D800"),
    "NUL in json": ([("a.jsonl", b'{"text": "a\\u0000b"}\n')], "U\\+0000"),
    "a number of 5000 digits": ([("a.jsonl", b"1" * 5000 + b"\n")], "no JSON"),
    "one letter over and over": ([("a.txt", b"x" * 50_000)], "the character 'x' over and over"),
    "one letter in many lines": ([("a.txt", b"x\n" * 5_000)], "nothing to learn from"),
    "json of empty documents": ([("a.jsonl", b'{"text": " "}\n')], "empty documents only"),
    "utf-16 without a mark": ([("a.txt", PROSE.encode("utf-16-le"))], "UTF-16 without"),
    "ascii as utf-16 without a mark": ([("a.txt", "plain words\n".encode("utf-16-be"))], "UTF-16 without"),
    "japanese mail": ([("a.txt", "これは日本語の文章です。".encode("iso2022_jp"))], "ISO-2022"),
    "japanese euc": ([("a.txt", "これは日本語の文章です。\n".encode("euc_jp") * 9)], "save it as UTF-8"),
    "shift-jis": ([("a.txt", "これは日本語の文章です。\n".encode("shift_jis") * 9)], "save it as UTF-8"),
    "korean": ([("a.txt", "이것은 한국어 문장입니다.\n".encode("euc_kr") * 9)], "save it as UTF-8"),
    "russian": ([("a.txt", "Это русский текст, и он длинный.\n".encode("cp1251") * 9)], "save it as UTF-8"),
    "gb18030 cut in a character": ([("a.txt", PROSE.encode("gb18030")[:-2] + b"\n")], "save it as UTF-8"),
    "unusual packing": ([("p.zip", zipped(classes(), compression=zipfile.ZIP_LZMA))], "unusual method"),
    "bomb of many small files": ([("p.zip", zipped([(f"cat/{i}.bmp", bytes(1 << 20)) for i in range(70)]))], "bomb"),
    "text turned around in a name": ([("p.zip", zipped([*classes(), ("cat/a\u202egnp.png", picture())]))], "control"),
    "file and folder of one name": ([("p.zip", zipped([("cat/0.png/x.png", picture()), *classes()]))], "clashes"),
    "class in a class": ([("p.zip", zipped([*classes(), ("cat/sub/0.png", picture())]))], "'sub' a class"),
    "picture beside parts": ([("p.zip", zipped([*classes(lead="train/"), ("cover.png", picture())]))], "beside train"),
    "class beside parts": ([("p.zip", zipped([*classes(lead="train/"), ("cat/0.png", picture())]))], "beside train"),
    "picture in a part": ([("p.zip", zipped([*classes(lead="train/"), ("test/0.png", picture())]))], "in no class folder"),
    "parts below two folders": ([("p.zip", zipped([*classes(lead="a/train/"), ("b/test/cat/0.png", picture())]))], "outermost"),
    "idx part given twice": ([*idx(), ("train-more-idx3-ubyte", gzip.decompress(idx()[0][1]))], "second file"),
    "idx parts of two sizes": ([*idx(), *idx(4, 4, side=5, part="t10k")], "different sizes"),
    "idx class only in test": ([*idx(kinds=2), *idx(6, 6, kinds=3, part="t10k")], "train has not: 2"),
    "idx without a part to learn from": (idx(part="t10k"), "learn from"),
    "idx name longer than a file system takes": ([("文" * 110 + "idx3", b"x"), *idx()], "no file can have"),
    "idx name that is a folder": ([("..", b"x"), *idx()], "no file can have"),
}  # fmt: skip


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


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


def test_the_folders_of_an_upload_are_counted_over_all_its_zips(volume, monkeypatch):
    def pictures(start):
        return zipped([(f"part-{start}/{start + i}/{i}.png", picture((i, start, 1))) for i in range(4)])

    monkeypatch.setattr(receiving, "MOST_FOLDERS", 9)
    with pytest.raises(TooLarge, match=r"q\.zip holds 5 folders; 4 are allowed"):
        load(volume, ("p.zip", pictures(0)), ("q.zip", pictures(10)), format="pictures")
    assert left_behind(volume) == []
    load(volume, ("p.zip", pictures(0)), format="pictures")


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


def directory_bomb(entries):
    """A small zip whose directory lists very many entries."""
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0x800, 0, 0, 0, 0, 0, 0, 1, 0) + b"a"
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0x800, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    low = entries & 0xFFFF
    return local + entry * entries + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, low, low, 47 * entries, len(local), 0)


def test_a_directory_of_very_many_entries_is_refused_before_it_is_held_in_memory(volume):
    with pytest.raises(TooLarge, match="entries"):
        load(volume, ("p.zip", directory_bomb(50_000)), limits=Limits(max_files=1000))
    assert left_behind(volume) == []


def test_the_limits_hold_for_several_zips_together(volume):
    archives = [(f"{part}.zip", zipped([f for f in idx() if part in f[0]])) for part in ("images", "labels")]
    with pytest.raises(TooLarge):
        load(volume, *archives, limits=Limits(max_files=1), format="idx")
    assert load(volume, *archives, limits=Limits(max_files=2), format="idx").report.rows == 10


def test_a_zip_damaged_anywhere_is_refused_or_harmless(volume):
    whole = zipped(classes(2))
    for at in range(0, len(whole), 7):
        with contextlib.suppress(DatasetInvalid, TooLarge):  # any other error would be an answer of 500
            load(volume, ("p.zip", whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]))
    assert not [name for name in left_behind(volume) if name.startswith(".")]
