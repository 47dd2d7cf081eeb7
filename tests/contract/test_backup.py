"""`trainyard backup` and `restore` on real volumes: complete, checked, and made while others write."""

import hashlib
import io
import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from shared.api_keys import create_key, find_key
from shared.datasets.manifest import delete_dataset, get_dataset
from shared.errors import Conflict, NotFound
from shared.ids import new_id
from shared.jobs.job import CheckpointRef, utc_now
from shared.jobs.models import Model, save_model
from shared.volume.backup import PARTS, back_up, restore
from shared.volume.files import save_file
from shared.volume.schema import SCHEMA
from shared.volume.staging import STAGING_PREFIX, TRASH_PREFIX, remove
from shared.volume.volume import Volume

JOB = new_id()


def write_checkpoint(volume: Volume, step: int, content: bytes = b"weights") -> CheckpointRef:
    if not volume.attempts(JOB):
        (volume.start_attempt(JOB, 1) / "checkpoints").mkdir()
    folder = volume.attempt_dir(JOB, 1) / "checkpoints"
    with volume.stage(folder) as stage:
        (stage.path / "state.safetensors").write_bytes(content)
        (stage.path / "state.json").write_text("{}")
        stage.publish(folder / f"{step:08d}", {"metrics": {"loss": 0.1}})
    return CheckpointRef(job_id=JOB, attempt=1, step=step)


def write_dataset(volume: Volume, content: bytes) -> str:
    """A published dataset of one file. Returns its id."""
    dataset_id = hashlib.sha256(content).hexdigest()[:32]
    about = {
        "id": dataset_id,
        "name": "tang",
        "format": "text",
        "created_at": utc_now().isoformat(),
        "bytes": len(content),
    }
    with volume.stage(volume.root / "datasets") as stage:
        (stage.path / "files").mkdir()
        (stage.path / "files" / "tang.txt").write_bytes(content)
        stage.publish(volume.dataset_dir(dataset_id), about)
    return dataset_id


def write_folder(volume: Volume, folder: Path) -> Path:
    """Any published folder of a job."""
    folder.parent.mkdir(exist_ok=True)
    with volume.stage(folder.parent) as stage:
        (stage.path / "content").write_bytes(b"content")
        stage.publish(folder, {})
    return folder


@pytest.fixture
def filled(volume) -> Volume:
    """A dataset, an uploaded file, assets, two checkpoints, a sample, a log, a model, an API key, and a cache."""
    write_dataset(volume, "床前明月光，疑是地上霜。\n".encode() * 50)
    save_file(volume, "p.png", io.BytesIO(b"picture"), owner="ann", max_bytes=100)
    write_checkpoint(volume, 3)
    ref = write_checkpoint(volume, 6)
    (volume.attempt_dir(JOB, 1) / "log.txt").write_bytes(b"one\ntwo\n")
    save_model(volume, Model(id=JOB, name="poet", recipe="gpt", checkpoint=ref))
    write_folder(volume, volume.job_dir(JOB) / "assets" / ("a" * 32))
    write_folder(volume, volume.attempt_dir(JOB, 1) / "samples" / "00000003")
    return volume


@pytest.fixture
def key_text(filled) -> str:
    return create_key(filled, owner="ann", scope="admin")[1]


def contents(root: Path) -> dict[str, tuple[str, int, int]]:
    """SHA-256, mode and time of every file, and the times of folders."""
    found = {}
    for path in sorted(root.rglob("*")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[path.relative_to(root).as_posix()] = (digest, path.stat().st_mode, path.stat().st_mtime_ns)
    return found


def test_what_was_backed_up_comes_back_byte_for_byte_with_modes_and_times(filled, key_text, tmp_path):
    made = back_up(filled, tmp_path / "backups" / "one")
    before = contents(filled.root)
    del before["imports"]  # what lies there is no part of a backup
    restored = Volume(tmp_path / "elsewhere")
    copied = restore(tmp_path / "backups" / "one", restored)
    assert contents(restored.root) == before
    assert (made.damaged, copied.damaged, copied.files) == ([], [], made.files)
    assert copied.files == sum(1 for digest, _, _ in before.values() if digest)
    key, newest = find_key(restored, key_text), restored.newest_checkpoint(JOB)
    assert key and newest and (key.owner, newest.ref.step) == ("ann", 6)
    assert (restored.root / "keys").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (restored.root / "keys").iterdir()} == {0o600}


