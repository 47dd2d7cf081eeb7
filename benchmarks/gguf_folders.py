"""Whether llama.cpp answers with the GGUF files of an export what we answer: greedy text, and how it parts a page into tokens.

    python -m benchmarks.gguf_folders SMOLLM2_GGUF PYTHON

PYTHON: of an environment with xllamacpp (benchmarks/requirements.txt). SmolLM2-135M-Instruct gets adapters with random numbers, is
exported as F16 and Q8_0, and goes on from a chat prompt for 64 tokens: as it is in this process, as our own reader takes each file
in again, and as llama.cpp reads it. Fails when a text of F16 differs, or when the tokens of tests/fixtures/bases/page.txt do.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.base_decode import CHAT
from benchmarks.base_perplexity import PAGE

WRITTEN = 64
PEER = """
import json, sys, urllib.request
import xllamacpp
path, prompt, written, page = json.loads(sys.stdin.read())
params = xllamacpp.CommonParams()
params.model.path = path
params.n_ctx, params.n_parallel, params.warmup = 2048, 1, False
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
server = xllamacpp.Server(params)
def asked(place, body):
    url, kind = server.listening_address + place, {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), kind)
    return json.load(urllib.request.urlopen(request))["tokens"]
tokens = asked("/completion", {"prompt": prompt, "n_predict": written, "temperature": 0, "top_k": 1, "ignore_eos": True,
                               "return_tokens": True, "cache_prompt": False})
print("RESULT" + json.dumps({"tokens": tokens, "page": asked("/tokenize", {"content": page, "parse_special": True})}))
"""


def main(gguf: Path, python: str) -> None:
    import keras

    from shared.bases.importer import import_base
    from shared.recipes.base import validate_params
    from shared.recipes.finetune_lm import SPEC
    from shared.volume.volume import Volume
    from worker.families.tuning.adapters import adapted
    from worker.families.tuning.data import assets_of, template_source
    from worker.families.tuning.exporting import export_tuned
    from worker.families.tuning.network import build_base, build_tuned
    from worker.families.tuning.vocabulary import BaseVocabulary, reader_from
    from worker.recipe import OpenInput

    page = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        volume = Volume(Path(folder) / "volume")
        base = import_base(volume, {gguf.name: gguf}, name="SmolLM2", source="a benchmark")
        opened = OpenInput(volume.base_dir(base.id), base=base, hash=base.id)
        params = validate_params(SPEC.train_params, {"precision": "float32"})
        keras.utils.set_random_seed(0)
        model = build_tuned(params, base.decoder, opened.folder, False)
        random = np.random.default_rng(0)
        for _, layer in adapted(model):
            layer.b.assign(random.normal(0, 0.01, layer.b.shape))
        assets = assets_of(opened, template_source(opened))
        vocabulary = BaseVocabulary(reader_from(assets).vocabulary)
        prompt, numbered = vocabulary.encode(CHAT), vocabulary.encode(page).tolist()
        export_tuned(model, params, assets, Path(folder))
        wanted = greedy(model, prompt)
        print(f"tuned: {vocabulary.decode(wanted)!r}")
        failed = []
        for packed in ("f16", "q8_0"):
            path = Path(folder) / "gguf" / f"model-{packed}.gguf"
            again = import_base(volume, {path.name: path}, name=packed, source="a benchmark")
            of_ours = build_base("float32", OpenInput(volume.base_dir(again.id), base=again, hash=again.id))
            asked = json.dumps([str(path), prompt.tolist(), WRITTEN, page])
            done = subprocess.run([python, "-c", PEER], input=asked, capture_output=True, text=True, check=False)
            line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
            if line is None:
                sys.exit(f"llama.cpp did not answer:\n{done.stderr[-3000:]}")
            there = json.loads(line.removeprefix("RESULT"))
            ours, theirs = greedy(of_ours, prompt), there["tokens"][:WRITTEN]
            same, parted = alike(wanted, ours), there["page"] == numbered
            print(
                f"{packed}, {path.stat().st_size / 1e6:.0f} MB: of {WRITTEN} greedy tokens the first {same} are the tuned model's "
                f"as we read it, the first {alike(wanted, theirs)} as llama.cpp does ({alike(ours, theirs)} of ours too); "
                f"the page's {len(numbered)} tokens {'are the same' if parted else 'differ'}",
                flush=True,
            )
            if not parted or (packed == "f16" and (ours != wanted or theirs != wanted)):
                failed.append(packed)
    sys.exit(f"{', '.join(failed)} differ" if failed else 0)


def greedy(model: Any, prompt: np.ndarray) -> list[int]:
    from shared.recipes.text_params import TextGenerate
    from worker.generation.decode.decoder import DecoderEngine
    from worker.generation.decode.sampling import Sampling

    sampling = Sampling.same(1, TextGenerate(temperature=0))
    return np.concatenate(list(DecoderEngine(model).decode(prompt, WRITTEN, sampling)), 1)[0].tolist()


def alike(one: list[int], other: list[int]) -> int:
    """How many tokens are the same before the first that differs."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
