"""Texts: Chinese arrives as it was written, conversions are said, large files are taken in pieces."""

import tracemalloc
import unicodedata

import pytest

from shared.datasets import encoding, get_preview, marks, receiving, text_writing
from shared.datasets.formats import text as text_format
from shared.errors import DatasetInvalid
from shared.volume.volume import Volume
from tests.support.uploads import load, zipped

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
    monkeypatch.setattr(text_writing, "_PIECE", piece)
    written = "e\u0301 cafe\u0301 각 が " * 3 + PROSE + "\r\n\r\nend" if codec != "gb18030" else PROSE
    dataset = load(volume, ("a.txt", written.encode(codec)))
    assert text_of(volume, dataset) == unicodedata.normalize("NFC", written).replace("\r\n", "\n")


def test_the_figures_are_those_of_the_text_as_stored(volume):
    dataset = load(volume, ("a.txt", "甲乙甲\r\nb".encode()))
    facts = {"characters": 5, "distinct_characters": 4, "lines": 2, "encoding": "UTF-8"}
    assert dataset.report.facts == facts and (dataset.report.rows, dataset.report.unit) == (1, "documents")
    assert dataset.bytes == len("甲乙甲\nb".encode())


def test_line_ends_are_made_one_kind_and_that_is_said(volume):
    dataset = load(volume, ("a.txt", b"one\r\ntwo\r\n"))
    assert dataset.report.facts["lines"] == 2 and "LF" in dataset.notes[0]


def test_jsonl_documents_become_one_text_without_empty_and_repeated_ones(volume):
    rows = b'{"text": "one"}\n\n{"text": "two"}\n{"text": "one"}\n{"text": " "}\n'
    dataset = load(volume, ("a.jsonl", rows))
    assert text_of(volume, dataset) == "one\n\ntwo\n" and dataset.report.rows == 2
    assert (dataset.report.dropped.duplicate, dataset.report.dropped.empty) == (1, 1)
    assert any("1 repeated" in note for note in dataset.notes) and any("1 empty" in note for note in dataset.notes)


def test_several_files_become_one_text_with_an_empty_line_between(volume):
    dataset = load(
        volume, ("a.txt", b"\n\none\n\n\ntwo\n\n"), ("b.txt", b"three"), ("c.jsonl", b'{"text": "four\\r\\n"}')
    )
    assert text_of(volume, dataset) == "one\n\n\ntwo\n\nthree\n\nfour\n" and dataset.report.rows == 3


def test_damage_done_before_the_upload_is_said(volume):
    warned = {w.code: w.message for w in load(volume, ("a.txt", "锟\ufffd\ufffd".encode())).report.warnings}
    assert "2 replacement" in warned["damaged"]


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
    monkeypatch.setattr(text_writing, "_PIECE", piece)
    run = (mark * 65)[:65]
    for name, before, after, line in [
        ("a.txt", "one\n詩\né", "x\n", 3),
        ("b.jsonl", '{"text": "one"}\n{"text": "é', '"}', 2),
    ]:
        with pytest.raises(DatasetInvalid, match="more than 64 combining marks") as refusal:
            load(volume, (name, f"{before}{run}{after}".encode()))
        assert [(problem.file, problem.line) for problem in refusal.value.problems] == [(name, line)]
        taken = load(volume, (name, f"{before}{run[:64]}{after}".encode()))
        assert taken.report.facts["lines"] == 3


@pytest.mark.parametrize("around", ["", "詩", "😀" * 100, "e\u0301" * 100])
def test_a_long_run_of_marks_is_found_wherever_it_is(monkeypatch, around):
    monkeypatch.setattr(marks, "_PIECE", 7)
    for shift in range(9):
        before = "x" * shift + around
        assert marks.long_run(before + "a" + "\u0301" * 65 + around) == len(before) + 1
        assert marks.long_run(before + "a" + "\u0301" * 64 + "a" + around) is None


def test_memory_does_not_grow_with_the_text(volume, monkeypatch):
    monkeypatch.setattr(encoding, "_PIECE", 1 << 14)
    monkeypatch.setattr(text_writing, "_PIECE", 1 << 14)
    monkeypatch.setattr(text_format, "_PIECE", 1 << 14)
    monkeypatch.setattr(receiving, "_CHUNK", 1 << 14)

    def peak(repeats):
        body = PROSE.encode("gb18030") * repeats
        tracemalloc.start()
        try:
            load(volume, ("a.txt", body))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert len(PROSE.encode("gb18030")) * 3_000 > 1_400_000
    peak(1)  # what is loaded once is no memory of a text's
    assert peak(3_000) < 1.1 * peak(1_000) < 1_000_000


