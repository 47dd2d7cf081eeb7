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


def dataset_of(job: dict) -> str:
    return job["inputs"]["data"]["dataset_id"]


def again(job: dict) -> dict:
    """The inputs of a further training on the same dataset."""
    return {"data": dataset_of(job)}


def test_a_folder_is_uploaded_trained_on_and_watched_to_its_end(trained, trainyard):
    code, out, _ = trainyard("watch", "trained")
    assert code == 0
    assert "attempt 1 on" in out
    assert "succeeded after" in out


def test_a_model_named_by_its_training_labels_pictures(trained, trainyard, pictures):
    two = sorted(pictures.glob("ape/*.png"))[:2]
    code, out, _ = trainyard("generate", "trained", *map(str, two))
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    for path in two:
        shares = {row[1]: float(row[2]) for row in rows if row[0] == path.name}
        assert shares.keys() == {"ape", "bee", "cat"}
        assert sum(shares.values()) == pytest.approx(1)


def test_a_picture_given_as_a_param_is_sent_and_labelled_the_same(trained, trainyard, pictures):
    picture = str(sorted(pictures.glob("ape/*.png"))[0])
    plain = ["-p", "activation_map=false"]
    by_word = trainyard("generate", "trained", picture, *plain)
    by_param = trainyard("generate", "trained", "-p", f"images=@{picture}", *plain)
    code, sent, _ = trainyard("files", "upload", picture)
    by_id = trainyard("generate", "trained", "-p", f"images={sent.split()[0]}", *plain)
    assert by_word[:2] == by_param[:2] == by_id[:2]
    assert (code, by_word[0], sent.split()[1]) == (0, 0, "image/png")


def test_a_whole_dataset_is_labelled_into_a_table(trained, trainyard, pictures, tmp_path):
    code, out, err = trainyard("generate", "trained", "--use", "batch", "--dataset", dataset_of(trained))
    assert code == 0
    head, *rows = [line.split("\t") for line in out.splitlines()]
    assert len(rows) == 60
    assert "error" in head
    assert all(row[head.index("label")] in ("ape", "bee", "cat") for row in rows)
    assert "--download" in err
    code, out, _ = trainyard("outputs", "last", "--download", str(tmp_path / "made"))
    assert code == 0
    table = Path(out.splitlines()[0].split("  ")[0])
    assert len(table.read_text(encoding="utf-8-sig").splitlines()) == 61


def test_what_a_training_made_and_showed_on_its_way_is_read_as_lines(trained, trainyard, tmp_path):
    code, out, _ = trainyard("outputs", "trained")
    assert code == 0
    assert "\tape\tbee\tcat" in out.splitlines()
    code, out, _ = trainyard("samples", "trained")
    assert code == 0
    assert out.startswith("step ")
    code, _, err = trainyard("samples", "trained", "--step", "999999")
    assert code == 2
    assert "there are steps" in err
    code, out, _ = trainyard("samples", "trained", "--download", str(tmp_path / "samples"))
    assert code == 0
    assert all(Path(line.split("  ")[0]).stat().st_size for line in out.splitlines()[1:])


def test_a_training_begins_with_the_weights_of_another(trained, trainyard, stack):
    code, out, _ = trainyard(
        "submit",
        "train",
        "--from",
        "trained",
        "--input",
        f"data={dataset_of(trained)}",
        "-p",
        "epochs=1",
        "-p",
        "width=4",
    )
    assert code == 0
    job = stack.client.get(f"/jobs/{out.split()[0]}")
    assert job["recipe"] == "image_classifier"
    assert job["inputs"]["start_from"]["checkpoint"]["job_id"] == trained["id"]
    stack.client.call("POST", f"/jobs/{job['id']}/cancel")


def test_roles_that_are_unknown_or_given_twice_are_all_named_before_anything_is_sent(
    trained, trainyard, pictures, stack
):
    before = stack.client.get("/datasets")["datasets"]
    words = ["--input", f"data={pictures}", "--dataset", "other", "--input", "stile=x"]
    code, _, err = trainyard("submit", "train", "image_classifier", *words)
    assert code == 2
    assert "inputs.stile" in err and "known are data, base, start_from" in err
    assert "inputs.data: is given twice" in err
    assert stack.client.get("/datasets")["datasets"] == before


