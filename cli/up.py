"""trainyard up: everything on this machine, until Ctrl-C."""

import argparse
import contextlib
import fcntl
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TextIO

from cli.devices import count_gpus
from cli.figures import whole
from cli.paths import folder
from cli.screen import colour, pad
from cli.stack import Plan, Stack, StackFailed
from shared.api_keys import list_keys
from shared.settings import load_settings
from shared.volume.schema import require_volume
from shared.volume.volume import Volume, staging

_COLOURS = {"": "bold", "redis": "red", "web": "cyan", "train": "green", "generate": "magenta", "reaper": "yellow"}
_NAME_WIDTH = 10


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("up", help="start everything on this machine: server, web, workers, reaper")
    add_options(parser)
    parser.set_defaults(run=up)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options shared with the demo."""
    add = parser.add_argument
    add("--data", type=folder, metavar="DIR", help="the volume: datasets, jobs, models, the embedded server's files")
    add("--host", help="address to listen on (default: this machine only)")
    add("--port", type=whole, help="port of the web pages and the API; 0: any free one")
    add("--redis-url", metavar="URL", help="use this Redis instead of an embedded server")
    add("--workers", type=whole, metavar="N", help="the same as --train-workers")
    add("--train-workers", type=whole, metavar="N", help="workers that train (default: one per GPU, or one)")
    add("--generate-workers", type=whole, default=1, metavar="N", help="workers that generate (default: 1)")


def plan_of(options: argparse.Namespace) -> Plan:
    """What the options ask for; the environment's settings are the defaults. Raises SettingsInvalid, StackFailed."""
    given = {name: getattr(options, name) for name in ("data", "host", "port", "redis_url")}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    gpus = count_gpus()
    train = options.train_workers if options.train_workers is not None else options.workers
    train = max(gpus, 1) if train is None else train
    if train < 0 or options.generate_workers < 0:
        raise StackFailed("the number of workers cannot be negative")
    return Plan(
        data=settings.data,
        host=settings.host,
        port=settings.port,
        redis_url=settings.redis_url if "redis_url" in settings.model_fields_set else "",
        train_workers=train,
        generate_workers=options.generate_workers,
        # a training keeps its GPU for hours; who generates takes one only when some are left over
        generate_settings={} if gpus > train else {"device": "cpu"},
    )


class Printer:
    """Prints lines behind coloured names; never fails because of a closed terminal."""

    def __init__(self, out: TextIO):
        self._out = out

    def __call__(self, name: str, line: str) -> None:
        kind = name.split("-")[0]
        label = colour(pad(name or "trainyard", _NAME_WIDTH), _COLOURS.get(kind, "grey"), self._out)
        with contextlib.suppress(BrokenPipeError, OSError):
            print(f"{label} {line}", file=self._out, flush=True)


class Stopper:
    """Counts requests to stop: the first ends the stack in order, the second at once."""

    def __init__(self, wake: Callable[[], None]):
        self.count = 0
        self._wake = wake

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self._wake()

    @contextlib.contextmanager
    def listening(self) -> Iterator["Stopper"]:
        """Take SIGINT, SIGTERM and SIGHUP for the length of a with block."""
        before = {number: signal.signal(number, self) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def only_one(data: Path) -> Iterator[Path]:
    """Hold a volume for one `up`. Gives the file that tells other commands where it listens.

    Raises StackFailed; SchemaMismatch, having written nothing, for a volume of another version.
    """
    require_volume(Volume(data))
    data.mkdir(parents=True, exist_ok=True)
    place = data / "up.json"
    with (data / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            url = json.loads(place.read_text())["url"] if place.exists() else "an address of its own"
            raise StackFailed(f"a stack is running on {data} already, at {url}; --data names another folder") from err
        try:
            yield place
        finally:
            place.unlink(missing_ok=True)


def up(options: argparse.Namespace) -> int:
    """Run the stack until asked to stop. Returns the exit code."""
    plan, show, began = plan_of(options), Printer(sys.stdout), time.monotonic()
    with only_one(plan.data) as place:
        stack = Stack(plan, show=show)
        with Stopper(stack.wake).listening() as stopper:
            show(
                "", f"starting: server, web, {plan.train_workers} to train, {plan.generate_workers} to generate, reaper"
            )
            stack.start(asked_to_stop=lambda: stopper.count > 0)
            if not stopper.count:
                staging.write_json(place, {"url": stack.url, "redis_url": stack.settings.redis_url}, mode=0o600)
                show("", f"ready after {time.monotonic() - began:.1f} s. Open {stack.url}   (Ctrl-C stops everything)")
                if stack.settings.login and not list_keys(Volume(plan.data)):
                    show("", "nobody can sign in yet: trainyard keys create --owner NAME --scope admin")
                stack.run(lambda: stopper.count > 0)
            show("", "stopping: trainings write a checkpoint first (Ctrl-C again kills at once)")
            stack.stop(hurry=lambda: stopper.count > 1)
            show("", "stopped")
    return 0
