"""What the image classifier reaches through fit(), on public datasets. Used by mnist.py and cifar_subset.py."""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def test_data(name: str) -> Path:
    """Folder of one of the public datasets; ends the program when it is absent."""
    path = Path(os.environ.get("TRAINYARD_TEST_DATA", ROOT.parent / "shared" / "data")) / name
    if not path.is_dir():
        sys.exit(f"{path} is absent: set TRAINYARD_TEST_DATA to the folder that holds {name}/")
    return path


def params_from_flags(defaults: dict[str, Any]) -> Any:
    """Validate --name value flags laid over defaults; any param of the recipe may be given."""
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    parser = argparse.ArgumentParser()
    model = get_recipe("image_classifier").train_params
    for name in model.model_fields:
        parser.add_argument(f"--{name.replace('_', '-')}", default=defaults.get(name))
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    return validate_params(model, given)


def run(title: str, files: list[Path], params: Any) -> None:
    """Import as an upload, train, report, print. All goes to a temporary volume as in a real job."""
    from shared.datasets import Limits, import_dataset
    from shared.ids import new_id
    from shared.jobs.job import InputRef
    from shared.recipes import get_recipe
    from shared.volume.volume import Volume
    from worker.artifacts import publishing
    from worker.context import Context
    from worker.inputs import open_inputs
    from worker.recipe import code_of
    from worker.training.fit import fit

    class Printing(Context):
        def series_row(self, row: dict[str, Any]) -> None:
            super().series_row(row)
            if "val_accuracy" in row:
                shown = f"loss {row['loss']:.4f}, val_accuracy {row['val_accuracy']:.4f}"
                print(f"epoch {row['epoch']:g}: {shown}", flush=True)

    spec = get_recipe("image_classifier")
    code = code_of(spec)
    with tempfile.TemporaryDirectory() as place:
        volume = Volume(Path(place))
        volume.ensure()
        job_id = new_id()
        context = Printing(volume.start_attempt(job_id, 1), volume, job_id)
        with contextlib.ExitStack() as opened:
            uploads = [(path.name, opened.enter_context(path.open("rb"))) for path in files]
            dataset = import_dataset(volume, Limits(), uploads)
        print(dataset.format, dataset.report.rows, dataset.report.parts, dataset.notes, flush=True)
        began, cpu = time.monotonic(), time.process_time()
        data = code.load(open_inputs({"data": InputRef(dataset_id=dataset.id)}, context), params, context)
        outcome = fit(spec, params, data, context)
        with publishing(volume, Path(place) / "shown") as (shown, _):
            metrics = code.report(outcome.model, data, params, context, shown, []).metrics
        wall, cpu = time.monotonic() - began, time.process_time() - cpu
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    print(
        f"{title}, commit {commit.strip()}, {os.cpu_count()} cores: {outcome.total_steps} steps, "
        f"{outcome.model.count_params():,} weights, {wall:.0f} s wall, {cpu:.0f} s CPU"
    )
    print({name: round(value, 4) for name, value in metrics.items()})
    print("params that differ from the defaults:", params.model_dump(exclude_defaults=True))