def test_a_name_that_two_things_have_is_refused_with_both_ids(trained, trainyard, stack):
    for _ in range(2):
        stack.client.call("POST", "/models", {"name": "twins", "checkpoint": {"job_id": trained["id"]}})
    models = [model["id"] for model in stack.client.get("/models")["models"] if model["name"] == "twins"]
    code, _, err = trainyard("generate", "twins", "x")
    assert code == 2
    assert len(models) == 2 and all(model in err for model in models)
    uploads = [trainyard("datasets", "upload", _text(name, stack), "--name", "twin texts") for name in ("a", "b")]
    ids = [out.split()[1].rstrip(":") for _, out, _ in uploads]
    code, _, err = trainyard("datasets", "delete", "twin texts")
    assert code == 2
    assert all(dataset in err for dataset in ids)
    for dataset in ids:
        assert trainyard("datasets", "delete", dataset)[0] == 0
    for model in models:
        stack.client.call("DELETE", f"/models/{model}")


def _text(name: str, stack) -> str:
    path = stack.settings.data.parent / f"{name}.txt"
    path.write_text(f"{name} text that is long enough to be one.\n" * 50)
    return str(path)


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
        (["datasets"], "pictures"),
        (["datasets", "report", dataset_of(trained)], "ape"),
        (["datasets", "preview", dataset_of(trained)], "ape"),
        (["datasets", "formats"], "pictures"),
        (["datasets", "example"], "text"),
        (["models"], "trained"),
        (["workers"], "train"),
        (["queues"], "generate"),
        (["recipes"], "image_classifier"),
        (["recipes", "image_classifier"], "learning_rate"),
        (["recipes", "image_classifier"], "--use batch"),
        (["log", "trained"], "\n"),
    ):
        code, out, err = trainyard(*words)
        assert code == 0, err
        assert expected in out, words


def test_json_output_is_the_servers_answer(trained, trainyard):
    _, out, _ = trainyard("jobs", "--kind", "train", "--json")
    assert trained["id"] in [job["id"] for job in json.loads(out)["jobs"]]


def test_wrong_values_are_all_named_and_nothing_is_queued(trained, trainyard, stack):
    before = stack.client.get("/jobs", limit=500)["jobs"]
    words = ["submit", "train", "image_classifier", "--dataset", dataset_of(trained), "--epochs", "-5"]
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
    long = ["submit", "train", "image_classifier", "--dataset", dataset_of(trained), "--epochs", "10000"]
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
        {"kind": "train", "recipe": "image_classifier", "inputs": again(trained), "params": PARAMS}
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


@pytest.mark.parametrize(
    "url", ["localhost:8000", "http://here:99999", "http://here:http", "http://[::1", "ftp://here", ""]
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(Unreachable, match="no address"):
        Client(url)


def test_a_job_named_in_bytes_that_are_no_text_is_not_found(trainyard):
    for words in (["jobs", "\udcff\udcfe"], ["recipes", "\udcff"], ["datasets", "report", "\udcff"]):
        code, _, err = trainyard(*words)
        assert code == 2
        assert "Traceback" not in err


def test_doctor_makes_no_folder_that_nobody_named(trainyard, stack, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = trainyard("doctor", "--redis-url", stack.settings.redis_url)
    assert code == 0, out
    assert "no other was named" in out
    assert not list(tmp_path.iterdir())


def test_times_beyond_the_calendar_are_refused(trainyard, tmp_path):
    code, _, err = trainyard("keys", "create", "--owner", "ann", "--days", "1e12", "--data", str(tmp_path / "data"))
    assert (code, "calendar" in err) == (2, True)


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
        {"kind": "train", "recipe": "image_classifier", "inputs": again(trained), "params": params}
    )
    seen = [event["data"] for event in stack.client.events(job["id"]) if event["type"] == "progress"]
    assert {"training"} <= {progress["phase"] for progress in seen}
    steps = [progress["step"] for progress in seen]
    assert steps == sorted(steps)
    assert len({json.dumps(progress) for progress in seen}) == len(seen)


def test_a_reader_of_a_silent_job_costs_the_server_next_to_nothing(stack, trained):
    """The clock counts here: a stream that looks again without waiting takes a whole core."""
    params = PARAMS | {"epochs": 10_000}
    body = {"kind": "train", "recipe": "image_classifier", "inputs": again(trained), "params": params}
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
