"""200 clients that poll and 100 that stream events, while jobs run on real workers: is everybody answered, and how quickly?

Run: python -m benchmarks.load_readers [--seconds 60]
"""

import argparse
import http.client
import json
import subprocess
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from benchmarks.here import ROOT
from cli.stack import Plan
from tests.support.running import RunningStack

TEXT = "The quick brown fox jumps over the lazy dog. 床前明月光，疑是地上霜。\n" * 300
POLLERS, STREAMS, LOOKERS = 200, 100, 2
POLL_EVERY_S = 1.0


class Crowd:
    """Counts answers and their times by what was asked; errors with their words."""

    def __init__(self, port: int, jobs: list[str]):
        self.port, self.jobs = port, jobs
        self.stop = threading.Event()
        self.times: dict[str, list[float]] = defaultdict(list)
        self.said: Counter[str] = Counter()
        self._lock = threading.Lock()

    def note(self, kind: str, seconds: float) -> None:
        with self._lock:
            self.times[kind].append(seconds)

    def wrong(self, what: str) -> None:
        with self._lock:
            self.said[what] += 1

    def ask(self, connection: http.client.HTTPConnection, kind: str, path: str, headers: dict[str, str]) -> str:
        """Send one request; returns the answer's ETag."""
        began = time.perf_counter()
        connection.request("GET", f"/api/v1{path}", headers=headers)
        answer = connection.getresponse()
        answer.read()
        self.note(kind, time.perf_counter() - began)
        if answer.status not in (200, 304):
            self.wrong(f"{kind}: {answer.status}")
        return answer.getheader("ETag", "")

    def poll(self, number: int) -> None:
        """Look at a job once a second; every fourth client waits for a change instead (long poll)."""
        job, tag = self.jobs[number % len(self.jobs)], ""
        waits = number % 4 == 0
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            while not self.stop.is_set():
                headers = {"If-None-Match": tag} if tag else {}
                kind = "long poll (?wait=5)" if waits else "poll, with ETag"
                tag = self.ask(connection, kind, f"/jobs/{job}{'?wait=5' if waits else ''}", headers)
                self.stop.wait(0.05 if waits else POLL_EVERY_S)
        except (OSError, http.client.HTTPException) as err:
            self.wrong(f"poll: {type(err).__name__} {err}")
        finally:
            connection.close()

    def look(self) -> None:
        """GET /jobs?limit=1, as somebody who opens the page does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            while not self.stop.is_set():
                self.ask(connection, "GET /jobs?limit=1", "/jobs?limit=1", {})
                self.stop.wait(0.2)
        except (OSError, http.client.HTTPException) as err:
            self.wrong(f"look: {type(err).__name__} {err}")
        finally:
            connection.close()

    def stream(self, number: int) -> None:
        """Read events, and come back where the stream ends, as a browser does."""
        job, after = self.jobs[number % len(self.jobs)], "0"
        while not self.stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                headers = {"Accept": "text/event-stream", "Last-Event-ID": after}
                began = time.perf_counter()
                connection.request("GET", f"/api/v1/jobs/{job}/events", headers=headers)
                answer = connection.getresponse()
                self.note("stream opened", time.perf_counter() - began)
                if answer.status == 204:
                    return
                if answer.status != 200:
                    self.wrong(f"stream: {answer.status}")
                for line in answer:
                    if line.startswith(b"id: "):
                        after = line[4:].decode().strip()
                        self.said["events read"] += 1
                    if self.stop.is_set():
                        return
            except (OSError, http.client.HTTPException) as err:
                self.wrong(f"stream: {type(err).__name__} {err}")
            finally:
                connection.close()
            self.stop.wait(2)  # what the stream itself asks for (retry: 2000)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        running = RunningStack(Path(folder), Plan(data=Path(folder) / "data", port=0)).start()
        try:
            text = Path(folder) / "text.txt"
            text.write_text(TEXT)
            dataset = running.client.upload([("text.txt", text)], {})["id"]
            params: dict[str, Any] = {"steps": 100_000, "width": 16, "embedding": 8, "context": 16, "batch_size": 4}
            body = {"kind": "train", "recipe": "char_lstm", "inputs": {"data": dataset}, "params": params}
            jobs = [running.client.submit(body)["id"] for _ in range(10)]
            running.until(lambda: running.client.get(f"/jobs/{jobs[0]}")["state"] == "running")
            crowd = Crowd(int(running.url.rsplit(":", 1)[1]), jobs)
            work = [threading.Thread(target=crowd.poll, args=(n,)) for n in range(POLLERS)]
            work += [threading.Thread(target=crowd.stream, args=(n,)) for n in range(STREAMS)]
            work += [threading.Thread(target=crowd.look) for _ in range(LOOKERS)]
            for thread in work:
                thread.start()
            crowd.stop.wait(seconds)
            crowd.stop.set()
            for thread in work:
                thread.join(60)
            commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
            print(f"commit {commit.stdout.strip()}: {POLLERS} pollers, {STREAMS} streams, {seconds:.0f} s, web_threads",
                  running.settings.web_threads)  # fmt: skip
            for kind, times in sorted(crowd.times.items()):
                times.sort()
                p50, p99 = 1000 * times[len(times) // 2], 1000 * times[int(0.99 * len(times))]
                print(
                    f"{kind}: {len(times)} answers, p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {1000 * times[-1]:.0f} ms"
                )
            print("events read, and errors:", json.dumps(crowd.said))
            for job in jobs:
                running.client.call("POST", f"/jobs/{job}/cancel")
        finally:
            running.stop()


if __name__ == "__main__":
    main()
