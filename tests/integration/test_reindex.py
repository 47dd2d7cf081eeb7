"""Redis is emptied under a running installation, and the volume gives everything back; then the same from a backup.

Real server, web, workers, reaper; real trainings. The installation is this module's own, since its Redis is wiped.
"""

import http.client
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cli.main import main
from cli.stack import Plan
from tests.support.recipe_cases import CASES
from tests.support.running import RunningStack

CASE = CASES["char_lstm"]
ENDLESS = {**CASE.params, "steps": 1_000_000, "eval_every": 1000}  # ends only when it is told to
SETTINGS = {"beat_s": 1, "lease_s": 6, "reap_interval_s": 0.5, "checkpoint_interval_s": 0.5}


@pytest.fixture(scope="module")
def own(run_mark, redis_server, tmp_path_factory):
    """An installation; redis_server only so that a machine without a server skips or fails as everywhere."""
    folder = tmp_path_factory.mktemp("own")
    running = RunningStack(folder, Plan(data=folder / "data", port=0, settings=SETTINGS)).start()
    yield running
    running.stop()


def train(own: RunningStack, dataset_id: str, **changes) -> str:
    body = {"kind": "train", "recipe": "char_lstm", "inputs": {"data": dataset_id}, "params": CASE.params}
    return own.client.submit(body | changes)["id"]


def state(own: RunningStack, job_id: str) -> str:
    return own.client.get(f"/jobs/{job_id}")["state"]


def until(own: RunningStack, job_id: str, wanted: str) -> dict:
    own.until(lambda: state(own, job_id) == wanted, 90)
    return own.client.get(f"/jobs/{job_id}")


@pytest.fixture(scope="module")
def jobs(own) -> dict[str, str]:
    """A job of each kind of ending, one that runs and has a checkpoint, one that waits, one that is paused."""
    dataset = CASE.put(own.volume, CASE.data())
    other = CASE.put(own.volume, [("text.txt", CASE.data()[0][1] + b"more")])
    trained = train(own, dataset.id, name="詩人", priority=5)
    failed = train(own, other.id)
    shutil.rmtree(own.volume.dataset_dir(other.id))
    until(own, trained, "succeeded")
    until(own, failed, "failed")
    generated = own.client.submit(
        {"kind": "generate", "inputs": {"model": trained}, "params": CASE.generate(own.volume)}
    )["id"]
    until(own, generated, "succeeded")
    cancelled = train(own, dataset.id, params=ENDLESS)
    own.until(lambda: own.volume.checkpoints(cancelled), 90)
    own.client.call("POST", f"/jobs/{cancelled}/cancel")
    until(own, cancelled, "cancelled")
    running = train(own, dataset.id, params=ENDLESS, name="long")
    own.until(lambda: own.volume.checkpoints(running), 90)
    waiting = train(own, dataset.id, priority=-1)
    paused = train(own, dataset.id)
    own.client.call("POST", f"/jobs/{paused}/pause")
    own.until(lambda: not own.store.redis.exists(own.store.keys.uncopied()), 30)
    return {
        "trained": trained, "failed": failed, "generated": generated, "cancelled": cancelled, "running": running,
        "waiting": waiting, "paused": paused,
    }  # fmt: skip


ENDED = ("trained", "failed", "generated", "cancelled")


def shown(own: RunningStack, job_id: str) -> dict[str, Any]:
    """What the API says of an ended job."""
    job = own.client.get(f"/jobs/{job_id}")
    job = {name: value for name, value in job.items() if name != "revision"}
    more = {what: own.client.get(f"/jobs/{job_id}/{what}") for what in ("checkpoints", "metrics", "artifacts", "log")}
    return {"job": job} | more


def page(own: RunningStack, path: str) -> str:
    address = urlsplit(own.url)
    assert address.hostname
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
        return text
    finally:
        connection.close()


def generate(own: RunningStack, model: Any) -> list[str]:
    """The texts a model makes. model: its id, or a checkpoint."""
    body = {"kind": "generate", "inputs": {"model": model}, "params": CASE.generate(own.volume)}
    return [output["text"] for output in until(own, own.client.submit(body)["id"], "succeeded")["outputs"]]


