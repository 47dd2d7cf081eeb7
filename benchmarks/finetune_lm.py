"""LoRA on SmolLM2-135M: tokens per second, memory and loss beside Transformers with PEFT, the same data in the same run.

    python benchmarks/finetune_lm.py --base FOLDER --peer PYTHON [--steps 100] [--precision float32 bfloat16]

FOLDER: a Hugging Face folder, a GGUF file, or the folder of a base on a volume; of the latter two the peer is given what our own
export makes of them. PYTHON: of an environment with torch, transformers and peft (benchmarks/requirements.txt). Rank 8 on all seven
matrices, 4 windows of 256 tokens, AdamW, the same tokens in the same order; each side in a process of its own, one after the other.
Prints a table for RESULTS.md. Memory: the highest of the process, and what shared/recipes/tuning_memory.py foretells.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RANK, ALPHA, RATE = 8, 16, 1e-4
PEER = """
import json, resource, sys, time
import numpy as np, torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
folder, tokens, steps, precision, rank, alpha, rate, first = json.loads(sys.argv[1])
torch.manual_seed(0)
began = time.perf_counter()
model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, precision))
names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
model = get_peft_model(model, LoraConfig(r=rank, lora_alpha=alpha, target_modules=names, task_type="CAUSAL_LM"))
with np.load(first) as arrays, torch.no_grad():
    for name, parameter in model.named_parameters():
        if "lora_A" in name:
            parameter.copy_(torch.from_numpy(arrays[name.split("model.layers.")[1].rsplit(".lora_A", 1)[0]]))
