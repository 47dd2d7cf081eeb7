"""Fixtures every level shares: one real Redis-compatible server per test session, a fresh installation per test."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.server import EmbeddedServer, ServerMissing, find_server
from cli.stack import Plan
from shared.ids import new_id
from shared.jobs.store import JobStore
from shared.settings import Settings, load_settings
from shared.volume.volume import Volume
from tests.support import leaks
from tests.support.running import RunningStack


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A test that fails beside a running installation shows the end of that one's log."""
    report = (yield).get_result()
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.when == "call" and report.failed and isinstance(stack, RunningStack):
        report.sections.append(("the installation's log", stack.tail()))


@pytest.fixture(scope="session", autouse=True)
def run_mark(tmp_path_factory) -> Iterator[str]:
    """Mark this run's processes and give it its own folder of temporary files. No setting of the shell leaks in."""
    patch = pytest.MonkeyPatch()
    for name in [name for name in os.environ if name.startswith("TRAINYARD_") and name != "TRAINYARD_TEST_DATA"]:
        patch.delenv(name)
    mark = new_id()
    patch.setenv(leaks.MARK, mark)
    patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("tmp")))
    patch.setattr(tempfile, "tempdir", None)
    yield mark
    patch.undo()


@pytest.fixture(autouse=True)
def nothing_left_behind(run_mark: str, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a process or a temporary file."""
    folder = Path(tempfile.gettempdir())
    files, processes = set(folder.iterdir()), leaks.processes(run_mark)
    yield
    strays = leaks.strays(run_mark, processes)
    assert not strays, f"processes left behind: {strays}"
    left = set(folder.iterdir()) - files
    assert not left, f"temporary files left behind: {sorted(map(str, left))}"
    if "tmp_path" in request.node.funcargs and not request.node.get_closest_marker("makes_staging"):
        staged = leaks.staging_left(request.node.funcargs["tmp_path"])
        assert not staged, f"staging folders left behind: {staged}"


def _need_server() -> None:
    """Missing: a failure in CI, a skip elsewhere."""
    try:
        find_server()
    except ServerMissing as err:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(err))


@pytest.fixture(scope="session")
def redis_server(run_mark, tmp_path_factory) -> Iterator[EmbeddedServer]:
    """A server for the whole session."""
    _need_server()
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
def store(settings) -> Iterator[JobStore]:
    """A JobStore on the session's server; its keys are checked and removed afterwards."""
    store = JobStore.connect(settings)
    yield store
    ownerless = leaks.ownerless_keys(store.redis, settings.key_prefix)
    for key in store.redis.scan_iter(f"{settings.key_prefix}:*", count=1000):
        store.redis.delete(key)
    store.redis.close()
    assert not ownerless, f"keys nobody will remove: {ownerless}"


@pytest.fixture(scope="session")
def stack(run_mark, tmp_path_factory) -> Iterator[RunningStack]:
    """A whole installation for the session: server, web, a worker for each queue, reaper. Its leases are short."""
    _need_server()
    folder = tmp_path_factory.mktemp("stack")
    plan = Plan(data=folder / "data", port=0, settings={"beat_s": 1, "lease_s": 6, "reap_interval_s": 0.5})
    running = RunningStack(folder, plan).start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def data_sets() -> Path:
    """The folder of real data sets beside the repository (or TRAINYARD_TEST_DATA); skips where there is none."""
    folder = Path(os.environ.get("TRAINYARD_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "README.md").exists():
        pytest.skip(f"no real data sets at {folder}; set TRAINYARD_TEST_DATA to run this test")
    return folder
