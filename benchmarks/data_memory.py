"""Memory and speed of trainings whose data stream from disk, beside the same trainings with everything read into memory.

A text of --text-mb megabytes and --pictures coloured pictures of 64 pixels are made and imported; each training runs in a
process of its own. Told: anonymous memory (RssAnon) before the data are loaded, its peak while loading and in all, the time
loading took (the first makes the kept files, the next finds them), and steps/s, in rounds that alternate. In memory is what was
done before data streamed: the whole text as int32, all pixels as one constant that the pipeline gathers from.
Run: python -m benchmarks.data_memory [--text-mb 200 --pictures 50000 --steps 300 --rounds 3 --case text|pictures]
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from benchmarks.fit_overhead import WARM, Timed
from benchmarks.here import ROOT

# Some 20,000 steps: a row of the series, and with it a look at the clock, comes every 20; no evaluation within the steps timed.
RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "text": ("gpt", {"steps": 20_000, "eval_every": 20_000, "batch_size": 12}),
    "pictures": ("image_classifier", {"epochs": 28, "width": 16, "batch_size": 64}),
}
SIDE, CLASSES = 64, 10


# --- data ----------------------------------------------------------------------------------------------------------


def text(megabytes: int) -> Iterator[bytes]:
    """Lines of words that are as frequent as words are (Zipf), a megabyte at a time."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("etaoinshrdlucmfwyp"), rng.integers(1, 9))) for _ in range(20_000)]
    for _ in range(megabytes):
        chosen = [words[i] for i in np.minimum(rng.zipf(1.2, 250_000), len(words)) - 1]
        lines = (" ".join(chosen[i : i + 12]) for i in range(0, len(chosen), 12))
        yield ("\n".join(lines)[: (1 << 20) - 1] + "\n").encode()


def pictures(count: int, target: IO[bytes]) -> None:
    """A zip of PNG files in class folders; a class is a tint."""
    from PIL import Image

    rng = np.random.default_rng(0)
    with zipfile.ZipFile(target, "w") as archive:
        for i in range(count):
            pixels = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8) // 2
            pixels[..., i % 3] += np.uint8(12 * (i % CLASSES))
            out = io.BytesIO()
            Image.fromarray(pixels).save(out, "PNG", compress_level=0)
            archive.writestr(f"class {i % CLASSES}/{i:06}.png", out.getvalue())


def imported(case: str, place: Path, flags: Any) -> str:
    """Put the case's dataset onto a volume; returns its id."""
    from shared.datasets import Limits, import_dataset
    from shared.volume.volume import Volume

    volume = Volume(place)
    volume.ensure()
    with tempfile.TemporaryFile() as file:
        if case == "text":
            for piece in text(flags.text_mb):
                file.write(piece)
        else:
            pictures(flags.pictures, file)
        file.seek(0)
        return import_dataset(volume, Limits(), [("text.txt" if case == "text" else "pictures.zip", file)]).id


# --- everything in memory, as a comparison -------------------------------------------------------------------------


def whole_text(inputs: Any, params: Any, data: Any) -> None:
    """Make a TextData draw its windows from a constant."""
    import tensorflow as tf

    body = (inputs["data"].folder / "files" / "text.txt").read_text(encoding="utf-8")
    tokens = tf.constant(data.vocabulary.encode(body)[: data.cut])
    places = tf.range(params.context + 1)

    @tf.autograph.experimental.do_not_convert
    def window(step: Any) -> Any:
        rows = tf.gather(tokens, data.starts(step)[:, None] + places)
        return rows[:, :-1], rows[:, 1:]

    data.train = lambda start: tf.data.Dataset.range(start, data.total_steps).map(
        window, num_parallel_calls=2, deterministic=True
    )


def whole_pictures(inputs: Any, params: Any, data: Any) -> None:
    """Make a PictureData gather its pixels from a constant."""
    import tensorflow as tf

    with tf.device("/cpu:0"):
        pixels = tf.constant(data.pixels.rows(np.arange(len(data.labels))))
    data._read = lambda chosen: tf.cast(tf.gather(pixels, chosen), tf.float32)


# --- one training in a process of its own --------------------------------------------------------------------------