learning = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(learning, rate, betas=(0.9, 0.999), weight_decay=0.0)
batches, losses, seconds = np.load(tokens), [], []
ready = time.perf_counter() - began
for step in range(steps):
    x = torch.from_numpy(batches[step].astype(np.int64))
    began = time.perf_counter()
    loss = model(input_ids=x, labels=x).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(learning, 1.0)
    optimizer.step()
    optimizer.zero_grad()
    losses.append(loss.item())
    seconds.append(time.perf_counter() - began)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print("RESULT" + json.dumps({"losses": losses, "seconds": seconds, "peak": peak, "ready": ready}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--peer", default="")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--xla", nargs="+", default=["off"], choices=["off", "on"])
    parser.add_argument("--rematerialise", action="store_true")
    parser.add_argument("--ours", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        _ours(json.loads(options.ours))
        return
    print(
        f"| side | precision | tokens/s, median | loss, first | loss, last 10 | peak GB | ready s | first step s |\n{'|---' * 8}|"
    )
    with tempfile.TemporaryDirectory() as scratch:
        for precision in options.precision:
            found = {}
            for xla in options.xla:
                found[f"Trainyard, XLA {xla}"] = _run_ours(options, precision, xla, Path(scratch))
            if options.peer:
                found["Transformers + PEFT"] = _run_peer(options, precision, Path(scratch))
            for side, made in found.items():
                _row(side, precision, made, options)


def _row(side: str, precision: str, made: dict, options: argparse.Namespace) -> None:
    rate = options.windows * options.context / float(np.median(made["seconds"][1:]))
    last = float(np.mean(made["losses"][-10:]))
    peak = f"{made['peak'] / 1e9:.2f}" + (f" (foretold {made['foretold'] / 1e9:.2f})" if "foretold" in made else "")
    print(
        f"| {side} | {precision} | {rate:.0f} | {made['losses'][0]:.4f} | {last:.4f} | {peak} | {made['ready']:.1f} | "
        f"{made['seconds'][0]:.1f} |",
        flush=True,
    )


def _run_ours(options: argparse.Namespace, precision: str, xla: str, scratch: Path) -> dict:
    asked = {
        "base": str(options.base), "steps": options.steps, "windows": options.windows, "context": options.context,
        "precision": precision, "xla": xla, "scratch": str(scratch), "rematerialise": options.rematerialise,
    }  # fmt: skip
    return _result([sys.executable, __file__, "--base", str(options.base), "--ours", json.dumps(asked)])


def _run_peer(options: argparse.Namespace, precision: str, scratch: Path) -> dict:
    base = options.base if (options.base / "config.json").exists() else scratch / "merged"
    asked = [
        str(base), str(scratch / "tokens.npy"), options.steps, precision, RANK, ALPHA, RATE, str(scratch / "first.npz")
    ]  # fmt: skip
    return _result([options.peer, "-c", PEER, json.dumps(asked)])


def _result(command: list[str]) -> dict:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=None, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    if not lines:
        raise SystemExit(f"{' '.join(command[:2])} failed:\n{done.stderr[-3000:]}")
    return json.loads(lines[0].removeprefix("RESULT"))


def _ours(asked: dict) -> None:
    sys.path.insert(0, str(ROOT))
    from pydoc_data.topics import topics

    import keras
    import tensorflow as tf

    from shared.bases.importer import import_base
    from shared.bases.manifest import Base
    from shared.bases.weights_file import WEIGHTS
    from shared.chats.tokens import Vocabulary
    from shared.recipes.base import validate_params
    from shared.recipes.finetune_lm import SPEC
    from shared.recipes.tuning_memory import memory_bytes
    from shared.volume.staging import read_manifest
    from shared.volume.volume import Volume
    from worker.families.tuning.adapters import adapted
    from worker.families.tuning.network import build_tuned
    from worker.recipe import POLICIES

    source = Path(asked["base"])
    if (source / WEIGHTS).exists():
        base, folder = Base.model_validate(read_manifest(source)), source
    else:
        volume = Volume(Path(asked["scratch"]) / "volume")
        files = {path.name: path for path in source.iterdir()} if source.is_dir() else {source.name: source}
        base = import_base(volume, files, name="base", source="a benchmark")
        folder = volume.base_dir(base.id)
    if not (source / "config.json").exists() and not (Path(asked["scratch"]) / "merged").exists():
        _write_folder(base, folder, Path(asked["scratch"]))
    windows, context, steps = asked["windows"], asked["context"], asked["steps"]
    text = "\n\n".join(topics[name] for name in sorted(topics))
    tokens = Vocabulary.of(folder / "tokenizer.json", base.special).tokenizer.encode(text).ids
    starts = np.random.default_rng(0).integers(0, len(tokens) - context, (steps, windows))
    batches = np.array([[tokens[start : start + context] for start in row] for row in starts], np.int32)
    np.save(Path(asked["scratch"]) / "tokens.npy", batches)
    params = validate_params(
        SPEC.train_params,
        {
            "precision": asked["precision"], "rank": RANK, "alpha": ALPHA, "context": context, "batch_size": windows,
            "rematerialise": asked["rematerialise"],
        },
    )  # fmt: skip
    began = time.perf_counter()
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(POLICIES[asked["precision"]])
    model = build_tuned(params, base.decoder, folder, False)
    keras.config.set_dtype_policy("float32")
    _save_first(adapted(model), Path(asked["scratch"]) / "first.npz")
    optimizer = keras.optimizers.AdamW(RATE, beta_2=0.999, weight_decay=0.0, global_clipnorm=1.0)
    model.compile(optimizer=optimizer, jit_compile=asked["xla"] == "on")
    step = tf.function(model.train_step, autograph=False, jit_compile=asked["xla"] == "on")
    ready, losses, seconds = time.perf_counter() - began, [], []
    places = np.broadcast_to(np.arange(context, dtype=np.int32), (windows, context))
    weight = np.ones((windows, context), np.float32)
    weight[:, -1] = 0
    for batch in batches:
        x = {"tokens": batch, "segments": np.ones_like(batch), "places": places}
        data = tf.nest.map_structure(tf.constant, (x, np.roll(batch, -1, 1), weight))
        began = time.perf_counter()
        model.reset_metrics()
        losses.append(float(step(data)["loss"]))
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    foretold = sum(memory_bytes(params, base.decoder).values())
    print(
        "RESULT"
        + json.dumps({"losses": losses, "seconds": seconds, "peak": peak, "ready": ready, "foretold": foretold})
    )


def _write_folder(base: Any, folder: Path, into: Path) -> None:
    """Write merged/, the base as Transformers loads it."""
    from shared.recipes.base import validate_params
    from shared.recipes.finetune_lm import SPEC
    from worker.families.tuning.data import assets_of, template_source
    from worker.families.tuning.exporting import export_tuned
    from worker.families.tuning.network import build_base
    from worker.recipe import OpenInput

    opened = OpenInput(folder, base=base, hash=base.id)
    params = validate_params(SPEC.train_params, {"precision": "float32"})
    export_tuned(build_base("float32", opened), params, assets_of(opened, template_source(opened)), into)


def _save_first(found: list, path: Path) -> None:
    """The adapters as they begin, by PEFT's names: both sides start alike."""
    names = {"gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj"}
    arrays = {}
    for name, layer in found:
        _, number, matrix = name.split(".")
        module = names.get(matrix, f"self_attn.{matrix}_proj")
        arrays[f"{number}.{module}"] = np.asarray(layer.a.numpy()).T
    np.savez(path, **arrays)


if __name__ == "__main__":
    main()
