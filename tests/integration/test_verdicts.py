"""Whether a model is better than simple answers: on its job's page, in the lists, with the model and over HTTP, always in words."""

import pytest

from shared.jobs.job import CheckpointRef, State
from shared.jobs.models import Model, VerdictInfo, save_model
from tests.support.callers import Caller, train, upload
from web import create_app

SAID = {
    True: "Better than gradient boosting by 0.004 ROC-AUC (0.001 to 0.007).",
    False: "Worse than always '是<b>' by 0.100 accuracy (0.050 to 0.150).",
    None: "Not surely better than the mean: by 0.010 RMSE (-0.010 to 0.030), which may be chance.",
}
WORDS = {True: "better", False: "worse", None: "not surely better"}


def _info(better):
    return VerdictInfo(sentence=SAID[better], better=better, against="x", difference=0.1, low=None, high=0.2)


@pytest.fixture
def call(settings, store):
    return Caller(create_app(settings))


@pytest.fixture
def trained(call, store, volume):
    """Ends a training with a verdict, or without one; returns the job's id."""
    dataset = upload(call).json["id"]

    def end(verdict=None):
        job_id = train(call, dataset).json["id"]
        store.claim("train", worker="w", device="cpu")
        volume.start_attempt(job_id, 1)
        result = {"outputs": 0, "metrics": {"val_loss": 1.5}} | ({"verdict": verdict.model_dump()} if verdict else {})
        store.finish(job_id, 1, State.succeeded, result=result)
        ref = CheckpointRef(job_id=job_id, attempt=1, step=1)
        save_model(volume, Model(id=job_id, name="m", recipe="gpt", checkpoint=ref, verdict=verdict))
        return job_id

    return end


@pytest.mark.parametrize("better", [True, False, None])
def test_the_sentence_stands_on_top_of_the_job_and_with_its_model(call, trained, better):
    job_id = trained(_info(better))
    told = call("GET", f"/api/v1/jobs/{job_id}").json["result"]["verdict"]
    assert told == _info(better).model_dump()
    assert call("GET", f"/api/v1/models/{job_id}").json["verdict"] == told
    written = SAID[better].replace("'", "&#39;").replace("<b>", "&lt;b&gt;")
    page = call("GET", f"/jobs/{job_id}").text
    assert page.index('id="status"') < page.index(written) < page.index('id="output"')
    assert written in call("GET", "/models").text
    listed = call("GET", "/jobs").text
    assert f">{WORDS[better]}</span>" in listed and written in listed


def test_where_nobody_compared_nothing_is_said(call, trained):
    job_id = trained()
    assert "verdict" not in call("GET", f"/api/v1/jobs/{job_id}").json["result"]
    assert call("GET", f"/api/v1/models/{job_id}").json["verdict"] is None
    for address in (f"/jobs/{job_id}", "/models", "/jobs"):
        assert 'class="verdict' not in call("GET", address).text
