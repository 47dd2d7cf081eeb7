"""Random faults, from a seed, on a whole installation that trains for real; afterwards the history is checked.

The short form is part of the default suite. `make faults` runs the long one: FAULTS_SECONDS (3600) and FAULTS_SEED (0).
"""

import io
import json
import os
import random
import time
from pathlib import Path

import pytest

from shared.datasets import Limits, import_dataset
from shared.job import JobRequest
from shared.recipes import get_recipe
from tests.faults.checker import History, check
from tests.faults.installation import PERIODS, Installation

TEXT = "The quick brown fox jumps over the lazy dog. 床前明月光，疑是地上霜。\n" * 60
PARAMS = {"steps": 3000, "context": 16, "width": 16, "embedding": 8, "batch_size": 4, "eval_every": 3000}
DONE_WITHIN_S = 420  # after the last fault everything must end in this time


def submit(here: Installation, history: History, dataset_id: str, seed: int) -> str:
    params = get_recipe("char_lstm").train_params.model_validate(PARAMS | {"seed": seed}).model_dump(mode="json")
    job, _ = here.store.submit(JobRequest(kind="train", recipe="char_lstm", params=params, dataset_id=dataset_id))
    history.accepted[job.id] = params
    return job.id


def strike(here: Installation, chance: random.Random, history: History) -> None:
    """One fault, drawn and recorded."""
    worker = chance.randrange(len(here.workers))
    faults = {
        "kill the trainer, generator or spare": lambda: here.kill_process(worker),
        "kill the Celery child": lambda: here.kill_child(worker),
        "kill the Celery parent": lambda: here.kill_parent(worker),
        "kill the machine": lambda: here.kill_machine(worker),
        "stop the machine for longer than a lease": lambda: here.freeze(worker, PERIODS["lease_s"] + 2),
        "deploy": lambda: here.deploy(worker),
        "kill Redis and start it again": here.restart_redis,
        "kill Redis, lose the end of its file": lambda: here.restart_redis(cut_bytes=chance.randrange(1, 4000)),
        "lose all messages": here.flush_broker,
        "send messages twice": lambda: here.double_wakeups(chance.randrange(1, 6)),
    }
    name = chance.choice(sorted(faults))
    history.faults.append({"at": time.time(), "fault": name, "worker": worker, "seen": faults[name]()})


def storm(folder: Path, *, seconds: float, seed: int, workers: int, jobs: int) -> tuple[History, str]:
    """Run jobs under faults for so long, let everything end, check. Returns the history and a line of figures."""
    chance, history = random.Random(seed), History()
    with Installation(folder, queues=("train",) * workers, cpu_slots=workers) as here:
        dataset = import_dataset(here.volume, Limits(), [("t.txt", io.BytesIO(TEXT.encode()))]).id
        running = [submit(here, history, dataset, seed=n) for n in range(jobs)]
        here.until(
            lambda: any(j.progress and j.progress.step for j in here.store.get_many(running)), within_s=90, what="start"
        )
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            strike(here, chance, history)
            here.until(here.store.redis.ping, within_s=30, what="Redis")
            if here.all_ended(running):
                running = [submit(here, history, dataset, seed=len(history.accepted))]
        here.until(lambda: here.all_ended(list(history.accepted)), within_s=DONE_WITHIN_S, what="the end of every job")
        for process in here.workers:
            process.terminate()
        for process in here.workers:
            process.wait(60)
        here.volume.sweep(older_than_s=0)  # what the reaper does an hour later
        verdict = check(here.store.redis, here.settings.key_prefix, here.settings.data, history)
        figures = f"seed {seed}: {len(history.faults)} faults, {json.dumps(verdict.figures)}"
        assert not verdict.violations, "\n".join(
            [figures, *verdict.violations, *map(str, history.faults), here.last_words()]
        )
    return history, figures


@pytest.mark.timeout(900)
@pytest.mark.makes_staging
def test_a_short_storm_of_faults_loses_no_job_and_doubles_no_outcome(redis_server, tmp_path):
    history, figures = storm(tmp_path, seconds=45, seed=7, workers=1, jobs=2)
    print(figures)
    assert len(history.faults) >= 3


@pytest.mark.long
@pytest.mark.makes_staging
def test_a_long_storm_of_faults_loses_no_job_and_doubles_no_outcome(redis_server, tmp_path):
    seconds, seed = float(os.environ.get("FAULTS_SECONDS", "3600")), int(os.environ.get("FAULTS_SEED", "0"))
    history, figures = storm(tmp_path, seconds=seconds, seed=seed, workers=2, jobs=4)
    print("\n".join([figures, *(json.dumps(fault, ensure_ascii=False) for fault in history.faults)]))
