"""A training that begins with the weights of another one: whose it takes, and why it refuses the rest."""

import numpy as np
import pytest

pytest.importorskip("keras")

from shared.errors import StartUnlike
from shared.jobs.job import CheckpointRef, InputRef
from tests.support.claimed import MATRIX, claimed_job, run
from tests.support.recipe_cases import CASES
from tests.support.recipes.tables import put_table
from worker.context import Context
from worker.training.checkpoint import load_model
from worker.training.checkpoint_keeper import Keeper

pytestmark = pytest.mark.usefixtures("test_only_recipes")


def test_an_adapter_begins_with_weights_of_its_own_base_only(volume):
    job = claimed_job(volume, "tiny_adapter")
    result, _ = run(volume, job)
    start = InputRef(checkpoint=CheckpointRef(**result["checkpoint"]))
    run(volume, claimed_job(volume, "tiny_adapter", inputs={**job.inputs, "start_from": start}))
    other = put_table(volume, MATRIX.replace("0.3", "0.7"))
    changed = {"data": job.inputs["data"], "base": InputRef(dataset_id=other.id), "start_from": start}
    with pytest.raises(StartUnlike, match="upon another base: its weights fit no other"):
        run(volume, claimed_job(volume, "tiny_adapter", inputs=changed))


def test_weights_of_another_shape_are_refused_with_what_differs(volume, monkeypatch):
    result, _ = run(volume, claimed_job(volume, "tiny_graph"))
    start = InputRef(checkpoint=CheckpointRef(**result["checkpoint"]))
    job = claimed_job(volume, "tiny_graph")
    inputs = {**job.inputs, "start_from": start}
    wider = job.model_copy(update={"inputs": inputs, "params": {**job.params, "width": 7}})
    with pytest.raises(StartUnlike, match=r"was trained with width 4 \(here 7\): .* set them alike"):
        run(volume, wider)
    more = put_table(volume, "\n".join(f"{user},{item}" for user in range(9) for item in range(9)))
    job = claimed_job(volume, "tiny_graph", inputs={"data": InputRef(dataset_id=more.id), "start_from": start})
    with pytest.raises(StartUnlike, match=r"of another shape, vectors \d+x4 \(float32\) there is vectors 18x4"):
        run(volume, job)


@pytest.mark.parametrize(("name", "thing", "other"), [
    ("gpt", "vocabulary", lambda body: body.translate(bytes.maketrans(b"aeionst", b"EAOINST"))),
    ("recommender_mf", "list of items", lambda body: body.replace(b"film ", b"book ")),
])  # fmt: skip
def test_weights_numbered_by_another_list_of_the_same_size_are_refused(volume, name, thing, other):
    case = CASES[name]

    def job(files, **more):
        return claimed_job(volume, name, inputs={"data": InputRef(dataset_id=case.put(volume, files).id), **more})

    files = case.data()
    result, _ = run(volume, job(files))
    start = InputRef(checkpoint=CheckpointRef(**result["checkpoint"]))
    others = [(title, other(body)) for title, body in files]
    assert others != files
    with pytest.raises(StartUnlike, match=f"has another {thing}, of the same size: its weights would say"):
        run(volume, job(others, start_from=start))
    run(volume, job(files, start_from=start))


def test_every_fold_begins_with_the_weights_to_start_from(volume, monkeypatch):
    result, _ = run(volume, claimed_job(volume, "tiny_graph"))
    ref = CheckpointRef(**result["checkpoint"])
    expected = load_model(volume.checkpoint(ref).path, Context(volume=volume)).model.vectors.numpy()
    begun = []
    start_from = Keeper.start_from

    def noted(self, info):
        start_from(self, info)
        begun.append(self._model.vectors.numpy())

    monkeypatch.setattr(Keeper, "start_from", noted)
    folds = claimed_job(volume, "tiny_graph in 3 folds")
    inputs = {**folds.inputs, "start_from": InputRef(checkpoint=ref)}
    run(volume, folds.model_copy(update={"inputs": inputs}))
    assert len(begun) == 4
    for vectors in begun:
        np.testing.assert_array_equal(vectors, expected)
