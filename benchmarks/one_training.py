"""One training as a job does it, on a temporary volume: imported as an upload, trained, reported on, beside its simple answers."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from benchmarks.here import ROOT


class Cost(NamedTuple):
    wall_s: float
    cpu_s: float


@dataclass
class Trained:
    """data: as loaded; with folds outcome.data are those of the last stage. files: takes what is shown, while the volume is there.

    training: cost of loading and fit(); whole: with the report.
    """

    title: str
    params: Any
    code: Any
    context: Any
    data: Any
    outcome: Any
    report: Any
    files: Any
    training: Cost
    whole: Cost

    def say(self) -> None:
        """Print what it cost and what it reached."""
        head = ["git", "rev-parse", "--short", "HEAD"]
        commit = subprocess.run(head, cwd=ROOT, capture_output=True, text=True).stdout.strip()
        print(
            f"{self.title}, commit {commit}, {os.cpu_count()} cores: {self.outcome.total_steps} steps, "
            f"{self.outcome.model.count_params():,} weights, {self.training.wall_s:.0f} s wall, {self.training.cpu_s:.0f} s CPU; "
            f"with the report {self.whole.wall_s:.0f} and {self.whole.cpu_s:.0f}; {self.outcome.steps_per_s or 0:.1f} steps/s; "
            f"split {self.data.split}"
        )
        print("; ".join(self.data.notes))
        print("params that differ from the defaults:", self.params.model_dump(exclude_defaults=True))
        print("the model", rounded(self.report.metrics), flush=True)

    def say_verdict(self) -> None:
        """Measure the simple answers, print each, and the verdict."""
        from worker.verdict import judge

        beside = self.code.baselines(self.outcome.data, self.params, self.context)
        for each in beside:
            print(each.name, rounded(each.metrics))
        assert self.report.judge is not None
        told = [(each.name, each.predictions) for each in beside if each.predictions is not None]
        verdict = judge(self.report.judge, self.report.predictions, told, self.report.rows)
        print(verdict.sentence if verdict else "no verdict", flush=True)


def rounded(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in metrics.items()}


@contextlib.contextmanager
def trained(
    title: str,
    spec: Any,
    params: Any,
    uploads: Sequence[tuple[str, IO[bytes]]],
    *,
    base: Path | None = None,
    files: Mapping[str, Sequence[Path]] | None = None,
    bases: Mapping[str, Path] | None = None,
    beside: Mapping[str, Sequence[tuple[str, IO[bytes]]]] | None = None,
    adjust: Callable[[Any, Any, Any], Any] = lambda code, params, data: params,
    **importing: Any,
) -> Iterator[Trained]:
    """Import and train. title: printed, and what the dataset is called.

    base: a folder of open weights for the role "base". bases: of other roles.
    beside: uploads of other roles that take datasets.
    files: what params that hold files are given, by their names.
    adjust: params once the data are loaded, from (code, params, data).
    importing: of import_dataset, such as its format.
    """
    from shared.bases.importer import import_base
    from shared.datasets import Limits, import_dataset
    from shared.ids import new_id
    from shared.jobs.job import InputRef
    from shared.volume.volume import Volume
    from worker.artifacts import publishing
    from worker.context import Context
    from worker.inputs import open_inputs
    from worker.recipe import code_of
    from worker.training.fit import fit

    class Printing(Context):
        def series_row(self, row: dict[str, Any]) -> None:
            super().series_row(row)
            if spec.criterion.metric in row:
                value = row[spec.criterion.metric]
                losses = ", ".join(
                    f"{name} {row[name]:.4f}" for name in row if name.endswith("loss") and name[:3] != "val"
                )
                print(f"step {row['step']}: {losses}, {spec.criterion.metric} {value:.4f}", flush=True)

        def event(self, type: str, data: dict[str, Any]) -> None:
            if data.get("level") == "warning":
                print("warning:", data["message"], flush=True)

    code = code_of(spec)
    with tempfile.TemporaryDirectory() as place:
        volume = Volume(Path(place))
        volume.ensure()
        job_id = new_id()
        context = Printing(volume.start_attempt(job_id, 1), volume, job_id)
        dataset = import_dataset(volume, Limits(), uploads, name=title, **importing)
        for note in [*dataset.notes, *(f"{warned.code}: {warned.message}" for warned in dataset.report.warnings)]:
            print(note)
        sent = {name: [_sent(volume, path) for path in paths] for name, paths in (files or {}).items()}
        params = params.model_copy(update=sent)
        refs = {"data": InputRef(dataset_id=dataset.id)}
        for role, more in (beside or {}).items():
            refs[role] = InputRef(dataset_id=import_dataset(volume, Limits(), more, name=role).id)
        for role, folder in {**(bases or {}), **({"base": base} if base is not None else {})}.items():
            weights = {path.name: path for path in folder.iterdir() if path.is_file()}
            refs[role] = InputRef(base_id=import_base(volume, weights, name=folder.name, source="a benchmark").id)
        began, cpu = time.monotonic(), time.process_time()

        def spent() -> Cost:
            return Cost(time.monotonic() - began, time.process_time() - cpu)

        inputs = open_inputs(refs, context)
        data = code.load(inputs, params, context)
        adjusted = adjust(code, params, data)
        if adjusted != params:
            params, began, cpu = adjusted, time.monotonic(), time.process_time()
            data = code.load(inputs, params, context)
        outcome = fit(spec, params, data, context, inputs=inputs)
        training = spent()
        with publishing(volume, Path(place) / "shown") as (made, _):
            report = code.report(outcome.model, outcome.data, params, context, made, outcome.stages)
            yield Trained(title, params, code, context, data, outcome, report, made, training, spent())


def _sent(volume: Any, path: Path) -> str:
    """The id of a file that was sent."""
    from shared.volume.files import save_file

    with path.open("rb") as stream:
        return save_file(volume, path.name, stream, owner="local", max_bytes=1 << 26).id