def test_marks_of_joined_files_within_a_text_are_removed_and_that_is_said(volume):
    joined = b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n" + "e\ufeff\u0301".encode()
    for name, body in (("a.txt", joined), ("a.jsonl", b'{"text": "one\\ntwo\\ne\xef\xbb\xbf\xcc\x81"}\n')):
        dataset = load(volume, (name, body))
        assert text_of(volume, dataset).rstrip("\n") == "one\ntwo\né"
        assert any("U+FEFF" in note and "removed" in note for note in dataset.notes)


@pytest.mark.parametrize("end", [b"\x1a", b"\x1a\x1a\x1a", b"\x1a\r\n", b"\n\x1a"])
def test_the_end_of_file_mark_of_dos_is_dropped_and_that_is_said(volume, end):
    dataset = load(volume, ("a.txt", b"one\ntwo" + end))
    assert text_of(volume, dataset).rstrip("\n") == "one\ntwo" and "Ctrl-Z" in dataset.notes[-1]
    rows = load(volume, ("a.jsonl", b'{"text": "one"}\n{"text": "two"}\n' + end))
    assert text_of(volume, rows) == "one\n\ntwo\n" and "Ctrl-Z" in rows.notes[-1]
    assert "GB18030" in load(volume, ("a.txt", PROSE.encode("gb18030") + end)).notes[0]


def test_text_behind_an_end_of_file_mark_is_not_lost_silently(volume, monkeypatch):
    for piece in (4, 1 << 20):
        monkeypatch.setattr(encoding, "_PIECE", piece)
        with pytest.raises(DatasetInvalid, match="U\\+001A"):
            load(volume, ("a.txt", b"one\n\x1a\nand more"))


def test_ndjson_is_jsonl(volume):
    dataset = load(volume, ("a.ndjson", b'{"text": "hello"}\n'))
    assert dataset.format == "text" and text_of(volume, dataset) == "hello\n"


def test_a_zip_of_texts_is_one_text_and_says_what_it_left_out(volume):
    entries = [("book/b.txt", b"two"), ("book/a.txt", b"one"), ("__MACOSX/book/._a.txt", b"\0")]
    dataset = load(volume, ("book.zip", zipped(entries)))
    assert dataset.format == "text" and text_of(volume, dataset) == "one\n\ntwo\n"
    with_others = load(volume, ("book.zip", zipped([*entries, ("cover.bin", b"\0")])), format="text")
    assert with_others.id == dataset.id
    other = load(volume, ("book.zip", zipped([("c.md", b"three"), ("cover.bin", b"\0")])), format="text")
    assert any("1 files that are no texts left out (cover.bin)" in note for note in other.notes)


def test_nothing_but_newlines_beside_another_file_is_not_copied_again_and_again(volume, monkeypatch):
    monkeypatch.setattr(text_writing, "_PIECE", 4)
    written = []
    write = text_writing._Text.add

    def add(self, piece):
        write(self, piece)
        written.append(self._held)

    monkeypatch.setattr(text_writing._Text, "add", add)
    dataset = load(volume, ("a.txt", b"one" + b"\n" * 400 + b"two"), ("b.txt", b"three"))
    assert text_of(volume, dataset) == "one" + "\n" * 400 + "two\n\nthree\n"
    assert max(written) > 300 and all(isinstance(held, int) for held in written)


def test_a_line_of_json_without_end_is_refused_before_it_is_parsed(volume, monkeypatch):
    monkeypatch.setattr(text_writing, "LONGEST_LINE", 100)
    parsed = []
    monkeypatch.setattr(text_writing.json, "loads", lambda line: parsed.append(len(line)) or {"text": line})
    with pytest.raises(DatasetInvalid, match="longer than 100 characters") as refusal:
        load(volume, ("a.jsonl", b'{"text": "one"}\n{"text": "' + b"x" * 1000 + b'"}\n'), format="text")
    assert refusal.value.problems[0].line == 2 and max(parsed) < 100


def test_a_preview_is_the_beginning(volume):
    dataset = load(volume, ("a.txt", POEM.encode()))
    (preview,) = get_preview(volume, dataset)
    assert preview.kind == "text" and preview.text == POEM
    (short,) = get_preview(volume, load(volume, ("a.txt", b"xy" * 500)), most=1)
    assert short.kind == "text" and short.text == "xy" * 50


@pytest.mark.parametrize(
    ("written", "code"), [("too short\n", "short"), ("bad \ufffd " * 5_000, "damaged"), ("good " * 25_000, None)]
)
def test_what_is_odd_about_a_text_is_said_in_words(volume, written, code):
    warnings = load(volume, ("a.txt", written.encode())).report.warnings
    assert [warned.code for warned in warnings] == ([code] if code else [])
