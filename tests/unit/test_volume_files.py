"""Uploaded files: stored once, told by their bytes, kept for whoever names them, gone a day after. Real files, no server."""

import io
import os

import pytest

from shared.errors import NotFound, TooLarge, VolumeFull
from shared.ids import new_id
from shared.volume import files, staging
from shared.volume.damage import find_damage
from shared.volume.files import drop_unneeded, get_file, pin_file, save_file, unpin_file
from shared.volume.media_type import HEAD_BYTES, UNKNOWN, media_type
from shared.volume.volume import Volume

JOB = new_id()
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
def volume(tmp_path):
    volume = Volume(tmp_path)
    volume.ensure()
    return volume


def save(volume, content=PNG, name="cat.png", owner="ann", **limits):
    return save_file(volume, name, io.BytesIO(content), owner=owner, **({"max_bytes": 10_000} | limits))


def grow_old(volume, *file_ids):
    for path in [path for file_id in file_ids for path in (volume.root / "files" / file_id).rglob("*")]:
        os.utime(path, (1, 1))


def nobody(job_ids):
    return set()


def test_a_file_comes_back_byte_for_byte_and_is_stored_once_for_each_owner_and_name(volume):
    first, again, bobs = save(volume), save(volume, name="a folder/cat.png"), save(volume, owner="bob")
    assert first == again and first.name == "cat.png" and bobs.id != first.id
    info, path = get_file(volume, first.id)
    assert path.read_bytes() == PNG
    assert (info, info.media_type, info.bytes, info.owner) == (first, "image/png", len(PNG), "ann")
    assert len(list((volume.root / "files").iterdir())) == 2
    assert files.bytes_by_owner(volume) == {"ann": len(PNG), "bob": len(PNG)}
    other = save(volume, name="other.png")
    assert other.id != first.id and other.name == "other.png", "who sends it as another name finds it under that name"
    assert save(volume, b"").bytes == 0


def test_a_file_larger_than_allowed_or_cut_off_leaves_nothing(volume):
    with pytest.raises(TooLarge, match=r"cat.png is larger than 107 bytes"):
        save(volume, max_bytes=len(PNG) - 1)
    assert save(volume, max_bytes=len(PNG)).bytes == len(PNG)

    class CutOff(io.BytesIO):
        def read(self, size=-1):
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        save_file(volume, "x", CutOff(), owner="ann", max_bytes=100)
    assert len(list((volume.root / "files").iterdir())) == 1


def test_a_full_volume_says_so_and_leaves_nothing(volume, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VolumeFull):
        save(volume)
    assert list((volume.root / "files").iterdir()) == []


@pytest.mark.parametrize("bad", ["..", "../x", "", "A" * 32, "a" * 31, "a" * 32 + "\n", "/" + "a" * 31])
def test_no_id_leads_out_of_the_volume(volume, bad):
    for ask in (get_file, lambda v, i: pin_file(v, i, JOB)):
        with pytest.raises(NotFound):
            ask(volume, bad)
    unpin_file(volume, bad, JOB)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\me\\a.png", "a.png"),
        ("a\0\nb", "ab"),
        ("", "file"),
        ("é" * 300, "é" * 200),
    ],
)
def test_a_name_is_shown_without_folders_and_control_characters(volume, name, shown):
    assert save(volume, name=name).name == shown


def test_files_nobody_names_go_when_they_are_old_and_pinned_ones_when_their_job_is_forgotten(volume):
    alone, pinned, young = save(volume, b"1"), save(volume, b"2"), save(volume, b"3")
    pin_file(volume, pinned.id, JOB)
    grow_old(volume, alone.id, pinned.id)
    assert drop_unneeded(volume, older_than_s=3600, known=set) == 1
    with pytest.raises(NotFound):
        get_file(volume, alone.id)
    with pytest.raises(NotFound, match="send it again"):
        pin_file(volume, alone.id, JOB)
    assert [get_file(volume, kept.id)[0] for kept in (pinned, young)] == [pinned, young]
    assert drop_unneeded(volume, older_than_s=3600, known=nobody) == 1
    assert files.bytes_by_owner(volume) == {"ann": 1}


def test_the_pin_of_a_job_that_is_being_submitted_is_not_taken_for_one_of_nobody(volume):
    file = save(volume)
    grow_old(volume, file.id)
    pin_file(volume, file.id, JOB)
    assert drop_unneeded(volume, older_than_s=3600, known=nobody) == 0


def test_the_same_upload_again_makes_a_file_young_again(volume):
    file = save(volume)
    grow_old(volume, file.id)
    assert save(volume) == file
    assert drop_unneeded(volume, older_than_s=3600, known=nobody) == 0


def test_an_upload_in_the_moment_in_which_the_old_file_goes_is_there_afterwards(volume, monkeypatch):
    """Between the last look at it and its end: the new one is published beside what is out of sight."""
    file = save(volume)
    grow_old(volume, file.id)
    remove = staging.remove

    def meanwhile(folder, *, unless):
        def look(aside):
            answer = unless(aside)
            assert save(volume) == file
            return answer

        return remove(folder, unless=look)

    monkeypatch.setattr(staging, "remove", meanwhile)
    assert drop_unneeded(volume, older_than_s=3600, known=nobody) == 1
    assert get_file(volume, file.id)[1].read_bytes() == PNG


def test_damage_to_a_file_is_named(volume):
    file = save(volume)
    path = get_file(volume, file.id)[1]
    path.write_bytes(b"x" * path.stat().st_size)
    [damage] = find_damage(volume)
    assert damage.path == f"files/{file.id}" and "SHA-256" in damage.what


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (PNG, "image/png"), (b"\xff\xd8\xff\xe0", "image/jpeg"), (b"GIF89a", "image/gif"), (b"RIFF....WEBPVP8 ", "image/webp"),
        (b"RIFF....WAVEfmt ", "audio/wav"), (b"%PDF-1.7", "application/pdf"), (b"PK\x03\x04", "application/zip"),
        ("床前明月光\n".encode(), "text/plain"), (b"<svg onload=alert(1)>", "text/plain"), (b"<html>", "text/plain"),
        (("é" * HEAD_BYTES).encode()[1 : HEAD_BYTES + 1], UNKNOWN), (("x" + "é" * HEAD_BYTES).encode()[:HEAD_BYTES], "text/plain"),
        (b"\x00\x01", UNKNOWN), (b"", UNKNOWN), ("é".encode()[:1], UNKNOWN), (b"RIFF", "text/plain"),
        (b"BM\x00\x00", "image/bmp"), (b"BMW drives", "text/plain"),
    ],
)  # fmt: skip
def test_what_a_file_is_is_told_by_its_bytes(head, said):
    assert media_type(head) == said
