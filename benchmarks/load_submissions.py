"""100,000 jobs submitted over HTTP, none of which runs: is the last as quick to submit, find and list as the hundredth?

Run: python -m benchmarks.load_submissions [--jobs 100000] [--clients 8]
"""

import argparse
import http.client
import io
import json
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.here import ROOT
from benchmarks.load_queue import timed
from shared.datasets import Limits, import_dataset
from shared.jobs.job import State
from tests.faults.installation import Installation
from worker.upkeep.housekeeping import tidy

TEXT = "The quick brown fox jumps over the lazy dog.\n" * 300
LIMITS = {"max_queued": 10**6, "max_queued_per_owner": 10**6, "changes_per_minute": 10**7, "reads_per_minute": 10**7}


class Asker:
    """One kept connection to the web."""

    def __init__(self, here: Installation, dataset: str):
        port = int(here.client.url.rsplit(":", 1)[1])
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        body = {
            "kind": "train",
            "recipe": "char_lstm",
            "inputs": {"data": dataset},
            "params": {"steps": 1000},
            "priority": 1,
        }
        self._body, self._headers = json.dumps(body), {"Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: str | None = None) -> bytes:
        self._connection.request(method, path, body, self._headers if body else {})
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 202):
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return text

    def submit(self) -> str:
        return json.loads(self.ask("POST", "/api/v1/jobs", self._body))["id"]

    def close(self) -> None:
        self._connection.close()


def measure(here: Installation, asker: Asker, rounds: int) -> dict[str, tuple[float, float]]:
    """Every operation so many times, one after another, nobody else asking."""
    last = asker.submit()

    def claim_and_finish() -> None:
        job = here.store.claim("train", worker="bench", device="cpu")
        assert job is not None
        here.store.finish(job.id, job.attempt, State.succeeded, result={})

    return {
        "POST /jobs": timed(lambda: asker.submit(), rounds),
        "claim and finish": timed(claim_and_finish, rounds),
        "GET /jobs/ID of the last": timed(lambda: asker.ask("GET", f"/api/v1/jobs/{last}"), rounds),
        "GET /jobs": timed(lambda: asker.ask("GET", "/api/v1/jobs?limit=50"), rounds),
        "GET /jobs?state=queued": timed(lambda: asker.ask("GET", "/api/v1/jobs?state=queued&limit=50"), rounds),
        "GET /queues": timed(lambda: asker.ask("GET", "/api/v1/queues"), rounds),
        "the page of jobs": timed(lambda: asker.ask("GET", "/jobs"), rounds),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Installation(Path(name), queues=(), **LIMITS) as here:
        dataset = import_dataset(here.volume, Limits(), [("t.txt", io.BytesIO(TEXT.encode()))]).id
        asker = Asker(here, dataset)
        for _ in range(100):
            asker.submit()
        few = measure(here, asker, 200)

        def many_of(count: int) -> None:
            own = Asker(here, dataset)
            for _ in range(count):
                own.submit()
            own.close()

        began = time.monotonic()
        with ThreadPoolExecutor(options.clients) as pool:
            list(pool.map(many_of, [options.jobs // options.clients] * options.clients))
        took = time.monotonic() - began
        here.until(lambda: not here.store.uncopied(1), within_s=3600, what="the copies of all records")
        copied = time.monotonic() - began - took
        many = measure(here, Asker(here, dataset), 200)  # the first connection has been idle for too long
        began = time.monotonic()
        tidy(here.store, here.volume)
        tidied = time.monotonic() - began
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
        ).stdout
        print(
            f"commit {commit.strip()}; {options.jobs:,} jobs from {options.clients} clients in {took:.0f} s, copies of all records"
        )
        print(f"on the volume {copied:.0f} s later; one walk of the housekeeping over their folders {tidied:.1f} s\n")
        print("| operation | with some 300 jobs: p50, p99 (ms) | with all | ratio of p50 |\n|---|---|---|---|")
        for name, (median, p99) in few.items():
            now, now_p99 = many[name]
            print(f"| {name} | {median:.2f}, {p99:.2f} | {now:.2f}, {now_p99:.2f} | {now / median:.2f} |", flush=True)


if __name__ == "__main__":
    main()
