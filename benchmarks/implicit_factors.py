"""The trainings that recommender_peers.py sets beside ours, by implicit. Run by it with an interpreter that has it.

Usage: python implicit_factors.py FOLDER, where FOLDER holds setting.json and users.npy and items.npy (int32) of rows to learn from.
Writes NAME_users.npy and NAME_items.npy (float32, a row each); prints a line of JSON for each model.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from implicit.als import AlternatingLeastSquares  # pyright: ignore[reportMissingImports]
from implicit.bpr import BayesianPersonalizedRanking  # pyright: ignore[reportMissingImports]
from scipy import sparse


def main() -> None:
    folder = Path(sys.argv[1])
    setting = json.loads((folder / "setting.json").read_text())
    users, items = (np.load(folder / f"{name}.npy") for name in ("users", "items"))
    taken = sparse.csr_matrix((np.ones(len(users), np.float32), (users, items)), (setting["users"], setting["items"]))
    factors, epochs, seed = setting["factors"], setting["epochs"], setting["seed"]
    threads = os.cpu_count() or 1
    models = {
        "implicit_bpr": BayesianPersonalizedRanking(
            factors=factors, iterations=epochs, num_threads=threads, random_state=seed
        ),
        "implicit_als": AlternatingLeastSquares(
            factors=factors,
            regularization=setting["penalty"],
            alpha=10.0,
            iterations=15,
            num_threads=threads,
            random_state=seed,
        ),
    }
    for name, model in models.items():
        began, cpu = time.monotonic(), time.process_time()
        model.fit(taken, show_progress=False)
        spent = {"wall_s": time.monotonic() - began, "cpu_s": time.process_time() - cpu}
        for side in ("user", "item"):
            found = getattr(model, f"{side}_factors")
            np.save(folder / f"{name}_{side}s.npy", np.asarray(found, np.float32))
        print(json.dumps({"name": name, "passes": model.iterations, **spent}), flush=True)


if __name__ == "__main__":
    main()
