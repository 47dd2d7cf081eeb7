"""`trainyard up` as a person uses it: start, work, Ctrl-C, nothing left. And what it does when a process dies."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cli.client import Client
from cli.server import find_server
from tests.support import leaks

ROOT = Path(__file__).resolve().parents[2]


class Up:
    """A `trainyard up` in a process of its own; its output is read line by line."""

    def __init__(self, data: Path, *options: str):
        command = [sys.executable, "-m", "cli", "up", "--port", "0", "--data", str(data), *options]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.data = data

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._changed:
                    self.lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def until(self, words: str, limit_s: float = 60) -> None:
        """Wait for a line that holds these words."""
        with self._changed:
            seen = self._changed.wait_for(lambda: words in "".join(self.lines) or not self._reader.is_alive(), limit_s)
        assert seen, f"no {words!r} in:\n{self.text}"
        assert words in self.text, self.text

    @property
    def text(self) -> str:
        return "".join(self.lines)

    @property
    def url(self) -> str:
        return json.loads((self.data / "up.json").read_text())["url"]

    def end(self, number: signal.Signals, limit_s: float = 60) -> int:
        self.process.send_signal(number)
        code = self.process.wait(limit_s)
        self._reader.join(limit_s)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(30)


@pytest.fixture
def up(redis_server, tmp_path):
    """Starts it, without spare processes: these tests train nothing."""
    started: list[Up] = []

    def start(*options: str) -> Up:
        started.append(Up(tmp_path / "data", *options))
        return started[-1]

    os.environ["TRAINYARD_SPARE"] = "false"
    yield start
    del os.environ["TRAINYARD_SPARE"]
    for one in started:
        one.close()


def _web_pid(one: Up) -> int:
    """The process of `python -m web` that this `up` has started: not its own children, not another stack's."""
    for pid in leaks.children(one.process.pid):
        if b"-m\0web\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise AssertionError("no web process")


def test_it_says_what_to_open_serves_and_leaves_nothing_after_ctrl_c(up, run_mark):
    one = up()
    one.until("ready after")
    before = Path(f"/proc/{one.process.pid}").exists()
    assert before
    assert f"Open {one.url}" in one.text
    workers = Client(one.url).get("/workers")["workers"]
    assert sorted(queue for worker in workers for queue in worker["queues"]) == ["generate", "train"]
    assert one.end(signal.SIGINT) == 0
    assert "stopped" in one.lines[-1]
    assert not (one.data / "up.json").exists()


def test_jobs_survive_a_stop_and_a_start(up):
    first = up()
    first.until("ready after")
    client = Client(first.url)
    dataset = client.call("POST", "/datasets/examples/python_docs")
    assert first.end(signal.SIGTERM) == 0
    second = up()
    second.until("ready after")
    assert [d["id"] for d in Client(second.url).get("/datasets")["datasets"]] == [dataset["id"]]
    assert second.end(signal.SIGTERM) == 0


def test_a_second_one_on_the_same_folder_is_refused_and_told_where_the_first_listens(up):
    first = up("--train-workers", "0", "--generate-workers", "0")
    first.until("ready after")
    second = up()
    assert second.process.wait(30) == 1
    second.until(first.url)
    assert first.end(signal.SIGINT) == 0


def test_a_port_that_is_taken_is_told_before_anything_starts(up, redis_server):
    one = up("--port", str(redis_server.port))
    assert one.process.wait(30) == 1
    one.until("choose --port")
    assert "Traceback" not in one.text


def test_a_crashed_process_is_started_again_and_that_is_said(up):
    one = up("--train-workers", "0", "--generate-workers", "0")
    one.until("ready after")
    before = _web_pid(one)
    os.kill(before, signal.SIGKILL)
    one.until("web was ended by SIGKILL; starting it again in 1 s")
    one.until("web is back")
    assert _web_pid(one) != before
    assert Client(one.url).get("/jobs")["jobs"] == []
    assert one.end(signal.SIGINT) == 0


def test_killed_outright_it_takes_all_its_processes_along(up, run_mark):
    if sys.platform != "linux":
        pytest.skip("needs the kernel's parent death signal")
    before = leaks.processes(run_mark)
    one = up()
    one.until("ready after")
    assert len(leaks.processes(run_mark) - before) >= 5
    one.end(signal.SIGKILL)
    assert not leaks.strays(run_mark, before)


def test_the_server_it_uses_is_new_enough():
    assert find_server().exists()
