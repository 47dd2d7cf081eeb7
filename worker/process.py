"""The process that trains or generates: imports TensorFlow, says it is ready, waits for an order, carries it out.

Started by worker/supervision/child.py as `python -m worker.process`. Until the first order it is the spare: libraries imported, no
device memory held. {"do": "train"} is its last order; after {"do": "generate"} it stays, its models warm.

JSON lines. In: {"do": "train"|"generate", "job", "data", "settings"}, {"do": "stop", "reason"}, {"do": "exit"}.
Out: ready, started, progress, event, checkpoint, and to end an order one of done, interrupted, failed (key "ev").
It never talks to Redis and never outlives its supervisor.
"""

import argparse
import ctypes
import faulthandler
import importlib
import json
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.errors import Cancelled, Drained, Interrupted, LeaseLost, Paused
from shared.jobs.job import CheckpointRef, Job, Progress
from worker.context import Context
from worker.memory import Memory

_PR_SET_PDEATHSIG = 1
_IMPORT_NICENESS = 5  # a guess: the import gives way to running jobs, yet is done in a bounded time beside them
_INTERRUPTS: dict[str, type[Interrupted]] = {c.reason: c for c in (Cancelled, Paused, Drained, LeaseLost)}


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends. Linux; elsewhere stdin's end must do."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(0)


class Wire:
    """The protocol's two ends. A thread reads orders, so that a stop is seen while the main thread computes."""

    def __init__(self, read_fd: int, write_fd: int):
        self._out = os.fdopen(write_fd, "wb", buffering=0)
        self._lock = threading.Lock()
        self._orders: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._stop: type[Interrupted] | None = None
        threading.Thread(target=self._listen, args=(read_fd,), name="orders", daemon=True).start()

    def _listen(self, fd: int) -> None:
        with os.fdopen(fd, "rb") as stream:
            for line in stream:
                order = json.loads(line)
                if order["do"] == "stop":
                    self._stop = _INTERRUPTS.get(order["reason"], Cancelled)
                    continue
                self._stop = None  # a stop that crossed the answer to the order before
                self._orders.put(order)
        os._exit(0)  # the supervisor is gone

    def next_order(self) -> dict[str, Any] | None:
        return self._orders.get()

    def say(self, ev: str, **fields: Any) -> None:
        """Write one message whole, from any thread."""
        line = json.dumps({"ev": ev, **fields}, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            with self._lock:
                self._out.write(line.encode())
        except BrokenPipeError:
            os._exit(0)

    def check(self) -> None:
        """Raise the Interrupted that was asked for, if any."""
        if self._stop is not None:
            raise self._stop(f"asked to stop: {self._stop.reason}")


class PipeContext(Context):
    """The context of a real job: what is reported goes to the supervisor."""

    wire: Wire
    memory: Memory

    def check(self) -> None:
        self.wire.check()

    def progress(self, progress: Progress) -> None:
        self.memory.look()
        self.wire.say("progress", **progress.model_dump(mode="json"))

    def event(self, type: str, data: dict[str, Any]) -> None:
        self.wire.say("event", type=type, data=data)

    def checkpoint(self, ref: CheckpointRef, data: dict[str, Any]) -> None:
        self.wire.say("checkpoint", step=ref.step, data=data)


def import_libraries() -> None:
    """Import what every job needs, in a thread of lower priority. The main thread keeps its own.

    An unprivileged process may lower its priority but never raise it again; on Linux niceness belongs to a thread, so the
    one that imports is given away. Threads made later by the main thread (TensorFlow's pools) are not niced.
    """
    failure: list[BaseException] = []

    def work() -> None:
        try:
            step_back()
            for name in ("tensorflow", "keras", "worker.training.trainer", "worker.generation.generator"):
                importlib.import_module(name)
        except BaseException as err:  # noqa: BLE001  handed to the main thread, which fails with it
            failure.append(err)

    thread = threading.Thread(target=work, name="import")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


def step_back() -> None:
    """Lower the priority of the current thread; one that is low already, as under `nice`, is left: it may not be raised."""
    if sys.platform == "linux":
        own = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, own, max(os.getpriority(os.PRIO_PROCESS, own), _IMPORT_NICENESS))


def set_up_device(environment: Mapping[str, str]) -> None:
    """Apply the slot's limits to TensorFlow before it touches a device. Allocates nothing."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(int(environment.get("TF_NUM_INTRAOP_THREADS", "0")))
    tf.config.threading.set_inter_op_parallelism_threads(int(environment.get("TF_NUM_INTEROP_THREADS", "0")))
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def carry_out(order: dict[str, Any], wire: Wire, warm: Any) -> None:
    """Run one order to its answer. The one place of this process with broad catching."""
    from shared.volume.volume import Volume
    from worker.generation.generator import run_generate
    from worker.supervision.failure import describe_failure
    from worker.training.trainer import run_train

    job = Job.model_validate(order["job"])
    settings = order["settings"]
    context = PipeContext(
        attempt_dir=Volume(order["data"]).attempt_dir(job.id, job.attempt),
        volume=Volume(order["data"]),
        job_id=job.id,
        attempt=job.attempt,
        checkpoint_interval_s=settings["checkpoint_interval_s"],
        keep_checkpoints=settings["keep_checkpoints"],
        cache_dir=Path(order["data"]) / "cache",
        max_cache_bytes=settings["max_cache_bytes"],
    )
    context.wire, context.memory = wire, Memory()
    wire.say("started")
    try:
        job = context.whole(job)
        result = run_train(job, context) if order["do"] == "train" else run_generate(job, context, warm)
    except Interrupted as stop:
        wire.say("interrupted", reason=stop.reason)
    except BaseException as err:  # noqa: BLE001  a recipe may raise anything
        wire.say("failed", **describe_failure(err))
    else:
        result["peak_bytes"] = context.memory.look()
        wire.say("done", result=result, warm=warm.keys() if warm else [])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True, help="pid of the process that must be alive")
    parser.add_argument("--ready-fd", type=int, help="pipe to tell the worker's parent process that the spare is ready")
    args = parser.parse_args()
    die_with_parent(args.parent)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # its supervisor tells it when to stop
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("worker").setLevel(logging.INFO)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    # Keep the real stdout for the protocol; whatever prints goes to the log.
    wire = Wire(os.dup(0), os.dup(1))
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)

    import_libraries()
    set_up_device(os.environ)
    wire.say("ready")
    if args.ready_fd is not None:
        os.write(args.ready_fd, json.dumps({"ready_pid": os.getpid()}).encode() + b"\n")
        os.close(args.ready_fd)

    from worker.generation.generator import WarmModels

    warm: WarmModels | None = None
    while (order := wire.next_order()) and order["do"] != "exit":
        if order["do"] == "generate" and warm is None:
            warm = WarmModels(limit=order["settings"]["warm_models"])
        carry_out(order, wire, warm)
        if order["do"] == "train":
            break
    sys.stderr.flush()
    os._exit(0)  # TensorFlow's own teardown costs a second and can crash


if __name__ == "__main__":
    main()
