"""Tokens per second of SmolLM2-135M-Instruct, 128 tokens after a chat prompt, greedy: ours, then Transformers'.

    python -m benchmarks.base_decode GGUF_FILE PYTHON_WITH_TORCH_AND_TRANSFORMERS

Each is warm; Transformers in float32 and in bfloat16. The greedy text of one row must be the same.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROWS, WRITTEN = (1, 4, 8), 128
CHAT_OF = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
)
CHAT = CHAT_OF.format("Write a long story about a ship.")


def ours(path: Path) -> tuple[list[int], dict[int, float], list[int]]:
    """(prompt, tokens/s by rows, the greedy text)."""
    from shared.bases.importer import import_base
    from shared.recipes.text_params import TextGenerate
    from shared.volume.volume import Volume
    from worker.families.language.network import Decoder
    from worker.families.language.tokens import BaseVocabulary
    from worker.families.language.weights import assign_base
    from worker.generation.decode.decoder import DecoderEngine
    from worker.generation.decode.sampling import Sampling

    with tempfile.TemporaryDirectory() as folder:
        volume = Volume(folder)
        base = import_base(volume, {path.name: path}, name=path.name, source="a benchmark")
        model = Decoder(base.decoder)
        model.build()
        assign_base(model, volume.base_dir(base.id))
        prompt = BaseVocabulary.of(volume.base_dir(base.id)).encode(CHAT)
    engine, speeds, text = DecoderEngine(model), {}, []
    for rows in ROWS:
        how, taken = Sampling.same(rows, TextGenerate(temperature=0)), []
        for _ in range(4):  # the first one compiles
            began = time.perf_counter()
            pieces = list(engine.decode(prompt, WRITTEN, how))
            taken.append(time.perf_counter() - began)
        speeds[rows] = rows * WRITTEN / min(taken[1:])
        print(f"ours, {rows} rows: {speeds[rows]:.1f} tokens/s, the first call {taken[0]:.1f} s", flush=True)
        text = text or np.concatenate(pieces, 1)[0].tolist()
    return prompt.tolist(), speeds, text


if __name__ == "__main__":
    prompt, speeds, text = ours(Path(sys.argv[1]))
    script = Path(__file__).parent / "transformers_decode.py"
    for dtype in ("float32", "bfloat16"):
        given = json.dumps({"prompt": prompt, "rows": ROWS, "written": WRITTEN})
        command = [sys.argv[2], str(script), str(Path(sys.argv[1]).resolve()), dtype]
        said = subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout
        there = json.loads(said.splitlines()[-1])
        for rows in ROWS:
            other = there["speeds"][str(rows)]
            print(f"Transformers, {dtype}, {rows} rows: {other:.1f} tokens/s; ours is {speeds[rows] / other:.2f} of it")
        if dtype == "float32" and there["text"] != text:
            sys.exit("the greedy texts differ")
