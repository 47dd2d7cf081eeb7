"""Clients of the API that say who they are, for tests of what each of them may do."""

import io

from shared.ids import new_id
from shared.jobs.job import CheckpointRef
from shared.jobs.models import Model, save_model
from shared.volume.volume import Volume

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


def upload_file(caller, content=b"one line\n", name="line.txt"):
    return caller("POST", "/api/v1/files", data={"file": (io.BytesIO(content), name)})


def train(caller, dataset_id, **changes):
    body = {"kind": "train", "recipe": "char_lstm", "inputs": {"data": dataset_id}} | changes
    return caller("POST", "/api/v1/jobs", json=body)


def name_model(volume, owner, job_id, recipe="char_lstm"):
    """Give the job's first step a name, as if it had been saved; returns the model's id."""
    checkpoint = CheckpointRef(job_id=job_id, attempt=1, step=1)
    model = Model(id=new_id(), name="poems", owner=owner, recipe=recipe, checkpoint=checkpoint)
    save_model(volume, model)
    return model.id


def publish_checkpoint(volume: Volume, job_id, *, attempt=1, step=1, metrics=None):
    """Lay down a checkpoint of one byte, as a training does; its attempt is begun where it has not been. Returns the reference."""
    folder = volume.attempt_dir(job_id, attempt)
    if not folder.exists():
        volume.start_attempt(job_id, attempt)
    (folder / "checkpoints").mkdir(exist_ok=True)
    with volume.stage(folder / "checkpoints") as stage:
        (stage.path / "state").write_bytes(b"x")
        stage.publish(folder / "checkpoints" / f"{step:08d}", {"step": step, "metrics": metrics or {}})
    return CheckpointRef(job_id=job_id, attempt=attempt, step=step)
