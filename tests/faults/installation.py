"""A whole installation under attack: server, web, reaper and workers as real processes, each fault a method.

"Machines" are sessions of processes: killing one takes the Celery parent, its child and every trainer at once. Each worker
reaches Redis through a link of its own, and has a clock of its own.
"""

import contextlib
import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import redis

from cli.client import Client
from cli.server import EmbeddedServer, free_port
from shared.errors import TrainyardError
from shared.jobs.keys import Keys
from shared.jobs.store import JobStore
from shared.settings import Settings, load_settings
from shared.volume.volume import Volume
from tests.support.cutting_proxy import CuttingProxy

ROOT = Path(__file__).resolve().parents[2]
# Short periods, so that many faults fit into minutes. What must hold does not depend on them.
PERIODS = {"lease_s": 6.0, "beat_s": 1.0, "reap_interval_s": 0.5, "checkpoint_interval_s": 1.0, "stop_grace_s": 8.0}


def descendants(pid: int) -> list[int]:
    """All living processes below pid, children before grandchildren."""
    found, todo = [], [pid]
    while todo:
        here = todo.pop(0)
        for path in Path(f"/proc/{here}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                todo += (new := [int(word) for word in path.read_text().split()])
                found += new
    return found


def command_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


class Installation:
    """Use as a context manager; everything it started is gone afterwards."""

    def __init__(self, folder: Path, *, queues: tuple[str, ...] = ("train,generate",), **changes: object):
        """queues: one worker per entry, serving the queues it names."""
        self.folder = folder
        self.server = EmbeddedServer(folder / "redis")
        self.settings: Settings = load_settings(
            **{"redis_url": self.server.url, "data": folder / "data", "key_prefix": "faults", **PERIODS, **changes}
        )
        self.store = JobStore.connect(self.settings)
        self.volume = Volume(self.settings.data)
        self._queues = queues
        self.workers: list[subprocess.Popen[bytes]] = []
        self.services: dict[str, subprocess.Popen[bytes]] = {}  # web and reaper
        self.links: list[CuttingProxy] = []

    def __enter__(self) -> "Installation":
        self.volume.ensure()
        self.server.start()
        self._port = free_port()
        self._start_service("reaper")
        for number in range(len(self._queues)):
            self.links.append(CuttingProxy(self.server.port))
            self.workers.append(self._start_worker(number))
        self._start_service("web")
        self.client = Client(f"http://127.0.0.1:{self._port}", timeout_s=20)
        self.until(self.web_answers, within_s=60, what="the web")
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.workers, *self.services.values()]:
            self._kill_machine(process)
        for link in self.links:
            link.__exit__()
        self.server.kill()
        self.store.redis.close()

    def web_answers(self) -> bool:
        try:
            return bool(self.client.get("/queues"))
        except TrainyardError:
            return False

    def _start_service(self, name: str) -> None:
        module = ("worker.upkeep.reaper",) if name == "reaper" else ("tests.faults.marked", name)
        self.services[name] = self._start(name, *module, TRAINYARD_PORT=str(self._port))

    def _start_worker(self, number: int) -> "subprocess.Popen[bytes]":
        url = f"redis://127.0.0.1:{self.links[number].port}/0"
        more = {"TRAINYARD_QUEUES": self._queues[number], "TRAINYARD_REDIS_URL": url}
        return self._start(f"worker-{number}", "tests.faults.marked", "worker", **more)

    def _start(self, name: str, *module: str, **more: str) -> "subprocess.Popen[bytes]":
        """Start `python -m module...` on a machine of that name."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TRAINYARD_")}
        for field in self.settings.model_fields_set:
            value = getattr(self.settings, field)
            environment[f"TRAINYARD_{field.upper()}"] = ",".join(value) if isinstance(value, tuple) else str(value)
        clock = self.folder / f"{name}.clock"
        if not clock.exists():
            clock.write_bytes(struct.pack("d", 0.0))
        environment |= {
            "FAULTS_CLOCK": str(clock),
            "FAULTS_MARK": str(self.folder / f"{name}.mark"),
            "PYTHONPATH": str(ROOT / "tests" / "faults" / "clock"),
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *module], cwd=ROOT, env=environment | more, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    # --- looking -----------------------------------------------------------------------------------------------------

    def child_of(self, worker: int) -> int | None:
        """The Celery child (supervisor) of a worker."""
        parent = self.workers[worker].pid
        below = [pid for pid in descendants(parent) if "worker.process" not in command_of(pid)]
        return below[0] if below else None

    def processes_of(self, worker: int) -> list[int]:
        """Trainer, generator and spare processes of a worker."""
        return [pid for pid in descendants(self.workers[worker].pid) if "worker.process" in command_of(pid)]

    def until(self, happened: Callable[[], object], *, within_s: float, what: str) -> float:
        """Wait until something is so; returns the seconds it took, fails the test after within_s."""
        began = time.monotonic()
        while time.monotonic() - began < within_s:
            try:
                if happened():
                    return time.monotonic() - began
            except redis.RedisError:
                pass  # the server may be the one that was shot
            threading.Event().wait(0.05)  # a poll with a deadline
        raise AssertionError(f"{what}: not within {within_s:.0f} s\n{self.last_words()}")

    def last_words(self) -> str:
        """The ends of all logs."""
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-15:])
            for path in sorted(self.folder.glob("*.log"))
        )

    def all_ended(self, job_ids: list[str]) -> bool:
        """True when each of the jobs is in a terminal state or paused."""
        return all(job.state.terminal or job.state == "paused" for job in self.store.get_many(job_ids))

    # --- faults ------------------------------------------------------------------------------------------------------

    def kill_process(self, worker: int) -> str:
        """SIGKILL a trainer, generator or spare."""
        return self._kill_one(self.processes_of(worker))

    def kill_child(self, worker: int) -> str:
        """SIGKILL the Celery child."""
        child = self.child_of(worker)
        return self._kill_one([child] if child else [])

    def kill_service(self, name: str) -> str:
        """SIGKILL all processes of the web or the reaper and start it again."""
        count = self._kill_machine(self.services[name])
        self._start_service(name)
        return f"{count} processes"

    def kill_parent(self, worker: int) -> str:
        """SIGKILL the Celery parent and start another."""
        pid = self.workers[worker].pid
        os.kill(pid, signal.SIGKILL)
        self.workers[worker].wait()
        self.restart_worker(worker)
        return f"pid {pid}"

    def kill_machine(self, worker: int) -> str:
        """SIGKILL everything of a worker at once and start another."""
        count = self._kill_machine(self.workers[worker])
        self.restart_worker(worker)
        return f"{count} processes"

    def deploy(self, worker: int) -> str:
        """SIGTERM to a worker, wait for its orderly end, start another."""
        self.workers[worker].send_signal(signal.SIGTERM)
        try:
            self.workers[worker].wait(self.settings.stop_grace_s + 25)
            how = "drained"
        except subprocess.TimeoutExpired:
            self._kill_machine(self.workers[worker])
            how = "had to be killed"
        self.restart_worker(worker)
        return how

    def freeze(self, worker: int, seconds: float) -> str:
        """SIGSTOP a whole machine for longer than a lease, then SIGCONT: a zombie that believes it still owns its job."""
        pids = [self.workers[worker].pid, *descendants(self.workers[worker].pid)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        threading.Event().wait(seconds)  # the fault itself is that long
        for pid in reversed(pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        return f"{len(pids)} processes for {seconds:.1f} s"

    def restart_redis(self, *, cut_bytes: int = 0) -> str:
        """SIGKILL the server; optionally lose the end of its append-only file; start it again."""
        self.server.kill()
        lost = self._cut_last_commands(cut_bytes) if cut_bytes else 0
        self.server.start()
        return f"lost {lost} bytes of the append-only file" if cut_bytes else "killed and restarted"

    def flush_broker(self) -> str:
        """Lose every wake-up."""
        with contextlib.closing(redis.Redis.from_url(self.settings.celery_url)) as broker:
            for key in broker.scan_iter(f"{Keys(self.settings.key_prefix).broker()}*"):
                broker.delete(key)
        return "all messages lost"

    def double_wakeups(self, count: int) -> str:
        """Send wake-ups nobody needs, as a message delivered twice or hours late would be."""
        from celery import Celery

        from shared.jobs.wakeup import TASK_NAME, celery_config

        app = Celery("faults", set_as_current=False)
        app.conf.update(celery_config(self.settings))
        for n in range(count):
            queue = ("train", "generate")[n % 2]
            app.send_task(TASK_NAME, args=[queue], queue=queue)
        app.close()
        return f"{count} messages too many"

    def go_silent(self, worker: int, seconds: float) -> str:
        """Half-open: the worker's connections stay, new ones are accepted, and nothing comes back."""
        link = self.links[worker]
        link.silent = True
        threading.Event().wait(seconds)  # the fault itself is that long
        link.silent = False
        link.cut()
        return f"{seconds:.1f} s"

    def step_clock(self, machine: str, seconds: float) -> str:
        """Put a machine's wall clock off by so much, while its processes run."""
        with (self.folder / f"{machine}.clock").open("r+b") as file:
            file.write(struct.pack("d", seconds))
        return f"{machine} off by {seconds:+.0f} s"

    def arm(self, machine: str, mark: str) -> Path:
        """Let the next process of a machine that reaches this point die there. Returns the file that goes when one has."""
        file = self.folder / f"{machine}.mark"
        file.write_text(mark)
        return file

    def restart_worker(self, worker: int) -> None:
        self.workers[worker] = self._start_worker(worker)

    @staticmethod
    def _kill_one(pids: list[int]) -> str:
        for pid in pids[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return f"pid {pid}"
        return "nothing to kill"

    @staticmethod
    def _kill_machine(process: "subprocess.Popen[bytes]") -> int:
        pids = [process.pid, *descendants(process.pid)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        return len(pids)

    def _cut_last_commands(self, most: int) -> int:
        """Cut the incremental append-only file back to a command border at most `most` bytes before its end."""
        folder = self.folder / "redis" / "appendonlydir"
        path = max(folder.glob("*.incr.aof"), key=lambda p: int(re.findall(r"\.(\d+)\.incr", p.name)[0]))
        data = path.read_bytes()
        border = data.find(b"\r\n*", max(0, len(data) - most))
        if border < 0:
            return 0
        with path.open("rb+") as file:
            file.truncate(border + 2)
        return len(data) - border - 2
