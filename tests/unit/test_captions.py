"""Pictures with texts: tables and .txt files are matched with pictures, and all that does not fit is named."""

import io
import json

import pytest
from PIL import Image

from shared.datasets.captions import read_captions
from shared.datasets.captions.finding import PictureNames, text_files
from shared.datasets.looking import get_preview, open_preview_file
from shared.errors import DatasetInvalid, NotFound
from shared.outputs import Picture
from shared.volume.volume import Volume
from tests.support.uploads import left_behind, load, picture, zipped


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


def photo(number, size=(8, 8)):
    return picture((number * 20 % 255, 5, 90), size=size)


def photos(count, folder="images/", start=0):
    return [(f"{folder}{number}.png", photo(number)) for number in range(start, start + count)]


def put(volume, files, **options):
    return load(volume, ("p.zip", zipped(files)), options=options)


def refused(volume, files, **options) -> DatasetInvalid:
    with pytest.raises(DatasetInvalid) as refusal:
        load(volume, ("p.zip", zipped(files)), format="captioned_pictures", options=options)
    assert left_behind(volume) == []
    return refusal.value


def said(volume, dataset):
    return {one.name: (one.part, list(one.texts)) for one in read_captions(volume.dataset_dir(dataset.id) / "files")}


TABLES = [
    ("captions.tsv", "file\ttext\nimages/0.png\ta dog\nimages/1.png\ta cat, asleep\n"),
    ("captions.csv", 'image,caption\n0.png,a dog\n1.png,"a cat, asleep"\n'),
    ("results.csv", "image_name| comment_number| comment\n0.png| 0| a dog\n1.png| 0| a cat, asleep\n"),
    ("token.txt", "0.png#0\ta dog\n1.png#0\ta cat, asleep\n"),
    ("meta.jsonl", '{"file_name": "0.png", "text": "a dog"}\n{"file_name": "1.png", "text": "a cat, asleep"}\n'),
    ("texts.csv", "id;what;picture\n1;a dog;./images/0\n2;a cat, asleep;images\\1.png\n"),
]


@pytest.mark.parametrize(("name", "table"), TABLES, ids=[name for name, _ in TABLES])
def test_tables_as_people_have_them_are_matched_with_the_pictures(volume, name, table):
    options = {"text_column": "what"} if name == "texts.csv" else {}
    dataset = load(
        volume, ("p.zip", zipped([*photos(2), (name, table.encode())])), format="captioned_pictures", options=options
    )
    assert said(volume, dataset) == {"0.png": ("train", ["a dog"]), "1.png": ("train", ["a cat, asleep"])}
    facts = dataset.report.facts
    assert dataset.report.rows == 2 and facts["texts"] == 2 and facts["texts_a_picture"] == [1, 1]
    assert facts["characters_a_text"] == [5, 13]


@pytest.mark.parametrize(
    ("name", "table"), [TABLES[0], TABLES[1], TABLES[2], TABLES[4]], ids=["tsv", "csv", "pipe", "jsonl"]
)
def test_they_are_told_from_bare_pictures(volume, name, table):
    assert put(volume, [*photos(2), (name, table.encode())]).format == "captioned_pictures"


def test_a_text_file_beside_each_picture_has_a_text_in_each_line(volume):
    files = [*photos(2, ""), ("0.txt", "a dog\n\n一只狗\r\n".encode()), ("1.txt", "a cat".encode("utf-16"))]
    dataset = put(volume, [*files, ("README.txt", b"about it")])
    assert dataset.format == "captioned_pictures"
    assert said(volume, dataset) == {"0.png": ("train", ["a dog", "一只狗"]), "1.png": ("train", ["a cat"])}
    assert any("README.txt" in note for note in dataset.notes) and any("UTF-16" in note for note in dataset.notes)
    assert dataset.report.facts["texts_a_picture"] == [1, 2]


def test_boxes_and_class_folders_stay_what_they_are(volume):
    yolo = [*photos(2, ""), ("0.txt", b"0 0.5 0.5 0.2 0.2\n"), ("1.txt", b"1 0.5 0.5 0.2 0.2\n")]
    assert put(volume, yolo).format == "boxes"
    assert (
        put(volume, [*photos(2, "a/"), *photos(2, "b/", 5), ("labels.csv", b"name,size\nx,3\n")]).format == "pictures"
    )
    labelled = [*photos(2), ("labels.csv", b"file,label\n0.png,dog\n1.png,cat\n")]
    assert put(volume, labelled).format == "pictures"


