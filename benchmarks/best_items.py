"""How long the 20 best of a million items take, beside all products by NumPy; both must say the same.

    python -m benchmarks.best_items --items 1000000 --width 64

Vectors by three formulas, none of them trained: "trained" has lengths that differ (a lognormal) and most of what there is in
few directions, as trained ones are expected to; "even" has neither, which is the worst case; "biased" is "trained" with a bias
for each item. Medians of 200 people, one after the other, warm.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from worker.families.recommending.best_items import BestItems

K = 20


def made(kind: str, items: int, width: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(vectors of items, their biases, vectors of 200 people), float32."""
    fall = np.ones(width) if kind == "even" else 1 / np.sqrt(1 + np.arange(width))
    axes = np.linalg.qr(rng.normal(size=(width, width)))[0]
    mix = (fall[:, None] * axes).astype(np.float32)
    vectors = rng.standard_normal((items, width), np.float32) @ mix
    if kind != "even":
        vectors *= rng.lognormal(0, 0.5, (items, 1)).astype(np.float32)
    bias = rng.normal(0, 1, items).astype(np.float32) if kind == "biased" else np.zeros(items, np.float32)
    return vectors, bias, rng.standard_normal((200, width), np.float32) @ mix


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--kinds", nargs="+", default=["trained", "biased", "even"])
    args = parser.parse_args()
    print(f"{args.items:,} items, {args.width} wide, top {K}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for kind in args.kinds:
        vectors, bias, people = made(kind, args.items, args.width, np.random.default_rng(0))
        began = time.perf_counter()
        best = BestItems(vectors, bias)
        ready = time.perf_counter() - began
        ours, plain, cpu_ours, cpu_plain, same = [], [], [], [], 0
        for person in people:
            best.find(person, K)  # warm
            began, cpu = time.perf_counter(), time.process_time()
            places, _ = best.find(person, K)
            ours.append(time.perf_counter() - began)
            cpu_ours.append(time.process_time() - cpu)
            began, cpu = time.perf_counter(), time.process_time()
            scores = vectors @ person + bias
            top = np.argpartition(-scores, K)[:K]
            top = top[np.argsort(-scores[top], kind="stable")]
            plain.append(time.perf_counter() - began)
            cpu_plain.append(time.process_time() - cpu)
            same += set(places.tolist()) == set(top.tolist())
        print(
            f"{kind}: in blocks p50 {_ms(ours)} ms, p95 {_ms(ours, 95)} ms (CPU {_ms(cpu_ours)}); NumPy p50 {_ms(plain)} ms, p95 "
            f"{_ms(plain, 95)} ms (CPU {_ms(cpu_plain)}); the same items for {same} of {len(people)}; made ready in {ready:.1f} s",
            flush=True,
        )


def _ms(seconds: list[float], percentile: int = 50) -> str:
    value = statistics.median(seconds) if percentile == 50 else statistics.quantiles(seconds, n=20)[18]
    return f"{1e3 * value:.1f}"


if __name__ == "__main__":
    main()
