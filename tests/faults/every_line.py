"""python -m tests.faults.every_line SCENE REDIS_URL FOLDER [STRIDE]: dies between any two lines, and looks what is left.

A scene is one piece of work, done over and over, each time in a forked process that is killed right before another line of web,
worker or shared that it comes by; with STRIDE n before every n-th. Then everybody else does what they would do (the user repeats
the request, another worker starts, the reaper makes a pass) and the job must end, once. A program of its own, since only a
process without threads can be forked safely. Prints one line of JSON: lines (different ones on the way), deaths, problems.

What dies is the web or the supervisor. The process that trains is a stand-in that speaks its lines (stand_in.py).
"""

import contextlib
import io
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from celery import Celery

from shared.datasets import Limits, import_dataset
from shared.ids import new_id
from shared.jobs.job import DATA, CheckpointRef, InputRef, Job, JobRequest, State, utc_now
from shared.jobs.models import Model, models_from, save_model
from shared.jobs.pins import pin, pins
from shared.jobs.presence import WorkerInfo
from shared.jobs.store import JobStore
from shared.jobs.wakeup import broker_list, celery_config
from shared.settings import load_settings
from shared.volume.copies import copy_records
from shared.volume.volume import Volume
from tests.faults.checker import History, check
from tests.faults.dying import ROOT, die_at, lines_on_the_way
from web import create_app
from worker.supervision.drain import DrainPipe
from worker.supervision.presence import Status
from worker.supervision.spare import Crew
from worker.supervision.supervisor import Supervisor
from worker.supervision.wakeups import WakeUps
from worker.upkeep.housekeeping import tidy
from worker.upkeep.reaper import give_back, run_once

TEXT = "The quick brown fox jumps over the lazy dog.\n" * 100


class Scene:
    """An installation without processes: each part of it is made when it has something to do. work() is what dies."""

    ends_as = State.succeeded

    def __init__(self, redis_url: str, folder: Path):
        prefix = f"lines-{type(self).__name__.lower()}"
        self.settings = load_settings(redis_url=redis_url, data=folder, key_prefix=prefix, beat_s=0.1)
        self.store, self.volume = JobStore.connect(self.settings), Volume(self.settings.data)
        self.volume.ensure()
        celery = Celery("every-line", set_as_current=False)
        celery.conf.update(celery_config(self.settings))
        self.wakeups = WakeUps(celery, self.settings)
        self.history = History()
        self.dataset = import_dataset(self.volume, Limits(), [("t.txt", io.BytesIO(TEXT.encode()))]).id
        self.drain, (_, self._status_fd) = DrainPipe(), os.pipe()
        self.hold = self.settings.data / "hold"  # while it is there a training waits to be told to stop
        self.round = 0

    def before(self) -> None:
        """What is there before the work of a round."""

    def work(self) -> None:
        """What dies."""
        raise NotImplementedError

    def meanwhile(self) -> bool:
        """What happens during the work; called until it returns True."""
        return True

    def after(self) -> list[str]:
        """What everybody else does; returns the ids of the jobs of this round."""
        raise NotImplementedError

    def play(self, stride: int) -> dict[str, Any]:
        """All rounds, and the check of what they left."""
        self._next_round()
        lines = lines_on_the_way(self.work, self.meanwhile)
        self._end(self.after())
        deaths, problems = 0, []
        for where in lines[self.round % stride :: stride]:
            self._next_round()
            deaths += die_at(self.work, self.meanwhile, where)
            try:
                self._end(self.after())
            except AssertionError as err:
                problems.append(f"{Path(where[0]).relative_to(ROOT)}:{where[1]}: {err}")
        self._grow_old()
        left = [f"{pin.relative_to(self.volume.root)} is left" for pin in self.volume.root.glob("*/*/pins/*")]
        verdict = check(self.store.redis, self.settings.key_prefix, self.settings.data, self.history)
        return {"lines": len(lines), "deaths": deaths, "problems": problems + left + verdict.violations}

    def _next_round(self) -> None:
        self.round += 1
        for queue in ("train", "generate"):  # whatever was sent is lost: the reaper must notice
            self.wakeups._broker.delete(broker_list(self.settings, queue))
        self.before()

    def supervisor(self) -> Supervisor:
        """A worker's supervisor, as a Celery child makes it at its start."""
        crew = Crew({}, keep_spare=False)
        fds: dict[str, Any] = {"drain_fd": self.drain.fd, "status": Status(self._status_fd)}
        made = Supervisor(
            self.settings, self.store, self.volume, crew, worker="w1", device="cpu", wakeups=self.wakeups, **fds
        )
        made.start()
        return made

    def _end(self, ids: list[str]) -> None:
        """The installation goes on: a worker is idle, the reaper makes a pass, a wake-up comes, the job runs to its end."""
        for job in self.store.get_many(ids):
            self.history.accepted.setdefault(job.id, {})
            if not job.state.terminal:
                self._run(job)
            assert self.store.get(job.id).state == self.ends_as, f"job {job.id} is {self.store.get(job.id).state}"
        copy_records(self.store, self.volume)

    def _run(self, job: Job) -> None:
        idle = WorkerInfo(id="w1", host="h", pid=1, device="cpu", queues=["train", "generate"], since=utc_now())
        self.store.presence.announce(idle)
        supervisor = self.supervisor()
        run_once(self.store, self.wakeups)
        assert self.wakeups.waiting(job.queue) >= 1, f"nobody is told of job {job.id}, which is {job.state}"
        with contextlib.closing(supervisor):
            ran = supervisor.run_one(job.queue)
            assert ran is not None and ran.id == job.id, f"{ran and ran.id} was claimed instead of {job.id}"

    def _grow_old(self) -> None:
        """Hours pass on the volume; then the reaper's housekeeping comes by."""
        for path in self.volume.root.rglob("*"):
            os.utime(path, (1, 1))
        tidy(self.store, self.volume)