def test_several_texts_of_a_picture_stay_together_and_the_same_one_counts_once(volume):
    table = b"file,text\n0.png,a dog\n1.png,a cat\n0.png,a brown dog\n0.png,a  dog\n"
    dataset = put(volume, [*photos(2), ("t.csv", table)])
    assert said(volume, dataset)["0.png"] == ("train", ["a dog", "a brown dog"])
    assert dataset.report.dropped.duplicate == 1 and dataset.report.facts["texts_a_picture"] == [1, 2]
    assert any("1 texts that their picture has already" in note for note in dataset.notes)


def test_parts_come_from_folders_a_column_and_the_names_of_tables(volume):
    by_folder = [*photos(2, "train/"), *photos(1, "test/", 7), ("t.csv", b"file,text\n0.png,a\n1.png,b\n7.png,c\n")]
    assert put(volume, by_folder).report.parts == {"train": 2, "test": 1}
    by_column = [*photos(3), ("t.csv", b"file,text,split\n0.png,a,train\n1.png,b,val\n2.png,c,test\n")]
    dataset = put(volume, by_column)
    assert dataset.report.parts == {"train": 1, "val": 1, "test": 1}
    by_table = [*photos(3), ("train.csv", b"file,text\n0.png,a\n1.png,b\n"), ("test.csv", b"file,text\n2.png,c\n")]
    assert put(volume, by_table).report.parts == {"train": 2, "test": 1}


def test_everything_wrong_is_named_by_file_and_line_and_may_be_left_out(volume):
    table = "file,text\n0.png,a dog\n1.png,\n2.png,a cat\n9.png,a bird\n,nothing\n"
    files = [*photos(4), ("images/bad.png", b"no picture"), ("t.csv", table.encode())]
    refusal = refused(volume, files)
    problems = {(one.file, one.line): one.message for one in refusal.problems}
    assert "has no text" in problems["t.csv", 3] and "the upload has not" in problems["t.csv", 5]
    assert "says of no picture" in problems["t.csv", 6]
    assert problems["images/3.png", None] == "has no text" and problems["images/bad.png", None] == "has no text"
    assert [(choice.option, choice.value) for choice in refusal.choices] == [("bad_rows", "drop")]
    dataset = put(volume, files, bad_rows="drop")
    assert set(said(volume, dataset)) == {"0.png", "2.png"} and dataset.report.dropped.broken == 6
    assert {(one["file"], one["line"]) for one in dataset.report.dropped.named} == set(problems)


def test_a_picture_that_cannot_be_read_is_named_though_it_has_a_text(volume):
    files = [*photos(2), ("images/bad.png", b"no picture"), ("t.csv", b"file,text\n0.png,a\n1.png,b\nbad.png,c\n")]
    (problem,) = refused(volume, files).problems
    assert problem.file == "pictures/bad.png" and "cannot be read as a picture" in problem.message


def test_what_says_nothing_is_refused_with_what_would_be_right(volume):
    assert "no file says what the pictures show" in refused(volume, photos(2)).message
    strange = refused(volume, [*photos(2), ("t.csv", b"file,text\nx.png,a\ny.png,b\n")])
    assert "no column of t.csv names the pictures" in strange.message
    assert "holds no pictures" in refused(volume, [("t.csv", b"file,text\nx.png,a\n")]).message
    assert "a column of texts is missing" in refused(
        volume, [*photos(2), ("t.csv", b"file,part\n0.png,train\n1.png,test\n")]
    ).problems[0].message  # fmt: skip
    empty = refused(volume, [*photos(2, ""), ("0.txt", b""), ("1.txt", b" \n\n")])
    assert {one.file for one in empty.problems if one.file} == {"0.txt", "1.txt", "0.png", "1.png"}


