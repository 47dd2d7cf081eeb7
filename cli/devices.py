"""What the command line needs to know of GPUs: how many, and their names. Through NVML, where its Python package is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpus:
    """names: one per GPU. problem: why none could be looked for ("" when that worked)."""

    names: tuple[str, ...] = ()
    problem: str = ""


def find_gpus() -> Gpus:
    """Ask NVML. Never raises: a machine without a GPU, driver or package has none, and says why."""
    try:
        import pynvml
    except ImportError:
        return Gpus(problem="the package nvidia-ml-py is not installed")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as err:
        return Gpus(problem=f"no NVIDIA driver answers: {err}")
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return Gpus(names=tuple(str(pynvml.nvmlDeviceGetName(handle)) for handle in handles))
    except pynvml.NVMLError as err:
        return Gpus(problem=f"NVML answers with an error: {err}")
    finally:
        pynvml.nvmlShutdown()


def count_gpus() -> int:
    return len(find_gpus().names)
