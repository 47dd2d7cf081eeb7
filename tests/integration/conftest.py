"""An application that asks for a login, with two owners, a reader and an admin."""

import pytest

from shared.api_keys import Scope, create_key, list_keys
from tests.support.callers import Caller, name_model, train, upload, upload_file
from web import create_app


@pytest.fixture
def app(settings, store):
    return create_app(settings.model_copy(update={"login": True, "hosts": ()}))


@pytest.fixture
def keys(app, volume):
    """Text of a key by name: two owners who submit, one who only reads as the first, an admin."""
    wanted: dict[str, tuple[str, Scope]] = {
        "ann": ("ann", "submit"),
        "bob": ("bob", "submit"),
        "reader": ("ann", "read"),
        "admin": ("root", "admin"),
    }
    return {name: create_key(volume, owner=owner, scope=scope)[1] for name, (owner, scope) in wanted.items()}


@pytest.fixture
def ann(app, keys):
    return Caller(app, keys["ann"])


@pytest.fixture
def bob(app, keys):
    return Caller(app, keys["bob"])


@pytest.fixture
def admin(app, keys):
    return Caller(app, keys["admin"])


@pytest.fixture
def hers(ann, volume):
    """What ann has: a dataset, a job, a model, a file and a key."""
    dataset_id = upload(ann).json["id"]
    job_id = train(ann, dataset_id).json["id"]
    model_id = name_model(volume, "ann", job_id)
    file_id = upload_file(ann).json["id"]
    key_id = list_keys(volume, "ann")[0].id
    return {"dataset_id": dataset_id, "job_id": job_id, "model_id": model_id, "file_id": file_id, "key_id": key_id}
