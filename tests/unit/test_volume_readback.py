"""What attempts have written is read back whole: curves, logs, samples, artifacts, also while it is being written."""

import json
import os

import pytest

from shared.errors import NotFound
from shared.ids import new_id
from shared.volume import readback
from shared.volume.volume import Volume

JOB = new_id()


@pytest.fixture
def volume(tmp_path):
    volume = Volume(tmp_path)
    volume.ensure()
    return volume


def write_series(volume, attempt, resumed, rows):
    folder = volume.attempt_dir(JOB, attempt)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [{"attempt": attempt, "resumed_from_step": resumed}, *rows]
    (folder / "series.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_curves_of_several_attempts_are_one_curve_without_what_was_done_twice(volume):
    write_series(volume, 1, None, [{"step": s, "loss": 1.0} for s in (1, 2, 3, 4)])
    write_series(volume, 2, 2, [{"step": s, "loss": 2.0} for s in (3, 4, 5)])
    assert [(r["step"], r["loss"]) for r in readback.series(volume, JOB)] == [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]


def test_an_attempt_that_starts_anew_replaces_the_curve(volume):
    write_series(volume, 1, None, [{"step": 1, "loss": 1.0}])
    write_series(volume, 2, None, [{"step": 1, "loss": 2.0}])
    assert [r["loss"] for r in readback.series(volume, JOB)] == [2.0]


def test_a_half_written_row_is_not_read(volume):
    write_series(volume, 1, None, [{"step": 1, "loss": 1.0}])
    with (volume.attempt_dir(JOB, 1) / "series.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    assert len(readback.series(volume, JOB)) == 1


def test_a_thinned_curve_keeps_ends_extremes_and_evaluations(volume):
    rows = [{"step": s, "loss": 1.0} for s in range(1000)]
    rows[500]["loss"], rows[700]["loss"], rows[333]["val_loss"] = 9.0, 0.1, 2.0
    write_series(volume, 1, None, rows)
    thin = readback.series(volume, JOB, max_points=50)
    steps = {r["step"] for r in thin}
    assert {0, 999, 500, 700, 333} <= steps and len(thin) <= 60


def test_a_log_is_read_by_whole_lines_and_goes_on_where_it_stopped(volume):
    folder = volume.start_attempt(JOB, 1)
    assert readback.log(volume, JOB, 1).text == ""
    (folder / "log.txt").write_text("一行\n" * 100 + "half", encoding="utf-8")
    tail = readback.log(volume, JOB, 1, tail_bytes=20)
    assert tail.text == "一行\n" * 2
    rest = readback.log(volume, JOB, 1, offset=tail.next_offset)
    assert rest.text in ("", "half")
    with pytest.raises(NotFound):
        readback.log(volume, JOB, 7)


@pytest.mark.parametrize("name", ["../log.txt", "/etc/passwd", "..", "", "manifest.json", "link", "a\0b"])
def test_only_artifacts_in_the_manifest_can_be_read(volume, name):
    folder = volume.start_attempt(JOB, 1)
    with volume.stage(folder) as stage:
        (stage.path / "表.csv").write_text("a,b\n")
        stage.publish(folder / "artifacts", {})
    os.symlink("/etc/passwd", folder / "artifacts" / "link")
    assert readback.artifact_path(volume, JOB, "表.csv").read_text() == "a,b\n"
    with pytest.raises(NotFound):
        readback.artifact_path(volume, JOB, name)


@pytest.mark.makes_staging
def test_samples_are_listed_by_step_with_their_text(volume):
    folder = volume.start_attempt(JOB, 1) / "samples"
    folder.mkdir()
    (folder / "00000010.txt").write_text("床前明月光", encoding="utf-8")
    (folder / "00000005-1.png").write_bytes(b"png")
    (folder / ".tmp-x").write_bytes(b"")
    assert [(s.step, s.file, s.text) for s in readback.samples(volume, JOB)] == [
        (5, "00000005-1.png", None),
        (10, "00000010.txt", "床前明月光"),
    ]
    with pytest.raises(NotFound):
        readback.sample_path(volume, JOB, 1, "../log.txt")


def test_a_curve_of_very_many_evaluations_is_thinned_too(volume):
    rows = [{"step": s, "loss": 1.0, "val_loss": 2.0 + (s == 777)} for s in range(5000)]
    write_series(volume, 1, None, rows)
    thin = readback.series(volume, JOB, max_points=100)
    assert len(thin) <= 110 and {0, 777, 4999} <= {r["step"] for r in thin}


def test_a_curve_whose_head_was_torn_still_follows_the_attempt_before(volume):
    write_series(volume, 1, None, [{"step": s, "loss": 1.0} for s in (1, 2, 3)])
    write_series(volume, 2, 2, [{"step": s, "loss": 2.0} for s in (3, 4)])
    path = volume.attempt_dir(JOB, 2) / "series.jsonl"
    path.write_text('{"att\n' + path.read_text().partition("\n")[2])
    assert [(r["step"], r["loss"]) for r in readback.series(volume, JOB)] == [(1, 1), (2, 1), (3, 2), (4, 2)]


@pytest.mark.parametrize("cut", range(1, 13))
def test_a_line_that_is_being_written_is_never_cut_within_a_character(volume, cut):
    written = "é好𝄞a好".encode()
    (volume.start_attempt(JOB, 1) / "log.txt").write_bytes(written[:cut])
    part = readback.log(volume, JOB, 1, offset=0)
    assert "\ufffd" not in part.text and part.text.encode() == written[: part.next_offset]


def test_a_line_longer_than_a_piece_is_read_in_pieces(volume, monkeypatch):
    monkeypatch.setattr(readback, "_MOST_LOG", 100)
    (volume.start_attempt(JOB, 1) / "log.txt").write_text("好" * 99 + "\n", encoding="utf-8")
    text, offset = "", 0
    while part := readback.log(volume, JOB, 1, offset=offset):
        text, offset = text + part.text, part.next_offset
        if offset == part.size:
            break
    assert text == "好" * 99 + "\n"


def test_no_link_on_the_way_to_an_artifact_is_followed(volume, tmp_path):
    folder = volume.start_attempt(JOB, 1)
    with volume.stage(folder) as stage:
        (stage.path / "sub").mkdir()
        (stage.path / "sub" / "a.txt").write_text("inside")
        stage.publish(folder / "artifacts", {})
    assert readback.artifact_path(volume, JOB, "sub/a.txt").read_text() == "inside"
    (folder / "artifacts" / "sub").rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", folder / "artifacts" / "sub")
    with pytest.raises(NotFound):
        readback.artifact_path(volume, JOB, "sub/a.txt")


@pytest.mark.parametrize(
    "name", ["../log.txt", "00000010.txt/../../log.txt", ".tmp-x", "00000010.exe", "", "a\0b", "link.png", "1.png"]
)
def test_only_samples_can_be_read_as_samples(volume, name):
    folder = volume.start_attempt(JOB, 1) / "samples"
    folder.mkdir()
    (folder / "00000010.txt").write_text("text")
    os.symlink("/etc/passwd", folder / "1.png")
    assert readback.sample_path(volume, JOB, 1, "00000010.txt").read_text() == "text"
    with pytest.raises(NotFound):
        readback.sample_path(volume, JOB, 1, name)
