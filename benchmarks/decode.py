"""Tokens per second of generation: GPT-2 shape (4 layers, 4 heads, width 256, 65 tokens, context 256), top-k 5, to full length.

Weights are random: speed does not depend on them. Also: the first call of a process, a warm call of 32 characters, one after a
prompt of a length that was not there before, and char_lstm.
Run: python -m benchmarks.decode
"""

import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.here import ROOT


def opened(recipe: str, values: dict[str, Any]) -> Any:
    """A generator over an alphabet of 65 characters."""
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params
    from worker.recipe import Assets, build_model, code_of

    spec = get_recipe(recipe)
    params, code = validate_params(spec.train_params, values), code_of(spec)
    characters = "".join(chr(48 + i) for i in range(65))
    assets = Assets({"vocabulary": {"kind": "char", "characters": characters}, "beginning": "0"})
    return code.open_generator(build_model(code, params, assets, {}), params, assets)


def seconds(generator: Any, rounds: int, lengths: bool = False, **values: Any) -> tuple[float, float]:
    """(first call, median of the warm calls). lengths: each call's prompt is a character longer than the one before."""
    from shared.recipes.text_params import TextGenerate
    from worker.artifacts import Files
    from worker.context import Context

    taken = []
    for seed in range(rounds + 1):
        params = TextGenerate(prompt="0" * (seed + 2 if lengths else 1), seed=seed, **values)
        began = time.perf_counter()
        made = generator.generate(params, Context(), Files(Path("no file is written"))).outputs
        taken.append(time.perf_counter() - began)
        assert all(len(one.text) == params.max_tokens for one in made)
    return taken[0], statistics.median(taken[1:])


if __name__ == "__main__":
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    print(f"commit {commit.strip()}, {os.cpu_count()} cores")
    for recipe, shape in (
        ("gpt", {"layers": 4, "heads": 4, "width": 256, "context": 256}),
        ("gpt", {}),
        ("char_lstm", {}),
    ):
        generator = opened(recipe, shape)
        first, warm = seconds(generator, 20, max_tokens=32)
        print(
            f"{recipe} {shape or 'default'}: 32 characters, first call {first:.2f} s, warm {1000 * warm:.1f} ms",
            flush=True,
        )
        _, other = seconds(generator, 10, lengths=True, max_tokens=32)
        print(f"  after a prompt of another length {1000 * other:.1f} ms", flush=True)
        for rows in (1, 8, 32):
            length = shape.get("context", 64) - 1
            first, warm = seconds(generator, 5, max_tokens=length, samples=rows, top_k=5)
            print(
                f"  {rows:2} rows x {length}: first {first:.2f} s, warm {rows * length / warm:.0f} tokens/s", flush=True
            )
