"""Writes snapshots to the volume in the background, and decides which checkpoints of this attempt stay.

One thread, one checkpoint at a time. The training thread hands over a snapshot and later collects what became of it:
a failure is raised there, never lost. A checkpoint counts only once its manifest was read back and its hashes agree.
"""

import contextlib
import queue
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import CheckpointCorrupt
from shared.jobs.job import CheckpointRef
from shared.jobs.pins import pinned_steps
from shared.volume import cache, staging
from worker.context import Context
from worker.training import checkpoint
from worker.training.checkpoint import Snapshot


@dataclass(frozen=True)
class Written:
    """A checkpoint that is on the volume and verified."""

    ref: CheckpointRef
    data: dict[str, Any]  # step, metrics, bytes


class CheckpointWriter:
    """Used from the training thread alone. Without an attempt folder or a volume in the context it does nothing."""

    def __init__(self, context: Context):
        self._context = context
        self._enabled = context.attempt_dir is not None and context.volume is not None
        self._waiting: queue.Queue[tuple[Snapshot, int | None] | None] = queue.Queue()
        self._done: queue.Queue[Written | Exception] = queue.Queue()
        self._pending = 0
        self._thread: threading.Thread | None = None

    @property
    def enabled(self) -> bool:
        return self._enabled

    @property
    def idle(self) -> bool:
        """True when nothing is being written. Call collect() first to take in what has finished."""
        return self._pending == 0

    def submit(self, snapshot: Snapshot, best_step: int | None) -> None:
        """Write a snapshot in the background. best_step: the step whose checkpoint retention must keep."""
        if not self._enabled:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="checkpoint-writer", daemon=True)
            self._thread.start()
        self._pending += 1
        self._waiting.put((snapshot, best_step))

    def collect(self, *, wait: bool = False) -> None:
        """Report finished checkpoints to the context. Raises what a write failed with.

        wait: until all that was submitted has been written.
        """
        while self._pending:
            try:
                outcome = self._done.get(block=wait)
            except queue.Empty:
                return
            self._pending -= 1
            if isinstance(outcome, Exception):
                raise outcome
            self._context.checkpoint(outcome.ref, outcome.data)

    def close(self) -> None:
        """End the thread after what it is writing; drop the rest. collect(wait=True) first to learn how that went."""
        if self._thread is not None:
            with contextlib.suppress(queue.Empty):
                while True:
                    self._waiting.get_nowait()
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            try:
                self._done.put(self._write(*item))
            except Exception as err:  # noqa: BLE001  handed over to the training thread, which raises it
                self._done.put(err)

    def _write(self, snapshot: Snapshot, best_step: int | None) -> Written:
        volume, attempt_dir = self._context.volume, self._context.attempt_dir
        assert volume is not None and attempt_dir is not None  # submit() lets nothing in otherwise
        folder = attempt_dir / "checkpoints"
        folder.mkdir(exist_ok=True)
        final = folder / f"{snapshot.step:08d}"
        metrics = snapshot.state["metrics"]
        if not final.exists():  # the same step twice: a stop right after a checkpoint
            cache.make_room(volume, sum(array.nbytes for array in snapshot.arrays))
            with volume.stage(folder) as stage:
                checkpoint.write(stage.path, snapshot)
                about = {"step": snapshot.step, "metrics": metrics, "recipe": snapshot.state["recipe"]}
                needs = {role: at["ref"] for role, at in snapshot.state["inputs"].items()}
                stage.publish(final, {**about, **({"needs": needs} if needs else {})})
            if not volume.verify(final):
                raise CheckpointCorrupt(f"checkpoint {final.name} does not read back as it was written")
            prune(folder, keep=self._context.keep_checkpoints, best_step=best_step)
        size = sum(path.stat().st_size for path in final.rglob("*") if path.is_file())
        ref = CheckpointRef(job_id=self._context.job_id, attempt=self._context.attempt, step=snapshot.step)
        return Written(ref, {"step": snapshot.step, "metrics": metrics, "bytes": size})


def prune(folder: Path, *, keep: int, best_step: int | None) -> list[int]:
    """Delete all but the newest `keep` checkpoints and the best one. Returns the steps deleted.

    Those that a job which has not ended needs stay as well (shared/jobs/pins.py). Called after a newer one was verified.
    Each is renamed before it is deleted, so that no reader meets half of one; what a crash leaves in between, the volume's
    sweep removes.
    """
    steps = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())
    needed = pinned_steps(folder.parent)
    doomed = [step for step in steps[:-keep] if step != best_step and step not in needed]
    return [
        s for s in doomed if staging.remove(folder / f"{s:08d}", unless=lambda _, s=s: s in pinned_steps(folder.parent))
    ]
