"""Every kind of Redis URL means the same to records, wake-ups and rate limits; a Redis that refuses us says so at once."""

import contextlib
import os
import subprocess
import sys

import pytest
import redis
from celery import Celery

from cli.doctor import check_redis
from cli.main import main
from cli.server import EmbeddedServer
from cli.stack import Plan
from shared.ids import new_id
from shared.jobs.job import JobRequest
from shared.jobs.store import JobStore
from shared.jobs.wakeup import TASK_NAME, celery_config
from shared.settings import Settings, load_settings
from tests.support.running import RunningStack
from tests.support.tls_front import AUTHORITY, tls_front
from web.rates import RateLimited, Rates
from worker.supervision.wakeups import WakeUps

PASSWORD = "p/s#w?r@d:%"  # every character that a URL has to write otherwise
WRITTEN = "p%2Fs%23w%3Fr%40d%3A%25"


class Server(EmbeddedServer):
    """With a socket beside its port, and a user who may touch the keys of installations named ann-... only."""

    def command(self) -> list[str]:
        return [
            *super().command(),
            "--unixsocket",
            str(self.socket),
            "--user",
            "ann",
            "on",
            f">{PASSWORD}",
            "~ann-*",
            "&*",
            "+@all",
        ]

    @property
    def socket(self):
        return self.folder / "redis.sock"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def tls_port(server):
    with tls_front(server.port) as port:
        yield port


@pytest.fixture
def urls(server, tls_port):
    who, port = f"ann:{WRITTEN}", server.port
    trusted = f"ssl_ca_certs={AUTHORITY}"
    return {
        "a port": f"redis://{who}@127.0.0.1:{port}",
        "the last database": f"redis://{who}@127.0.0.1:{port}/15",
        "a database as an option": f"redis://{who}@localhost:{port}?db=7&socket_timeout=4&client_name=trainyard",
        "a socket": f"unix://{who}@{server.socket}",
        "a socket and a database": f"unix://{who}@{server.socket}?db=9&health_check_interval=3",
        "encrypted": f"rediss://{who}@localhost:{tls_port}/3?{trusted}",
        "encrypted, by address": f"rediss://{who}@127.0.0.1:{tls_port}?db=4&{trusted}&ssl_cert_reqs=required",
    }


KINDS = [
    ("a port", 0),
    ("the last database", 15),
    ("a database as an option", 7),
    ("a socket", 0),
    ("a socket and a database", 9),
    ("encrypted", 3),
    ("encrypted, by address", 4),
]


def installation(url: str, tmp_path, **changes) -> Settings:
    return load_settings(redis_url=url, key_prefix=f"ann-{new_id()[-8:]}", data=tmp_path / "data", **changes)


@contextlib.contextmanager
def wakeups(settings: Settings):
    app = Celery("tests", set_as_current=False)
    app.conf.update(celery_config(settings))
    yield WakeUps(app, settings)
    app.close()


def take(settings: Settings, queue: str) -> str:
    """The task of the next wake-up, taken as a worker takes it; "" when there is none."""
    app = Celery("tests", set_as_current=False)
    app.conf.update(celery_config(settings))
    with (
        app.connection_for_read() as connection,
        connection.SimpleQueue(queue) as waiting,
        contextlib.suppress(waiting.Empty),
    ):
        message = waiting.get(block=False)
        message.ack()
        app.close()
        return message.headers["task"]
    app.close()
    return ""


@pytest.mark.parametrize(("kind", "database"), KINDS)
def test_records_wake_ups_and_rates_of_a_url_are_in_one_place(kind, database, urls, server, tmp_path):
    settings = installation(urls[kind], tmp_path, changes_per_minute=1)
    store = JobStore.connect(settings)
    job, _ = store.submit(JobRequest(kind="train", recipe="gpt", params={}))
    with wakeups(settings) as sent:
        assert sent.send("train")
        assert sent.waiting("train") == 1
    assert take(settings, "train") == TASK_NAME
    rates = Rates(settings)
    rates.count("ann", change=True)
    with pytest.raises(RateLimited):
        rates.count("ann", change=True)
    assert store.get(job.id).id == job.id
    store.redis.close()
    with redis.Redis(port=server.port, db=database, decode_responses=True) as there:
        kept = {key.split(":")[1] for key in there.scan_iter(f"{settings.key_prefix}:*")}
        assert {"job", "broker", "rate"} <= kept
        assert {key for key in there.scan_iter("*") if not key.startswith("ann-")} == set()
        there.flushdb()


