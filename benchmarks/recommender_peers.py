"""recommender_mf beside implicit (PyPI) on MovieLens small: the same rows, people, cores, length of vectors; speed and quality.

Each person's last film is wanted, figures are over all films that they did not have. Interactions per second: rows of the training
part times passes over them, by the training alone. implicit's models are its defaults but for what is said here; as many epochs of
BPR as of ours, unless --peer-epochs says otherwise.
Run: python -m benchmarks.recommender_peers --python /path/to/python-with-implicit [--epochs 10 --loss bpr]
"""

import argparse
import io
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.here import ROOT, add_params, given
from benchmarks.one_training import trained
from benchmarks.recommender_figures import ranking


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params
    from worker.families.recommending.measuring import measured, people_scores

    spec, parser = get_recipe("recommender_mf"), argparse.ArgumentParser()
    parser.add_argument("--python", required=True, help="an interpreter that has implicit")
    parser.add_argument("--peer-epochs", type=int)
    parser.add_argument("--penalty", type=float, default=20.0, help="of implicit's ALS")
    add_params(parser, spec)
    told = given(parser)
    python, peer_epochs, penalty = told.pop("python"), told.pop("peer_epochs", None), told.pop("penalty")
    body, columns = ranking()
    params: Any = validate_params(spec.train_params, columns | told)
    with trained("ranking", spec, params, [("ranking.csv", io.BytesIO(body))]) as made:
        data, steps = made.outcome.data, made.outcome.total_steps
        rows = data.rows["train"]
        passes = steps / data.steps_per_epoch
        speed = len(rows) * passes / made.training.wall_s, len(rows) * passes / made.training.cpu_s
        print(f"split {data.split}; {passes:g} passes, {params.factors} factors, loss {params.loss}")
        print(f"ours, loading included: {made.training}; {speed[0]:,.0f} interactions/s, {speed[1]:,.0f} a CPU second")
        print("ours", {name: round(made.report.metrics[f"test_{name}"], 4) for name in _SHOWN}, flush=True)
        people = measured(data, "test")
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            np.save(folder / "users.npy", data.found.users[rows])
            np.save(folder / "items.npy", data.found.items[rows])
            setting = {
                "users": data.users, "items": data.items, "factors": params.factors, "epochs": peer_epochs or round(passes),
                "seed": params.seed, "penalty": penalty,
            }  # fmt: skip
            (folder / "setting.json").write_text(json.dumps(setting))
            command = [python, str(ROOT / "benchmarks" / "implicit_factors.py"), str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            for line in done.stdout.splitlines():
                peer = json.loads(line)
                users, items = (np.load(folder / f"{peer['name']}_{side}.npy") for side in ("users", "items"))

                def scores(some: np.ndarray, users: np.ndarray = users, items: np.ndarray = items) -> np.ndarray:
                    return users[some] @ items.T

                figures = people_scores(scores, data, "test", people, lambda count: None)[1]
                print(
                    f"{peer['name']}: {peer['passes']} passes, {peer['wall_s']:.1f} s wall, {peer['cpu_s']:.1f} s CPU; "
                    f"{len(rows) * peer['passes'] / peer['wall_s']:,.0f} interactions/s, "
                    f"{len(rows) * peer['passes'] / peer['cpu_s']:,.0f} a CPU second"
                )
                print(peer["name"], {name: round(float(figures[name].mean()), 4) for name in _SHOWN}, flush=True)


_SHOWN = ("recall_20", "ndcg_20", "recall_10", "ndcg_10")


if __name__ == "__main__":
    main()
