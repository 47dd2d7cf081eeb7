"""A storm: jobs of all kinds under random faults drawn from a seed, then calm, then the check of what happened."""

import contextlib
import io
import json
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis

from cli.client import ApiError, Unreachable
from shared.datasets import Limits, import_dataset
from shared.errors import Conflict, NotFound
from tests.faults.checker import History, check
from tests.faults.follower import Follower
from tests.faults.installation import PERIODS, Installation
from tests.faults.marked import marks
from tests.faults.volume_faults import SmallVolume

TEXT = "The quick brown fox jumps over the lazy dog. 床前明月光，疑是地上霜。\n" * 60
PARAMS = {"context": 16, "width": 16, "embedding": 8, "batch_size": 4, "eval_every": 100_000}
TABLE_PARAMS = {"target": "answer", "width": 8, "layers": 1, "members": 2, "batch_size": 32}
LEARNT, ANSWERED = 600, 60_000  # rows: of the table that is learnt from, of the one that is answered
DONE_WITHIN_S = 600  # after the last fault everything must end in this time
AT_ONCE = 6  # unfinished trainings: some run, some wait
# A cancelled job may be met by another fault before its worker hears of it: a lease, a frozen machine, a restart of Redis.
CANCEL_BOUND_S = PERIODS["lease_s"] + 2 * PERIODS["stop_grace_s"] + 20

Fault = Callable[[], str]


def _table(rows: int) -> bytes:
    """Two columns, one of which decides the answer."""
    lines = (f"{n},{n * 7919 % 101},{'yes' if n * 7919 % 101 > 50 else 'no'}" for n in range(rows))
    return "\n".join(["place,number,answer", *lines]).encode()


