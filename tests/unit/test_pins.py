"""Pins: what a job that has not ended needs is not removed under it. Real files, no server."""

import io

import pytest

from shared.datasets.manifest import delete_dataset
from shared.errors import InvalidParams, NotFound
from shared.ids import new_id
from shared.jobs import pins
from shared.jobs.job import MODEL, START_FROM, CheckpointRef, InputRef, JobRequest
from shared.jobs.models import Model, delete_model, save_model
from shared.volume.files import drop_unneeded, get_file, save_file
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
    inputs = {MODEL: InputRef(checkpoint=source)}
    return JobRequest(**({"kind": "generate", "recipe": "gpt", "params": {}, "inputs": inputs} | changes))


def a_dataset(volume, name="a" * 32):
    """A published dataset, as far as pins look at one."""
    with volume.stage(volume.root / "datasets") as stage:
        (stage.path / "files").mkdir()
        (stage.path / "files" / "t.txt").write_text("text")
        stage.publish(volume.dataset_dir(name), {"id": name})
    return name


def a_file(volume, content=b"picture", owner="ann"):
    return save_file(volume, "p.png", io.BytesIO(content), owner=owner, max_bytes=100).id


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
    start_from = {START_FROM: InputRef(checkpoint=CheckpointRef(job_id=TRAINING, attempt=1, step=20))}
    pins.pin(volume, generation(20, kind="train", inputs=start_from), NEEDING)
    assert pins.pinned_steps(volume.attempt_dir(TRAINING, 1)) == {20}
    assert pins.pinned_steps(volume.attempt_dir(TRAINING, 2)) == set(), (
        "another attempt's step 20 is another checkpoint"
    )


def test_what_a_model_is_built_upon_stays_as_long_as_the_model_though_its_job_has_ended(volume):
    folder = volume.attempt_dir(TRAINING, 1) / "checkpoints"
    base = InputRef(checkpoint=CheckpointRef(job_id=TRAINING, attempt=1, step=10))
    adapter = generation(20, kind="train", inputs={"base": base})
    own = CheckpointRef(job_id=NEEDING, attempt=1, step=5)
    pins.pin(volume, adapter, NEEDING)
    save_model(volume, Model(id=NEEDING, name="m", recipe="gpt", checkpoint=own, needs={"base": base}))
    pins.unpin(volume, adapter, NEEDING)  # its job has ended
    named = new_id()
    save_model(volume, Model(id=named, name="n", recipe="gpt", checkpoint=own, needs={"base": base}))
    assert prune(folder, keep=1, best_step=None) == [20, 30]
    delete_model(volume, NEEDING)
    assert prune(folder, keep=1, best_step=None) == [], "the other model needs it"
    delete_model(volume, named)
    assert prune(folder, keep=1, best_step=None) == [10]


def test_a_model_whose_base_is_gone_is_not_saved(volume):
    base = InputRef(checkpoint=CheckpointRef(job_id=TRAINING, attempt=1, step=11))
    own = CheckpointRef(job_id=TRAINING, attempt=1, step=20)
    with pytest.raises(NotFound, match="step 11"):
        save_model(volume, Model(id=NEEDING, name="m", recipe="gpt", checkpoint=own, needs={"base": base}))
    assert list((volume.root / "models").iterdir()) == [] and steps(volume) == [10, 20, 30, 40]
    assert pins.pins(volume.job_dir(TRAINING)) == {}


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
    with pytest.raises(InvalidParams, match="step 15"):
        pins.pin(volume, generation(15), NEEDING)
    assert pins.pins(volume.job_dir(TRAINING)) == {}
    elsewhere = {MODEL: InputRef(checkpoint=CheckpointRef(job_id=new_id(), attempt=1, step=10))}
    with pytest.raises(InvalidParams, match="no files"):
        pins.pin(volume, generation(10, inputs=elsewhere), NEEDING)


def all_pins(volume):
    return sorted(path.relative_to(volume.root).as_posix() for path in volume.root.glob("*/*/pins/*"))


