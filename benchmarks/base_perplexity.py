"""Perplexity of SmolLM2-135M-Instruct on tests/fixtures/bases/page.txt: ours beside Transformers', both from the same GGUF file.

    python -m benchmarks.base_perplexity GGUF_FILE PYTHON_WITH_TORCH_AND_TRANSFORMERS

Fails when they differ by more than a thousandth. Both are given our tokens: Transformers makes a tokenizer of a GGUF file without
looking at tokenizer.ggml.pre, and does not part SmolLM2's digits, as the model's own tokenizer.json does.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.here import ROOT

PAGE = ROOT / "tests" / "fixtures" / "bases" / "page.txt"


def ours(path: Path) -> tuple[float, list[int]]:
    """(perplexity, token numbers)."""
    import numpy as np

    from shared.bases.importer import import_base
    from shared.volume.volume import Volume
    from worker.families.language.network import Decoder
    from worker.families.language.tokens import BaseVocabulary
    from worker.families.language.weights import assign_base

    with tempfile.TemporaryDirectory() as folder:
        volume = Volume(folder)
        base = import_base(volume, {path.name: path}, name=path.name, source="a benchmark")
        model = Decoder(base.decoder)
        model.build()
        assign_base(model, volume.base_dir(base.id))
        tokens = BaseVocabulary.of(volume.base_dir(base.id)).encode(PAGE.read_text(encoding="utf-8"))
    logits = np.asarray(model(tokens[None]))[0].astype(np.float64)
    shares = logits - logits.max(-1, keepdims=True)
    shares -= np.log(np.exp(shares).sum(-1, keepdims=True))
    loss = -shares[np.arange(len(tokens) - 1), tokens[1:]].mean()
    return float(np.exp(loss)), tokens.tolist()


if __name__ == "__main__":
    gguf, peer = Path(sys.argv[1]).resolve(), sys.argv[2]
    here, tokens = ours(gguf)
    script = Path(__file__).parent / "transformers_perplexity.py"
    given = json.dumps(tokens)
    said = subprocess.run(
        [peer, str(script), str(gguf)], input=given, capture_output=True, text=True, check=True
    ).stdout
    there = json.loads(said.splitlines()[-1])
    apart = abs(here / there["perplexity"] - 1)
    print(
        f"{len(tokens)} tokens: ours {here:.4f}, Transformers {there['perplexity']:.4f}, relative difference {apart:.1e}"
    )
    sys.exit(apart > 1e-3)
