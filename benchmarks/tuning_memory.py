"""Memory of a fine-tuning as it is foretold from shapes (shared/recipes/tuning_memory.py) beside what its process is seen to hold.

Two bases: SmolLM2-135M-Instruct from its GGUF file, and one of GPT-2's shape (124M) with random weights. Each training runs in a
process of its own: data are read, some steps taken, the base and the result evaluated, samples written. Told: the highest of
anonymous memory (RssAnon). Fails when one is further from what was foretold than a fifth.

    python -m benchmarks.tuning_memory SMOLLM2_GGUF [--only lora] [--base GPT-2] [--steps 6]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np

from benchmarks.data_memory import Memory

CASES: dict[str, dict[str, Any]] = {
    "lora, bfloat16, 4 x 256": {"batch_size": 4, "context": 256},
    "lora, float32, 4 x 256": {"batch_size": 4, "context": 256, "precision": "float32"},
    "lora, bfloat16, 8 x 512": {"batch_size": 8, "context": 512},
    "lora, bfloat16, 8 x 512, 2 at once": {"batch_size": 8, "context": 512, "at_once": 2},
    "lora, bfloat16, 8 x 512, rematerialise": {"batch_size": 8, "context": 512, "rematerialise": True},
    "full, bfloat16, 4 x 256": {"batch_size": 4, "context": 256, "method": "full"},
    "full, float32, 4 x 256": {"batch_size": 4, "context": 256, "method": "full", "precision": "float32"},
}
MOST = 0.2  # how far apart they may be


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--only", default="", help="cases that hold this text")
    parser.add_argument("--base", default="", help="bases whose name holds this text")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.child:
        child(json.loads(flags.child))
    from shared.bases.importer import import_base
    from shared.datasets import Limits, import_dataset
    from shared.volume.volume import Volume

    print("| base | training | foretold GB | seen GB | seen / foretold |\n|---|---|---|---|---|", flush=True)
    apart = []
    with tempfile.TemporaryDirectory() as folder:
        volume = Volume(folder)
        volume.ensure()
        bases = {
            "SmolLM2-135M": import_base(volume, {flags.gguf.name: flags.gguf}, name="smollm2", source="a benchmark"),
            "GPT-2 124M": random_base(volume, Path(folder)),
        }
        text = Path(folder) / "text.txt"
        text.write_text("\n\n".join(topics[name] for name in sorted(topics))[:300_000], encoding="utf-8")
        with text.open("rb") as file:
            data = import_dataset(volume, Limits(), [(text.name, file)])
        for name, base in bases.items():
            for title, params in CASES.items():
                if flags.only not in title or flags.base not in name:
                    continue
                asked = {"volume": folder, "base": base.id, "data": data.id, "params": params | {"steps": flags.steps}}
                command = [
                    sys.executable,
                    "-m",
                    "benchmarks.tuning_memory",
                    str(flags.gguf),
                    "--child",
                    json.dumps(asked),
                ]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                found = json.loads(done.stdout.splitlines()[-1])
                ratio = found["seen"] / found["foretold"]
                apart.append(abs(ratio - 1))
                print(
                    f"| {name} | {title} | {found['foretold'] / 1e9:.2f} | {found['seen'] / 1e9:.2f} | {ratio:.2f} |"
                    + (f" {found['parts']}" if apart[-1] > MOST else ""),
                    flush=True,
                )
    sys.exit(f"{sum(each > MOST for each in apart)} of {len(apart)} are further apart" if max(apart) > MOST else 0)


def random_base(volume: Any, scratch: Path) -> Any:
    """A base of GPT-2's shape with random weights, and the tokenizer of the tests' tiny one."""
    from safetensors.numpy import save_file

    from shared.bases.families import FAMILIES
    from shared.bases.importer import import_base
    from shared.bases.keys import Keys
    from tests.support.tiny_bases import files_of

    values = {
        "model_type": "gpt2",
        "n_embd": 768,
        "n_head": 12,
        "n_layer": 12,
        "n_positions": 1024,
        "vocab_size": 50257,
    }
    family = FAMILIES["gpt2"]
    config = family.read(Keys(values, "config.json"))
    random = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for ours, taken in family.tensors(config).items():
        rows, *rest = config.tensors()[ours]
        shape = (rows * taken.parts, *rest)
        arrays[taken.name] = random.normal(0, 0.02, shape[::-1] if taken.turned else shape).astype(np.float32)
    folder = scratch / "random"
    folder.mkdir()
    save_file(arrays, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(values))
    files = files_of("gpt2") | {path.name: path for path in folder.iterdir()}
    return import_base(volume, files, name="gpt2 random", source="a benchmark")


def child(asked: dict[str, Any]) -> None:
    """Train as a trainer would; prints the figures as JSON."""
    from shared.jobs.job import InputRef
    from shared.recipes.base import validate_params
    from shared.recipes.finetune_lm import SPEC
    from shared.recipes.tuning_memory import memory_bytes
    from shared.volume.volume import Volume
    from worker.context import Context
    from worker.inputs import open_inputs
    from worker.recipe import code_of
    from worker.training.fit import fit

    volume = Volume(asked["volume"])
    memory = Memory()
    memory.start()
    params = validate_params(SPEC.train_params, asked["params"])
    context = Context(volume=volume)
    inputs = open_inputs({"data": InputRef(dataset_id=asked["data"]), "base": InputRef(base_id=asked["base"])}, context)
    data = code_of(SPEC).load(inputs, params, context)
    fit(SPEC, params, data, context, inputs=inputs)
    parts = memory_bytes(params, inputs["base"].base.config)
    print(json.dumps({"seen": memory.peak_mb * 2**20, "foretold": sum(parts.values()), "parts": parts}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
