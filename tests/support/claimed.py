"""Training jobs of the conformance suite's cases, as a worker would have claimed them, and what they tell as they go."""

from datetime import UTC, datetime
from pathlib import Path

from shared.errors import Cancelled
from shared.ids import new_id
from shared.jobs.job import InputRef, Job, Progress, State
from tests.support.recipe_cases import CASES
from tests.support.recipes.tables import put_table
from worker.context import Context
from worker.training.trainer import run_train

MATRIX = "\n".join(f"{item % 2},{item / 10},{1 - item % 2}" for item in range(8))


class Telling(Context):
    """Remembers what it is told; stops where it is told to."""

    attempt_dir: Path

    def __init__(self, volume, job):
        super().__init__(volume.start_attempt(job.id, job.attempt), volume, job.id, job.attempt)
        self.told: list[Progress] = []
        self.events: list[tuple[str, dict]] = []
        self.stop_in = ""

    def progress(self, progress):
        self.told.append(progress)

    def event(self, type, data):
        self.events.append((type, data))

    def check(self):
        if self.told and self.told[-1].phase == self.stop_in:
            raise Cancelled("asked to")


def claimed_job(volume, name, attempt=1, job_id="", **changes):
    """A claimed job of a case; tiny_adapter stands on a table of numbers."""
    case = CASES[name]
    inputs = {"data": InputRef(dataset_id=put_table(volume, case.data()).id)} if "inputs" not in changes else {}
    if case.base:
        inputs["base"] = InputRef(dataset_id=put_table(volume, MATRIX).id)
    now = datetime.now(UTC)
    fields = {"kind": "train", "recipe": case.recipe, "params": case.params, "inputs": inputs, "queue": "train"}
    about = {"id": job_id or new_id(), "state": State.running, "attempt": attempt, "created_at": now, "updated_at": now}
    return Job.model_validate({**fields, **about, **changes})


def run(volume, job):
    context = Telling(volume, job)
    return run_train(job, context), context
