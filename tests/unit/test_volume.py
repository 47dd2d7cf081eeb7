"""The volume: nothing half written is ever read, nothing left behind, nothing outside reached. Real files, no server."""

import errno
import os

import pytest

from shared.errors import Conflict, NotFound, VolumeFull
from shared.ids import new_id
from shared.jobs.job import CheckpointRef, JobErrorInfo, State
from shared.jobs.models import Model, delete_model, get_model, list_models, save_model
from shared.volume import schema
from shared.volume.volume import Volume, staging

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


def test_a_published_folder_holds_what_its_manifest_says(volume):
    path = publish(volume, 1, 10)
    assert staging.verify(path)
    assert [entry["path"] for entry in (staging.read_manifest(path) or {})["files"]] == ["state.safetensors"]


BAD_MANIFESTS = [b"", b"[]", b'{"files": [1]}', b'{"files": [{"path": "../x", "size": 1, "sha256": "0"}]}', b"\xff\0"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", *BAD_MANIFESTS])
def test_damage_is_noticed_and_an_older_checkpoint_is_used(volume, damage):
    old, new = publish(volume, 1, 10), publish(volume, 1, 20)
    victim = new / ("manifest.json" if isinstance(damage, bytes) else "state.safetensors")
    if damage == "remove":
        victim.unlink()
    elif isinstance(damage, bytes):
        victim.write_bytes(damage)
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
    parts = ["bases", "datasets", "files", "imports", "jobs", "models", "schema.json"]
    assert sorted(p.name for p in volume.root.iterdir()) == parts


def test_publishing_over_something_else_is_refused(volume):
    path = publish(volume, 1, 10)
    with pytest.raises(Conflict):
        publish(volume, 1, 10, b"other")
    assert staging.verify(path)


def test_a_publication_whose_rename_was_answered_twice_counts_as_done(volume, monkeypatch):
    """Over NFS a rename that was sent again may be answered "exists" or "gone" although the first one was carried out."""
    real = os.rename

    def rename_then_complain(source, target):
        real(source, target)
        raise FileNotFoundError(2, "gone")

    monkeypatch.setattr(os, "rename", rename_then_complain)
    assert staging.verify(publish(volume, 1, 10))


def test_folders_within_a_publication_are_kept_and_links_are_not(volume):
    with volume.stage(volume.root / "jobs") as stage:
        (stage.path / "assets" / "deep").mkdir(parents=True)
        (stage.path / "assets" / "deep" / "v.json").write_text("{}")
        os.symlink("/etc/passwd", stage.path / "link")
        manifest = stage.publish(volume.root / "jobs" / "x", {}, {"assets/deep/v.json": "known"})
    assert [(entry["path"], entry["sha256"]) for entry in manifest["files"]] == [("assets/deep/v.json", "known")]


def test_a_full_volume_while_the_manifest_is_written_leaves_nothing(volume, monkeypatch):
    def full(_):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VolumeFull, match="quota"):
        publish(volume, 1, 10)
    with pytest.raises(VolumeFull):
        staging.write_json(volume.root / "jobs" / "x.json", {})
    assert [p.name for p in volume.root.rglob("*") if p.is_file()] == [schema.SCHEMA]


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


def test_the_checkpoint_of_the_record_is_found_where_the_listing_does_not_show_it(volume, monkeypatch):
    for step in (10, 20):
        publish(volume, 1, step)
    recorded = CheckpointRef(job_id=JOB, attempt=1, step=20)
    monkeypatch.setattr(os, "listdir", lambda _: [])  # a listing that a network file system has kept too long
    assert volume.newest_checkpoint(JOB) is None
    newest = volume.newest_checkpoint(JOB, 2, recorded=recorded)
    assert newest and newest.ref == recorded
    assert volume.newest_checkpoint(JOB, 1, recorded=recorded) is None
    assert volume.newest_checkpoint(JOB, recorded=CheckpointRef(job_id=JOB, attempt=1, step=99)) is None


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


def test_models_are_named_listed_and_forgotten(volume):
    ref = CheckpointRef(job_id=JOB, attempt=1, step=10)
    model = Model(id=new_id(), name="夜莺", recipe="gpt", checkpoint=ref)
    save_model(volume, model)
    (volume.root / "models" / "junk.json").write_text("{}")
    assert list_models(volume) == [model] == [get_model(volume, model.id)]
    (volume.root / "models" / f"{model.id}.json").write_text('{"name": 1}')
    with pytest.raises(NotFound, match="damaged"):
        get_model(volume, model.id)
    save_model(volume, model)
    delete_model(volume, model.id)
    with pytest.raises(NotFound):
        get_model(volume, model.id)


def test_what_is_still_being_staged_after_hours_is_not_swept(volume):
    stage = volume.root / "jobs" / ".tmp-restore"
    (stage / "deep").mkdir(parents=True)
    (stage / "deep" / "new").touch()
    os.utime(stage, (1, 1))
    assert volume.sweep(older_than_s=3600) == 0 and (stage / "deep" / "new").exists()
    for path in (stage / "deep" / "new", stage / "deep"):
        os.utime(path, (1, 1))
    assert volume.sweep(older_than_s=3600) == 1 and not stage.exists()


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