class OfTheWeb(Scene):
    """With a web in the process that dies."""

    def __init__(self, redis_url: str, folder: Path):
        super().__init__(redis_url, folder)
        self.client = create_app(self.settings).test_client()

    def trained(self) -> CheckpointRef:
        """The checkpoint of a training that has succeeded."""
        training, _ = self.store.submit(JobRequest(kind="train", recipe="char_lstm", params={}, owner="local"))
        self.history.accepted[training.id] = {}
        self._run(training)
        folder = self.volume.attempt_dir(training.id, 1) / "checkpoints"
        folder.mkdir()
        with self.volume.stage(folder) as stage:
            (stage.path / "state").write_text("weights")
            stage.publish(folder / "00000001", {"step": 1, "metrics": {}})
        copy_records(self.store, self.volume)
        return CheckpointRef(job_id=training.id, attempt=1, step=1)


class Submit(OfTheWeb):
    """The web takes a generation from a checkpoint; then the user, who had no answer, sends the same request again."""

    def __init__(self, redis_url: str, folder: Path):
        super().__init__(redis_url, folder)
        self.checkpoint = self.trained()

    def before(self) -> None:
        self.known = set(self.history.accepted)

    def _submit(self) -> Any:
        body = {
            "kind": "generate",
            "inputs": {"model": self.checkpoint.model_dump()},
            "params": {"prompt": "The ", "max_tokens": 5},
        }
        return self.client.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": f"round-{self.round}"})

    def work(self) -> None:
        assert self._submit().status_code == 202

    def _new(self) -> set[str]:
        return {job.id for job in self.store.list_jobs(limit=5).jobs} - self.known

    def after(self) -> list[str]:
        made = self._new()
        answer = self._submit()
        assert answer.status_code == 202, f"the repeated request is answered {answer.status_code}: {answer.text}"
        job_id = answer.json["id"]
        assert self._new() == {job_id}, f"two requests with one key made {self._new()}, answered {job_id}"
        assert made <= {job_id}
        assert made == ({job_id} if "Idempotent-Replayed" in answer.headers else set())
        copy_records(self.store, self.volume)
        assert (self.volume.job_dir(job_id) / "record.json").exists(), "its record has no copy"
        needing = set(pins(self.volume.job_dir(self.checkpoint.job_id)).values())
        assert job_id in needing, "nothing keeps the checkpoint it needs"
        return [job_id]


