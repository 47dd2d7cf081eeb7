"""100,000 queued jobs: is every operation as quick with them as with a hundred? And what does a job take of Redis' memory?

Run: python -m benchmarks.load_queue [--jobs 100000]
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.here import ROOT
from cli.server import EmbeddedServer
from shared.jobs.job import JobRequest, State
from shared.jobs.queues import placed, queues
from shared.jobs.store import JobStore
from shared.settings import load_settings

ROUNDS = 200  # of every operation, at either size


def request(number: int) -> JobRequest:
    """One of a thousand trainings is a generation; one of a thousand jobs is bob's."""
    kind = "generate" if number % 1000 == 7 else "train"
    owner = "bob" if number % 1000 == 11 else "ann"
    return JobRequest(kind=kind, recipe="gpt", recipe_version=1, params={"steps": 1000, "width": 128}, owner=owner)


def timed(work: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """(median, p99) in milliseconds."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken), sorted(taken)[int(0.99 * rounds)]


def measure(store: JobStore, last: str) -> dict[str, tuple[float, float]]:
    """Every operation ROUNDS times; what is claimed is ended, what is submitted stays. last: the last one in the queue."""
    numbers = iter(range(10**9))

    def claim_and_finish() -> None:
        job = store.claim("train", worker="bench", device="cpu")
        assert job is not None
        store.finish(job.id, job.attempt, State.succeeded, result={})

    return {
        "submit": timed(lambda: store.submit(request(next(numbers)))),
        "claim and finish": timed(claim_and_finish),
        "get the last job": timed(lambda: store.get(last)),
        "its position and ETA": timed(lambda: placed(store, store.get(last))),
        "list, first page of 50": timed(lambda: store.list_jobs(limit=50)),
        "list, queued": timed(lambda: store.list_jobs(state="queued", limit=50)),
        "list, of an owner with few": timed(lambda: store.list_jobs(owner="bob", limit=50)),
        "list, of an owner, queued": timed(lambda: store.list_jobs(owner="bob", state="queued", limit=50)),
        "list, of the rarer kind": timed(lambda: store.list_jobs(kind="generate", limit=50)),
        "list, of the rarer kind, queued": timed(lambda: store.list_jobs(kind="generate", state="queued", limit=50)),
        "counts": timed(store.counts),
        "queues": timed(lambda: queues(store)),
        "reaper: expired leases": timed(store.expired),
    }


def _last(store: JobStore) -> str:
    """A job of low priority: nothing claimed here reaches it."""
    return store.submit(request(1).model_copy(update={"priority": -10}))[0].id


def memory(store: JobStore) -> int:
    return int(store.redis.info("memory")["used_memory"])  # type: ignore[index]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=100_000)
    count = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder) / "redis").start()
        try:
            settings = load_settings(redis_url=server.url, data=Path(folder) / "data")
            store = JobStore.connect(settings)
            store.max_queued = store.max_queued_per_owner = 10 * count
            empty = memory(store)
            # Fifty of bob and of the rarer kind first: a page of them is full in both cases.
            for _ in range(60):
                store.submit(request(11))
                store.submit(request(7))
            for n in range(1, 101):
                store.submit(request(n))
            few = measure(store, _last(store))
            began, before = time.perf_counter(), memory(store)
            for n in range(count):
                store.submit(request(n))
            took, grown = time.perf_counter() - began, memory(store) - before
            many = measure(store, _last(store))
            commit = subprocess.run(
                ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
            ).stdout.strip()
            print(f"commit {commit}; {count:,} jobs submitted in {took:.0f} s, one after another\n")
            print(
                f"| operation | with some 200 jobs: p50, p99 (ms) | with {count:,} more | ratio of p50 |\n|---|---|---|---|"
            )
            for name, (median, p99) in few.items():
                now, now_p99 = many[name]
                print(f"| {name} | {median:.2f}, {p99:.2f} | {now:.2f}, {now_p99:.2f} | {now / median:.2f} |")
            print(
                f"\nmemory of a queued job: {grown / count:,.0f} bytes (beside {empty / 1e6:.1f} MB of an empty server)"
            )
            ended = memory(store)
            retired = 0
            while job := store.claim("train", worker="bench", device="cpu"):
                store.finish(job.id, job.attempt, State.succeeded, result={"metrics": {"val_loss": 1.9}})
                retired += 1
            print(f"{retired:,} of them claimed and ended: {(memory(store) - ended) / retired:+,.0f} bytes each")
            store.redis.zunionstore(store.keys.ended(), {store.keys.ended(): 0})  # their time is over
            forgotten = 0
            while done := store.forget_ended():
                forgotten += done
            print(
                f"retention over: {forgotten:,} forgotten, {(memory(store) - empty) / 1e6:.1f} MB above the empty server"
            )
        finally:
            server.stop()


if __name__ == "__main__":
    main()
