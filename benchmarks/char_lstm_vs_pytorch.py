"""char_lstm against the same network in PyTorch, same windows in the same order: wanted within 2 % of its validation loss.

Run: python -m benchmarks.char_lstm_vs_pytorch --torch-python PATH [--steps 1000]; PATH: a Python with requirements.txt installed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.text_figures import shakespeare, train


def pytorch(python: str, text: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Train the PyTorch network on the windows that TextData draws."""
    from shared.recipes.char_lstm import CharLstmTrain
    from tests.support.tiny_text import text_data

    params = CharLstmTrain(**values)
    data = text_data(text.read_text(encoding="utf-8"), params)
    tokens = data.tokens.read(0, len(data.tokens)).astype(np.int32)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        np.save(folder / "train.npy", tokens[: data.cut])
        np.save(folder / "val.npy", tokens[data.cut :])
        np.save(folder / "starts.npy", np.stack([data.starts(step).numpy() for step in range(params.steps)]))
        setting = params.model_dump() | {"size": data.vocabulary.size, "threads": len(os.sched_getaffinity(0))}
        (folder / "setting.json").write_text(json.dumps(setting))
        script = str(Path(__file__).with_name("pytorch_lstm.py"))
        done = subprocess.run([python, script, place], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--torch-python", required=True)
    parser.add_argument("--steps", type=int, default=1000)
    given = parser.parse_args()
    values = {"steps": given.steps, "eval_every": given.steps}
    other = pytorch(given.torch_python, shakespeare(), values)
    ours = train("char_lstm", values, shakespeare())
    print(f"PyTorch: val_loss {other['val_loss']:.4f}, {other['step_ms']:.1f} ms a step (median)")
    print(f"here:    val_loss {ours['val_loss']:.4f}, {1000 / ours['steps_per_s']:.1f} ms a step")
    ratio = ours["val_loss"] / other["val_loss"]
    print(f"ratio of the losses {ratio:.4f}")
    sys.exit(ratio > 1.02)