class Upload(OfTheWeb):
    """The web takes a file for the params of a job; then the user, who had no answer, sends it again."""

    def _upload(self) -> Any:
        file = (io.BytesIO(f"content of round {self.round}\n".encode() * 1000), "notes.txt")
        return self.client.post("/api/v1/files", data={"file": file}, content_type="multipart/form-data")

    def work(self) -> None:
        assert self._upload().status_code in (200, 201)

    def after(self) -> list[str]:
        first, second = self._upload(), self._upload()
        assert first.status_code in (200, 201) and first.json["id"] == second.json["id"], (first.text, second.text)
        assert self.volume.verify(self.volume.root / "files" / first.json["id"])
        return []

    def _grow_old(self) -> None:
        super()._grow_old()
        assert not list((self.volume.root / "files").iterdir()), "files no job names are left"


class Delete(OfTheWeb):
    """The web deletes a training; then Redis is started anew, and the user asks again until it is gone."""

    def before(self) -> None:
        self.ref = self.trained()
        model = Model(id=self.ref.job_id, name="m", owner="local", recipe="char_lstm", checkpoint=self.ref)
        save_model(self.volume, model)

    def _delete(self) -> int:
        return self.client.delete(f"/api/v1/jobs/{self.ref.job_id}").status_code

    def work(self) -> None:
        assert self._delete() == 204

    def after(self) -> list[str]:
        give_back(self.store, self.volume)  # what the reaper does when Redis was away
        assert self._delete() in (204, 404)
        assert self._delete() == 404
        give_back(self.store, self.volume)
        assert self._delete() == 404, "it has come back"
        assert not self.volume.job_dir(self.ref.job_id).exists(), "files are left"
        assert not models_from(self.volume, self.ref.job_id), "a model is left without its files"
        self.history.deleted.add(self.ref.job_id)
        return []


class Run(Scene):
    """The supervisor claims a job, has it run, writes its outcome and tells it; then another one starts in its place."""

    def before(self) -> None:
        inputs = {DATA: InputRef(dataset_id=self.dataset)}
        request = JobRequest(kind="train", recipe="char_lstm", params={}, inputs=inputs, owner="ann")
        job_id = new_id()
        pin(self.volume, request, job_id)  # as the web does
        self.job, _ = self.store.submit(request, job_id=job_id)

    def work(self) -> None:
        self.supervisor().run_one("train")

    def after(self) -> list[str]:
        return [self.job.id]


class Leave(Run):
    """The worker is told to leave in the middle of a job, which goes back into the queue."""

    def before(self) -> None:
        super().before()
        self.hold.touch()

    def meanwhile(self) -> bool:
        return self.store.get(self.job.id).state == State.running and self.ask()

    def ask(self) -> bool:
        """Ask that the running job be stopped."""
        self.drain.drain()
        return True

    def after(self) -> list[str]:
        self.hold.unlink()
        self.drain.close()
        self.drain = DrainPipe()
        return super().after()


class Pause(Leave):
    """The owner pauses the running job, and later resumes it."""

    def ask(self) -> bool:
        return bool(self.store.pause(self.job.id))

    def after(self) -> list[str]:
        ids = super().after()
        self.supervisor().close()  # gives back what the dead one held
        if self.store.get(self.job.id).state == State.paused:
            self.store.resume(self.job.id)
        return ids


class Cancel(Leave):
    """The owner cancels the running job."""

    ends_as = State.cancelled

    def ask(self) -> bool:
        self.history.cancelled[self.job.id] = time.time()
        return bool(self.store.cancel(self.job.id))

    def after(self) -> list[str]:
        ids = super().after()
        self.supervisor().close()
        if self.job.id not in self.history.cancelled:  # it died before anybody could ask
            self.store.cancel(self.job.id)
        return ids


SCENES: dict[str, type[Scene]] = {
    "submit": Submit,
    "upload": Upload,
    "delete": Delete,
    "run": Run,
    "leave": Leave,
    "pause": Pause,
    "cancel": Cancel,
}


def main(scene: str, redis_url: str, folder: str, stride: str = "1") -> None:
    logging.disable(logging.WARNING)
    sys.executable = str(Path(__file__).with_name("stand_in.py"))  # what worker/supervision/child.py starts
    print(json.dumps(SCENES[scene](redis_url, Path(folder)).play(int(stride)), ensure_ascii=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
