"""What attempts have written is read back whole: curves, logs, samples, artifacts, also while it is being written."""

import itertools
import json
import os

import pytest

from shared.errors import NotFound
from shared.ids import new_id
from shared.outputs import OUTPUTS, Picture, Text, dump_outputs
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


def publish(volume, folder, outputs, **named):
    """Publish outputs as worker/artifacts.py does."""
    folder.parent.mkdir(exist_ok=True)
    with volume.stage(folder.parent) as stage:
        (stage.path / OUTPUTS).write_bytes(dump_outputs(outputs))
        for name, content in named.items():
            (stage.path / name.replace("_", ".")).write_bytes(content)
        stage.publish(folder, {})


def test_what_a_job_shows_is_that_of_its_highest_attempt(volume):
    assert readback.outputs(volume, JOB) == [] and readback.outputs_bytes(volume, JOB) == 0
    for attempt in (1, 2):
        shown = [Text(text=f"第{attempt}次"), Picture(file="a.png")]
        publish(volume, volume.start_attempt(JOB, attempt) / "artifacts", shown, a_png=b"png")
    volume.start_attempt(JOB, 3)
    assert readback.outputs(volume, JOB) == [Text(text="第2次"), Picture(file="a.png")]
    assert {info.name for info in readback.artifacts(volume, JOB)} == {OUTPUTS, "a.png"}
    assert readback.artifact_path(volume, JOB, "a.png").read_bytes() == b"png"
    assert readback.outputs_bytes(volume, JOB) == readback.artifact_path(volume, JOB, OUTPUTS).stat().st_size > 10
    (volume.attempt_dir(JOB, 2) / "artifacts" / OUTPUTS).write_text("[{")
    with pytest.raises(NotFound, match="attempt-2/artifacts are damaged"):
        readback.outputs(volume, JOB)


@pytest.mark.makes_staging
def test_samples_of_all_attempts_are_listed_by_step_with_what_they_show(volume):
    first, second = (volume.start_attempt(JOB, attempt) / "samples" for attempt in (1, 2))
    publish(volume, first / "00000010", [Text(text="床前明月光")])
    publish(volume, first / "00000005", [Picture(file="p.png")], p_png=b"png")
    publish(volume, second / "00000020", [Text(text="later")])
    (second / ".tmp-x").mkdir()
    (second / "00000030").mkdir()  # published by nobody
    publish(volume, second / "00000040", [])
    (second / "00000040" / OUTPUTS).write_text("{")  # damaged
    assert [(s.attempt, s.step, s.outputs) for s in readback.samples(volume, JOB)] == [
        (1, 5, [Picture(file="p.png")]),
        (1, 10, [Text(text="床前明月光")]),
        (2, 20, [Text(text="later")]),
    ]
    assert [s.step for s in readback.samples(volume, JOB, newest=3)] == [20]
    assert readback.samples(volume, JOB, newest=0) == []
    assert readback.sample_path(volume, JOB, 1, 5, "p.png").read_bytes() == b"png"


def test_thinning_keeps_the_extremes_of_every_series_whatever_its_name(volume):
    rows = [{"step": s, "epoch": s / 10, "d_loss": 1.0, "g_loss": 1.0, "learning_rate": 0.1} for s in range(5000)]
    rows[1234]["d_loss"], rows[4321]["g_loss"], rows[77]["g_loss"] = 9.0, 8.0, -1.0
    for s in range(0, 5000, 500):
        rows[s]["fid"] = 50.0
    for s in range(0, 5000, 5):
        rows[s]["kid"] = 1.0 + (s == 2345)
    write_series(volume, 1, None, rows)
    thin = readback.series(volume, JOB, max_points=200)
    steps = {row["step"] for row in thin}
    assert {0, 4999, 1234, 4321, 77, 2345, *range(0, 5000, 500)} <= steps and len(thin) <= 260
    widest = max(later - earlier for earlier, later in itertools.pairwise(sorted(steps)))
    assert widest < 400, "and leaves no gaps"


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
    "name", ["../../log.txt", "p.png/../../../log.txt", "manifest.json", "", "a\0b", "link.png", "/etc/passwd"]
)
def test_only_files_of_a_sample_can_be_read_as_such(volume, name):
    folder = volume.start_attempt(JOB, 1)
    (folder / "log.txt").write_text("log")
    publish(volume, folder / "samples" / "00000010", [Picture(file="p.png")], p_png=b"png")
    os.symlink("/etc/passwd", folder / "samples" / "00000010" / "link.png")
    assert readback.sample_path(volume, JOB, 1, 10, "p.png").read_bytes() == b"png"
    for step in (10, 11):
        with pytest.raises(NotFound):
            readback.sample_path(volume, JOB, 1, step, name)
