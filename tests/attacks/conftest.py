"""One application for all attacks, with something in it to get at, and a file outside that must stay unseen."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shared.api_keys import create_key
from shared.ids import new_id
from shared.jobs.store import JobStore
from shared.settings import load_settings
from shared.volume.volume import Volume
from tests.support.callers import TEXT, Caller, name_model, publish_checkpoint, train, upload, upload_file
from web import create_app

SECRET = "what-no-answer-may-ever-hold-7f3a"


@dataclass(frozen=True)
class Target:
    """An application with a dataset, a running job, a model, a file and a key. call: sends a request as its owner."""

    app: Any
    call: Caller
    volume: Volume
    ids: dict[str, str]
    before: dict[str, bytes]


def files(root: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def target(redis_server, tmp_path_factory):
    """Built once; attacks leave it as it was."""
    root = tmp_path_factory.mktemp("attacked")
    (root / "secret.txt").write_text(SECRET)
    settings = load_settings(
        redis_url=redis_server.url,
        key_prefix=f"attack-{new_id()[-8:]}",
        data=root / "data",
        login=True,
        max_body_bytes=200_000,
        max_upload_bytes=3_000_000,
        max_unpacked_bytes=4_000_000,
        changes_per_minute=1_000_000,
        reads_per_minute=1_000_000,
        wrong_keys_per_minute=1_000_000,
    )
    app = create_app(settings)
    store, volume = JobStore.connect(settings), Volume(settings.data)
    key, text = create_key(volume, owner="ann", scope="submit")
    call = Caller(app, text)
    dataset_id = upload(call, TEXT).json["id"]
    waiting = train(call, dataset_id).json["id"]
    job_id = train(call, dataset_id, priority=5).json["id"]
    claimed = store.claim("train", worker="attacked", device="cpu")
    assert claimed and claimed.id == job_id
    attempt = volume.start_attempt(job_id, 1)
    picture = io.BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "PNG")
    (attempt / "artifacts").mkdir(exist_ok=True)
    (attempt / "artifacts" / "curve.png").write_bytes(picture.getvalue())
    (attempt / "log.txt").write_text("began\n")
    publish_checkpoint(volume, job_id)
    model_id = name_model(volume, "ann", job_id)
    file_id = upload_file(call, picture.getvalue(), "curve.png").json["id"]
    ids = {"job_id": job_id, "dataset_id": dataset_id, "model_id": model_id, "key_id": key.id, "waiting": waiting}
    ids |= {"file_id": file_id}
    yield Target(app, call, volume, ids, files(volume.root))
    for name in store.redis.scan_iter(f"{settings.key_prefix}:*", count=1000):
        store.redis.delete(name)
    store.redis.close()
