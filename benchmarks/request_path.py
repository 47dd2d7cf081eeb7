"""What the system adds to the work itself: `python -m benchmarks.request_path`.

Starts the one-machine stack on a folder of its own, trains a small gpt through it and measures, over HTTP,
  1. a generation of 32 characters on the warm model, submit to answer (Prefer: wait);
  2. the same with one character: what is left is the path (HTTP, Lua, Celery, supervisor, pipe, volume, finish);
  3. submit to first training step with a spare ready, without the graph's own compile time;
and beside them, on the same server, the round trip of a no-op task of bare Celery (prefork -c 1, Redis results).
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.bare_celery import round_trips
from cli.background import BackgroundStack
from cli.client import Client
from cli.stack import Plan

SMALL_GPT = {"steps": 60, "eval_every": 60, "layers": 4, "heads": 4, "width": 128, "context": 64}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200)
    requests = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as folder:
        stack = BackgroundStack(Plan(data=Path(folder) / "data", port=0), Path(folder) / "stack.log")
        stack.start()
        try:
            client = Client(stack.url)
            dataset = client.call("POST", "/datasets/examples/python_docs")["id"]
            commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout
            print(f"commit {commit.strip()}, {requests} requests each, medians over one run")
            training = _first_step(client, dataset)
            model = training["result"]["model_id"]
            for tokens in (32, 1):
                _generate(client, model, tokens)  # loads and compiles
                times = [_timed(lambda n=tokens: _generate(client, model, n)) for _ in range(requests)]
                _say(f"generation of {tokens} characters, submit to answer", times)
            _say("bare Celery, no-op round trip", round_trips(stack.settings.redis_url, requests))
        finally:
            stack.stop()


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _generate(client: Client, model: str, tokens: int) -> None:
    body = {"kind": "generate", "inputs": {"model": model}, "params": {"prompt": "The ", "max_tokens": tokens}}
    job = client.call("POST", "/jobs", body, headers={"Prefer": "wait=30"})
    if job["state"] != "succeeded":
        sys.exit(f"the generation {job['state']}: {job['error']}")


def _say(what: str, seconds: list[float]) -> None:
    ms = sorted(1000 * s for s in seconds)
    print(f"{what}: p50 {statistics.median(ms):.1f} ms, p99 {ms[int(len(ms) * 0.99) - 1]:.1f} ms")


def _first_step(client: Client, dataset: str) -> dict[str, Any]:
    """Train twice; the second time a spare is ready, and its phases are timed. Returns the second job."""
    job: dict[str, Any] = {}
    for _ in range(2):
        _wait_for_spare(client)
        body = {"kind": "train", "recipe": "gpt", "inputs": {"data": dataset}, "params": SMALL_GPT}
        job = client.call("POST", "/jobs", body, headers={"Prefer": "wait=30"})
        while job["state"] not in ("succeeded", "failed"):
            job = client.call("GET", f"/jobs/{job['id']}", query={"wait": 20})
    events = client.call("GET", f"/jobs/{job['id']}/events")["events"]
    at = {event["type"]: _moment(event["at"]) for event in reversed(events)}
    for line in client.call("GET", f"/jobs/{job['id']}/log", query={"tail_bytes": 1_000_000})["text"].splitlines():
        moment, _, words = line.partition(" trainyard: ")
        if words:
            at.setdefault(words.split(":")[0], _moment(moment))  # "loading", "compiling", "training: step 1 of 60"
    to_compile = at["compiling"] - at["submitted"]
    print(f"submit to claim: {1000 * (at['claimed'] - at['submitted']):.0f} ms")
    print(f"submit to the beginning of compiling (claim, folder, dataset, vocabulary, batches): {to_compile:.2f} s")
    print(f"compiling and first step: {at['training'] - at['compiling']:.2f} s")
    return job


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _wait_for_spare(client: Client) -> None:
    while not any(w["spare_ready"] for w in client.call("GET", "/workers")["workers"] if "train" in w["queues"]):
        threading.Event().wait(0.2)


if __name__ == "__main__":
    main()