class Memory(threading.Thread):
    """Looks at this process' anonymous memory every few milliseconds."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_mb = 0.0

    @staticmethod
    def now_mb() -> float:
        status = Path("/proc/self/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1]) / 1024

    def run(self) -> None:
        pause = threading.Event()
        while not pause.wait(0.02):
            self.peak_mb = max(self.peak_mb, self.now_mb())


def child(case: str, how: str, place: Path, dataset: str, steps: int) -> None:
    """Train for so many steps; prints the figures as JSON."""
    from shared.errors import LeaseLost
    from shared.jobs.job import InputRef
    from shared.recipes import get_recipe
    from shared.volume.volume import Volume
    from worker.context import Context
    from worker.inputs import open_inputs
    from worker.recipe import code_of
    from worker.training.fit import fit

    class Job(Context):
        timed = Timed(steps)

        def series_row(self, row: dict[str, Any]) -> None:
            if "step" in row:
                self.timed.at(row["step"])

        def check(self) -> None:
            if self.timed.ended:
                raise LeaseLost("measured")

    recipe, values = RECIPES[case]
    spec = get_recipe(recipe)
    code, params = code_of(spec), spec.train_params.model_validate(values)
    context = Job(volume=Volume(place), cache_dir=place / "cache")
    memory = Memory()
    before = memory.now_mb()
    memory.start()
    began = time.perf_counter()
    inputs = open_inputs({"data": InputRef(dataset_id=dataset)}, context)
    data = code.load(inputs, params, context)
    if how == "in memory":
        {"text": whole_text, "pictures": whole_pictures}[case](inputs, params, data)
    loaded_s, loading_mb = time.perf_counter() - began, memory.peak_mb
    with contextlib.suppress(LeaseLost):
        fit(spec, params, data, context)
    validation = data.validation()
    assert validation is not None
    for _ in validation.take(50):
        pass
    rate, cpu_ms = context.timed.figures
    print(json.dumps({"before_mb": before, "loading_mb": loading_mb, "peak_mb": memory.peak_mb, "load_s": loaded_s,
                      "steps_per_s": rate, "cpu_ms": cpu_ms}))  # fmt: skip
    sys.stdout.flush()
    os._exit(0)


def measured(case: str, how: str, place: Path, dataset: str, steps: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.data_memory", "--child", how, "--case", case, "--place", str(place)]
    command += ["--dataset", dataset, "--steps", str(steps)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{case}, {how}: RssAnon {found['before_mb']:.0f} MB before, {found['loading_mb']:.0f} while loading, "
        f"{found['peak_mb']:.0f} at most; loaded in {found['load_s']:.1f} s; {found['steps_per_s']:.1f} steps/s, "
        f"{found['cpu_ms']:.1f} CPU ms a step",
        flush=True,
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--text-mb", type=int, default=200)
    parser.add_argument("--pictures", type=int, default=50_000)
    parser.add_argument("--steps", type=int, default=300, help=f"timed, after {WARM}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", choices=RECIPES)
    parser.add_argument("--child", choices=["streamed", "in memory"])
    parser.add_argument("--place", type=Path)
    parser.add_argument("--dataset", default="")
    flags = parser.parse_args()
    if flags.child:
        child(flags.case, flags.child, flags.place, flags.dataset, flags.steps)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    print(f"commit {commit.strip()}, {os.cpu_count()} cores, {flags.text_mb} MB of text, {flags.pictures:,} pictures")
    for case in [flags.case] if flags.case else RECIPES:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            began = time.perf_counter()
            dataset = imported(case, place, flags)
            print(f"{case}: made and imported in {time.perf_counter() - began:.0f} s", flush=True)
            rounds = [
                [measured(case, how, place, dataset, flags.steps) for how in ("streamed", "in memory")]
                for _ in range(flags.rounds)
            ]
        speed = statistics.median(ours["steps_per_s"] / other["steps_per_s"] for ours, other in rounds)
        cpu = statistics.median(other["cpu_ms"] / ours["cpu_ms"] for ours, other in rounds)
        memory = statistics.median(ours["peak_mb"] / other["peak_mb"] for ours, other in rounds)
        print(f"{case}, streamed beside in memory: steps/s x {speed:.3f}, steps/CPU s x {cpu:.3f}, peak x {memory:.2f}")


if __name__ == "__main__":
    main()
