"""fit() in one process: stops, resumes, best weights, refusals, retention. Real training of a tiny image classifier."""

import copy
import math
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
tf = pytest.importorskip("tensorflow")

from shared.errors import Cancelled, CheckpointCorrupt, Drained, LeaseLost, NonFiniteLoss, Paused, VolumeFull  # noqa: E402
from shared.ids import new_id  # noqa: E402
from shared.jobs.job import Progress  # noqa: E402
from shared.recipes.base import Criterion  # noqa: E402
from shared.recipes.image_classifier import SPEC, ImageClassifierTrain  # noqa: E402
from shared.volume.readback import samples, series  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.tiny_datasets import imported  # noqa: E402
from tests.support.tiny_pictures import folder_files  # noqa: E402
from worker.artifacts import Files  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.recipe import Assets  # noqa: E402
from worker.recipes import image_classifier  # noqa: E402
from worker.training import checkpoint  # noqa: E402
from worker.training.checkpoint_writer import prune  # noqa: E402
from worker.training.fit import fit  # noqa: E402

PARAMS = ImageClassifierTrain.model_validate(
    {"width": 4, "epochs": 4, "batch_size": 8, "dropout": 0.3, "warmup_steps": 0, "class_weights": "balanced"}
)


class Recording(Context):
    """A context that stops the training at a step, and remembers what it was told."""

    attempt_dir: Path

    def __init__(
        self, volume, job_id, attempt=1, *, stop_at: int | None = None, stop: Any = Paused, phase="training", **more
    ):
        super().__init__(volume.start_attempt(job_id, attempt), volume, job_id, attempt, **more)
        self.stop_at, self.stop, self.phase = stop_at, stop, phase
        self.told, self.events, self.checkpoints, self.newest = [], [], [], Progress()

    def progress(self, progress):
        self.newest = progress
        self.told.append(progress)

    def check(self):
        at = self.newest
        if self.stop_at is not None and at.step >= self.stop_at and at.phase == self.phase:
            raise self.stop("asked to stop")

    def event(self, type, data):
        self.events.append((type, data))

    def checkpoint(self, ref, data):
        self.checkpoints.append((ref.step, data))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return imported(tmp_path_factory.mktemp("dataset"), folder_files(40), "pictures")


@pytest.fixture(scope="module")
def data(inputs):
    return image_classifier.load(inputs, PARAMS, Context())


@pytest.fixture(scope="module")
def uninterrupted(data, tmp_path_factory):
    """(rows, arrays) of a training that nothing disturbed."""
    volume = Volume(tmp_path_factory.mktemp("whole"))
    volume.ensure()
    job = new_id()
    outcome = fit(SPEC, PARAMS, data, Recording(volume, job))
    return _figures(volume, job), checkpoint.take_snapshot(outcome.model, {}).arrays


def _figures(volume, job):
    return [{k: v for k, v in row.items() if k != "at"} for row in series(volume, job)]