def attempts_when_it_goes_on(own: RunningStack, job_id: str) -> list[dict[str, Any]]:
    """The attempts of a job as soon as its second one has trained past the step it began at."""

    def attempts_going_on() -> list[dict[str, Any]]:
        job = own.client.get(f"/jobs/{job_id}")
        resumed_from = job["attempts"][1]["resumed_from_step"] if len(job["attempts"]) > 1 else None
        return job["attempts"] if resumed_from is not None and job["progress"]["step"] > resumed_from else []

    return own.until(attempts_going_on, 90)


@pytest.fixture(scope="module")
def before(own, jobs) -> dict[str, Any]:
    """What the installation showed and generated before anything was lost."""
    return {name: shown(own, jobs[name]) for name in ENDED} | {"texts": generate(own, jobs["trained"])}


@pytest.fixture(scope="module")
def backup(own, jobs, before, tmp_path_factory) -> Path:
    """A backup made while a training runs."""
    folder = tmp_path_factory.mktemp("backups") / "one"
    assert state(own, jobs["running"]) == "running"
    code = main(["backup", str(folder), "--data", str(own.settings.data), "--redis-url", own.settings.redis_url])
    assert code == 0
    return folder


def test_a_wiped_redis_is_filled_again_and_trainings_go_on_where_they_were(own, jobs, before, backup, capsys):
    assert state(own, jobs["running"]) == "running"
    own.store.redis.flushall()
    place = ["--data", str(own.settings.data), "--redis-url", own.settings.redis_url]

    assert main(["reindex", *place, "--dry-run"]) == 0
    assert "would be recovered" in capsys.readouterr().out
    assert own.client.get("/jobs")["jobs"] == []

    assert main(["reindex", *place]) == 0
    said = capsys.readouterr().out
    assert f"job {jobs['running']}: " in said and "goes on from the checkpoint of step" in said
    assert "1 cancelled, 1 failed, 1 paused, 2 queued, 3 succeeded" in said  # with the generation just made
    assert main(["reindex", *place]) == 0
    assert "0 jobs recovered, 8 known already" in capsys.readouterr().out

    for name in ENDED:
        assert shown(own, jobs[name]) == before[name], name
        assert "詩人" in page(own, f"/jobs/{jobs[name]}") or name != "trained"
    assert all(jobs[name] in page(own, "/jobs") for name in jobs)
    assert generate(own, jobs["trained"]) == before["texts"]
    assert generate(own, {"job_id": jobs["cancelled"]})
    assert state(own, jobs["paused"]) == "paused"
    first, second = attempts_when_it_goes_on(own, jobs["running"])
    assert (first["cause"], second["number"]) == ("infrastructure", 2)
    assert second["resumed_from_step"] > 0
    assert state(own, jobs["waiting"]) == "queued"  # of lower priority than the one that runs
    own.client.call("POST", f"/jobs/{jobs['running']}/cancel")
    until(own, jobs["running"], "cancelled")
    until(own, jobs["waiting"], "succeeded")


def test_a_backup_made_while_a_training_ran_makes_the_installation_anew(jobs, before, backup, tmp_path, capsys):
    data = tmp_path / "data"
    assert main(["restore", str(backup), "--data", str(data), "--hold"]) == 0
    said = capsys.readouterr().out
    assert "all as their manifests say" in said
    assert "1 cancelled, 1 failed, 3 paused, 3 succeeded" in said
    anew = RunningStack(tmp_path, Plan(data=data, port=0, settings=SETTINGS)).start()
    try:
        assert generate(anew, jobs["trained"]) == before["texts"]
        assert {name: shown(anew, jobs[name]) for name in ENDED} == {name: before[name] for name in ENDED}
        assert {state(anew, jobs[name]) for name in ("running", "waiting", "paused")} == {"paused"}
        anew.client.call("POST", f"/jobs/{jobs['running']}/resume")
        assert attempts_when_it_goes_on(anew, jobs["running"])[1]["resumed_from_step"] > 0
    finally:
        anew.stop()