def test_two_installations_on_one_redis_do_not_hear_each_other(urls, tmp_path):
    one, two = (installation(urls["a port"], tmp_path / name) for name in "ab")
    with wakeups(one) as first, wakeups(two) as second:
        first.send("train")
        assert (first.waiting("train"), second.waiting("train")) == (1, 0)
        assert take(two, "train") == ""
        assert take(one, "train") == TASK_NAME


def test_a_certificate_nobody_vouches_for_is_refused_by_records_and_wake_ups_alike(tls_port, tmp_path, urls):
    settings = installation(f"rediss://ann:{WRITTEN}@localhost:{tls_port}/0", tmp_path)
    with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
        JobStore.connect(settings).ping()
    with wakeups(settings) as sent:
        assert sent.send("train") is False
    says = {finding.subject.split(" ")[0]: finding for finding in check_redis(settings)}
    assert says["Redis"].level == "bad"
    assert "ssl_ca_certs" in says["Redis"].says


def test_doctor_goes_both_ways_that_the_service_goes(urls, tmp_path):
    for kind, url in urls.items():
        found = {finding.subject.split(" ")[0]: finding for finding in check_redis(installation(url, tmp_path))}
        assert (found["Redis"].level, found["wake-ups"].level) == ("ok", "ok"), kind
        assert PASSWORD not in str(found)
        assert WRITTEN not in str(found)
    split = installation(urls["a port"], tmp_path, broker_url=urls["a port"].replace(WRITTEN, "other"))
    found = {finding.subject.split(" ")[0]: finding for finding in check_redis(split)}
    assert (found["Redis"].level, found["wake-ups"].level) == ("ok", "bad")
    assert "password" in found["wake-ups"].says


REFUSED = {
    "a wrong password": ("redis://ann:wrong@127.0.0.1:{port}/0", "user or the password"),
    "keys of others": (f"redis://ann:{WRITTEN}@127.0.0.1:{{port}}/0", "TRAINYARD_KEY_PREFIX"),
    "a database too many": ("redis://127.0.0.1:{port}/16", "no database of that number"),
    "no encryption there": ("rediss://127.0.0.1:{port}/0", "redis:// that listens there"),
    "a certificate of nobody": ("rediss://127.0.0.1:{tls_port}/0", "ssl_ca_certs"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_up_says_at_once_that_a_redis_does_not_take_us(name, server, tls_port, tmp_path, capsys):
    url, words = REFUSED[name]
    url = url.format(port=server.port, tls_port=tls_port)
    code = main(["up", "--redis-url", url, "--data", str(tmp_path / "data"), "--port", "0"])
    told = capsys.readouterr()
    assert code == 1
    assert words in told.err
    assert "TRAINYARD_REDIS_URL" in told.err
    assert "starting it again" not in told.out  # nothing was tried over and over


def test_every_process_leaves_at_once_when_its_password_is_wrong(server, tmp_path):
    env = {
        "TRAINYARD_REDIS_URL": f"redis://ann:wrong@127.0.0.1:{server.port}/0",
        "TRAINYARD_DATA": str(tmp_path / "data"),
    }
    modules = ("web", "worker", "worker.upkeep.reaper")
    started = [started_with(module, env) for module in modules]
    for module, process in zip(modules, started, strict=True):
        said = process.communicate(timeout=60)[0].decode()
        assert process.returncode != 0, module
        assert "user or the password" in said, module
        assert "Traceback" not in said, said


def test_wake_ups_of_a_redis_of_their_own_are_tried_as_well(server, urls, tmp_path):
    wrong = f"redis://ann:wrong@127.0.0.1:{server.port}/0"
    env = {"TRAINYARD_REDIS_URL": urls["a port"], "TRAINYARD_BROKER_URL": wrong, "TRAINYARD_KEY_PREFIX": "ann-x",
           "TRAINYARD_DATA": str(tmp_path / "data")}  # fmt: skip
    process = started_with("worker.upkeep.reaper", env)
    said = process.communicate(timeout=60)[0].decode()
    assert "TRAINYARD_BROKER_URL" in said
    assert process.returncode != 0


def started_with(module: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", module], env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def test_a_whole_installation_runs_encrypted_and_on_the_newer_kind_of_address(tls_port, urls, tmp_path):
    plan = Plan(
        data=tmp_path / "data", host="::1", port=0, redis_url=urls["encrypted"], generate_workers=0,
        settings={"key_prefix": f"ann-{new_id()[-8:]}", "spare": "false", "beat_s": 1, "lease_s": 6},
    )  # fmt: skip
    running = RunningStack(tmp_path, plan).start()
    try:
        assert running.client.url.startswith("http://[::1]:")
        assert [worker["queues"] for worker in running.client.get("/workers")["workers"]] == [["train"]]
    finally:
        running.stop()
