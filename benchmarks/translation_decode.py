"""Tokens per second that a translator writes, random weights: ours, a plain Keras loop over the same network, Transformers' Marian.

    python -m benchmarks.translation_decode [--peer PYTHON_WITH_TORCH_AND_TRANSFORMERS] [--cases 1x1 16x4] [--width 256 --layers 3]

--cases: sources x beams.

All write the same number of tokens from sources of the same length; ours and Marian with the same numbers of beams, the loop, which
calls model.predict for each token, greedily. The rounds of ours and the loop alternate; each figure is the median of warm rounds.
"""

import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

CASES = ("1x1", "1x4", "16x1", "16x4", "64x1", "64x4")  # sources x beams
HEADS, SOURCE, WRITTEN = 4, 16, 32
_LOOPED = (1, 16)  # sources that the plain loop is timed with


def main() -> None:
    import keras

    from worker.families.translating.network import Transformer
    from worker.generation.decode.beams import BeamEngine, Search

    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", default="")
    for name, value in (("width", 256), ("layers", 3), ("kinds", 8_000), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--cases", nargs="+", default=CASES)
    asked = parser.parse_args()
    cases = [tuple(map(int, case.split("x"))) for case in asked.cases]
    keras.utils.set_random_seed(0)
    model: Any = Transformer((asked.kinds,), asked.width, asked.layers, HEADS, 0.0)
    model.build()
    engine = BeamEngine(model, begins=1, ends=asked.kinds, fills=0)  # nothing ends: all is written to its full length
    random = np.random.default_rng(0)

    def looped(source: np.ndarray) -> np.ndarray:
        target = np.zeros((len(source), WRITTEN + 1), np.int32)
        target[:, 0] = 1
        for place in range(WRITTEN):
            logits = model.predict({"source": source, "target": target[:, :WRITTEN]}, verbose=0)[:, place]
            logits[:, :2] = -np.inf  # as ours: no token that begins or fills up
            target[:, place + 1] = logits.argmax(-1)
        return target[:, 1:]

    speeds: dict[tuple[int, int], float] = {}
    for rows, beams in cases:
        source = random.integers(3, asked.kinds, (rows, SOURCE)).astype(np.int32)
        search = Search(beams, most=WRITTEN)
        began = time.perf_counter()
        written = engine.decode(source, search).tokens[:, 0]
        first = time.perf_counter() - began
        assert written.shape == (rows, WRITTEN) and written.all()
        beside = beams == 1 and rows in _LOOPED
        if beside and not (looped(source) == written).all():
            print("the plain loop writes other tokens: near ties fall the other way")
        ours, loop = [], []
        for _ in range(asked.rounds):
            began = time.perf_counter()
            engine.decode(source, search)
            ours.append(time.perf_counter() - began)
            if beside:
                began = time.perf_counter()
                looped(source)
                loop.append(time.perf_counter() - began)
        speeds[rows, beams] = rows * WRITTEN / statistics.median(ours)
        told = f"{rows} sources, {beams} beams: ours {speeds[rows, beams]:.0f} tokens/s, first call {first:.1f} s"
        if beside:
            other = rows * WRITTEN / statistics.median(loop)
            told += f"; the loop {other:.0f}: ratio {speeds[rows, beams] / other:.1f}"
        print(told, flush=True)
    if asked.peer:
        setting: dict[str, Any] = {
            "width": asked.width, "layers": asked.layers, "heads": HEADS, "kinds": asked.kinds, "source": SOURCE,
            "written": WRITTEN, "cases": cases, "rounds": asked.rounds + 1,
        }  # fmt: skip
        command = [asked.peer, str(Path(__file__).parent / "transformers_translate.py")]
        said = subprocess.run(command, input=json.dumps(setting), capture_output=True, text=True, check=True).stdout
        for case, taken in json.loads(said.splitlines()[-1]).items():
            rows, beams = map(int, case.split())
            other = rows * WRITTEN / statistics.median(taken[1:])
            print(
                f"Marian, {rows} sources, {beams} beams: {other:.0f} tokens/s; ours is {speeds[rows, beams] / other:.2f} of it"
            )


if __name__ == "__main__":
    main()
