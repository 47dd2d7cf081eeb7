"""What fit() costs beside bare model.fit: same model, optimizer, XLA setting and batches, alternating in one process.

Ours runs as in a job: progress as JSON lines, series.jsonl, a checkpoint every --checkpoint-s seconds (the service's
default is 60). Bare is model.fit(verbose=0) with Keras' default of one step per execution, and with as many
as the recipe allows. Steps/s over the same steps, after compiling; no evaluation in either. Wanted: ratio >= 0.98.
Neighbours on the machine disturb steps/s, hence CPU time a step beside it.
Run: python -m benchmarks.fit_overhead [--steps 300 --rounds 5 --case small]
"""

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.here import test_data

WARM = 40  # steps before the clock starts: compiling, autotuning of the input pipeline


class Timed:
    """Notes the time at WARM and at the last step."""

    def __init__(self, steps: int):
        self.last, self.began, self.ended = WARM + steps, 0.0, 0.0
        self.began_at = self.ended_at = 0
        self.cpu = 0.0

    def at(self, step: int) -> None:
        if not self.began and step >= WARM:
            self.began, self.began_at, self.cpu = time.perf_counter(), step, -time.process_time()
        if not self.ended and step >= self.last:
            self.ended, self.ended_at = time.perf_counter(), step
            self.cpu += time.process_time()

    @property
    def figures(self) -> tuple[float, float]:
        """(steps/s, CPU milliseconds a step)."""
        steps = self.ended_at - self.began_at
        return steps / (self.ended - self.began), 1000 * self.cpu / steps


def ours(spec: Any, params: Any, data: Any, steps: int, checkpoint_s: float) -> tuple[float, float, int]:
    """Figures of fit() with everything on, and how many checkpoints were written meanwhile."""
    from shared.errors import LeaseLost
    from shared.ids import new_id
    from shared.volume.volume import Volume
    from worker.context import Context
    from worker.training.fit import fit

    class Job(Context):
        timed = Timed(steps)
        written = 0

        def progress(self, progress: Any) -> None:
            sink.write(json.dumps({"ev": "progress", **progress.model_dump(mode="json")}) + "\n")
            sink.flush()

        def checkpoint(self, ref: Any, data: dict[str, Any]) -> None:
            self.written += 1

        def series_row(self, row: dict[str, Any]) -> None:
            super().series_row(row)
            if "step" in row:
                self.timed.at(row["step"])

        def check(self) -> None:
            if self.timed.ended:
                raise LeaseLost("measured")

    with tempfile.TemporaryDirectory() as place, open(os.devnull, "w") as sink:
        volume = Volume(Path(place))
        volume.ensure()
        job = new_id()
        context = Job(volume.start_attempt(job, 1), volume, job, checkpoint_interval_s=checkpoint_s)
        with contextlib.suppress(LeaseLost):
            fit(spec, params, data, context)
        return *context.timed.figures, context.written


def bare(code: Any, params: Any, data: Any, steps: int, per_execution: int) -> tuple[float, float]:
    """Figures of keras' own fit."""
    import keras

    from worker.recipe import build_model
    from worker.training.optimizer import make_optimizer
    from worker.training.strategy import use_xla

    timed = Timed(steps)

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            timed.at(batch + 1)

    model = build_model(code, params, data.assets, {})
    model.compile(
        optimizer=make_optimizer(params, data.total_steps, model.trainable_variables),
        jit_compile=use_xla(params, code.XLA, None),  # pyright: ignore[reportArgumentType]
        steps_per_execution=per_execution,
        **code.compile_args(params, data.assets),
    )
    wanted = WARM + steps + 2 * per_execution
    batches = data.train(0).prefetch(-1)
    model.fit(batches, steps_per_epoch=wanted, verbose=0, callbacks=[Clock()])  # pyright: ignore[reportArgumentType]
    return timed.figures


# name -> recipe, dataset's folder and files, params. eval_every and epochs keep evaluations out of the timed steps.
CASES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    # a small ResNet on 28 pixels: some 30 ms a step
    "small": ("image_classifier", "mnist", "*ubyte.gz", {"epochs": 100, "width": 16, "batch_size": 64}),
    # a few milliseconds a step: overhead at its worst
    "tiny": (
        "image_classifier", "mnist", "*ubyte.gz",
        {"epochs": 100, "width": 4, "batch_size": 8, "rotation": 0, "translation": 0, "zoom": 0},
    ),
    # nanoGPT's small configuration
    "gpt": ("gpt", "tinyshakespeare", "*.txt", {"steps": 100_000, "eval_every": 100_000, "batch_size": 12}),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--checkpoint-s", type=float, default=60.0)
    parser.add_argument("--case", choices=CASES, default="small")
    flags = parser.parse_args()

    from shared.datasets import Limits, import_dataset
    from shared.jobs.job import InputRef
    from shared.recipes import get_recipe
    from shared.volume.volume import Volume
    from worker.context import Context
    from worker.inputs import open_inputs
    from worker.recipe import code_of

    recipe, folder, pattern, values = CASES[flags.case]
    spec = get_recipe(recipe)
    code, params = code_of(spec), spec.train_params.model_validate(values)
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as opened:
        volume = Volume(Path(place))
        paths = [path for path in sorted(test_data(folder).glob(pattern)) if path.name != "SOURCE.txt"]
        uploads = [(path.name, opened.enter_context(path.open("rb"))) for path in paths]
        dataset = import_dataset(volume, Limits(), uploads)
        context = Context(volume=volume)  # what it makes of the dataset lies in a temporary folder and is held open
        data = code.load(open_inputs({"data": InputRef(dataset_id=dataset.id)}, context), params, context)
    ratios: dict[int, list[float]] = {1: [], code.STEPS_PER_EXECUTION: []}
    cpu_ratios: dict[int, list[float]] = {per_execution: [] for per_execution in ratios}
    for round_ in range(flags.rounds):
        mine, my_cpu, written = ours(spec, params, data, flags.steps, flags.checkpoint_s)
        line = f"round {round_ + 1}: fit {mine:.1f} steps/s, {my_cpu:.1f} CPU ms a step, {written} checkpoints"
        for per_execution in ratios:
            theirs, their_cpu = bare(code, params, data, flags.steps, per_execution)
            ratios[per_execution].append(mine / theirs)
            cpu_ratios[per_execution].append(their_cpu / my_cpu)
            line += f"; model.fit x{per_execution} {theirs:.1f}, {their_cpu:.1f}"
        print(line, flush=True)
    for per_execution, found in ratios.items():
        wall, cpu = statistics.median(found), statistics.median(cpu_ratios[per_execution])
        print(f"{flags.case}, model.fit x{per_execution}: median ratio of steps/s {wall:.3f}, of steps/CPU s {cpu:.3f}")


if __name__ == "__main__":
    main()
