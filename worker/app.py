"""The Celery app of a worker, and what happens at each turn of its life.

    celery -A worker.app worker        (or python -m worker, the same with less chatter between workers)

Parent: takes the device before it forks, announces the worker, passes SIGTERM on as "drain". Child: owns the supervisor.
The parent never imports TensorFlow, so forking stays safe and control stays alive while a job runs.
"""

import functools
import logging
import multiprocessing
import os
import secrets
import signal
import socket
import tempfile
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import redis
from celery import Celery, signals
from kombu.entity import Queue

from shared.errors import TrainyardError
from shared.jobs.presence import Presence, WorkerInfo
from shared.jobs.store import JobStore
from shared.jobs.wakeup import celery_config, require_broker
from shared.settings import SettingsInvalid, load_settings
from shared.volume.schema import require_store, require_volume
from shared.volume.volume import Volume
from worker import tasks
from worker.logs import set_up_logging
from worker.memory import machine_bytes
from worker.supervision.devices import NoDevice, Slot, choose_slot, list_gpus
from worker.supervision.drain import DrainPipe
from worker.supervision.presence import SLOT_HOST, Announcer
from worker.supervision.spare import Crew
from worker.supervision.supervisor import Supervisor
from worker.supervision.wakeups import WakeUps

log = logging.getLogger(__name__)

_PATIENCE_S = 20  # longer than a silent worker's hold on a device (shared/jobs/presence.py)

try:
    settings = load_settings()
except SettingsInvalid as err:
    raise SystemExit(str(err)) from err
app = Celery("trainyard", set_as_current=True)
app.conf.update(celery_config(settings))
app.conf.update(
    task_queues=[Queue(name) for name in settings.queues],
    worker_pool="prefork",
    worker_concurrency=1,
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,  # a message taken by a busy worker would keep an idle one from it
    worker_lost_wait=1.0,
    worker_proc_alive_timeout=60.0,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_enable_prefetch_count_reduction=False,
)


class _Worker:
    """What the parent sets up before the fork and the child finds there."""

    id: str
    slot: Slot
    drain: DrainPipe
    announcer: Announcer


def _open_store() -> JobStore:
    # The supervisor's loop stands still during a command: well under a lease, also when the link is dead.
    timeout_s = min(2.0, settings.lease_s / 6)
    return JobStore.connect(settings, socket_timeout=timeout_s, socket_connect_timeout=timeout_s)


@signals.setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    set_up_logging(settings.log_level)


def _or_exit(set_up: Callable[..., None]) -> Callable[..., None]:
    """Celery only logs what a signal's handler raises and goes on without; a worker half set up must not."""

    @functools.wraps(set_up)
    def handler(**arguments: Any) -> None:
        try:
            set_up(**arguments)
        except TrainyardError as err:
            raise SystemExit(f"worker: {err.message}") from err
        except Exception as err:
            traceback.print_exc()
            raise SystemExit(f"worker: cannot start: {err!r}") from err

    return handler


@signals.worker_init.connect(weak=False)
@_or_exit
def _before_fork(sender: Any, **_: Any) -> None:
    """Parent: take a device, make the pipes."""
    if sender.concurrency != 1 or sender.options.get("autoscale") or "prefork" not in str(sender.pool_cls):
        raise SystemExit("a worker runs one job at a time on one device: use -P prefork -c 1, and start more workers")
    set_up_logging(settings.log_level)
    # billiard unlinks its shared-memory files at once but keeps a folder for them, which kill -9 would leave behind.
    multiprocessing.current_process()._config["tempdir"] = tempfile.gettempdir()  # type: ignore[attr-defined]
    host = socket.gethostname()
    worker = _Worker
    worker.id = f"{host}-{os.getpid()}-{secrets.token_hex(2)}"
    store = _open_store()
    try:
        require_volume(Volume(settings.data))
    except OSError as err:  # no job is claimed before it takes writes
        log.warning("the volume cannot be looked at: %s", err)
    _until_fit(store)
    worker.slot = _take_slot(store.presence, worker.id)
    worker.drain = DrainPipe()
    info = WorkerInfo(
        id=worker.id,
        host=host,
        pid=os.getpid(),
        device=worker.slot.device,
        device_name=worker.slot.name,
        memory_bytes=worker.slot.memory_bytes or machine_bytes(),
        queues=list(app.amqp.queues.consume_from),
        since=datetime.now(UTC),
        version=_version(),
    )
    worker.announcer = Announcer(
        store.presence, info, worker.slot.uuids, on_slot_lost=lambda _uuid: os.kill(os.getpid(), signal.SIGTERM)
    )
    log.info("worker %s on %s (%s, %d threads)", worker.id, worker.slot.device, worker.slot.name, worker.slot.threads)


def _take_slot(presence: Presence, worker_id: str) -> Slot:
    """Wait for Redis, and for the hold of a worker that died a moment ago to run out. Raises NoDevice."""
    gpus = list_gpus()
    patience_s = _PATIENCE_S if gpus else 0
    pause = threading.Event()
    while True:
        try:
            return choose_slot(
                settings.device,
                gpus,
                lambda uuid: presence.take_slot(SLOT_HOST, uuid, worker_id),
                cpu_threads=settings.cpu_threads,
                cpu_slots=settings.cpu_slots,
            )
        except redis.RedisError as err:
            log.warning("waiting for Redis to take a device: %s", err)
        except NoDevice:
            if patience_s <= 0:
                raise
            patience_s -= 2
        pause.wait(2)


def _until_fit(store: JobStore) -> None:
    """Wait for Redis. Raises SchemaMismatch when another version has written what it holds, RedisRefuses."""
    pause = threading.Event()
    while True:
        try:
            require_store(store)
            return require_broker(settings)
        except redis.RedisError as err:
            log.warning("waiting for Redis: %s", err)
        pause.wait(2)


def _version() -> str:
    try:
        return version("trainyard")
    except PackageNotFoundError:  # run from a checkout
        return ""


@signals.worker_ready.connect
def _announce(**_: Any) -> None:
    _Worker.announcer.start()


@signals.worker_process_init.connect(weak=False)
@_or_exit
def _in_child(**_: Any) -> None:
    """Child: everything it uses is opened here, after the fork."""
    # Some service managers send SIGTERM to every process of a service, not to the parent alone.
    signal.signal(signal.SIGTERM, lambda *_: _Worker.drain.drain())
    status = _Worker.announcer.status
    tasks.supervisor = Supervisor(
        settings,
        _open_store(),
        Volume(settings.data),
        Crew(
            _Worker.slot.environment(),
            keep_spare=settings.spare,
            trains="train" in app.amqp.queues.consume_from,
            ready_fd=status.fd,
        ),
        worker=_Worker.id,
        device=_Worker.slot.device,
        drain_fd=_Worker.drain.fd,
        wakeups=WakeUps(app, settings),
        status=status,
    )
    tasks.supervisor.start()


@signals.worker_shutting_down.connect
def _drain(**_: Any) -> None:
    """Parent, in a signal handler: tell the child to bring its job to a checkpoint and give it back."""
    _Worker.drain.drain()
    _Worker.announcer.drain()


@signals.worker_process_shutdown.connect
def _leave_child(**_: Any) -> None:
    if tasks.supervisor is not None:
        tasks.supervisor.close()


@signals.worker_shutdown.connect
def _leave(**_: Any) -> None:
    _Worker.announcer.stop()
