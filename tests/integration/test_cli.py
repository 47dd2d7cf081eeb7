"""The command line against a running installation: real web, real workers."""

import io
import json
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cli.client import ApiError, Client, Unreachable
from cli.main import main
from cli.server import free_port
from cli.watch import watch_job
from tests.support import leaks
from tests.support.cutting_proxy import CuttingProxy
from tests.support.tiny_pictures import folder_files

PARAMS = {"epochs": 2, "width": 4, "validation_fraction": 0.2}


@pytest.fixture
def trainyard(stack, capsys):
    """Runs a command; gives (exit code, stdout, stderr)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["--url", stack.url, *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of class folders."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, data in folder_files(60, side=16):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def trained(stack, pictures, tmp_path_factory):
    """A training that has succeeded, named "trained"."""
    code = main(
        ["--url", stack.url, "submit", "train", "image_classifier", "--dataset", str(pictures), "--name", "trained"]
        + [f"--param={name}={value}" for name, value in PARAMS.items()]
        + ["--wait"]
    )
    assert code == 0, stack.tail()
    return stack.client.get("/jobs", kind="train", state="succeeded")["jobs"][0]


def test_a_folder_is_uploaded_trained_on_and_watched_to_its_end(trained, trainyard):
    code, out, _ = trainyard("watch", "trained")
    assert code == 0
    assert "attempt 1 on" in out
    assert "succeeded after" in out


def test_a_model_named_by_its_training_labels_a_picture(trained, trainyard, pictures):
    picture = next(pictures.glob("ape/*.png"))
    code, out, _ = trainyard("generate", "trained", str(picture))
    assert code == 0
    assert out.startswith(f"{picture.name}\t")
    assert {"ape", "bee", "cat"} <= set(out.replace("\t", " ").split())


def test_artifacts_are_downloaded_whole(trained, trainyard, tmp_path):
    code, out, _ = trainyard("download", "trained", "--to", str(tmp_path))
    assert code == 0
    for line in out.splitlines():
        path = line.rsplit("  ", 1)[0]
        assert Path(path).read_bytes(), line
    assert not list(tmp_path.glob("*.part"))


def test_everything_that_is_there_is_listed(trained, trainyard):
    for words, expected in (
        (["jobs"], trained["id"]),
        (["jobs", "last", "--json"], "revision"),
        (["jobs", trained["id"][-6:]], "attempt 1:"),
        (["datasets"], "image_folder"),
        (["datasets", "preview", trained["dataset_id"]], "classes"),
        (["models"], "trained"),
        (["workers"], "train"),
        (["queues"], "generate"),
        (["recipes"], "image_classifier"),
        (["recipes", "image_classifier"], "learning_rate"),
        (["log", "trained"], trained["recipe"] and "\n"),
    ):
        code, out, err = trainyard(*words)
        assert code == 0, err
        assert expected in out, words


def test_json_output_is_the_servers_answer(trained, trainyard):
    _, out, _ = trainyard("jobs", "--kind", "train", "--json")
    assert trained["id"] in [job["id"] for job in json.loads(out)["jobs"]]


def test_wrong_values_are_all_named_and_nothing_is_queued(trained, trainyard, stack):
    before = stack.client.get("/jobs", limit=500)["jobs"]
    words = ["submit", "train", "image_classifier", "--dataset", trained["dataset_id"], "--epochs", "-5"]
    code, _, err = trainyard(*words, "--width", "100000")
    assert code == 2
    assert "params.epochs" in err
    assert "params.width" in err
    assert "Traceback" not in err
    assert stack.client.get("/jobs", limit=500)["jobs"] == before


@pytest.mark.parametrize(
    "words",
    [
        ["submit", "train", "no_such_recipe"],
        ["submit", "train", "image_classifier", "--dataset", "no-such-dataset"],
        ["watch", "no-such-job"],
        ["generate", "no-such-model", "text"],
        ["datasets", "delete", "no-such-dataset"],
        ["datasets", "upload", "/no/such/file"],
        ["cancel", "no-such-job"],
    ],
)
def test_what_is_not_there_is_said_without_a_traceback(trainyard, words):
    code, _, err = trainyard(*words)
    assert code == 2
    assert err.startswith("trainyard: ")
    assert "Traceback" not in err


def test_an_upload_the_server_refuses_is_told_with_its_reason(trainyard, tmp_path, stack):
    empty = tmp_path / "empty.txt"
    empty.touch()
    before = stack.client.get("/datasets")["datasets"]
    code, _, err = trainyard("datasets", "upload", str(empty))
    assert code == 2
    assert "empty" in err
    assert stack.client.get("/datasets")["datasets"] == before


def test_a_waiting_training_is_cancelled_and_says_so(trained, trainyard, stack):
    long = ["submit", "train", "image_classifier", "--dataset", trained["dataset_id"], "--epochs", "10000"]
    code, out, _ = trainyard(*long)
    assert code == 0
    job_id = out.split()[0]
    code, out, _ = trainyard("cancel", job_id)
    assert code == 0
    code, out, _ = trainyard("watch", job_id)
    assert code == 1
    assert "cancelled" in out
    code, out, _ = trainyard("delete", job_id)
    assert (code, out) == (0, f"{job_id} deleted\n")
    assert trainyard("jobs", job_id)[0] != 0


def test_watching_goes_on_when_the_connection_breaks(trained, stack):
    job = stack.client.submit(
        {"kind": "train", "recipe": "image_classifier", "dataset_id": trained["dataset_id"], "params": PARAMS}
    )
    out = io.StringIO()
    port = urlsplit(stack.url).port
    assert port is not None
    with CuttingProxy(port) as proxy:
        watcher = threading.Thread(target=watch_job, args=(Client(f"http://127.0.0.1:{proxy.port}"), job["id"], out))
        watcher.start()
        stack.until(lambda: "attempt 1" in out.getvalue() and proxy.connections)
        proxy.cut()
        watcher.join(60)
        assert not watcher.is_alive()
        assert proxy.connections > 1
    shown = out.getvalue()
    assert "succeeded" in shown
    assert shown.count("attempt 1 on") == 1  # nothing is shown twice


def test_no_server_is_told_with_what_to_do(capsys):
    assert main(["--url", f"http://127.0.0.1:{free_port()}", "jobs"]) == 3
    assert "trainyard up" in capsys.readouterr().err


def test_an_address_that_is_none_is_refused():
    with pytest.raises(Unreachable):
        Client("localhost:8000")


def test_a_refusal_carries_its_code_and_its_problems(stack):
    with pytest.raises(ApiError) as err:
        stack.client.call("POST", "/jobs", {"kind": "train", "colour": "red"})
    assert err.value.status == 422
    assert err.value.problems


def test_doctor_finds_nothing_wrong_with_a_running_installation(stack, trainyard):
    code, out, _ = trainyard("doctor", "--redis-url", stack.settings.redis_url, "--data", str(stack.settings.data))
    assert code == 0, out
    assert "noeviction" in out
    assert "nothing stands in the way" in out
    assert not [path for path in stack.settings.data.iterdir() if path.name.startswith(".")]


def test_doctor_says_what_to_do_when_redis_is_away(stack, trainyard):
    code, out, _ = trainyard("doctor", "--redis-url", f"redis://127.0.0.1:{free_port()}/0")
    assert code == 1
    assert "does not answer" in out


def test_progress_comes_as_it_happens_each_piece_once(trained, stack):
    params = PARAMS | {"epochs": 200}
    job = stack.client.submit(
        {"kind": "train", "recipe": "image_classifier", "dataset_id": trained["dataset_id"], "params": params}
    )
    seen = [event["data"] for event in stack.client.events(job["id"]) if event["type"] == "progress"]
    assert {"training"} <= {progress["phase"] for progress in seen}
    steps = [progress["step"] for progress in seen]
    assert steps == sorted(steps)
    assert len({json.dumps(progress) for progress in seen}) == len(seen)


def test_a_reader_of_a_silent_job_costs_the_server_next_to_nothing(stack, trained):
    """The clock counts here: a stream that looks again without waiting takes a whole core."""
    params = PARAMS | {"epochs": 10_000}
    body = {"kind": "train", "recipe": "image_classifier", "dataset_id": trained["dataset_id"], "params": params}
    job = stack.client.submit(body)
    events = stack.client.events(job["id"])
    while next(events)["type"] != "progress":
        pass
    stack.client.call("POST", f"/jobs/{job['id']}/pause")
    stack.until(lambda: stack.client.get(f"/jobs/{job['id']}")["state"] == "paused")
    began, cpu = time.monotonic(), leaks.cpu_s(stack.pids()["web"])
    threading.Event().wait(3)  # the length of the measurement
    share = (leaks.cpu_s(stack.pids()["web"]) - cpu) / (time.monotonic() - began)
    stack.client.call("POST", f"/jobs/{job['id']}/cancel")
    assert [event["type"] for event in events][-1] == "cancelled"
    assert share < 0.2
