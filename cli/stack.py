"""The one-machine stack as processes: server, web, workers, reaper. `trainyard up` and the tests run the same one.

Readiness is found by checks, never by waiting a while. A crashed process is started again, after a pause that grows.
"""

import contextlib
import errno
import http.client
import queue
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import redis

from cli.child import Child, Ended, Line
from cli.server import EmbeddedServer, free_port
from shared.errors import TrainyardError
from shared.jobs.presence import WorkerInfo
from shared.jobs.store import JobStore
from shared.jobs.wakeup import require_broker
from shared.settings import Settings, load_settings
from shared.volume.schema import require_store, require_volume
from shared.volume.volume import Volume

_CHECK_EVERY_S = 0.1
_CRASHES_AT_START = 3  # of one process before it was ever ready: the stack is given up


class StackFailed(TrainyardError):
    """The stack, or one of its processes, does not start."""

    code = "stack_failed"


@dataclass(frozen=True)
class Plan:
    """What to start. data: the volume; the embedded server's files are in its folder `redis`.

    redis_url "": an embedded server. port 0: a free one. settings: TRAINYARD_* names in lower case without prefix, for
    every process; train_settings and generate_settings for the workers of one queue.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8000
    redis_url: str = ""
    train_workers: int = 1
    generate_workers: int = 1
    settings: dict[str, object] = field(default_factory=dict)
    train_settings: dict[str, object] = field(default_factory=dict)
    generate_settings: dict[str, object] = field(default_factory=dict)


def _env(values: dict[str, object]) -> dict[str, str]:
    return {f"TRAINYARD_{name.upper()}": str(value) for name, value in values.items()}


class Stack:
    """Processes of one plan. Use from one thread; its end ends them all."""

    def __init__(self, plan: Plan, *, show: Callable[[str, str], None]):
        """show(name, line): takes what the processes write, and under the name "" what the stack itself has to say."""
        self.plan = plan
        self._show = show
        self._said: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._server = None if plan.redis_url else EmbeddedServer(plan.data / "redis")
        self._port = plan.port or free_port()
        url = self._server.url if self._server else plan.redis_url
        values = plan.settings | {"redis_url": url, "data": plan.data.resolve(), "host": plan.host, "port": self._port}
        self.settings: Settings = load_settings(**values)
        self.settings.refuse_open_door()
        self._store = JobStore.connect(self.settings, socket_timeout=2, socket_connect_timeout=2)
        self.children = self._make_children(values)

    @property
    def url(self) -> str:
        """Where to open it."""
        host = _reached_at(self.plan.host)
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    def _make_children(self, values: dict[str, object]) -> list[Child]:
        """All processes, in the order of their start."""
        python, env, plan = sys.executable, _env(values), self.plan
        stop_s = self.settings.stop_grace_s + 15
        children = []
        if self._server:
            command = [*self._server.command(), "--logfile", str(self._server.log.resolve())]
            children.append(self._child("redis", command, env, self._server_answers))
        children.append(self._child("web", [python, "-m", "web"], env, self._web_answers))
        for kind, count, more in (
            ("train", plan.train_workers, plan.train_settings),
            ("generate", plan.generate_workers, plan.generate_settings),
        ):
            own = env | _env({"queues": kind, "cpu_slots": max(count, 1)} | more)
            for number in range(1, count + 1):
                name = f"{kind}-{number}" if count > 1 else kind
                children.append(self._child(name, [python, "-m", "worker"], own, self._announced, stop_s))
        children.append(self._child("reaper", [python, "-m", "worker.upkeep.reaper"], env, lambda child: child.running))
        return children

    def _child(
        self, name: str, command: list[str], env: dict[str, str], check: Callable[[Child], bool], stop_s: float = 15
    ) -> Child:
        return Child(name, command, said=self._said, env=env, check=check, stop_s=stop_s)

    # --- checks -----------------------------------------------------------------------------------------------------

    def _server_answers(self, child: Child) -> bool:
        try:
            return self._store.redis.info("server")["process_id"] == child.pid  # type: ignore[index]
        except redis.RedisError:  # not yet listening, or still reading its file
            return False

    def _web_answers(self, child: Child) -> bool:
        return child.running and _ready(self.plan.host, self._port)

    def _announced(self, child: Child) -> bool:
        return any(worker.pid == child.pid for worker in self.workers())

    def workers(self) -> list[WorkerInfo]:
        """Workers announced on this stack's Redis; none while it cannot be reached."""
        try:
            return self._store.presence.workers()
        except redis.RedisError:
            return []

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self, *, limit_s: float = 120, asked_to_stop: Callable[[], bool] = lambda: False) -> None:
        """Start everything; return when all of it is ready, or early when asked to stop.

        Raises StackFailed, having stopped what had started; SchemaMismatch for a volume or a Redis of another version, which
        is left as it is.
        """
        require_volume(Volume(self.plan.data))
        self._refuse_taken_port()
        deadline = time.monotonic() + limit_s
        try:
            self.plan.data.mkdir(parents=True, exist_ok=True)
            if self._server:  # the others would only complain while it reads its file
                self._server.folder.mkdir(exist_ok=True)
                self.children[0].start()
                self._until_ready(self.children[:1], deadline, asked_to_stop)
            self._refuse_other_redis()
            for child in self.children:
                if not (child.running or asked_to_stop()):
                    child.start()
            self._until_ready(self.children, deadline, asked_to_stop)
        except BaseException:
            self.stop()
            raise

    def _refuse_other_redis(self) -> None:
        """Each process would refuse it too, and be started again and again. One that is away is waited for by them.

        Raises SchemaMismatch, RedisRefuses.
        """
        with contextlib.suppress(redis.RedisError):
            require_store(self._store)
            require_broker(self.settings)

    def _refuse_taken_port(self) -> None:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self.plan.host or None, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
        except OSError as err:
            raise StackFailed(f"{self.plan.host} is no address of this machine ({err}); choose --host") from err
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as err:
                if err.errno == errno.EADDRNOTAVAIL:
                    raise StackFailed(f"{self.plan.host} is no address of this machine; choose --host") from err
                raise StackFailed(
                    f"port {self._port} of {self.plan.host} cannot be used ({err}); choose --port"
                ) from err

    def _until_ready(self, children: list[Child], deadline: float, asked_to_stop: Callable[[], bool]) -> None:
        while not asked_to_stop() and not all(child.ready for child in children):
            self.turn(_CHECK_EVERY_S)
            late = [child.name for child in children if not child.ready]
            if late and time.monotonic() > deadline:
                raise StackFailed(f"not ready in time: {', '.join(late)}")
            for child in children:
                if child.crashes >= _CRASHES_AT_START:
                    where = self._server.log if self._server and child.name == "redis" else "its last lines above"
                    raise StackFailed(f"{child.name} does not start; see {where}")

    def run(self, until: Callable[[], bool]) -> None:
        """Watch the processes until the function says so."""
        while not until():
            self.turn(0.5)

    def turn(self, seconds: float) -> None:
        """Handle what comes within this time: output, ends, restarts that are due, checks of those not yet ready."""
        deadline = time.monotonic() + seconds
        for child in self.children:
            if child.restart_at is not None and child.restart_at <= time.monotonic():
                child.start()
            elif child.running and not child.ready and child.check(child):
                child.ready = True
                if child.crashes:
                    self._show("", f"{child.name} is back")
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                item = self._said.get(timeout=left)
                if item is None:
                    return
                self._handle(item)

    def wake(self) -> None:
        """Have turn() return at once; safe in a signal handler."""
        self._said.put(None)

    def _handle(self, item: object) -> None:
        if isinstance(item, Line):
            self._show(item.child.name, item.text)
        elif isinstance(item, Ended) and item.pid == item.child.pid:
            pause_s = item.child.plan_restart()
            self._show("", f"{item.child.name} {item.how}; starting it again in {pause_s:g} s")

    def stop(self, *, hurry: Callable[[], bool] = lambda: False) -> None:
        """End everything in order: workers and reaper, then the web, then the server. hurry: True to kill at once."""
        server = self.children[:1] if self._server else []
        web = [child for child in self.children if child.name == "web"]
        first = [child for child in self.children if child not in server and child not in web]
        for group in (first, web, server):
            for child in group:
                child.terminate()
            deadline = time.monotonic() + max((child.stop_s for child in group), default=0)
            while any(child.running for child in group):
                if hurry() or time.monotonic() > deadline:
                    break
                self._drain_output(0.1)
            for child in group:
                if child.running:
                    self._show("", f"{child.name} did not end by itself: killed")
                child.kill()
        self._drain_output(0.05)
        self._store.redis.close()

    def _drain_output(self, seconds: float) -> None:
        with contextlib.suppress(queue.Empty):
            item = self._said.get(timeout=seconds)
            while True:
                if isinstance(item, Line):
                    self._show(item.child.name, item.text)
                item = self._said.get_nowait()


def _reached_at(host: str) -> str:
    """The address by which this machine reaches a server that listens on another, perhaps on every one."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(_reached_at(host), port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