def _same(expected, found):
    assert len(expected) == len(found)
    for a, b in zip(expected, found, strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize(
    ("stop_at", "phase"), [(1, "training"), (6, "training"), (8, "evaluating"), (8, "training"), (16, "evaluating")]
)
@pytest.mark.parametrize("stop", [Paused])
def test_a_stopped_training_goes_on_as_if_nothing_had_happened(data, volume, uninterrupted, stop_at, phase, stop):
    assert data.steps_per_epoch == 4
    job = new_id()
    first = Recording(volume, job, stop_at=stop_at, stop=stop, phase=phase)
    with pytest.raises(stop):
        fit(SPEC, PARAMS, data, first)
    newest = volume.newest_checkpoint(job, below_attempt=2)
    assert newest is not None
    assert newest.ref.step == first.newest.step
    outcome = fit(SPEC, PARAMS, data, Recording(volume, job, 2), newest)
    rows, arrays = uninterrupted
    assert _figures(volume, job) == rows
    _same(arrays, checkpoint.take_snapshot(outcome.model, {}).arrays)


def test_a_training_killed_after_its_last_checkpoint_names_that_one(data, volume, uninterrupted):
    job = new_id()
    first = fit(SPEC, PARAMS, data, Recording(volume, job))
    newest = volume.newest_checkpoint(job, below_attempt=2)
    again = fit(SPEC, PARAMS, data, Recording(volume, job, 2), newest)
    assert again.checkpoint == first.checkpoint == newest.ref, "attempt 2 had nothing to write"
    _same(uninterrupted[1], checkpoint.take_snapshot(again.model, {}).arrays)


@pytest.mark.parametrize(("stop", "kept"), [(Cancelled, True), (Drained, True), (LeaseLost, False)])
def test_every_ordered_stop_leaves_a_checkpoint_and_a_lost_lease_leaves_none(data, volume, stop, kept):
    job = new_id()
    context = Recording(volume, job, stop_at=3, stop=stop)
    with pytest.raises(stop):
        fit(SPEC, PARAMS, data, context)
    assert [step for step, _ in context.checkpoints] == ([context.newest.step] if kept else [])
    assert (volume.newest_checkpoint(job) is not None) == kept
    assert not list(context.attempt_dir.rglob(".tmp-*"))


def test_what_is_told_is_true_and_complete(data, volume):
    job = new_id()
    context = Recording(volume, job, checkpoint_interval_s=0.01, keep_checkpoints=2)
    outcome = fit(SPEC, PARAMS, data, context)
    assert context.told[0].phase == "compiling"
    assert {p.phase for p in context.told} >= {"compiling", "training", "evaluating", "sampling", "saving"}
    assert [p.step for p in context.told] == sorted(p.step for p in context.told)
    assert context.told[-1].step == context.told[-1].total_steps == 16 == outcome.step
    assert context.told[-1].total_epochs == 4
    rows = series(volume, job)
    assert [row["step"] for row in rows] == list(range(1, 17))
    assert [row["step"] for row in rows if "val_loss" in row] == [4, 8, 12, 16]
    assert [s.step for s in samples(volume, job)] == [0, 4, 8, 12, 16], "the first: what is learnt from"
    assert [data["step"] for kind, data in context.events if kind == "sample"] == [0, 4, 8, 12, 16]
    assert outcome.checkpoint is not None and outcome.checkpoint.step == 16
    assert outcome.device_s > 0
    left = [info.ref.step for info in volume.checkpoints(job)]
    assert left[-1] == 16
    assert outcome.best_step in left
    assert len(left) <= 3
    assert all(volume.verify(info.path) for info in volume.checkpoints(job))


WORST = replace(SPEC, criterion=Criterion("val_loss", "max"))  # what learns is best at its beginning, by this one
WILD = {"learning_rate": 0.5, "clip_norm": 0, "epochs": 30}


def _wild(inputs, **more):
    params = PARAMS.model_copy(update=WILD | more)
    return params, image_classifier.load(inputs, params, Context())


def test_early_stopping_ends_the_training_and_the_best_state_is_kept(inputs, volume):
    params, data = _wild(inputs, early_stopping_patience=1, keep="best")
    job = new_id()
    outcome = fit(SPEC, params, data, Recording(volume, job))
    assert outcome.stopped_early
    assert outcome.best_step is not None and outcome.best_step < outcome.step < outcome.total_steps
    assert outcome.checkpoint is not None and outcome.checkpoint.step == outcome.best_step
    measured = {row["step"]: row for row in series(volume, job)}[outcome.best_step]
    assert outcome.metrics == {name: measured[name] for name in outcome.metrics}
    assert outcome.metrics["val_loss"] == outcome.best_value
    info = volume.checkpoint(outcome.checkpoint)
    assert info.metrics == outcome.metrics
    loaded = checkpoint.load_model(info.path, Context(volume=volume))
    for a, b in zip(loaded.model.variables, outcome.model.variables, strict=True):
        np.testing.assert_array_equal(a.value.numpy(), b.value.numpy())


def test_keeping_the_last_state_is_a_wish_apart_from_patience(inputs, volume):
    params, data = _wild(inputs, early_stopping_patience=1, keep="last")
    outcome = fit(SPEC, params, data, Recording(volume, new_id()))
    assert outcome.stopped_early and outcome.best_step is not None and outcome.best_step < outcome.step
    assert outcome.checkpoint is not None and outcome.checkpoint.step == outcome.step
    assert outcome.best_value is not None and outcome.metrics["val_loss"] > outcome.best_value


def test_the_best_state_is_kept_without_patience_and_without_a_volume(inputs):
    params, data = _wild(inputs, epochs=6, keep="best")
    outcome = fit(WORST, params, data, Context())
    assert not outcome.stopped_early and outcome.step == outcome.total_steps
    assert outcome.metrics["val_loss"] == outcome.best_value
    again = image_classifier.report(outcome.model, data, params, Context(), _nowhere(), [])
    assert outcome.best_step != outcome.step
    assert again.metrics["val_accuracy"] == pytest.approx(outcome.metrics["val_accuracy"])


def _nowhere():
    class Nowhere(Files):
        def write(self, name, content):
            return name

    return Nowhere(Path())


def test_a_best_state_that_is_damaged_is_replaced_by_the_last_and_that_is_said(inputs, volume):
    params, data = _wild(inputs, epochs=6, keep="best")
    job = new_id()

    class Damaging(Recording):
        def checkpoint(self, ref, data):
            if ref.step < 24:
                path = volume.checkpoint(ref).path / checkpoint.TENSORS
                path.write_bytes(path.read_bytes()[:-1])

    context = Damaging(volume, job, checkpoint_interval_s=math.inf)
    outcome = fit(WORST, params, data, context)
    assert outcome.best_step is not None and outcome.best_value is not None and outcome.checkpoint is not None
    assert outcome.best_step < outcome.step == 24
    assert outcome.checkpoint.step == 24
    assert outcome.metrics["val_loss"] < outcome.best_value
    assert any("cannot be read" in data["message"] for kind, data in context.events if kind == "note")


def test_without_anything_to_evaluate_on_the_last_state_is_kept_with_a_note(inputs, volume):
    params = PARAMS.model_copy(update={"validation_fraction": 0.0, "keep": "best"})
    context = Recording(volume, new_id())
    outcome = fit(SPEC, params, image_classifier.load(inputs, params, Context()), context)
    assert outcome.best_step is None
    assert outcome.checkpoint is not None and outcome.checkpoint.step == outcome.step
    assert any("nothing was evaluated" in data["message"] for kind, data in context.events if kind == "note")


def test_a_loss_that_is_no_number_is_refused_at_its_very_step(data, volume):
    poisoned = copy.copy(data)

    def train(start_step):
        @tf.autograph.experimental.do_not_convert
        def spoil(step, batch):
            return (tf.where(step == 6, math.nan, batch[0]), *batch[1:])

        return data.train(start_step).enumerate(start_step).map(spoil)

    poisoned.train = train
    context = Recording(volume, new_id())
    with pytest.raises(NonFiniteLoss, match="at step 7") as caught:
        fit(SPEC, PARAMS, poisoned, context)
    assert caught.value.step == 7
    assert not list(context.attempt_dir.rglob(".tmp-*"))


def test_a_checkpoint_of_other_params_or_other_data_is_refused(data, volume):
    job = new_id()
    with pytest.raises(Paused):
        fit(SPEC, PARAMS, data, Recording(volume, job, stop_at=2))
    newest = volume.newest_checkpoint(job)
    other = PARAMS.model_copy(update={"learning_rate": 0.1})
    with pytest.raises(CheckpointCorrupt, match="has params"):
        fit(SPEC, other, data, Recording(volume, job, 2), newest)
    fewer = copy.copy(data)
    fewer.assets = Assets({**data.assets.json, "classes": ["x", "y", "z"]}, data.assets.arrays)
    with pytest.raises(CheckpointCorrupt, match="read differently"):
        fit(SPEC, PARAMS, fewer, Recording(volume, job, 3), newest)


def test_another_trainings_weights_can_be_the_start_of_a_new_one(data, volume):
    job = new_id()
    outcome = fit(SPEC, PARAMS, data, Recording(volume, job))
    again = Recording(volume, new_id(), stop_at=0, phase="compiling")
    with pytest.raises(Paused):
        fit(SPEC, PARAMS, data, again, start_from=volume.newest_checkpoint(job))
    begun = checkpoint.load_model(volume.newest_checkpoint(again.job_id).path, again)
    for a, b in zip(begun.model.variables, outcome.model.variables, strict=True):
        np.testing.assert_array_equal(a.value.numpy(), b.value.numpy())


@pytest.fixture
def small_files():
    """Let no file grow beyond 20,000 bytes: the nearest to a full disk that needs no privilege."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_checkpoint_that_cannot_be_written_fails_the_training_and_is_never_half_there(data, volume, small_files):
    context = Recording(volume, new_id(), checkpoint_interval_s=0.001)
    with pytest.raises(VolumeFull):
        fit(SPEC, PARAMS, data, context)
    assert list((context.attempt_dir / "checkpoints").iterdir()) == []
    assert not list(context.attempt_dir.rglob(".tmp-*"))


def test_a_stop_is_carried_out_even_when_its_checkpoint_cannot_be_written(data, volume, small_files):
    context = Recording(volume, new_id(), stop_at=2, stop=Cancelled)
    with pytest.raises(Cancelled):
        fit(SPEC, PARAMS, data, context)
    notes = [data["message"] for kind, data in context.events if kind == "note"]
    assert notes[0].startswith("last checkpoint not written")


def test_retention_keeps_the_newest_and_the_best(tmp_path):
    for step in (10, 20, 30, 40, 50):
        (tmp_path / f"{step:08d}").mkdir()
    assert prune(tmp_path, keep=2, best_step=20) == [10, 30]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00000020", "00000040", "00000050"]


def test_without_a_volume_it_trains_all_the_same(data):
    outcome = fit(SPEC, PARAMS, data, Context())
    assert outcome.checkpoint is None
    assert outcome.metrics["val_loss"] > 0
