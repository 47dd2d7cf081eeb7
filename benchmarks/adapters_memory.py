"""What models upon one base cost a generator's memory, one after the other: held together, and each with a base of its own.

    python -m benchmarks.adapters_memory SMOLLM2_GGUF [--models 3]

LoRA rank 8 on all matrices of SmolLM2-135M-Instruct, in bfloat16, each opened as by a generator and asked for 16 tokens. Told:
anonymous memory (RssAnon) that each adds, before and after it has answered, in a process for each way.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.base_decode import CHAT
from benchmarks.data_memory import Memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--models", type=int, default=3)
    parser.add_argument("--child", choices=["together", "apart"])
    parser.add_argument("--volume", type=Path)
    flags = parser.parse_args()
    if flags.child:
        child(flags.gguf, flags.volume, flags.models, together=flags.child == "together")
    with tempfile.TemporaryDirectory() as folder:
        for way in ("together", "apart"):
            command = [sys.executable, "-m", "benchmarks.adapters_memory", str(flags.gguf), "--child", way]
            command += ["--volume", folder, "--models", str(flags.models)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            print(f"{way}: weights of the base {found['base']:.0f} MB, of an adapter {found['adapter']:.0f} MB")
            for number, (loaded, answered) in enumerate(found["added"], 1):
                print(
                    f"  model {number}: {loaded:.0f} MB more when loaded, {answered:.0f} MB more once it has answered"
                )
            sys.stdout.flush()


def child(gguf: Path, place: Path, models: int, *, together: bool) -> None:
    from shared.bases.importer import import_base
    from shared.recipes.base import validate_params
    from shared.recipes.finetune_lm import SPEC
    from shared.volume.volume import Volume
    from worker.artifacts import Files
    from worker.context import Context
    from worker.families.tuning import network
    from worker.families.tuning.data import assets_of, template_source
    from worker.recipe import OpenInput, build_model, code_of

    volume = Volume(place)
    base = import_base(volume, {gguf.name: gguf}, name="SmolLM2", source="a benchmark")
    opened = OpenInput(volume.base_dir(base.id), base=base, hash=base.id)
    code, assets = code_of(SPEC), assets_of(opened, template_source(opened))
    params = validate_params(SPEC.train_params, {})
    asked = validate_params(SPEC.use("generate").params, {"prompt": CHAT, "raw": True, "max_tokens": 16, "seed": 1})
    held, added = [], []
    for _ in range(models):
        if not together:
            network.UPON.clear()
        gc.collect()
        before = Memory.now_mb()
        model = build_model(code, params, assets, {"base": opened})
        gc.collect()
        loaded = Memory.now_mb()
        generator = code.open_generator(model, params, assets)
        generator.generate(asked, Context(), Files(place))
        held.append(generator)
        gc.collect()
        added.append([loaded - before, Memory.now_mb() - loaded])
    adapter = sum(variable.shape[0] * variable.shape[1] * 4 for variable in held[0]._model.trainable_variables)
    print(json.dumps({"base": base.parameters * 2 / 2**20, "adapter": adapter / 2**20, "added": added}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
