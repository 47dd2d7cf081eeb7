"""Clients of the API that say who they are, for tests of what each of them may do."""

import io

from shared.ids import new_id
from shared.jobs.job import CheckpointRef
from shared.jobs.models import Model, save_model

TEXT = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n" * 200


class Caller:
    """A client that says who it is in every request."""

    def __init__(self, app, key=None, **headers):
        self.client = app.test_client()
        self.headers = headers | ({"Authorization": f"Bearer {key}"} if key else {})

    def __call__(self, method, path, headers=None, **rest):
        return self.client.open(path, method=method, headers=self.headers | (headers or {}), **rest)


def upload(caller, text=TEXT):
    return caller("POST", "/api/v1/datasets", data={"file": (io.BytesIO(text.encode()), "poems.txt")})


def train(caller, dataset_id, **changes):
    body = {"kind": "train", "recipe": "char_lstm", "dataset_id": dataset_id} | changes
    return caller("POST", "/api/v1/jobs", json=body)


def name_model(volume, owner, job_id):
    """Give the job's first step a name, as if it had been saved; returns the model's id."""
    checkpoint = CheckpointRef(job_id=job_id, attempt=1, step=1)
    model = Model(id=new_id(), name="poems", owner=owner, recipe="char_lstm", checkpoint=checkpoint)
    save_model(volume, model)
    return model.id