def test_staging_trash_links_and_the_embedded_server_are_left_out(filled, tmp_path):
    (filled.root / "cache" / "x").mkdir(parents=True)
    (filled.root / "redis").mkdir()
    (filled.root / "redis" / "appendonly.aof").write_text("x")
    for name in (f"{STAGING_PREFIX}1", f"{TRASH_PREFIX}2"):
        (filled.attempt_dir(JOB, 1) / "checkpoints" / name).mkdir()
        (filled.attempt_dir(JOB, 1) / "checkpoints" / name / "half").write_text("x")
    (filled.job_dir(JOB) / f"{STAGING_PREFIX}3").write_text("x")
    (filled.root / "models" / "link.json").symlink_to("/etc/passwd")
    back_up(filled, tmp_path / "backup")
    names = {path.name for path in (tmp_path / "backup").rglob("*")}
    assert not {name for name in names if name.startswith(".") or name in ("redis", "cache", "half", "link.json")}
    for path in filled.root.rglob(f"{STAGING_PREFIX}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_damage_done_before_or_after_the_backup_is_named_file_by_file(filled, key_text, tmp_path):
    spoil(filled.checkpoint(CheckpointRef(job_id=JOB, attempt=1, step=3)).path / "state.safetensors")
    made = back_up(filled, tmp_path / "backup")
    before = f"jobs/{JOB}/attempt-1/checkpoints/00000003"
    assert [damage.path for damage in made.damaged] == [before]
    backup = Volume(tmp_path / "backup")
    [dataset] = (backup.root / "datasets").iterdir()
    spoil(next((dataset / "files").iterdir()))
    spoil(backup.attempt_dir(JOB, 1) / "log.txt")
    [file] = (backup.root / "files").iterdir()
    assets = f"jobs/{JOB}/assets/{'a' * 32}"
    sample = f"jobs/{JOB}/attempt-1/samples/00000003"
    for path in (file / "content", backup.root / assets / "content", backup.root / sample / "content"):
        spoil(path)
    [key] = (backup.root / "keys").iterdir()
    key.unlink()
    artifacts = backup.attempt_dir(JOB, 1) / "artifacts"
    artifacts.mkdir()
    (artifacts / "manifest.json").write_text('{"files": [{"path": "gone.png", "size": 1, "sha256": "0"}]}')
    restored = Volume(tmp_path / "elsewhere")
    damaged = {damage.path: damage.what for damage in restore(backup.root, restored).damaged}
    log = f"jobs/{JOB}/attempt-1/log.txt"
    assert set(damaged) == {
        before,
        f"datasets/{dataset.name}",
        f"files/{file.name}",
        assets,
        sample,
        log,
        f"keys/{key.name}",
        f"jobs/{JOB}/attempt-1/artifacts",
    }
    assert "SHA-256" in damaged[before] and "SHA-256" in damaged[log] and "missing" in damaged[f"keys/{key.name}"]
    assert "gone.png" in damaged[f"jobs/{JOB}/attempt-1/artifacts"]
    newest = restored.newest_checkpoint(JOB)
    assert newest and newest.ref.step == 6  # what is whole is of use


def spoil(path: Path) -> None:
    """Turn one bit; the size stays."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_copy_made_with_other_tools_can_be_restored_too_and_is_checked_by_the_manifests_inside(filled, tmp_path):
    (filled.root / "datasets" / f"{STAGING_PREFIX}1").mkdir()
    shutil.copytree(filled.root, tmp_path / "rsync")
    (filled.root / "datasets" / f"{STAGING_PREFIX}1").rmdir()
    (tmp_path / "rsync" / "datasets" / f"{STAGING_PREFIX}1").rmdir()
    (tmp_path / "rsync" / "models" / f"{JOB}.json").write_text("{")
    restored = Volume(tmp_path / "elsewhere")
    [damage] = restore(tmp_path / "rsync", restored).damaged
    assert damage.path == f"models/{JOB}.json"
    assert not list(restored.root.rglob(f"{STAGING_PREFIX}*"))


def test_nothing_is_ever_overwritten(filled, tmp_path):
    back_up(filled, tmp_path / "backup")
    before = contents(tmp_path / "backup")
    with pytest.raises(Conflict, match="not empty"):
        back_up(filled, tmp_path / "backup")
    with pytest.raises(Conflict, match="not empty"):
        restore(tmp_path / "backup", filled)
    with pytest.raises(Conflict, match="inside the volume"):
        back_up(filled, filled.root / "backup")
    with pytest.raises(NotFound, match="no volume"):
        back_up(Volume(tmp_path / "nowhere"), tmp_path / "other")
    with pytest.raises(NotFound, match="no backup"):
        restore(tmp_path / "nowhere", Volume(tmp_path / "other"))
    assert contents(tmp_path / "backup") == before
    assert sorted(os.listdir(tmp_path)) == ["backup", "data"]


def test_a_backup_that_breaks_off_leaves_nothing_that_looks_like_one(filled, tmp_path):
    def break_off(files: int, size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(filled, tmp_path / "backup", break_off)
    assert os.listdir(tmp_path) == ["data"]
    with pytest.raises(KeyboardInterrupt):
        restore(filled.root, Volume(tmp_path / "elsewhere"), break_off)
    assert os.listdir(tmp_path / "elsewhere") == []


def test_a_checkpoint_taken_away_while_it_is_copied_is_not_in_the_backup(filled, tmp_path):
    going = filled.attempt_dir(JOB, 1) / "checkpoints" / "00000003"

    def take_away(files: int, size: int) -> None:
        if going.exists() and list(tmp_path.glob(f"{STAGING_PREFIX}*/jobs/*/*/checkpoints/00000003/*")):
            remove(going)

    made = back_up(filled, tmp_path / "backup", take_away)
    assert not going.exists() and made.damaged == []
    backup = Volume(tmp_path / "backup")
    assert [info.ref.step for info in backup.checkpoints(JOB)] == [6]
    assert os.listdir(backup.attempt_dir(JOB, 1) / "checkpoints") == ["00000006"]


def test_what_comes_and_goes_while_it_is_copied_is_whole_or_not_there(volume, tmp_path):
    """A training publishes checkpoints and takes old ones away, datasets come and go, all the time."""
    write_checkpoint(volume, 1)
    done, steps, made_at = threading.Event(), [], []

    def churn() -> None:
        step = 1
        while not done.is_set():
            step += 1
            write_checkpoint(volume, step, os.urandom(200_000))
            save_model(
                volume,
                Model(id=JOB, name="m", recipe="gpt", checkpoint=CheckpointRef(job_id=JOB, attempt=1, step=step)),
            )
            remove(volume.attempt_dir(JOB, 1) / "checkpoints" / f"{step - 1:08d}")
            delete_dataset(volume, write_dataset(volume, str(step).encode() * 5000))
            steps.append(step)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        while len(steps) < 100:
            made = back_up(volume, tmp_path / f"backup-{len(made_at)}")
            made_at.append(len(steps))
            # a name may point to a checkpoint that retention took away a moment later; nothing else may be amiss
            assert {d.path for d in made.damaged} <= {f"models/{JOB}.json"}
    finally:
        done.set()
        thread.join()
    for number in range(len(made_at)):
        backup = Volume(tmp_path / f"backup-{number}")
        assert all(backup.verify(info.path) for info in backup.checkpoints(JOB))
        for folder in (backup.root / "datasets").iterdir():
            assert get_dataset(backup, folder.name) and backup.verify(folder)
        manifest = json.loads((backup.root / "manifest.json").read_text())
        there = {
            p.relative_to(backup.root).as_posix()
            for part in PARTS
            for p in (backup.root / part).rglob("*")
            if p.is_file()
        }
        assert {SCHEMA, *there} == {entry["path"] for entry in manifest["files"]}
