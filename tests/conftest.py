"""Fixtures every level shares: one real Redis-compatible server per test session, a fresh installation per test."""

import os
from pathlib import Path

import pytest

from cli.server import EmbeddedServer, ServerMissing, find_server
from shared.ids import new_id
from shared.settings import Settings, load_settings
from shared.store import JobStore
from shared.volume import Volume


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    """A server for the whole session. Missing: a failure in CI, a skip elsewhere."""
    try:
        find_server()
    except ServerMissing as err:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(err))
    server = EmbeddedServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.stop()


@pytest.fixture
def settings(redis_server, tmp_path) -> Settings:
    """An installation of its own: key prefix and volume."""
    return load_settings(redis_url=redis_server.url, key_prefix=f"test-{new_id()[-8:]}", data=tmp_path / "data")


@pytest.fixture
def volume(settings) -> Volume:
    volume = Volume(settings.data)
    volume.ensure()
    return volume


@pytest.fixture
def store(settings):
    """A JobStore on the session's server; its keys are removed afterwards."""
    store = JobStore.connect(settings)
    yield store
    for key in store.redis.scan_iter(f"{settings.key_prefix}:*", count=1000):
        store.redis.delete(key)
    store.redis.close()


@pytest.fixture(scope="session")
def data_sets() -> Path:
    """The folder of real data sets beside the repository (or TRAINYARD_TEST_DATA); skips where there is none."""
    folder = Path(os.environ.get("TRAINYARD_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "README.md").exists():
        pytest.skip(f"no real data sets at {folder}; set TRAINYARD_TEST_DATA to run this test")
    return folder
