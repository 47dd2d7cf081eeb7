"""Device discovery and pinning against a real NVIDIA driver. Skips where there is none; TensorFlow is not needed.

What a process may see is asked of the CUDA driver itself, in a process of the slot's environment: so what
CUDA_VISIBLE_DEVICES does is seen, not assumed.
"""

import ctypes
import os
import subprocess
import sys

import pytest

from worker.supervision.devices import NoDevice, choose_slot, list_gpus

_ASK_CUDA = """
import ctypes
cuda = ctypes.CDLL("libcuda.so.1")
found = ctypes.c_int(0)
status = cuda.cuInit(0)
if status == 0:
    assert cuda.cuDeviceGetCount(ctypes.byref(found)) == 0
    for number in range(found.value):
        device, uuid = ctypes.c_int(), (ctypes.c_ubyte * 16)()
        assert cuda.cuDeviceGet(ctypes.byref(device), number) == 0
        assert cuda.cuDeviceGetUuid_v2(uuid, device) == 0
        print(bytes(uuid).hex())
else:
    print("none", status)
"""


@pytest.fixture(scope="module")
def gpus():
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        pytest.skip("no NVIDIA driver on this machine")
    found = list_gpus()
    if not found:
        pytest.skip("the NVIDIA driver shows no GPU")
    return found


def _seen_by_cuda(slot) -> list[str]:
    """UUIDs, in hex, that a process with the slot's environment sees; ["none <status>"] without a device."""
    env = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"} | slot.environment()
    done = subprocess.run([sys.executable, "-c", _ASK_CUDA], env=env, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[:-1]


def _hex(uuid: str) -> str:
    return uuid.removeprefix("GPU-").removeprefix("MIG-").replace("-", "")


def test_every_gpu_has_a_uuid_a_name_and_memory(gpus):
    assert len({gpu.uuid for gpu in gpus}) == len(gpus)
    for gpu in gpus:
        assert gpu.uuid.startswith(("GPU-", "MIG-"))
        assert gpu.name
        assert gpu.memory_bytes > 1 << 30


def test_nvml_and_nvidia_smi_tell_the_same_gpus(gpus):
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("nvidia-smi is not installed")
    assert all(gpu.uuid in done.stdout for gpu in gpus)


def test_a_process_of_a_slot_sees_its_gpu_and_no_other(gpus):
    taken = set()
    slots = []
    for _ in gpus:
        slots.append(choose_slot("auto", gpus, lambda uuid: not (uuid in taken or taken.add(uuid))))
    assert sorted(slot.device for slot in slots) == sorted(gpu.uuid for gpu in gpus)
    for slot in slots:
        assert _seen_by_cuda(slot) == [_hex(slot.device)]
    with pytest.raises(NoDevice, match="held by other workers"):
        choose_slot("auto", gpus, lambda uuid: False)


def test_a_gpu_is_found_by_its_index_and_by_its_uuid(gpus):
    for gpu in gpus:
        assert choose_slot(gpu.uuid, gpus, lambda uuid: True).uuids == (gpu.uuid,)
    assert choose_slot("0", gpus, lambda uuid: True).memory_bytes > 0


def test_a_process_of_a_cpu_slot_sees_no_gpu(gpus):
    assert _seen_by_cuda(choose_slot("cpu", gpus, lambda uuid: True))[0].startswith("none")
