"""500 jobs through one worker: does the memory of any of its processes grow, is any file, key or process left?

Run: python -m benchmarks.leaks [--jobs 500]
"""

import argparse
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.image_figures import ROOT
from benchmarks.load_generations import trained
from cli.stack import Plan
from tests.faults.installation import command_of, descendants
from tests.support import leaks
from tests.support.running import RunningStack

AT_A_TIME = 50


def figures(pid: int) -> tuple[float, int]:
    """(resident megabytes, open files) of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(resident.split()[1]) / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir()))


def processes(running: RunningStack) -> dict[str, int]:
    """Process ids by part: the worker that generates, its supervisor, its warm generator, the web, the reaper."""
    parent = running.pids()["generate"]
    below = descendants(parent)
    found = {"Celery parent": parent, "web": descendants(running.pids()["web"])[0], "reaper": running.pids()["reaper"]}
    found["supervisor"] = next(pid for pid in below if "worker.process" not in command_of(pid))
    found["warm generator"] = next(pid for pid in below if "worker.process" in command_of(pid))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=500)
    count = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        running = RunningStack(folder, Plan(data=folder / "data", port=0, settings={"spare": "false"})).start()
        try:
            model = trained(running, folder)
            rows: list[tuple[int, dict[str, tuple[float, int]]]] = []
            done = 0
            while done < count:
                ids = []
                for number in range(AT_A_TIME):
                    params: dict[str, Any] = {"prompt": "The ", "max_tokens": 1 + (done + number) % 40, "seed": number}
                    ids.append(running.client.submit({"kind": "generate", "model_id": model, "params": params})["id"])
                running.until(lambda ids=ids: all(j.state.terminal for j in running.store.get_many(ids)), 300)
                done += AT_A_TIME
                rows.append((done, {part: figures(pid) for part, pid in processes(running).items()}))
            commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
            print(f"commit {commit.stdout.strip()}: {count} generations through one worker; resident MB, open files")
            parts = list(rows[0][1])
            print("| after | " + " | ".join(parts) + " |\n|---" + "|---" * len(parts) + "|")
            for after, row in rows:
                print(f"| {after} | " + " | ".join(f"{row[p][0]:.1f}, {row[p][1]}" for p in parts) + " |")
            kinds: Counter[str] = Counter()
            for key in running.store.redis.scan_iter(f"{running.settings.key_prefix}:*", count=1000):
                kinds[str(key).split(":")[1]] += 1
            print("keys by kind:", dict(kinds))
            print("keys nobody would remove:", leaks.ownerless_keys(running.store.redis, running.settings.key_prefix))
            staged = [p for p in leaks.staging_left(running.settings.data) if p.exists()]
            print("temporary files left on the volume:", len(staged))
            print("processes below the worker:", len(descendants(running.pids()["generate"])))
        finally:
            running.stop()


if __name__ == "__main__":
    main()