class Storm:
    """One run. chance draws everything that is random; history is what was done and seen from outside."""

    def __init__(self, here: Installation, volume: SmallVolume | None, seed: int, log: Path):
        self.here, self.volume, self.chance, self.log = here, volume, random.Random(seed), log
        self.history = History()
        self.dataset = import_dataset(here.volume, Limits(), [("t.txt", io.BytesIO(TEXT.encode()))]).id
        self.table, self.rows = (
            import_dataset(here.volume, Limits(), [("t.csv", io.BytesIO(_table(rows)))]).id
            for rows in (LEARNT, ANSWERED)
        )
        self._paused: list[str] = []
        self._clocks = [f"worker-{n}" for n in range(len(here.workers))] + ["reaper", "web"]

    # --- what users do ------------------------------------------------------------------------------------------------

    def submit(self, body: dict[str, Any], mark: str = "", path: str = "/jobs") -> str | None:
        """Submit over HTTP as a careful client does: under one key until there is an answer. None when it was refused."""
        key = f"storm-{self.chance.getrandbits(64):x}"
        armed = self.here.arm("web", mark) if mark else None
        try:
            job = self.ask("POST", path, body, **{"Idempotency-Key": key, "Prefer": "wait=0"})
        except ApiError:
            return None
        finally:
            if armed is not None:
                armed.unlink(missing_ok=True)
        self.history.accepted[job["id"]] = body
        return job["id"]

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Ask the web again and again until it answers, for a minute at most. Raises ApiError for what it refuses."""
        give_up_at = time.monotonic() + 60
        while True:
            try:
                return self.here.client.call(method, path, body, headers=headers)
            except (Unreachable, ApiError) as err:
                refused = isinstance(err, ApiError) and err.status < 500
                if refused or time.monotonic() > give_up_at:
                    raise
                threading.Event().wait(0.2)  # the web is being started again; Redis or the volume is away

    def train(self, mark: str = "", **more: Any) -> str | None:
        steps = self.chance.choice((400, 1500, 4000))
        params = PARAMS | {"steps": steps, "seed": self.chance.randrange(100)}
        body = {"kind": "train", "recipe": "char_lstm", "inputs": {"data": self.dataset}, "params": params}
        return self.submit(body | more, mark)

    def train_table(self) -> str | None:
        """A training from a table, now and then with folds before it."""
        chance = self.chance
        params = TABLE_PARAMS | {"epochs": chance.choice((20, 100)), "seed": chance.randrange(100)}
        body = {"kind": "train", "recipe": "tabular", "inputs": {"data": self.table}}
        return self.submit(body | {"params": params | {"folds": chance.choice((0, 0, 3))}})

    def _trained(self, recipe: str) -> list[str]:
        return [j.id for j in self.jobs() if j.kind == "train" and j.recipe == recipe and j.checkpoint is not None]

    def batch(self) -> str | None:
        """Every row of a table answered into one file."""
        trained = self._trained("tabular")
        if not trained:
            return None
        inputs = {"model": {"job_id": self.chance.choice(trained)}, "data": self.rows}
        job_id = self.submit({"kind": "generate", "use": "batch", "inputs": inputs, "params": {}})
        if job_id:
            self.history.rows[job_id] = ANSWERED
        return job_id

    def generate(self) -> str | None:
        trained = self._trained("char_lstm")
        if not trained:
            return None
        model = {"job_id": self.chance.choice(trained)}
        params = {"prompt": "The ", "max_tokens": self.chance.choice((1, 20, 200))}
        return self.submit({"kind": "generate", "inputs": {"model": model}, "params": params})

    def generate_after(self) -> str | None:
        """A generation that waits for a training which has not ended."""
        trainings = [job for job in self.jobs() if job.kind == "train" and not job.state.terminal]
        open_ones = [job.id for job in trainings if job.recipe == "char_lstm"]
        if not open_ones:
            return None
        training = self.chance.choice(open_ones)
        body = {
            "kind": "generate",
            "inputs": {"model": training},
            "after": [training],
            "params": {"prompt": "The ", "max_tokens": 5},
        }
        return self.submit(body)

    def train_in_time(self) -> str | None:
        """A training with a deadline it may or may not meet."""
        deadline = datetime.now(UTC) + timedelta(seconds=self.chance.choice((5, 600)))
        return self.train(deadline_at=deadline.isoformat(), priority=self.chance.randint(-2, 2))

    def ended(self) -> list[Any]:
        return [job for job in self.jobs() if job.state.terminal and job.id not in self.history.deleted]

    def retry(self) -> str | None:
        """Try an ended job again."""
        found = self.ended()
        return self.submit({}, path=f"/jobs/{self.chance.choice(found).id}/retry") if found else None

    def delete(self) -> str | None:
        """Delete an ended job with its files."""
        found = self.ended()
        if not found:
            return None
        job_id = self.chance.choice(found).id
        try:
            self.ask("DELETE", f"/jobs/{job_id}")
        except ApiError as err:
            if err.status != 404:  # 404: an answer was lost, and it is gone
                return None
        self.history.deleted.add(job_id)
        return job_id

    def jobs(self) -> list[Any]:
        return self.here.store.get_many(list(self.history.accepted))

    def control(self, verb: str) -> str:
        """Cancel, pause or resume one of the jobs that have not ended."""
        open_ones = [job.id for job in self.jobs() if not job.state.terminal]
        if not open_ones:
            return "nothing: no job to control"
        job_id = self.chance.choice(self._paused if verb == "resume" and self._paused else open_ones)
        try:
            getattr(self.here.store, verb)(job_id)
        except (Conflict, NotFound) as err:
            return f"nothing: {err.message}"
        if verb == "cancel":
            self.history.cancelled[job_id] = time.time()
        elif verb == "pause":
            self._paused.append(job_id)
        elif job_id in self._paused:
            self._paused.remove(job_id)
        return job_id

    def keep_busy(self) -> None:
        """Submit until enough is under way; now and then whatever else users do."""
        with contextlib.suppress(redis.RedisError):
            while sum(not job.state.terminal for job in self.jobs()) < AT_ONCE + len(self._paused):
                if (self.train_table() if self.chance.random() < 0.3 else self.train()) is None:
                    break
            for what, odds in (("cancel", 0.05), ("pause", 0.08), ("resume", 0.15)):
                if self.chance.random() < odds:
                    self.control(what)
            for also, odds in (
                (self.generate, 0.6),
                (self.batch, 0.3),
                (self.generate_after, 0.1),
                (self.train_in_time, 0.1),
                (self.retry, 0.1),
                (self.delete, 0.1),
            ):
                if self.chance.random() < odds:
                    also()

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def faults(self) -> dict[str, tuple[int, Fault]]:
        """Name -> (how often, what). The quick ones come more often than those that stop everything for a while."""
        here, chance = self.here, self.chance
        worker = chance.randrange(len(here.workers))
        long_s = PERIODS["lease_s"] + 2
        found: dict[str, tuple[int, Fault]] = {
            "kill the trainer, generator or spare": (12, lambda: here.kill_process(worker)),
            "kill the Celery child": (8, lambda: here.kill_child(worker)),
            "kill the Celery parent": (5, lambda: here.kill_parent(worker)),
            "kill the machine": (5, lambda: here.kill_machine(worker)),
            "stop the machine for longer than a lease": (2, lambda: here.freeze(worker, long_s)),
            "stop the machine for a moment": (4, lambda: here.freeze(worker, 1.5)),
            "deploy": (4, lambda: here.deploy(worker)),
            "kill Redis and start it again": (5, here.restart_redis),
            "kill Redis, lose the end of its file": (
                5,
                lambda: here.restart_redis(cut_bytes=chance.randrange(1, 4000)),
            ),
            "lose all messages": (6, here.flush_broker),
            "send messages twice": (6, lambda: here.double_wakeups(chance.randrange(1, 6))),
            "cut the worker's connections": (6, lambda: here.links[worker].cut() or "cut"),
            "half-open connections": (3, lambda: here.go_silent(worker, chance.choice((2.0, long_s)))),
            "step a clock": (6, lambda: here.step_clock(chance.choice(self._clocks), chance.uniform(-1e6, 1e6))),
            "kill the web": (3, lambda: here.kill_service("web")),
            "kill the reaper": (4, lambda: here.kill_service("reaper")),
            "kill the web at a mark": (6, lambda: self._submit_through(chance.choice(marks("web")))),
            "kill the supervisor at a mark": (12, lambda: self._arm(worker, chance.choice(marks("worker")))),
        }
        if self.volume is not None:
            volume = self.volume
            found["fill the volume"] = (3, lambda: volume.fill(chance.uniform(0.5, 4)))
            found["make the volume read-only"] = (3, lambda: volume.forbid_writing(chance.uniform(0.5, 4)))
        return found

    def _submit_through(self, mark: str) -> str:
        job_id = self.train(mark)
        return f"{mark}: {job_id or 'nothing: refused'}"

    def _arm(self, worker: int, mark: str) -> str:
        """Wait until the armed process has died there, or for a few seconds."""
        file = self.here.arm(f"worker-{worker}", mark)
        give_up_at = time.monotonic() + 6
        while file.exists() and time.monotonic() < give_up_at:
            threading.Event().wait(0.05)  # a poll with a deadline
        if file.exists():
            file.unlink(missing_ok=True)
            return f"nothing: nobody came by {mark}"
        return mark

    def strike(self, name: str) -> None:
        """One fault, recorded; those that hit nothing are recorded as such."""
        began = time.time()
        seen = self.faults()[name][1]()
        entry = {
            "at": round(began, 2),
            "fault": name,
            "seen": seen,
            "hit": not seen.startswith("nothing") and ": nothing" not in seen,
        }
        self.history.faults.append(entry)
        with self.log.open("a") as log:
            log.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def draw(self) -> str:
        names = self.faults()
        return self.chance.choices(list(names), [odds for odds, _ in names.values()])[0]

    # --- the whole ----------------------------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """Strike for so long; every kind of fault comes once before chance alone decides."""
        first = sorted(self.faults())
        self.chance.shuffle(first)
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            self.keep_busy()
            self.strike(first.pop() if first else self.draw())
            self.here.until(self.here.store.redis.ping, within_s=30, what="Redis")
            threading.Event().wait(self.chance.uniform(0.2, 4))  # how long the installation is left in peace

    def calm(self) -> None:
        """No more faults: everything that was paused goes on, everything ends, the workers leave in order."""
        here = self.here
        for name in self._clocks:
            here.step_clock(name, 0.0)
        for job in self.jobs():
            if job.state == "paused" or job.request == "pause":
                with contextlib.suppress(Conflict):
                    here.store.resume(job.id)
        here.until(lambda: self._all_ended(), within_s=DONE_WITHIN_S, what="the end of every job")
        here.until(lambda: not here.store.uncopied(1), within_s=30, what="the copies of all records")
        for process in here.workers:
            process.terminate()
        for process in here.workers:
            process.wait(90)
        here.volume.sweep(older_than_s=0)  # what the reaper does an hour later

    def _all_ended(self) -> bool:
        jobs = self.jobs()
        for job in jobs:
            if job.state == "paused":  # a pause that was asked for just before the calm
                with contextlib.suppress(Conflict):
                    self.here.store.resume(job.id)
        return all(job.state.terminal for job in jobs)


def storm(folder: Path, *, seconds: float, seed: int, workers: int) -> tuple[History, str]:
    """Run a storm, check it. Returns the history and a line of figures; fails with both when an invariant was broken."""
    log = folder / "faults.jsonl"
    queues = ("train,generate",) * workers
    with (
        SmallVolume.at(folder / "data") as volume,
        Installation(folder, queues=queues, cpu_slots=workers, keep_checkpoints=1) as here,
    ):
        run = Storm(here, volume, seed, log)
        first = run.train()
        here.until(lambda: first and here.store.get(first).attempt, within_s=90, what="the first start")
        with Follower(here.store.redis, here.settings.key_prefix, run.history):
            run.run(seconds)
            run.calm()
        verdict = check(
            here.store.redis,
            here.settings.key_prefix,
            here.settings.data,
            run.history,
            cancel_bound_s=CANCEL_BOUND_S,
        )
        hits = [fault for fault in run.history.faults if fault["hit"]]
        kinds = len({fault["fault"] for fault in hits})
        figures = f"seed {seed}: {len(hits)} faults of {kinds} kinds hit, {json.dumps(verdict.figures)}"
        assert not verdict.violations, "\n".join(
            [figures, *verdict.violations, *map(str, run.history.faults), here.last_words()]
        )
    return run.history, figures
