"""The web alone, on a store and a volume of its own: for pages that no worker has to fill.

Jobs are carried out by hand: claimed, written to the volume and finished, as a worker does it. The web runs in a process of its own
(`python -m tests.support.web_site`), which knows one more recipe: tests/support/picky_spec.py.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from shared.jobs.job import CheckpointRef, Job, JobRequest, Progress, State
from shared.jobs.models import Model, save_model
from shared.jobs.store import JobStore
from shared.outputs import Output, headline
from shared.recipes import RECIPES
from shared.settings import Settings, load_settings
from shared.volume.volume import Volume
from tests.support.picky_spec import SPEC
from web.app import create_app
from worker.artifacts import Files, publishing

Fill = Callable[[Files], list[Output]]
_ROOT = Path(__file__).parents[2]


class Site:
    """url, store and volume of a running web. running() and the rest play the other half."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.volume = Volume(settings.data)
        self.volume.ensure()
        self.store = JobStore.connect(settings)
        self.store.require_schema()
        told = {"redis_url": settings.redis_url, "key_prefix": settings.key_prefix, "data": str(settings.data)}
        told |= {"login": settings.login, "beat_s": settings.beat_s, "lease_s": settings.lease_s}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.web_site", json.dumps(told)],
            cwd=_ROOT,
            env=os.environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        assert port.isdigit(), "the web did not start"
        self.url = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        """End the web and remove its keys."""
        self._process.terminate()
        self._process.communicate()
        for key in self.store.redis.scan_iter(f"{self.settings.key_prefix}:*", count=1000):
            self.store.redis.delete(key)
        self.store.redis.close()

    def running(self, **asked: Any) -> Job:
        """A job that a worker has just claimed. asked: of a JobRequest."""
        job, _ = self.store.submit(JobRequest(**asked))
        claimed = self.store.claim(job.queue, worker="hand", device="cpu")
        while claimed is not None and claimed.id != job.id:  # another test's, which nobody waits for
            claimed = self.store.claim(job.queue, worker="hand", device="cpu")
        assert claimed is not None
        self.volume.start_attempt(claimed.id, claimed.attempt)
        return claimed

    def sample(self, job: Job, step: int, fill: Fill) -> None:
        """What is drawn at one step of a training."""
        final = self.volume.attempt_dir(job.id, job.attempt) / "samples" / f"{step:08d}"
        final.parent.mkdir(exist_ok=True)
        with publishing(self.volume, final) as (files, outputs):
            outputs += fill(files)
        self.store.beat(job.id, job.attempt, events=[("sample", {"step": step, "title": "", "text": ""})])

    def checkpoint(self, job: Job, step: int, metrics: dict[str, float]) -> CheckpointRef:
        """A checkpoint without weights."""
        ref = CheckpointRef(job_id=job.id, attempt=job.attempt, step=step)
        parent = self.volume.attempt_dir(job.id, job.attempt) / "checkpoints"
        parent.mkdir(exist_ok=True)
        with self.volume.stage(parent) as stage:
            (stage.path / "weights.bin").write_bytes(bytes(1000))
            stage.publish(parent / f"{step:08d}", {"metrics": metrics})
        self.store.checkpoint(job.id, job.attempt, ref, {"metrics": metrics})
        return ref

    def rows(self, job: Job, rows: list[dict[str, Any]]) -> None:
        """Rows of the curves."""
        path = self.volume.attempt_dir(job.id, job.attempt) / "series.jsonl"
        head = {"attempt": job.attempt, "resumed_from_step": None}
        path.write_text("".join(json.dumps(row) + "\n" for row in [head, *rows]))

    def progress(self, job: Job, **progress: Any) -> None:
        self.store.beat(job.id, job.attempt, progress=Progress(**progress))

    def piece(self, job: Job, index: int, text: str) -> None:
        """A further piece of generated text."""
        self.store.beat(job.id, job.attempt, events=[("output", {"index": index, "text": text})])

    def ended(self, job: Job, fill: Fill, **result: Any) -> Job:
        """The job succeeds with these outputs."""
        shown: list[Output] = []
        with publishing(self.volume, self.volume.attempt_dir(job.id, job.attempt) / "artifacts") as (files, outputs):
            outputs += fill(files)
            shown = list(outputs)
        told = {"headline": headline(shown), "outputs": len(shown)} | result
        return self.store.finish(job.id, job.attempt, State.succeeded, result=told)

    def model(self, ref: CheckpointRef, name: str, **more: Any) -> Model:
        """A name for a checkpoint."""
        job = self.store.get(ref.job_id)
        model = Model(id=job.id, name=name, recipe=job.recipe, checkpoint=ref, **more)
        save_model(self.volume, model)
        return model


class _Quiet(WSGIRequestHandler):
    def log_request(self, *args: Any) -> None:
        """Say nothing: a failing test shows the browser's side."""


def main(told: str) -> None:
    """Serve until terminated; says its port first."""
    RECIPES[SPEC.name] = SPEC
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(
        "127.0.0.1", 0, create_app(load_settings(**json.loads(told))), threaded=True, request_handler=_Quiet
    )
    print(server.port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
