"""Searching 100,000 texts exactly, once their vectors are held: how long a question takes, its own vector included.

    python -m benchmarks.text_search FOLDER        # of all-MiniLM-L6-v2: see encoder_vectors.py

The vectors that are searched are random, of length 1 and of the encoder's width: how long it takes depends on how many they are,
not on what they mean. Wanted: below 50 ms warm.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

TEXTS, ASKED, TOP = 100_000, 50, 10


def main() -> None:
    import numpy as np

    from shared.bases.importer import import_base
    from shared.volume.volume import Volume
    from worker.families.language.encoder import Encoder
    from worker.families.language.vectors import EncoderVocabulary, TextVectors
    from worker.families.language.weights import assign_base
    from worker.families.matching.nearest import nearest

    files = {path.name: path for path in Path(sys.argv[1]).iterdir() if path.is_file()}
    with tempfile.TemporaryDirectory() as root:
        volume = Volume(root)
        base = import_base(volume, files, name="MiniLM", source="a benchmark")
        model = Encoder(base.encoder)
        model.build()
        assign_base(model, volume.base_dir(base.id))
        vectors = TextVectors(model, EncoderVocabulary.of(volume.base_dir(base.id)))
    held = np.random.default_rng(0).normal(size=(TEXTS, vectors.width)).astype(np.float32)
    held /= np.linalg.norm(held, axis=1, keepdims=True)
    questions = [f"where is the key of room {number}, and who has it?" for number in range(ASKED + 1)]
    nearest(held, vectors.of(questions[:1]), TOP)  # warm
    whole, alone, cpu = [], [], []
    for question in questions[1:]:
        begun, spent = time.perf_counter(), time.process_time()
        asked = vectors.of([question])
        between = time.perf_counter()
        nearest(held, asked, TOP)
        whole.append(1e3 * (time.perf_counter() - begun))
        alone.append(1e3 * (time.perf_counter() - between))
        cpu.append(1e3 * (time.process_time() - spent))
    for what, some in (("a question, its vector included", whole), ("the search alone", alone), ("CPU of both", cpu)):
        print(f"{what}: median {statistics.median(some):.1f} ms, best {min(some):.1f}, worst {max(some):.1f}")


if __name__ == "__main__":
    main()
