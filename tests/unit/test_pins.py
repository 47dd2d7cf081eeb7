"""Pins: what a job that has not ended needs is not removed under it. Real files, no server."""

import pytest

from shared.errors import NotFound
from shared.ids import new_id
from shared.jobs import pins
from shared.jobs.job import CheckpointRef, JobRequest
from shared.volume.volume import Volume, staging
from worker.training.checkpoint_writer import prune

TRAINING, NEEDING = new_id(), new_id()


@pytest.fixture
def volume(tmp_path):
    volume = Volume(tmp_path)
    volume.ensure()
    for step in (10, 20, 30, 40):
        folder = volume.attempt_dir(TRAINING, 1) / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        with volume.stage(folder) as stage:
            (stage.path / "state").write_bytes(b"x")
            stage.publish(folder / f"{step:08d}", {"step": step, "metrics": {}})
    return volume


def generation(step, **changes):
    source = CheckpointRef(job_id=TRAINING, attempt=1, step=step)
    return JobRequest(**({"kind": "generate", "recipe": "gpt", "params": {}, "source": source} | changes))


def steps(volume):
    return [info.ref.step for info in volume.checkpoints(TRAINING)]


def test_retention_leaves_a_checkpoint_that_a_waiting_job_needs_until_it_has_ended(volume):
    folder = volume.attempt_dir(TRAINING, 1) / "checkpoints"
    pins.pin(volume, generation(10), NEEDING)
    assert prune(folder, keep=1, best_step=None) == [20, 30]
    assert steps(volume) == [10, 40]
    pins.unpin(volume, generation(10), NEEDING)
    pins.unpin(volume, generation(10), NEEDING)  # repeating is harmless
    assert prune(folder, keep=1, best_step=None) == [10]
    assert steps(volume) == [40]


def test_a_training_that_starts_from_a_checkpoint_pins_it_too(volume):
    pins.pin(volume, generation(20, kind="train"), NEEDING)
    assert pins.pinned_steps(volume.attempt_dir(TRAINING, 1)) == {20}
    assert pins.pinned_steps(volume.attempt_dir(TRAINING, 2)) == set(), (
        "another attempt's step 20 is another checkpoint"
    )


def test_a_pin_that_comes_while_the_checkpoint_is_being_taken_away_brings_it_back(volume):
    """The moment between the look and the rename, by name: the pin comes when the folder is out of sight."""
    path = volume.checkpoint(CheckpointRef(job_id=TRAINING, attempt=1, step=10)).path

    def pinned_meanwhile(aside):
        assert aside.exists() and not path.exists()
        (path.parents[2] / "pins").mkdir()
        (path.parents[2] / "pins" / f"1-10-{NEEDING}").touch()
        return 10 in pins.pinned_steps(path.parents[1])

    assert not staging.remove(path, unless=pinned_meanwhile)
    assert staging.verify(path) and steps(volume) == [10, 20, 30, 40]


def test_what_is_gone_already_cannot_be_pinned_and_leaves_no_pin(volume):
    with pytest.raises(NotFound, match="step 15"):
        pins.pin(volume, generation(15), NEEDING)
    assert pins.pins(volume.job_dir(TRAINING)) == {}
    with pytest.raises(NotFound, match="no files"):
        pins.pin(volume, generation(10, source=CheckpointRef(job_id=new_id(), attempt=1, step=10)), NEEDING)


def test_a_job_that_waits_for_a_training_to_end_pins_all_of_it_and_no_step(volume):
    waiting = JobRequest(kind="generate", recipe="gpt", params={}, model_id=TRAINING, after=[TRAINING])
    pins.pin(volume, waiting, NEEDING)
    assert set(pins.pins(volume.job_dir(TRAINING)).values()) == {NEEDING}
    assert prune(volume.attempt_dir(TRAINING, 1) / "checkpoints", keep=1, best_step=None) == [10, 20, 30]


def test_what_is_no_pin_is_overlooked(volume):
    folder = volume.job_dir(TRAINING) / "pins"
    folder.mkdir()
    for name in ("README", "1-10", f"x-10-{NEEDING}", f"1-10-{NEEDING}.nfs"):
        (folder / name).touch()
    assert pins.pins(volume.job_dir(TRAINING)) == {} and pins.pinned_steps(volume.attempt_dir(TRAINING, 1)) == set()