def test_a_job_pins_what_it_is_given_in_every_role_and_lets_the_files_go_last(volume):
    data, items = a_dataset(volume, "a" * 32), a_dataset(volume, "b" * 32)
    file = a_file(volume)
    inputs = {
        "data": InputRef(dataset_id=data),
        "items": InputRef(dataset_id=items),
        "base": InputRef(checkpoint=CheckpointRef(job_id=TRAINING, attempt=1, step=20), model_id=TRAINING),
        "classifier": InputRef(model_id=TRAINING),
    }
    request = generation(0, kind="train", inputs=inputs, files=[file])
    pins.pin(volume, request, NEEDING)
    of_the_file = f"files/{file}/pins/{NEEDING}"
    assert all_pins(volume) == [
        f"datasets/{data}/pins/{NEEDING}",
        f"datasets/{items}/pins/{NEEDING}",
        of_the_file,
        f"jobs/{TRAINING}/pins/0-0-{NEEDING}",
        f"jobs/{TRAINING}/pins/1-20-{NEEDING}",
    ]
    assert pins.jobs_that_need(volume, data) == {NEEDING} == pins.pins_for_the_outcome(volume, TRAINING)
    for _ in range(2):  # repeating is harmless
        pins.unpin(volume, request, NEEDING)
        assert all_pins(volume) == [of_the_file]
    for _ in range(2):
        pins.unpin_all(volume, request, NEEDING)
        assert all_pins(volume) == []


def test_everything_that_is_gone_is_named_at_once_by_its_role_and_nothing_stays_pinned(volume):
    inputs = {
        "data": InputRef(dataset_id=a_dataset(volume)),
        "style": InputRef(dataset_id="c" * 32),
        "odd": InputRef(dataset_id="../x"),
        "base": InputRef(checkpoint=CheckpointRef(job_id=TRAINING, attempt=1, step=15)),
    }
    with pytest.raises(InvalidParams) as refusal:
        pins.pin(volume, generation(0, kind="train", inputs=inputs, files=["d" * 32, "../../x"]), NEEDING)
    fields = [problem.field for problem in refusal.value.problems]
    assert fields == ["inputs.style", "inputs.odd", "inputs.base", "params", "params"]
    assert all_pins(volume) == []


def test_a_pin_that_comes_while_a_dataset_is_being_taken_away_brings_it_back(volume):
    data = a_dataset(volume)
    request = generation(0, kind="train", inputs={"data": InputRef(dataset_id=data)})
    assert pins.jobs_that_need(volume, data) == set()

    def needed(aside):
        assert not volume.dataset_dir(data).exists()
        (aside / "pins").mkdir()
        (aside / "pins" / NEEDING).touch()  # by who had opened the folder a moment before
        return bool(pins.needing(aside))

    assert not delete_dataset(volume, data, unless=needed)
    assert volume.verify(volume.dataset_dir(data)) and pins.jobs_that_need(volume, data) == {NEEDING}
    pins.unpin(volume, request, NEEDING)
    assert delete_dataset(volume, data, unless=lambda aside: bool(pins.needing(aside)))


def test_a_dataset_that_comes_anew_while_it_was_aside_keeps_the_pins_of_both(volume):
    data, other = a_dataset(volume), new_id()
    pins.pin(volume, generation(0, inputs={"data": InputRef(dataset_id=data)}), NEEDING)

    def published_again(aside):
        a_dataset(volume, data)
        pins.pin(volume, generation(0, inputs={"data": InputRef(dataset_id=data)}), other)
        return bool(pins.needing(aside))

    assert not delete_dataset(volume, data, unless=published_again)
    assert volume.verify(volume.dataset_dir(data)) and pins.jobs_that_need(volume, data) == {NEEDING, other}
    assert [path.name for path in (volume.root / "datasets").iterdir()] == [data]


def test_a_file_that_two_jobs_name_stays_for_the_second_when_the_first_is_deleted(volume):
    file, first, second = a_file(volume), new_id(), new_id()
    request = generation(10, files=[file])
    for job in (first, second):
        pins.pin(volume, request, job)
    pins.unpin_all(volume, request, first)
    gone = {"older_than_s": -1.0, "known": lambda some: set(some)}
    assert drop_unneeded(volume, **gone) == 0 and get_file(volume, file)[1].read_bytes() == b"picture"
    pins.unpin_all(volume, request, second)
    assert drop_unneeded(volume, **gone) == 1
    with pytest.raises(NotFound):
        get_file(volume, file)


def test_a_job_that_waits_for_a_training_to_end_pins_all_of_it_and_no_step(volume):
    waiting = generation(0, inputs={MODEL: InputRef(model_id=TRAINING)}, after=[TRAINING])
    pins.pin(volume, waiting, NEEDING)
    assert set(pins.pins(volume.job_dir(TRAINING)).values()) == {NEEDING}
    assert prune(volume.attempt_dir(TRAINING, 1) / "checkpoints", keep=1, best_step=None) == [10, 20, 30]


def test_what_is_no_pin_is_overlooked(volume):
    folder = volume.job_dir(TRAINING) / "pins"
    folder.mkdir()
    for name in ("README", "1-10", f"x-10-{NEEDING}", f"1-10-{NEEDING}.nfs"):
        (folder / name).touch()
    assert pins.pins(volume.job_dir(TRAINING)) == {} and pins.pinned_steps(volume.attempt_dir(TRAINING, 1)) == set()
