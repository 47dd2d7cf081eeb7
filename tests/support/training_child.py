"""Trains in processes that can be killed: one server imports TensorFlow once, touches no device, and forks for every order.

TrainingServer is its other end, used by tests/contract. An order: volume (folder), recipe, params, inputs (role -> InputRef as
JSON), runs, and optionally generate.
A run: job, attempt, after (a step; absent: nothing happens), then (what happens right after the first checkpoint from
that step on that is not at an evaluation: "killed" by SIGKILL, told to stop as "paused" or "drained").
Comes back: the exit status, and what was said: for each run its job, and sha256 of all variables, step, checkpoint, metrics, or
the stop's name; then the generation's.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class TrainingServer:
    """Carries out orders one after the other, each in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.training_child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )  # fmt: skip

    def carry_out(self, order: dict[str, Any]) -> tuple[int, list[Any]]:
        """Returns (exit status as subprocess has it, what was said). Raises RuntimeError with its words when it failed."""
        status, said, errors = self.try_out(order)
        if status not in (0, -signal.SIGKILL):
            raise RuntimeError(f"child ended with {status}:\n{errors[-3000:]}")
        return status, said

    def try_out(self, order: dict[str, Any]) -> tuple[int, list[Any], str]:
        """Returns (exit status as subprocess has it, what was said, what it wrote to stderr), however it ended."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(
            self._process.stdout.readline() or '{"status": 1, "said": [], "errors": "the server is gone"}'
        )
        return answer["status"], answer["said"], answer["errors"]

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


def serve() -> None:
    """Import what trainings need, then fork for each order on stdin and answer it."""
    import keras
    import tensorflow as tf

    from tests.support.recipes import register
    from worker.training import trainer

    assert keras and tf and trainer
    register()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints goes elsewhere
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as errors:
            pid = os.fork()
            if pid == 0:
                os.dup2(errors.fileno(), 2)
                _answer(json.loads(line), said)
            _, status = os.waitpid(pid, 0)
            said.seek(0)
            errors.seek(0)
            lines = [json.loads(each) for each in said.read().splitlines()]
            body = {"status": os.waitstatus_to_exitcode(status), "said": lines, "errors": errors.read()}
        print(json.dumps(body), file=answers, flush=True)


def _answer(order: dict[str, Any], said: Any) -> None:
    """In the forked process: never returns."""
    try:
        main(order, said)
        os._exit(0)
    except BaseException:  # noqa: BLE001  the server's loop must not go on in here
        import traceback

        traceback.print_exc()
        os._exit(1)


def _hash(model: Any) -> str:
    from worker.training import checkpoint

    digest = hashlib.sha256()
    for array in checkpoint.take_snapshot(model, {}).arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def main(order: dict[str, Any], said: Any) -> None:
    from shared.errors import Drained, Interrupted, Paused
    from shared.jobs.job import InputRef
    from shared.outputs import dump_outputs
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params
    from shared.volume.volume import Volume
    from worker.artifacts import Files
    from worker.context import Context
    from worker.inputs import open_inputs
    from worker.recipe import Report, code_of
    from worker.training import checkpoint
    from worker.training import fit as fit_module
    from worker.training.checkpoint_keeper import Keeper
    from worker.training.stages import Stages

    class PromptKeeper(Keeper):
        """Writes a checkpoint at every border and waits for it: how slow the disk is makes no difference to where it stops."""

        def save_if_due(self, state):
            self.save(state, wait=True)

    class DisturbedContext(Context):
        """Right after the first checkpoint that is wanted it is killed or told to stop."""

        after: int | None = None
        then = ""
        borders: frozenset[int] = frozenset()
        told: type[Interrupted] | None = None

        def checkpoint(self, ref, data):
            if self.after is None or ref.step < self.after or ref.step in self.borders:
                return
            if self.then == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            self.told = {"paused": Paused, "drained": Drained}[self.then]

        def check(self):
            if self.told is not None:
                raise self.told("told to stop")

    def say(what: Any) -> None:
        print(json.dumps(what, allow_nan=False), file=said, flush=True)

    fit_module.Keeper = PromptKeeper
    volume = Volume(Path(order["volume"]))
    spec = get_recipe(order["recipe"])
    code, params = code_of(spec), validate_params(spec.train_params, order["params"])
    refs = {role: InputRef.model_validate(ref) for role, ref in order["inputs"].items()}
    used = None
    for run in order["runs"]:
        job, attempt = run["job"], run["attempt"]
        context = DisturbedContext(volume.start_attempt(job, attempt), volume, job, attempt, checkpoint_interval_s=0)
        inputs = open_inputs(refs, context)
        data = code.load(inputs, params, context)
        stages = Stages.of(code, data)
        context.after, context.then = run.get("after"), run.get("then", "")
        context.borders = frozenset(
            begins + step
            for begins, borders in zip(stages.begins_at, stages.borders, strict=True)
            for step in range(borders.total_steps + 1)
            if step == 0 or borders.is_evaluation(step)
        )
        resume = volume.newest_checkpoint(job, below_attempt=attempt)
        try:
            outcome = fit_module.fit(spec, params, data, context, resume, inputs=inputs)
        except Interrupted as stop:
            say({"job": job, "stopped": type(stop).__name__})
            continue
        with tempfile.TemporaryDirectory() as folder:
            report = code.report(outcome.model, outcome.data, params, context, Files(Path(folder)), outcome.stages)
        used = outcome.checkpoint
        assert used is not None
        say(
            {"job": job, "hash": _hash(outcome.model), "step": outcome.step, "total": outcome.total_steps}
            | {"checkpoint": used.model_dump(mode="json"), "metrics": outcome.metrics, "stages": outcome.stages}
            | {"report": report.metrics, "outputs": json.loads(dump_outputs(report.outputs))}
        )
    if "generate" in order and used is not None:
        loaded = checkpoint.load_model(volume.checkpoint(used).path, Context(volume=volume))
        generator: Any = code.open_generator(loaded.model, loaded.params, loaded.assets)
        gparams = validate_params(spec.use("generate").params, order["generate"])
        needed = [each.role for each in spec.use("generate").inputs if each.required]  # what it was trained on will do
        given: Any = ({role: inputs[role] for role in needed},) if spec.use("generate").inputs else ()
        made = []
        for _ in range(2):
            with tempfile.TemporaryDirectory() as folder:
                files = Files(Path(folder))
                done = generator.generate(gparams, *given, Context(volume=volume), files)
                outputs = done.outputs if isinstance(done, Report) else done
                digests = {name: hashlib.sha256(files.path(name).read_bytes()).hexdigest() for name in files.names()}
            made.append({"outputs": json.loads(dump_outputs(outputs)), "files": digests})
        say(made)


if __name__ == "__main__":
    serve()
