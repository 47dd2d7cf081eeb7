"""Datasets whatever their format: one content is one dataset, names are clean, real uploads are taken in as they should be."""

import subprocess
import sys
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from shared.datasets import (
    FORMATS,
    delete_dataset,
    get_dataset,
    get_report,
    importer,
    list_datasets,
    looking,
    open_preview_file,
    receiving,
)
from shared.datasets.examples import import_example, list_examples
from shared.datasets.formats import get_format
from shared.datasets.formats.base import Arranged, Options
from shared.datasets.formats.table import TableOptions
from shared.datasets.importer import Limits
from shared.datasets.receiving import clean_name
from shared.datasets.report import DatasetReport
from shared.errors import DatasetInvalid, InvalidParams, NotFound, TooLarge
from shared.outputs import Picture
from shared.volume.volume import Volume, staging
from tests.support.uploads import left_behind, load

POEM = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n"


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def test_the_same_content_is_one_dataset_whatever_it_is_called(volume):
    first = load(volume, ("诗.txt", POEM.encode()))
    again = load(volume, ("other.txt", POEM.encode()), name="other")
    assert (first.new, again.new) == (True, False) and left_behind(volume) == [first.id]
    assert (
        again.model_copy(update={"new": True}) == first and again.name == "诗.txt"
    )  # told by `new`: the old name stays
    assert "new" not in first.model_dump() and first.report.facts["characters"] == len(POEM)
    assert [d.model_dump() for d in list_datasets(volume)] == [first.model_copy(update={"files": []}).model_dump()]


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
    load(volume, ("there.txt", b"xyz" * 100), limits=limit)
    load(volume, ("bob.txt", b"xyz" * 300), limits=limit, owner="bob")
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
    found = list_examples()
    assert {"name": "python_docs", "title": "Python's language reference", "format": "text", "recipe": "gpt"} in found
    for example in found:
        dataset = import_example(volume, example["name"], owner="local", limits=Limits())
        assert dataset.format == example["format"] and dataset.name == example["title"] and dataset.report.rows
    assert import_example(volume, "python_docs", owner="local", limits=Limits()).report.facts["characters"] > 100_000
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

    monkeypatch.setattr(receiving, "unicodedata", SimpleNamespace(normalize=normalize))
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
}


@pytest.mark.parametrize("name", REAL)
def test_real_texts_are_taken_in(volume, data_sets, name):
    dataset = load(volume, ((data_sets / name).name, (data_sets / name).read_bytes()))
    assert dataset.report.facts | REAL[name] == dataset.report.facts and dataset.notes == []
    assert dataset.format == "text" and dataset.report.warnings == []


@pytest.mark.parametrize("name", ["zh_tang_poems/tang.txt", "zh_luxun_fiction/luxun_fiction.txt"])
def test_real_chinese_text_in_gb18030_becomes_the_same_dataset_as_in_utf_8(volume, data_sets, name):
    written = (data_sets / name).read_text(encoding="utf-8")
    first = load(volume, ("a.txt", written.encode("gb18030")))
    assert "GB18030" in first.notes[0]
    assert load(volume, ("a.txt", written.encode())).id == first.id


class Odd:
    """A format of one file, to see what the importer does around any of them."""

    name = title = "odd"
    help = "a file named .odd"
    suffixes: tuple[str, ...] = (".odd",)
    examples = ()
    options = TableOptions

    def recognises(self, names, peek):
        return (
            0.95
            if names[0].endswith(".odd") and peek.head(names[0], 3) == b"odd" and peek.inside(names[0]) is None
            else 0.0
        )

    def arrange(self, received, target, limits, options):
        if options.header == "yes":
            raise DatasetInvalid("no header")
        (target / "odd").write_bytes(received[0].path.read_bytes())
        return Arranged(notes=["as it was"], kept={"asked": options.header})

    def look(self, target, kept):
        return DatasetReport(rows=(target / "odd").stat().st_size, facts=kept)

    def preview(self, folder, report, most):
        return [Picture(file="odd")]

    def open_file(self, folder, name):
        return ((folder / "files" / "odd").open("rb"), "image/odd") if name == "odd" else None


