"""Batches that change with what evaluations find: how far pictures are varied. Real training of a tiny image classifier."""

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

from shared.errors import Paused  # noqa: E402
from shared.ids import new_id  # noqa: E402
from shared.recipes.image_classifier import SPEC, ImageClassifierTrain  # noqa: E402
from shared.volume.readback import series  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.tiny_datasets import imported  # noqa: E402
from tests.support.tiny_pictures import folder_files  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.images.strength import LEVELS, Strength  # noqa: E402
from worker.recipes import image_classifier  # noqa: E402
from worker.training import checkpoint  # noqa: E402
from worker.training.fit import fit  # noqa: E402

PARAMS = ImageClassifierTrain.model_validate({"width": 4, "epochs": 5, "batch_size": 8, "warmup_steps": 0})


class Rising(Strength):
    """A quarter more after every evaluation, whatever it finds."""

    def take(self, metrics):
        return super().take({"accuracy": 1.0, "val_accuracy": 0.0})


class Stopping(Context):
    def __init__(self, volume, job_id, attempt, stop_at):
        super().__init__(volume.start_attempt(job_id, attempt), volume, job_id, attempt)
        self.stop_at, self.step, self.phase = stop_at, 0, ""

    def progress(self, progress):
        self.step, self.phase = progress.step, progress.phase

    def check(self):
        if self.stop_at is not None and self.step >= self.stop_at and self.phase in ("training", "evaluating"):
            raise Paused("asked to stop")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return imported(tmp_path_factory.mktemp("dataset"), folder_files(40), "pictures")


def rising(inputs, begun=None):
    """Data whose pictures are varied more after every evaluation. begun: takes (step, share) of each call of train()."""
    data = image_classifier.load(inputs, PARAMS, Context())
    data.steering = data._strength = Rising("auto", "accuracy", watched=True)
    train = data.train

    def counted(start_step):
        if begun is not None:
            begun.append((start_step, data._strength.share))
        return train(start_step)

    data.train = counted
    return data


@pytest.fixture(scope="module")
def undisturbed(inputs, tmp_path_factory):
    """(rows, arrays) of a training that nothing stops."""
    volume = Volume(tmp_path_factory.mktemp("whole"))
    volume.ensure()
    job = new_id()
    outcome = fit(SPEC, PARAMS, rising(inputs), Stopping(volume, job, 1, None))
    return rows_of(volume, job), checkpoint.take_snapshot(outcome.model, {}).arrays


def rows_of(volume, job):
    return [{k: v for k, v in row.items() if k != "at"} for row in series(volume, job)]


def test_the_batches_after_an_evaluation_are_others_and_the_series_tells_how_far_pictures_were_varied(inputs, volume):
    begun, job = [], new_id()
    data = rising(inputs, begun)
    fit(SPEC, PARAMS, data, Stopping(volume, job, 1, None))
    assert data.steps_per_epoch == 4 and data.total_steps == 20
    (_, preview), *steps = begun[1:]  # the first call asks for the shape alone
    assert preview == 1 and steps == [(0, 0), (4, 0.25), (8, 0.5), (12, 0.75), (16, 1)]
    told = {row["step"]: row["augmentation"] for row in rows_of(volume, job) if "augmentation" in row}
    assert told == {step: (step - 1) // 4 / LEVELS for step in told} and len(told) > 5


@pytest.mark.parametrize("stop_at", [3, 4, 6, 13])
def test_a_training_that_goes_on_varies_them_as_far_as_it_would_have(inputs, volume, undisturbed, stop_at):
    job, (rows, arrays) = new_id(), undisturbed
    with pytest.raises(Paused):
        fit(SPEC, PARAMS, rising(inputs), Stopping(volume, job, 1, stop_at))
    newest = volume.newest_checkpoint(job, below_attempt=2)
    outcome = fit(SPEC, PARAMS, rising(inputs), Stopping(volume, job, 2, None), newest)
    assert rows_of(volume, job) == rows
    found = checkpoint.take_snapshot(outcome.model, {}).arrays
    assert all(np.array_equal(a, b) for a, b in zip(arrays, found, strict=True))


def test_data_used_for_a_second_training_begin_as_at_first(inputs, volume):
    data, jobs = rising(inputs), [new_id(), new_id()]
    for job in jobs:
        fit(SPEC, PARAMS, data, Stopping(volume, job, 1, None))
    assert rows_of(volume, jobs[0]) == rows_of(volume, jobs[1])
