"""Import of a large table: seconds, rows per second and the most memory it took, for as many rows as asked for.

    python -m benchmarks.table_import --rows 2000000

The table is made first: two numbers, one with a decimal comma, an id, a date, a category with missing cells, a short text, true or
false; 100 bytes a row. The import runs in a process of its own, whose peak of memory is told: all that is
resident, and its own alone, without the pages of mapped files, which the system takes back when it needs them.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

_CITIES = ["Berlin", "北京", "Zürich", "São Paulo", "Nairobi", "?", "", "Lima"]
_WORDS = ["the", "train", "leaves", "at", "noon", "and", "comes", "back", "when", "dark"]


def make(path: Path, rows: int, columns: int) -> None:
    """Write the table; columns: further numbers beside the seven columns."""
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as out:
        more = "".join(f";n{number}" for number in range(columns))
        out.write(f"id;amount;share;day;city;note;paid{more}\n")
        for row in range(rows):
            words = " ".join(rng.choices(_WORDS, k=6))
            share = f"{rng.random():.6f}".replace(".", ",")
            day = f"{rng.randint(1, 28)}.{rng.randint(1, 12)}.{rng.randint(1990, 2025)}"
            paid = "true" if rng.random() < 0.3 else "false"
            extra = "".join(f";{rng.randint(0, 999)}" for _ in range(columns))
            out.write(
                f"{row + 10**9};{rng.randint(1, 10**6)};{share};{day};{rng.choice(_CITIES)};{words};{paid}{extra}\n"
            )


def take_in(path: Path) -> dict[str, float]:
    """Import it in this process. Returns the figures."""
    from shared.datasets import Limits, import_dataset
    from shared.volume.volume import Volume

    limits = Limits(max_upload_bytes=1 << 40, max_unpacked_bytes=1 << 40)
    done, own = threading.Event(), []

    def watch() -> None:
        while not done.wait(0.02):
            status = Path("/proc/self/status").read_text()
            own.append(int(status.partition("RssAnon:")[2].split()[0]))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with tempfile.TemporaryDirectory() as folder, path.open("rb") as file:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        dataset = import_dataset(Volume(folder), limits, [(path.name, file)])
        seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    return {
        "rows": dataset.report.rows,
        "columns": len(dataset.report.columns),
        "upload_mb": round(path.stat().st_size / 1e6, 1),
        "seconds": round(seconds, 1),
        "cpu_s": round(time.process_time(), 1),
        "rows_per_s": round(dataset.report.rows / seconds),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "peak_own_mb": round(max(own) / 1024),
        "before_mb": round(before / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--columns", type=int, default=0, help="further columns of numbers")
    parser.add_argument("--take", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.take:
        print(json.dumps(take_in(asked.take)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        make(path, asked.rows, asked.columns)
        subprocess.run([sys.executable, "-m", "benchmarks.table_import", "--take", str(path)], check=True)


if __name__ == "__main__":
    main()
