"""Does the time of checking an API key tell how much of it was right? Interleaved, so that neighbours disturb all alike.

Run: python -m benchmarks.key_timing
"""

import random
import statistics
import subprocess
import tempfile
import time

from benchmarks.here import ROOT
from shared.api_keys import create_key, find_key
from shared.ids import new_id
from shared.volume.volume import Volume

ROUNDS = 4_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        volume = Volume(folder)
        volume.ensure()
        _, right = create_key(volume, owner="ann", scope="submit")
        _, key_id, secret = right.split("_", 2)
        other = "B" if secret[0] == "A" else "A"
        texts = {
            "right": right,
            "first character of the secret wrong": f"ty_{key_id}_{other}{secret[1:]}",
            "last character of the secret wrong": f"ty_{key_id}_{secret[:-1]}{'B' if secret[-1] == 'A' else 'A'}",
            "whole secret wrong": f"ty_{key_id}_{secret[::-1]}",
            "id of no key": f"ty_{new_id()}_{secret}",
        }
        taken: dict[str, list[float]] = {name: [] for name in texts}
        for _ in range(ROUNDS):
            for name in random.sample(list(texts), len(texts)):
                began = time.perf_counter()
                find_key(volume, texts[name])
                taken[name].append(1e6 * (time.perf_counter() - began))
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
        print(f"commit {commit.stdout.strip()}, {ROUNDS:,} checks of each")
        for name, times in taken.items():
            quarter, _, three = statistics.quantiles(times, n=4)
            print(f"{name}: median {statistics.median(times):.1f} us, quartiles {quarter:.1f} and {three:.1f}")


if __name__ == "__main__":
    main()
