"""Names in a zip that does not say how they are written come out as they were meant, or the doubt is said."""

import io
import zipfile

import pytest

from shared.datasets.archive import opened, unpack
from shared.datasets.zip_names import names_of
from shared.errors import DatasetInvalid

MEANT = {
    "CP437": [["Köln", "Äpfel"], ["Käse", "Öl", "Größe", "über"], ["été", "hiver"], ["Niño", "Año"], ["Müll/Straße"]],
    "CP850": [["Ærø", "Øl"], ["São Paulo", "maçã"]],
    "Windows-1252": [["Köln", "Äpfel"], ["garçon", "fille"]],
    "GB18030": [
        ["猫", "狗"],
        ["好评", "差评"],
        ["正常", "异常"],
        ["训练集/红花", "测试集/百合"],
        ["蒲公英", "雏菊"],
    ],
    "Big5": [["貓", "狗"], ["正常", "異常"], ["訓練"], ["臺灣黑熊", "梅花鹿"]],
    "Shift-JIS": [
        ["ねこ", "いぬ"],
        ["猫", "犬"],
        ["正常", "異常"],
        ["トラ", "ライオン"],
        ["東京タワー"],
        ["学習データ"],
    ],
    "CP866": [["кот", "собака"], ["Кошка", "Медведь"]],
    "Windows-1251": [["кот", "собака"], ["Кошка", "Медведь"]],
}
CODECS = {"Windows-1252": "cp1252", "Windows-1251": "cp1251", "Shift-JIS": "cp932"}


def entries(names):
    """Entries as zipfile makes them from names of raw bytes, without the mark of UTF-8."""
    return [zipfile.ZipInfo(name.decode("cp437")) for name in names]


@pytest.mark.parametrize(("encoding", "names"), [(key, names) for key, sets in MEANT.items() for names in sets])
def test_names_are_read_in_the_encoding_they_were_written_in(encoding, names):
    found = names_of(entries([f"{name}/0.png".encode(CODECS.get(encoding) or encoding.lower()) for name in names]))
    assert found.names == [f"{name}/0.png" for name in names]
    assert found.sure and f"read as {encoding}" in (found.note("p.zip") or "")


def test_utf8_without_its_mark_and_plain_names_need_no_note():
    for names in (["Köln/0.png", "猫/1.png", "кот/2.png"], ["cat/0.png"]):
        found = names_of(entries([name.encode() for name in names]))
        assert found.names == names and found.note("p.zip") is None


def test_names_that_look_wrong_in_every_encoding_are_said_to_be_doubtful():
    found = names_of(entries([b"\xf6\xb0\xff\xfe\xdb/0.png"]))
    assert not found.sure and "make the zip again" in (found.note("p.zip") or "")


def zip_of(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return out.getvalue()


def test_backslashes_between_folders_are_read_as_slashes_and_empty_folders_are_made(tmp_path):
    (tmp_path / "p.zip").write_bytes(zip_of("a\\b\\1.png", "a\\c\\", "d/", "__MACOSX/x/", "../out/", "/", "./"))
    target = tmp_path / "target"
    target.mkdir()
    names, notes = unpack(tmp_path / "p.zip", "p.zip", target, max_bytes=1000, max_files=10)
    assert names == ["a/b/1.png"] and "read as /" in notes[0]
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_dir()) == [
        "target", "target/a", "target/a/b", "target/a/c", "target/d"]  # fmt: skip
    with opened(tmp_path / "p.zip", "p.zip", max_files=10) as archive:
        assert archive.namelist()[:2] == ["a/b/1.png", "a/c/"]


@pytest.mark.parametrize("name", ["a\\..\\..\\x.png", "..\\x.png", "\\x.png", "C:\\x.png"])
def test_a_backslash_leads_nowhere_else(tmp_path, name):
    (tmp_path / "p.zip").write_bytes(zip_of(name))
    with pytest.raises(DatasetInvalid, match="leads out"):
        unpack(tmp_path / "p.zip", "p.zip", tmp_path, max_bytes=1000, max_files=10)
    assert [p.name for p in tmp_path.iterdir()] == ["p.zip"]
