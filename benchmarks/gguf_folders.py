"""Whether llama.cpp answers with the GGUF files of an export what we answer: greedy text, and how it parts a page into tokens.

    python -m benchmarks.gguf_folders SMOLLM2_GGUF PYTHON

PYTHON: of an environment with xllamacpp (benchmarks/requirements.txt). SmolLM2-135M-Instruct gets adapters with random numbers, is
exported as F16 and Q8_0, and goes on from a chat prompt for 64 tokens: as it is in this process, as our own reader takes each file
in again, and as llama.cpp reads it. The same with what nobody doubts: the model as it came answers short questions. Fails when a
text of F16 differs, or when the tokens of tests/fixtures/bases/page.txt do.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.base_decode import CHAT, CHAT_OF
from benchmarks.base_perplexity import PAGE

WRITTEN = 64
QUESTIONS = (
    "What is the capital of France?",
    "What is the capital of Italy?",
    "How many days has a week?",
    "What colour is grass?",
    "What is two plus two?",
    "Who wrote Romeo and Juliet?",
)
PEER = """
import json, sys, urllib.request
import xllamacpp
path, prompts, written, page = json.loads(sys.stdin.read())
params = xllamacpp.CommonParams()
params.model.path = path
params.n_ctx, params.n_parallel, params.warmup = 2048, 1, False
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
server = xllamacpp.Server(params)
def asked(place, body):
    url, kind = server.listening_address + place, {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), kind)
    return json.load(urllib.request.urlopen(request))["tokens"]
body = {"n_predict": written, "temperature": 0, "top_k": 1, "ignore_eos": True, "return_tokens": True, "cache_prompt": False}
tokens = [asked("/completion", body | {"prompt": prompt}) for prompt in prompts]
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
        assets = assets_of(opened, template_source(opened))
        vocabulary = BaseVocabulary(reader_from(assets).vocabulary)
        told = [vocabulary.encode(CHAT_OF.format(question)) for question in QUESTIONS]
        random, failed = np.random.default_rng(0), []
        for title, spread, prompts in (("as it came", 0.0, told), ("tuned", 0.01, [vocabulary.encode(CHAT)])):
            for _, layer in adapted(model):
                layer.b.assign(random.normal(0, spread, layer.b.shape))
            place = Path(folder) / title
            place.mkdir()
            export_tuned(model, params, assets, place)
            wanted = greedy(model, prompts)
            print(f"{title}: {[vocabulary.decode(ended(one, vocabulary.ends)) for one in wanted]}", flush=True)
            for packed in ("f16", "q8_0"):
                path = place / "gguf" / f"model-{packed}.gguf"
                again = import_base(volume, {path.name: path}, name=packed, source="a benchmark")
                of_ours = build_base("float32", OpenInput(volume.base_dir(again.id), base=again, hash=again.id))
                ours = greedy(of_ours, prompts)
                theirs, numbered = in_llama_cpp(python, path, [prompt.tolist() for prompt in prompts], page)
                parted = numbered == vocabulary.encode(page).tolist()
                print(f"{title}, {packed}, {path.stat().st_size / 1e6:.0f} MB; of the page {len(numbered)} tokens")
                for who, found in (("as we read it", ours), ("as llama.cpp reads it", theirs)):
                    same, ends = whole(wanted, found, vocabulary.ends), said(wanted, found)
                    print(f"  {who}: {same} of {len(wanted)} answers whole; first tokens alike {ends}", flush=True)
                if not parted or (packed == "f16" and (ours != wanted or theirs != wanted)):
                    failed.append(f"{title} {packed}")
    sys.exit(f"{', '.join(failed)} differ" if failed else 0)


def in_llama_cpp(python: str, path: Path, prompts: list[list[int]], page: str) -> tuple[list[list[int]], list[int]]:
    """(greedy tokens after each prompt, tokens of the page)."""
    asked = json.dumps([str(path), prompts, WRITTEN, page])
    done = subprocess.run([python, "-c", PEER], input=asked, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
    if line is None:
        sys.exit(f"llama.cpp did not answer:\n{done.stderr[-3000:]}")
    there = json.loads(line.removeprefix("RESULT"))
    return [tokens[:WRITTEN] for tokens in there["tokens"]], there["page"]


def ended(tokens: list[int], ends: Any) -> list[int]:
    """Up to the first token after which a text is over."""
    return tokens[: next((i for i, token in enumerate(tokens) if token in ends), len(tokens))]


def whole(wanted: list[list[int]], found: list[list[int]], ends: Any) -> int:
    """How many answers are the same to their end, where llama.cpp, told to go on, writes something else."""
    return sum(alike(one, other) >= len(ended(one, ends)) for one, other in zip(wanted, found, strict=True))


def said(wanted: list[list[int]], found: list[list[int]]) -> str:
    return ", ".join(str(alike(one, other)) for one, other in zip(wanted, found, strict=True))


def greedy(model: Any, prompts: list[np.ndarray]) -> list[list[int]]:
    from shared.recipes.text_params import TextGenerate
    from worker.generation.decode.decoder import DecoderEngine
    from worker.generation.decode.sampling import Sampling

    engine, sampling = DecoderEngine(model), Sampling.same(1, TextGenerate(temperature=0))
    return [np.concatenate(list(engine.decode(prompt, WRITTEN, sampling)), 1)[0].tolist() for prompt in prompts]


def alike(one: list[int], other: list[int]) -> int:
    """How many tokens are the same before the first that differs."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