def test_which_of_several_columns_holds_the_texts_is_asked(volume):
    files = [*photos(2), ("t.csv", b"file,who,what\n0.png,ann,a dog\n1.png,bob,a cat\n")]
    refusal = refused(volume, files)
    assert {(choice.option, choice.value) for choice in refusal.choices} == {
        ("text_column", "who"),
        ("text_column", "what"),
    }
    assert "there are who, what" in refused(volume, files, text_column="where").problems[0].message
    dataset = load(volume, ("p.zip", zipped(files)), format="captioned_pictures", options={"text_column": "what"})
    assert said(volume, dataset)["1.png"] == ("train", ["a cat"]) and any(
        "not taken are who" in n for n in dataset.notes
    )


def test_names_that_may_mean_two_pictures_are_named_with_their_line(volume):
    files = [*photos(1, "a/"), *photos(1, "b/"), *photos(1, "c/", 3)]
    files[1] = ("b/0.png", photo(8))
    refusal = refused(volume, [*files, ("t.csv", b"file,text\n0.png,a\na/0.png,b\nc/3.png,c\n")])
    assert any(one.line == 2 and "a/0.png or b/0.png" in one.message for one in refusal.problems)
    table = b"file,text\nb/0.png,a\na/0.png,b\nc/3.png,c\n"
    assert set(said(volume, put(volume, [*files, ("t.csv", table)]))) == {"a_0.png", "b_0.png", "3.png"}


def test_a_text_without_end_is_named(volume):
    table = f"file,text\n0.png,{'a' * 10_001}\n1.png,b\n".encode()
    assert any("10,001 characters" in one.message for one in refused(volume, [*photos(2), ("t.csv", table)]).problems)


def test_the_report_warns_of_what_no_search_can_tell_apart_and_of_parts_that_leak(volume):
    wide = Image.radial_gradient("L").convert("RGB")
    out, smaller = io.BytesIO(), io.BytesIO()
    wide.save(out, "PNG")
    wide.resize((90, 90)).save(smaller, "PNG")
    files = [("train/n.png", out.getvalue()), ("test/m.png", smaller.getvalue()), ("train/o.png", out.getvalue())]
    files += [*photos(2, "train/"), *photos(1, "test/", 9)]
    table = b"file,text\nn.png,noise\nm.png,Noise\no.png,once more\n0.png,a\n1.png,b\n9.png,c\n"
    report = put(volume, [*files, ("t.csv", table)]).report
    assert {one.code for one in report.warnings} == {"copies", "same_text", "texts_across", "nearly_alike"}
    assert report.facts["different_texts"] == 6


def test_a_preview_shows_pictures_with_their_first_text(volume):
    dataset = put(volume, [*photos(3), ("t.csv", "file,text\n0.png,一只狗\n0.png,a dog\n1.png,b\n2.png,c\n".encode())])
    shown = get_preview(volume, dataset, most=3)
    assert all(isinstance(one, Picture) for one in shown) and [one.title for one in shown] == ["一只狗 (+1)", "b", "c"]
    first = shown[0]
    assert isinstance(first, Picture)
    stream, kind = open_preview_file(volume, dataset, first.file)
    with stream:
        assert kind == "image/png" and stream.read(4) == b"\x89PNG"
    with pytest.raises(NotFound):
        open_preview_file(volume, dataset, "captions.jsonl")


def test_the_same_upload_is_the_same_dataset(volume):
    files = [*photos(2), ("t.csv", b"file,text\n0.png,a\n1.png,b\n")]
    assert put(volume, files).id == put(volume, list(reversed(files))).id
    root = volume.dataset_dir(put(volume, files).id) / "files"
    assert json.loads((root / "captions.jsonl").read_text().splitlines()[0]) == {
        "file": "pictures/0.png", "part": "train", "texts": ["a"],
    }  # fmt: skip


def test_pictures_are_found_by_whole_names_ends_and_stems():
    names = PictureNames(["a/x.png", "b/x.png", "c/y.jpg"])
    assert (
        names.find("c/y") == "c/y.jpg"
        and names.find("y.jpg#3") == "c/y.jpg"
        and names.find("/data/a/x.png") == "a/x.png"
    )
    assert names.find("z.png") is None
    with pytest.raises(ValueError, match=r"a/x\.png or b/x\.png"):
        names.find("x.png")
    assert text_files(["a/x.png", "b/x.png"], ["a/x.txt", "readme.txt"]) == {"a/x.png": "a/x.txt"}
