"""A name for a checkpoint keeps what was measured of it, the figures of the final report included, and only of that very state."""

import pytest

from shared.jobs.job import CheckpointRef
from shared.jobs.models import Model, get_model, save_model
from tests.support.callers import Caller, publish_checkpoint, train, upload
from web import create_app


@pytest.fixture
def call(settings, store):
    return Caller(create_app(settings))


def test_a_named_checkpoint_keeps_the_test_metrics_of_its_own_state_alone(call, volume):
    job_id = train(call, upload(call).json["id"]).json["id"]
    publish_checkpoint(volume, job_id, step=5, metrics={"val_loss": 2.0})
    best = publish_checkpoint(volume, job_id, step=7, metrics={"val_loss": 1.5})
    cost, measured = {"steps": 7.0, "device_s": 3.0}, {"val_loss": 1.5, "test_accuracy": 0.9}
    save_model(volume, Model(id=job_id, name="own", recipe="char_lstm", checkpoint=best, metrics=measured, cost=cost))

    def named(step: int) -> Model:
        body = {"name": f"at {step}", "checkpoint": {"job_id": job_id, "step": step}}
        reply = call("POST", "/api/v1/models", json=body)
        assert reply.status_code == 201, reply.text
        return get_model(volume, reply.json["id"])

    kept, other = named(7), named(5)
    assert (kept.metrics, kept.value, kept.cost) == (measured, 1.5, cost)
    assert (other.metrics, other.value, other.cost) == ({"val_loss": 2.0}, 2.0, {})
    assert kept.checkpoint == CheckpointRef(job_id=job_id, attempt=1, step=7)
