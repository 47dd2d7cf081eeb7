"""worker/supervision/devices.py against a small stand-in for NVML, since no GPU is here. Not run on a GPU."""

from types import SimpleNamespace

import pytest

from worker.supervision.devices import Gpu, NoDevice, choose_slot, list_gpus


class FakeNvml:
    """Answers as pynvml does. gpus: (uuid, name, bytes, None | list of MIG (uuid, name, bytes), None for a gap)."""

    NVML_DEVICE_MIG_ENABLE = 1

    class NVMLError(Exception):
        pass

    def __init__(self, gpus, driver=True):
        self.gpus, self.driver, self.open = gpus, driver, 0

    def nvmlInit(self):
        if not self.driver:
            raise self.NVMLError("Driver Not Loaded")
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1

    def nvmlDeviceGetCount(self):
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index):
        return self.gpus[index]

    def nvmlDeviceGetMigMode(self, handle):
        if handle[3] is None:
            raise self.NVMLError("Not Supported")
        return (1 if handle[3] else 0), 0

    def nvmlDeviceGetMaxMigDeviceCount(self, handle):
        return len(handle[3])

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle, index):
        if handle[3][index] is None:
            raise self.NVMLError("Not Found")
        return handle[3][index]

    def nvmlDeviceGetUUID(self, handle):
        return handle[0]

    def nvmlDeviceGetName(self, handle):
        return handle[1]

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(total=handle[2])


TWO = [Gpu("GPU-a", "L4", 24, 0), Gpu("GPU-b", "L4", 24, 1)]


def leases(*held):
    taken = set(held)

    def take(uuid):
        return uuid not in taken and not taken.add(uuid)

    return take


def test_gpus_are_listed_with_their_mig_instances_in_place_of_the_split_gpu():
    nvml = FakeNvml(
        [
            ("GPU-a", b"L4", 24, None),
            ("GPU-b", "A100", 80, [("MIG-1", "A100 1g", 10), None, ("MIG-2", "A100 1g", 10)]),
            ("GPU-c", "A100", 80, []),
        ]
    )
    found = list_gpus(nvml)
    assert [(g.uuid, g.name, g.memory_bytes, g.index, g.is_mig) for g in found] == [
        ("GPU-a", "L4", 24, 0, False),
        ("MIG-1", "A100 1g", 10, 1, True),
        ("MIG-2", "A100 1g", 10, 1, True),
        ("GPU-c", "A100", 80, 2, False),
    ]
    assert nvml.open == 0


def test_without_a_driver_there_are_no_gpus():
    assert list_gpus(FakeNvml([], driver=False)) == []


def test_the_second_worker_of_a_machine_takes_the_second_gpu_and_a_third_is_refused():
    take = leases()
    assert choose_slot("auto", TWO, take).device == "GPU-a"
    assert choose_slot("auto", TWO, take).device == "GPU-b"
    with pytest.raises(NoDevice, match="held by other workers"):
        choose_slot("auto", TWO, take)


def test_without_a_gpu_the_slot_is_the_cpu_with_its_share_of_the_cores():
    slot = choose_slot("auto", [], leases(), cpu_slots=3, cores=8)
    assert (slot.device, slot.threads) == ("cpu", 2)
    assert slot.environment()["CUDA_VISIBLE_DEVICES"] == "-1"
    assert slot.environment()["OMP_NUM_THREADS"] == "2"
    assert choose_slot("cpu", TWO, leases(), cpu_threads=5, cores=8).threads == 5


@pytest.mark.parametrize(
    ("wanted", "device"), [("1", "GPU-b"), ("GPU-b", "GPU-b"), ("all", "GPU-a,GPU-b"), ("1, 0", "GPU-b,GPU-a")]
)
def test_gpus_can_be_named_by_index_by_uuid_or_all_at_once(wanted, device):
    slot = choose_slot(wanted, TWO, leases())
    assert slot.device == device
    assert slot.environment()["CUDA_VISIBLE_DEVICES"] == device
    assert slot.environment()["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


@pytest.mark.parametrize(
    ("wanted", "gpus", "held", "said"),
    [
        ("7", TWO, (), "no GPU '7'.*GPU-a"),
        ("GPU-a", TWO, ("GPU-a",), "held by another worker"),
        ("all", [], (), "no NVIDIA GPU"),
        ("0", [Gpu("MIG-1", "x", 1, 0, True), Gpu("MIG-2", "x", 1, 0, True)], (), "split into MIG instances.*MIG-2"),
        ("all", [Gpu("MIG-1", "x", 1, 0, True), Gpu("MIG-2", "x", 1, 0, True)], (), "only one MIG instance"),
    ],
)
def test_a_device_that_cannot_be_had_is_refused_with_what_is_there(wanted, gpus, held, said):
    with pytest.raises(NoDevice, match=said):
        choose_slot(wanted, gpus, leases(*held))