@pytest.fixture
def odd(monkeypatch):
    """A further format, the surest of files named .odd."""
    monkeypatch.setitem(FORMATS, "odd", Odd())


def test_the_surest_format_takes_an_upload_and_the_user_may_name_another(volume, odd):
    dataset = load(volume, ("a.odd", b"odd things"))
    assert (dataset.format, dataset.report.rows, dataset.notes) == ("odd", 10, ["as it was"])
    assert dataset.kept == {"asked": "auto"} and dataset.options["header"] == "auto"
    assert load(volume, ("a.odd", b"odd things"), format="text").format == "text"


def test_what_no_format_knows_is_refused_with_what_is_accepted(volume, odd):
    with pytest.raises(DatasetInvalid, match="cannot tell what kind") as refusal:
        load(volume, ("a.exe", b"even"))
    assert all(f"{format.title}: {format.help}" in refusal.value.message for format in FORMATS.values())
    assert left_behind(volume) == []


def test_options_are_checked_before_anything_is_written_and_kept_with_the_dataset(volume, odd):
    with pytest.raises(InvalidParams) as refusal:
        load(volume, ("a.odd", b"odd"), options={"header": "perhaps", "colour": "red"})
    assert [problem.field for problem in refusal.value.problems] == ["options.header", "options.colour"]
    assert "known are header, delimiter" in refusal.value.problems[1].message
    with pytest.raises(InvalidParams, match="no option of the format text; known are none"):
        load(volume, ("a.txt", b"odd"), options={"header": "no"})
    with pytest.raises(DatasetInvalid, match="no header"):
        load(volume, ("a.odd", b"odd"), options={"header": "yes"})
    assert left_behind(volume) == []
    assert load(volume, ("a.odd", b"odd"), options={"header": "no"}).options["header"] == "no"


def test_an_unknown_format_is_refused_by_name(volume):
    with pytest.raises(InvalidParams, match="format: unknown 'pdf'; known are text"):
        load(volume, ("a.txt", b"text"), format="pdf")
    with pytest.raises(NotFound, match="known are text"):
        get_format("pdf")


def test_a_report_of_an_older_release_is_made_anew_once_and_the_dataset_stays_as_it_is(volume, odd, monkeypatch):
    dataset = load(volume, ("a.odd", b"odd"))
    before = (volume.dataset_dir(dataset.id) / "manifest.json").read_bytes()
    assert get_report(volume, dataset) == dataset.report
    monkeypatch.setattr(looking, "REPORT_VERSION", 99)
    looked = []

    def look(self, target, kept):
        looked.append(kept)
        return DatasetReport(version=99, rows=7)

    monkeypatch.setattr(Odd, "look", look)
    for _ in range(2):
        assert get_report(volume, get_dataset(volume, dataset.id)).rows == 7
    assert looked == [{"asked": "auto"}] and staging.verify(volume.dataset_dir(dataset.id))
    assert (volume.dataset_dir(dataset.id) / "manifest.json").read_bytes() == before
    (volume.dataset_dir(dataset.id) / "report.json").write_text("[1]")
    assert get_report(volume, dataset).rows == 7 and len(looked) == 2
    delete_dataset(volume, dataset.id)
    with pytest.raises(NotFound):
        get_report(volume, dataset)


def test_files_that_a_preview_names_are_opened_and_no_others(volume, odd):
    dataset = load(volume, ("a.odd", b"odd"))
    file, media_type = open_preview_file(volume, dataset, "odd")
    with file:
        assert (file.read(), media_type) == (b"odd", "image/odd")
    for name in ("even", "../manifest.json", ""):
        with pytest.raises(NotFound, match="no file"):
            open_preview_file(volume, dataset, name)


def test_every_format_says_what_it_is_and_shows_an_example_row():
    for name, format in FORMATS.items():
        assert format.name == name and format.title and format.help and format.suffixes
        written = sys.modules[type(format).__module__].__doc__ or ""
        assert "for example" in written or "    " in written
        assert isinstance(format.options(), Options)


def test_reading_tables_is_loaded_by_those_who_read_tables_alone():
    code = "import sys, shared.datasets; print([name for name in ('pyarrow', 'numpy', 'python_calamine') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
