"""The volume: nothing half written is ever read, nothing left behind, nothing outside reached. Real files, no server."""

import json
import os

import pytest

from shared import readback, staging
from shared.errors import Conflict, NotFound, VolumeFull
from shared.ids import new_id
from shared.job import CheckpointRef, JobErrorInfo, State
from shared.models import Model, delete_model, get_model, list_models, save_model
from shared.volume import Volume

JOB = new_id()


@pytest.fixture
def volume(tmp_path):
    volume = Volume(tmp_path)
    volume.ensure()
    return volume


def publish(volume, attempt, step, content=b"weights"):
    folder = volume.attempt_dir(JOB, attempt) / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    with volume.stage(folder) as stage:
        (stage.path / "state.safetensors").write_bytes(content)
        stage.publish(folder / f"{step:08d}", {"step": step, "metrics": {"loss": 1 / step}})
    return folder / f"{step:08d}"


def write_series(volume, attempt, resumed, rows):
    folder = volume.attempt_dir(JOB, attempt)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [{"attempt": attempt, "resumed_from_step": resumed}, *rows]
    (folder / "series.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_published_folder_holds_what_its_manifest_says(volume):
    path = publish(volume, 1, 10)
    assert staging.verify(path)
    assert [entry["path"] for entry in (staging.read_manifest(path) or {})["files"]] == ["state.safetensors"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "manifest"])
def test_damage_is_noticed_and_an_older_checkpoint_is_used(volume, damage):
    old, new = publish(volume, 1, 10), publish(volume, 1, 20)
    victim = new / ("manifest.json" if damage == "manifest" else "state.safetensors")
    if damage == "remove":
        victim.unlink()
    else:
        victim.write_bytes(b"" if damage == "truncate" else b"wEights")
    assert not staging.verify(new)
    assert volume.newest_checkpoint(JOB).path == old


def test_a_failed_write_leaves_nothing(volume):
    folder = volume.attempt_dir(JOB, 1)
    folder.mkdir(parents=True)
    with pytest.raises(RuntimeError), volume.stage(folder) as stage:
        (stage.path / "half").write_bytes(b"x")
        raise RuntimeError
    assert list(folder.iterdir()) == []


def test_no_space_left_is_said_as_such(volume):
    with (
        pytest.raises(VolumeFull, match="full"),
        volume.stage(volume.root) as stage,
        open("/dev/full", "wb", 0) as full,
    ):
        (stage.path / "x").write_bytes(b"x")
        full.write(b"x")
    assert sorted(p.name for p in volume.root.iterdir()) == ["datasets", "jobs", "models"]


def test_publishing_over_something_else_is_refused(volume):
    path = publish(volume, 1, 10)
    with pytest.raises(Conflict):
        publish(volume, 1, 10, b"other")
    assert staging.verify(path)


def test_an_attempts_folder_is_made_once(volume):
    volume.start_attempt(JOB, 1)
    with pytest.raises(Conflict):
        volume.start_attempt(JOB, 1)


def test_checkpoints_of_all_attempts_are_ordered_by_step_and_limited_to_earlier_attempts(volume):
    for attempt, step in ((1, 10), (1, 20), (2, 20), (3, 30)):
        publish(volume, attempt, step)
    assert [(c.ref.step, c.ref.attempt) for c in volume.checkpoints(JOB)] == [(10, 1), (20, 1), (20, 2), (30, 3)]
    assert volume.newest_checkpoint(JOB, below_attempt=3).ref == CheckpointRef(job_id=JOB, attempt=2, step=20)
    assert volume.newest_checkpoint(new_id()) is None


def test_the_outcome_of_the_highest_attempt_is_found(volume):
    assert volume.find_done(JOB) is None
    for attempt in (1, 2):
        volume.start_attempt(JOB, attempt)
        error = JobErrorInfo(code="x", message=f"第{attempt}次")
        volume.write_done(JOB, attempt, state=State.failed, error=error)
    assert volume.find_done(JOB).error.message == "第2次"
    (volume.attempt_dir(JOB, 2) / "DONE").write_text('{"torn')
    assert volume.find_done(JOB).attempt == 1


@pytest.mark.parametrize("bad", ["..", "../x", "/etc", "", "a" * 26 + "/..", "é" * 26])
def test_no_id_leads_out_of_the_volume(volume, bad):
    for ask in (volume.job_dir, volume.checkpoints, lambda i: volume.attempt_dir(i, 1), lambda i: get_model(volume, i)):
        with pytest.raises(NotFound):
            ask(bad)


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


def test_models_are_named_listed_and_forgotten(volume):
    ref = CheckpointRef(job_id=JOB, attempt=1, step=10)
    model = Model(id=new_id(), name="夜莺", recipe="gpt", checkpoint=ref)
    save_model(volume, model)
    (volume.root / "models" / "junk.json").write_text("{}")
    assert list_models(volume) == [model] == [get_model(volume, model.id)]
    delete_model(volume, model.id)
    with pytest.raises(NotFound):
        get_model(volume, model.id)


@pytest.mark.makes_staging
def test_sweeping_removes_only_what_is_old_and_temporary(volume):
    folder = volume.start_attempt(JOB, 1)
    for name in (".tmp-a", ".trash-b"):
        (folder / name).mkdir()
        os.utime(folder / name, (1, 1))
    (folder / ".tmp-young").mkdir()
    (folder / "log.txt").write_text("kept")
    assert volume.sweep(older_than_s=60) == 2
    assert sorted(p.name for p in folder.iterdir()) == [".tmp-young", "log.txt"]
