"""500 jobs, one in eight a training, through one worker: does the memory of any process grow, is any file, key or process left?

Run: python -m benchmarks.leaks [--jobs 500]
"""

import argparse
import io
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.here import ROOT
from benchmarks.load_generations import TEXT
from shared.datasets import Limits, import_dataset
from tests.faults.installation import Installation, command_of, descendants
from tests.support import leaks

AT_A_TIME = 50
TRAINING_EVERY = 8
SMALL = {"steps": 60, "width": 16, "embedding": 8, "context": 16, "batch_size": 4}


def figures(pid: int) -> tuple[float, int]:
    """(resident megabytes, open files) of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(resident.split()[1]) / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir()))


class Watched:
    """An installation with one worker for both queues, a model to generate from, and its processes by part."""

    def __init__(self, here: Installation):
        self.here = here
        self.dataset = import_dataset(here.volume, Limits(), [("t.txt", io.BytesIO(TEXT.encode()))]).id
        self.model = self.submit(0)
        self.ended([self.model], 180)
        self.ended([self.submit(1)], 180)  # the generator that stays

    def submit(self, number: int) -> str:
        """Submit the job of that number: a training or a generation of 1 to 40 characters."""
        body: dict[str, Any] = {
            "kind": "generate",
            "params": {"prompt": "The ", "max_tokens": 1 + number % 40, "seed": number},
        }
        if number % TRAINING_EVERY == 0:
            body = {
                "kind": "train",
                "recipe": "char_lstm",
                "inputs": {"data": self.dataset},
                "params": SMALL | {"seed": number},
            }
        else:
            body["inputs"] = {"model": self.model}
        return self.here.client.submit(body)["id"]

    def ended(self, ids: list[str], within_s: float) -> None:
        self.here.until(lambda: self.here.all_ended(ids), within_s=within_s, what="the end of all jobs")
        states = Counter(str(job.state) for job in self.here.store.get_many(ids))
        assert states == {"succeeded": len(ids)}, states

    def processes(self) -> dict[str, int]:
        """Process ids by part. The spare is one of the two below the supervisor, and another one after each training."""
        parent = self.here.workers[0].pid
        web, reaper = (self.here.services[name].pid for name in ("web", "reaper"))
        found = {"Celery parent": parent, "web": descendants(web)[0], "reaper": reaper}
        below = descendants(parent)
        found["supervisor"] = next(pid for pid in below if "worker.process" not in command_of(pid))
        found["warm generator"] = min(pid for pid in below if "worker.process" in command_of(pid))
        return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=500)
    count = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as name, Installation(Path(name)) as here:
        watched, rows = Watched(here), []
        for first in range(0, count, AT_A_TIME):
            watched.ended([watched.submit(number) for number in range(first, first + AT_A_TIME)], 900)
            rows.append((first + AT_A_TIME, {part: figures(pid) for part, pid in watched.processes().items()}))
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
        trainings = len(range(0, count, TRAINING_EVERY))
        print(f"commit {commit.stdout.strip()}: {count} jobs, {trainings} of them trainings; resident MB, open files")
        parts = list(rows[0][1])
        print("| after | " + " | ".join(parts) + " |\n|---" + "|---" * len(parts) + "|")
        for after, row in rows:
            print(f"| {after} | " + " | ".join(f"{row[p][0]:.1f}, {row[p][1]}" for p in parts) + " |")
        print("keys nobody would remove:", leaks.ownerless_keys(here.store.redis, here.settings.key_prefix))
        print("temporary files left on the volume:", len(leaks.staging_left(here.settings.data)))
        print("processes below the worker:", len(descendants(here.workers[0].pid)))


if __name__ == "__main__":
    main()
