"""Finds the device a worker may use and says so to the processes it starts, through their environment.

Called by the Celery parent (worker/app.py) before it forks. Never imports TensorFlow: a CUDA context made here would
survive the fork and break every child. NVML only reads the driver.
"""

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from shared.errors import TrainyardError

log = logging.getLogger(__name__)


class NoDevice(TrainyardError):
    """The device the settings ask for is not there, or another worker holds it."""

    code = "no_device"


@dataclass(frozen=True)
class Gpu:
    """A GPU or one MIG instance of it. index is the GPU's own, also for its instances."""

    uuid: str
    name: str
    memory_bytes: int
    index: int
    is_mig: bool = False


@dataclass(frozen=True)
class Slot:
    """What one worker may use. uuids is empty on the CPU; threads is for TensorFlow's pools and NumPy."""

    uuids: tuple[str, ...]
    name: str
    memory_bytes: int
    threads: int

    @property
    def device(self) -> str:
        """ "cpu", or the UUIDs joined by commas: how the slot is named in records and pages."""
        return ",".join(self.uuids) or "cpu"

    def environment(self) -> dict[str, str]:
        """Variables that must be set before TensorFlow is imported in a process of this slot."""
        env = {
            "CUDA_VISIBLE_DEVICES": ",".join(self.uuids) or "-1",
            "OMP_NUM_THREADS": str(self.threads),
            "TF_NUM_INTRAOP_THREADS": str(self.threads),
            "TF_NUM_INTEROP_THREADS": str(min(self.threads, 4)),
        }
        if self.uuids:
            env["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        return env


def list_gpus(nvml: ModuleType | Any | None = None) -> list[Gpu]:
    """List GPUs, or the MIG instances of those that are split, in the driver's order. [] without a driver.

    nvml: the module pynvml, or one that answers the same eleven calls.
    CUDA shows a process one MIG instance at most (NVIDIA MIG user guide, "CUDA visible devices").
    """
    if nvml is None:
        try:
            import pynvml as nvml  # type: ignore[no-redef]
        except ImportError:
            return []
    assert nvml is not None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as err:
        log.debug("no NVIDIA driver: %s", err)
        return []
    try:
        found: list[Gpu] = []
        for index in range(nvml.nvmlDeviceGetCount()):
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            instances = _mig_instances(nvml, handle)
            if instances is None:
                found.append(_describe(nvml, handle, index, is_mig=False))
            else:
                found += [_describe(nvml, instance, index, is_mig=True) for instance in instances]
        return found
    finally:
        nvml.nvmlShutdown()


def _mig_instances(nvml: Any, handle: Any) -> list[Any] | None:
    """Handles of a split GPU's instances; None when it is not split."""
    try:
        mode, _pending = nvml.nvmlDeviceGetMigMode(handle)
    except nvml.NVMLError:  # not supported: every GPU that cannot be split
        return None
    if mode != nvml.NVML_DEVICE_MIG_ENABLE:
        return None
    instances = []
    for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            instances.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number))
        except nvml.NVMLError:  # numbers may have gaps
            continue
    return instances


def _describe(nvml: Any, handle: Any, index: int, *, is_mig: bool) -> Gpu:
    return Gpu(
        uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
        name=_text(nvml.nvmlDeviceGetName(handle)),
        memory_bytes=int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
        index=index,
        is_mig=is_mig,
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def choose_slot(
    wanted: str,
    gpus: Iterable[Gpu],
    take: Callable[[str], bool],
    *,
    cpu_threads: int = 0,
    cpu_slots: int = 1,
    cores: int | None = None,
) -> Slot:
    """Take what the setting `device` asks for.

    wanted: "auto" (the first free GPU, else the CPU), "cpu", "all" (every GPU, for one job at a time), or UUIDs or
        indexes joined by commas (all of them, for one job at a time).
    take: takes the lease on a UUID; False when another worker holds it.
    Raises NoDevice when a named device is not there or is taken; leases taken before that run out by themselves.
    """
    cores = cores or len(os.sched_getaffinity(0))
    cpu = Slot((), "CPU", 0, cpu_threads or max(cores // cpu_slots, 1))
    gpu_threads = cpu_threads or cores
    gpus = list(gpus)
    if wanted == "cpu":
        return cpu
    if wanted == "auto":
        for gpu in gpus:
            if take(gpu.uuid):
                return Slot((gpu.uuid,), gpu.name, gpu.memory_bytes, gpu_threads)
        if gpus:
            raise NoDevice(
                f"all {len(gpus)} GPUs are held by other workers; start fewer workers, or set TRAINYARD_DEVICE=cpu"
            )
        return cpu

    chosen = gpus if wanted == "all" else [_find(part.strip(), gpus) for part in wanted.split(",") if part.strip()]
    if not chosen:
        raise NoDevice(f"TRAINYARD_DEVICE={wanted}, but this machine has no NVIDIA GPU the driver shows")
    if len(chosen) > 1 and any(gpu.is_mig for gpu in chosen):
        raise NoDevice("a process can use only one MIG instance: name one, or start one worker per instance")
    for gpu in chosen:
        if not take(gpu.uuid):
            raise NoDevice(f"GPU {gpu.uuid} ({gpu.name}) is held by another worker")
    return Slot(
        tuple(gpu.uuid for gpu in chosen),
        " + ".join(gpu.name for gpu in chosen),
        sum(gpu.memory_bytes for gpu in chosen),
        gpu_threads,
    )


def _find(wanted: str, gpus: list[Gpu]) -> Gpu:
    matches = [g for g in gpus if (str(g.index) == wanted if wanted.isdigit() else g.uuid == wanted)]
    if not matches:
        there = ", ".join(f"{g.index}: {g.uuid}" for g in gpus) or "none"
        raise NoDevice(f"no GPU {wanted!r:.80} on this machine; there are: {there}")
    if len(matches) > 1:
        raise NoDevice(f"GPU {wanted} is split into MIG instances; name one: {', '.join(g.uuid for g in matches)}")
    return matches[0]
