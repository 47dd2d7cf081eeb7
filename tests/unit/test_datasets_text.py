"""Texts: Chinese arrives as it was written, conversions are said, large files are taken in pieces."""

import tracemalloc
import unicodedata

import pytest

from shared.datasets import encoding, importer, marks, text
from shared.errors import DatasetInvalid
from shared.volume.volume import Volume
from tests.support.uploads import load

POEM = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n"
PROSE = "我在年青时候也曾经做过许多梦，后来大半忘却了，但自己也并不以为可惜。所谓回忆者，虽说可以使人欢欣。\n" * 5
TRADITIONAL = "我是一個人，他說這是我們的國家，有人來了，你要不要一起去呢？" * 5


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def text_of(volume, dataset):
    return (volume.dataset_dir(dataset.id) / "files" / "text.txt").read_bytes().decode()


@pytest.mark.parametrize(
    ("codec", "written", "said"),
    [("utf-8", POEM, None), ("utf-8-sig", POEM, None), ("utf-16", POEM, "UTF-16"), ("utf-16-be", "\ufeff" + POEM, "UTF-16"),
     ("utf-32", POEM, "UTF-32"), ("gb18030", PROSE, "GB18030"), ("gbk", PROSE, "GB18030"), ("big5", TRADITIONAL, "Big5"),
     ("cp950", TRADITIONAL + "這裏", "Big5")],
)  # fmt: skip
def test_chinese_text_arrives_as_it_was_written_or_converted_by_name(volume, codec, written, said):
    dataset = load(volume, ("a.txt", written.encode(codec)))
    assert text_of(volume, dataset) == written.removeprefix("\ufeff")
    assert (said is None) == (not dataset.notes) and (said is None or said in dataset.notes[0])


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "gb18030"])
def test_where_a_text_is_cut_into_pieces_makes_no_difference(volume, monkeypatch, codec, piece):
    monkeypatch.setattr(encoding, "_PIECE", piece)
    monkeypatch.setattr(text, "_PIECE", piece)
    written = "e\u0301 cafe\u0301 각 が " * 3 + PROSE + "\r\n\r\nend" if codec != "gb18030" else PROSE
    dataset = load(volume, ("a.txt", written.encode(codec)))
    assert text_of(volume, dataset) == unicodedata.normalize("NFC", written).replace("\r\n", "\n")


def test_the_figures_are_those_of_the_text_as_stored(volume):
    dataset = load(volume, ("a.txt", "甲乙甲\r\nb".encode()))
    assert dataset.stats == {
        "characters": 5, "distinct_characters": 4, "lines": 2, "documents": 1, "encoding": "UTF-8"
    }  # fmt: skip
    assert dataset.bytes == len("甲乙甲\nb".encode())


def test_line_ends_are_made_one_kind_and_that_is_said(volume):
    dataset = load(volume, ("a.txt", b"one\r\ntwo\r\n"))
    assert dataset.stats["lines"] == 2 and "LF" in dataset.notes[0]


def test_jsonl_documents_become_one_text_without_empty_and_repeated_ones(volume):
    rows = b'{"text": "one"}\n\n{"text": "two"}\n{"text": "one"}\n{"text": " "}\n'
    dataset = load(volume, ("a.jsonl", rows))
    assert dataset.preview == ["one", "", "two"] and dataset.stats["documents"] == 2
    assert any("1 repeated" in note for note in dataset.notes) and any("1 empty" in note for note in dataset.notes)


def test_several_files_become_one_text_with_an_empty_line_between(volume):
    dataset = load(
        volume, ("a.txt", b"\n\none\n\n\ntwo\n\n"), ("b.txt", b"three"), ("c.jsonl", b'{"text": "four\\r\\n"}')
    )
    assert text_of(volume, dataset) == "one\n\n\ntwo\n\nthree\n\nfour\n" and dataset.stats["documents"] == 3


def test_damage_done_before_the_upload_is_said(volume):
    assert "2 replacement" in load(volume, ("a.txt", "锟\ufffd\ufffd".encode())).notes[0]


def test_the_line_at_fault_is_named_however_far_into_the_file(volume, monkeypatch):
    monkeypatch.setattr(encoding, "_PIECE", 10)
    with pytest.raises(DatasetInvalid, match="U\\+0001") as refusal:
        load(volume, ("a.txt", b"a line\n" * 40 + b"x\x01y"))
    assert refusal.value.problems[0].line == 41
    with pytest.raises(DatasetInvalid, match="offset 281") as refusal:
        load(volume, ("a.txt", b"a line\n" * 40 + b"x\xffy"))
    assert refusal.value.problems[0].line == 41


MARKS = [
    "\u0301",
    "\u0f73",
    "\U0001e94a",
    "\u0301\u0316",
]  # U+0F73 has no combining class but decomposes into two that have


@pytest.mark.parametrize("piece", [1, 4, 1 << 20])
@pytest.mark.parametrize("mark", MARKS)
def test_more_marks_on_one_character_than_can_be_composed_are_refused_by_line(volume, monkeypatch, mark, piece):
    monkeypatch.setattr(text, "_PIECE", piece)
    run = (mark * 65)[:65]
    for name, before, after, line in [
        ("a.txt", "one\n詩\né", "x\n", 3),
        ("b.jsonl", '{"text": "one"}\n{"text": "é', '"}', 2),
    ]:
        with pytest.raises(DatasetInvalid, match="more than 64 combining marks") as refusal:
            load(volume, (name, f"{before}{run}{after}".encode()))
        assert [(problem.file, problem.line) for problem in refusal.value.problems] == [(name, line)]
        taken = load(volume, (name, f"{before}{run[:64]}{after}".encode()))
        assert taken.stats["lines"] == 3


@pytest.mark.parametrize("around", ["", "詩", "😀" * 100, "e\u0301" * 100])
def test_a_long_run_of_marks_is_found_wherever_it_is(monkeypatch, around):
    monkeypatch.setattr(marks, "_PIECE", 7)
    for shift in range(9):
        before = "x" * shift + around
        assert marks.long_run(before + "a" + "\u0301" * 65 + around) == len(before) + 1
        assert marks.long_run(before + "a" + "\u0301" * 64 + "a" + around) is None


def test_memory_does_not_grow_with_the_text(volume, monkeypatch):
    monkeypatch.setattr(encoding, "_PIECE", 1 << 14)
    monkeypatch.setattr(text, "_PIECE", 1 << 14)
    monkeypatch.setattr(importer, "_CHUNK", 1 << 14)

    def peak(repeats):
        body = PROSE.encode("gb18030") * repeats
        tracemalloc.start()
        try:
            load(volume, ("a.txt", body))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert len(PROSE.encode("gb18030")) * 3_000 > 1_400_000
    assert peak(3_000) < 1.1 * peak(1_000) < 1_000_000
