"""The web alone, in this process, on a store and a volume of its own: for pages that no worker has to fill.

Jobs are carried out by hand: claimed, written to the volume and finished, as a worker does it.
"""

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from shared.jobs.job import CheckpointRef, Job, JobRequest, Progress, State
from shared.jobs.models import Model, save_model
from shared.jobs.store import JobStore
from shared.outputs import Output, headline
from shared.settings import Settings
from shared.volume.volume import Volume
from web.app import create_app
from worker.artifacts import Files, publishing

Fill = Callable[[Files], list[Output]]


class _Quiet(WSGIRequestHandler):
    def log_request(self, *args: Any) -> None:
        """Say nothing: a failing test shows the browser's side."""


class Site:
    """url, store and volume of a running web. submit() and the rest play the other half."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.volume = Volume(settings.data)
        self.volume.ensure()
        self.store = JobStore.connect(settings)
        self.store.require_schema()
        app = create_app(settings)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="site", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
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
