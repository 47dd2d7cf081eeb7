"""10,000 short generations over 4 workers that are killed and told to leave meanwhile: does every one end, once?

Run: python -m benchmarks.load_generations [--jobs 10000] [--workers 4]
"""

import argparse
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.here import ROOT
from cli.stack import Plan
from shared.jobs.job import Job
from tests.support.running import RunningStack

TEXT = "The quick brown fox jumps over the lazy dog. 床前明月光，疑是地上霜。\n" * 300
TERMINAL = ("succeeded", "failed", "cancelled")
FAULT_EVERY_S = 15.0


def trained(running: RunningStack, folder: Path) -> str:
    """Train a tiny model; returns its id."""
    text = folder / "text.txt"
    text.write_text(TEXT)
    dataset = running.client.upload([("text.txt", text)], {})["id"]
    params = {"steps": 200, "width": 16, "embedding": 8, "context": 16, "batch_size": 4}
    body = {"kind": "train", "recipe": "char_lstm", "inputs": {"data": dataset}, "params": params}
    job = running.client.submit(body)
    running.until(lambda: running.client.get(f"/jobs/{job['id']}")["state"] == "succeeded", 180)
    return job["id"]


def ended_jobs(running: RunningStack, ids: list[str]) -> list[Job]:
    found: list[Job] = []
    for start in range(0, len(ids), 1000):
        found += running.store.get_many(ids[start : start + 1000])
    return [job for job in found if job.state.terminal]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    chance, faults = random.Random(1), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = {"lease_s": 10, "beat_s": 2, "spare": "false"}
        plan = Plan(data=folder / "data", port=0, generate_workers=options.workers, settings=settings)
        running = RunningStack(folder, plan).start()
        try:
            model = trained(running, folder)

            def submit(number: int) -> str:
                params: dict[str, Any] = {"prompt": "The ", "max_tokens": 8, "seed": number}
                return running.client.submit({"kind": "generate", "inputs": {"model": model}, "params": params})["id"]

            began = time.monotonic()
            with ThreadPoolExecutor(16) as clients:
                ids = list(clients.map(submit, range(options.jobs)))
            submitted_s = time.monotonic() - began
            pause = threading.Event()
            next_fault = time.monotonic() + 5
            while (left := len(ids) - len(ended_jobs(running, ids))) > 0:
                print(f"{time.monotonic() - began:6.0f} s: {left:,} left", flush=True)
                pause.wait(2)
                if time.monotonic() >= next_fault and left > 500:
                    number = chance.choice((signal.SIGKILL, signal.SIGTERM))
                    name = f"generate-{chance.randrange(1, options.workers + 1)}"
                    if pid := running.pids().get(name):
                        os.kill(pid, number)
                        faults[number.name] += 1
                    next_fault = time.monotonic() + FAULT_EVERY_S
            took = time.monotonic() - began
            states, attempts, twice = Counter[str](), Counter[int](), 0
            for job in ended_jobs(running, ids):
                states[str(job.state)] += 1
                attempts[job.attempt] += 1
                twice += sum(event.type in TERMINAL for event in running.store.events(job.id, limit=1000)) != 1
            known = {job.id for job in ended_jobs(running, ids)}
            commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
            print(f"commit {commit.stdout.strip()}: {len(ids):,} generations over {options.workers} workers")
            print(f"submitted over HTTP by 16 clients in {submitted_s:.0f} s, all ended after {took:.0f} s:")
            print(f"{len(ids) / took:.0f} jobs/s; worker processes struck: {dict(faults)}")
            print(
                f"states {dict(states)}, attempts {dict(attempts)}; not ended exactly once: {twice + len(ids) - len(known)}"
            )
        finally:
            running.stop()


if __name__ == "__main__":
    main()
