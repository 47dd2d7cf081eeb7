"""Checks a finished history against I1-I9 of docs/architecture.md, independently of the code under test.

Reads Redis and the volume in the raw (hash fields, JSON files, hashes of bytes) and imports nothing of Trainyard, so an error in
the store's or the volume's own reading code cannot hide itself. What was accepted and when comes from the harness' record.
"""

import csv
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TERMINAL = {"succeeded", "failed", "cancelled"}


@dataclass
class History:
    """What the harness saw from outside. Times are seconds of time.time().

    accepted: job id -> what was asked. cancelled: job id -> when the cancel was accepted. deleted: ids of ended jobs whose owner
    was told that they are gone. rows: job id -> how many rows its file must hold, numbered from 1. checkpoints: job id ->
    (attempt, step) of every checkpoint it has told of, which Redis forgets soon after its end (follower.py).
    """

    accepted: dict[str, dict] = field(default_factory=dict)
    cancelled: dict[str, float] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    rows: dict[str, int] = field(default_factory=dict)
    checkpoints: dict[str, set[tuple[int, int]]] = field(default_factory=dict)
    faults: list[dict] = field(default_factory=list)


@dataclass
class Verdict:
    """violations: one line each, beginning with the invariant. figures: what was counted on the way."""

    violations: list[str]
    figures: dict[str, float]


def check(client: Any, prefix: str, data: Path, history: History, *, cancel_bound_s: float = 10.0) -> Verdict:
    """Check everything that was accepted. Call when nothing runs any more."""
    found = _Check(client, prefix, data, history, cancel_bound_s)
    for job_id in history.accepted:
        found.deleted(job_id) if job_id in history.deleted else found.job(job_id)
    found.no_stranger_ran()
    found.nothing_was_accepted_twice()
    found.every_key_has_an_owner()
    found.nothing_temporary_is_left()
    return Verdict(found.violations, found.figures)


class _Check:
    def __init__(self, client: Any, prefix: str, data: Path, history: History, cancel_bound_s: float):
        self.client, self.prefix, self.data, self.history = client, prefix, data, history
        self.cancel_bound_s = cancel_bound_s
        self.violations: list[str] = []
        self.figures: dict[str, float] = dict.fromkeys(
            ("jobs", "attempts", "most_attempts", "resumed", "checkpoints"), 0
        )

    def say(self, invariant: str, job_id: str, text: str) -> None:
        self.violations.append(f"{invariant} job {job_id}: {text}")

    def job(self, job_id: str) -> None:
        fields = self.client.hgetall(f"{self.prefix}:job:{job_id}")
        if not fields:
            self.say("I1", job_id, "was accepted and has no record")
            return
        state, attempt = fields["state"], int(fields["attempt"])
        self.figures["jobs"] += 1
        self.figures["attempts"] += attempt
        self.figures["most_attempts"] = max(self.figures["most_attempts"], attempt)
        self.figures[state] = self.figures.get(state, 0) + 1
        if fields.get("error") and state == "failed":
            code = f"failed: {json.loads(fields['error'])['code']}"
            self.figures[code] = self.figures.get(code, 0) + 1
        if state not in TERMINAL and state != "paused":
            self.say("I1", job_id, f"is still {state} after attempt {attempt}")
        dated = self.events(job_id)
        self.waited_for_others(job_id, json.loads(fields.get("spec", "{}")), dated)
        events = [e for _, e in dated]
        self.one_outcome(job_id, state, attempt, events)
        if state == "succeeded":
            self.usable(job_id, fields)
            if job_id in self.history.rows:
                self.every_row_once(job_id, folder=self.data / "jobs" / job_id)
        claims = [int(e["attempt"]) for e in events if e["type"] == "claimed"]
        if claims != sorted(set(claims)):
            self.say("I3", job_id, f"claims carry the attempts {claims}")
        folder = self.data / "jobs" / job_id
        for number in range(1, attempt + 1):
            self.attempt_folder(job_id, folder / f"attempt-{number}")
        for manifest_path in folder.glob("assets/*/manifest.json"):
            self.unchanged(job_id, manifest_path)
        self.repeated_work(job_id, folder, attempt)
        if state == "cancelled" and job_id in self.history.cancelled:
            self.silence_after_cancel(job_id, folder)

    def deleted(self, job_id: str) -> None:
        """A deleted job never runs again. (Its record may come back with a Redis that has lost its last second.)"""
        self.figures["deleted"] = self.figures.get("deleted", 0) + 1
        state = self.client.hget(f"{self.prefix}:job:{job_id}", "state")
        if state not in (None, *TERMINAL):
            self.say("I2", job_id, f"was deleted and is {state}")

    def waited_for_others(self, job_id: str, spec: dict, events: list[tuple[str, dict]]) -> None:
        """I1: a job that is to run after others is not claimed before they have succeeded."""
        claimed = [at for at, e in events if e["type"] == "claimed"][:1]
        for other in spec.get("after", []) if claimed else []:
            ended = [at for at, e in self.events(other) if e["type"] == "succeeded"]
            if other not in self.history.deleted and not (ended and _ms(ended[-1]) <= _ms(claimed[0])):
                self.say(
                    "I1", job_id, f"was claimed at {claimed[0]}, and job {other}, which it waits for, ended at {ended}"
                )

    def events(self, job_id: str) -> list[tuple[str, dict]]:
        return self.client.xrange(f"{self.prefix}:events:{job_id}")

    def one_outcome(self, job_id: str, state: str, attempt: int, events: list[dict]) -> None:
        ends = [e["type"] for e in events if e["type"] in TERMINAL]
        if len(ends) > 1 or (ends and ends[0] != state):
            self.say("I2", job_id, f"is {state} and its events say {ends}")
        if state != "succeeded":
            return
        done = {}
        for path in (self.data / "jobs" / job_id).glob("attempt-*/DONE"):
            done[_number(path.parent)] = json.loads(path.read_text())
        good = sorted(n for n, outcome in done.items() if outcome["state"] == "succeeded")
        copy = self.data / "jobs" / job_id / "record.json"
        if not good and not (copy.exists() and json.loads(copy.read_text())["state"] == "succeeded"):
            self.say(
                "I2", job_id, "succeeded, and the volume holds neither a DONE nor a copy of the record that says so"
            )
        elif len(good) > 1:
            self.say("I2", job_id, f"attempts {good} all left a successful outcome")
        elif good and good[-1] > attempt:
            self.say("I2", job_id, f"outcome of attempt {good[-1]}, record knows {attempt}")

    def usable(self, job_id: str, fields: dict) -> None:
        """I2: what a succeeded training leaves can be used: the checkpoint its result and its model name is there."""
        named = [json.loads(fields.get("result") or "{}").get("checkpoint")]
        model = self.data / "models" / f"{job_id}.json"
        named += [json.loads(model.read_text())["checkpoint"]] if model.exists() else []
        for ref in filter(None, named):
            path = f"attempt-{ref['attempt']}/checkpoints/{ref['step']:08d}/manifest.json"
            if not (self.data / "jobs" / ref["job_id"] / path).exists():
                self.say("I2", job_id, f"succeeded, and {path}, which it names, is not there")

    def every_row_once(self, job_id: str, folder: Path) -> None:
        """I2, I5: the file of a batch holds each row once, in order, however often it was begun."""
        found = sorted(folder.glob("attempt-*/artifacts/rows.csv"), key=lambda path: _number(path.parents[1]))
        if not found:
            self.say("I2", job_id, "succeeded, and its rows are not there")
            return
        with found[-1].open(encoding="utf-8-sig", newline="") as file:
            numbers = [int(row["row"]) for row in csv.DictReader(file)]
        if numbers != list(range(1, self.history.rows[job_id] + 1)):
            twice = len(numbers) - len(set(numbers))
            missing = self.history.rows[job_id] - len(set(numbers))
            self.say("I2", job_id, f"its file lacks {missing} rows and holds {twice} twice")
        self.figures["batches"] = self.figures.get("batches", 0) + 1
        if left := [path for path in folder.glob("attempt-*/rows") if path.is_dir() and any(path.iterdir())]:
            self.say("I9", job_id, f"has left {left[0].relative_to(self.data)}")

    def attempt_folder(self, job_id: str, folder: Path) -> None:
        """I4: every published folder still holds the bytes its manifest was written for."""
        for part in ("checkpoints/*", "samples/*", "artifacts"):
            for manifest_path in folder.glob(f"{part}/manifest.json"):
                self.figures["checkpoints"] += part == "checkpoints/*"
                self.unchanged(job_id, manifest_path)

    def unchanged(self, job_id: str, manifest_path: Path) -> None:
        """I4 of one published folder."""
        manifest = json.loads(manifest_path.read_text())
        for entry in manifest["files"]:
            path = manifest_path.parent / entry["path"]
            try:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as err:
                self.say("I4", job_id, f"{path.relative_to(self.data)}: {err.strerror}")
                continue
            if digest != entry["sha256"]:
                self.say("I4", job_id, f"{path.relative_to(self.data)} has changed since it was published")

    def repeated_work(self, job_id: str, folder: Path, attempts: int) -> None:
        """I5: a later attempt begins at the newest step that an earlier one had published, also when it is gone by now."""
        told = [*self.history.checkpoints.get(job_id, ()), *self.told_lately(job_id)]
        there = [
            (_number(p.parents[2]), int(p.parent.name)) for p in folder.glob("attempt-*/checkpoints/*/manifest.json")
        ]
        for number in range(2, attempts + 1):
            first = _first_row(folder / f"attempt-{number}" / "series.jsonl")
            if first is None:
                continue
            self.figures["resumed"] += 1
            began = first.get("resumed_from_step") or 0
            newest = max((step for attempt, step in told + there if attempt < number), default=0)
            if began < newest:
                self.say("I5", job_id, f"attempt {number} began at step {began} though {newest} was published")

    def told_lately(self, job_id: str) -> list[tuple[int, int]]:
        """(attempt, step) of the checkpoints a job has told of, as far as Redis still knows."""
        entries = (entry for _, entry in self.client.xrange(f"{self.prefix}:feed:{job_id}"))
        return [(int(e["attempt"]), json.loads(e["data"])["step"]) for e in entries if e["type"] == "checkpoint"]

    def silence_after_cancel(self, job_id: str, folder: Path) -> None:
        """I7: nothing is written later than the bound after the cancel was accepted (DONE itself is the outcome)."""
        limit = self.history.cancelled[job_id] + self.cancel_bound_s
        for path in folder.rglob("*"):
            if path.is_file() and path.stat().st_mtime > limit:
                late = path.stat().st_mtime - self.history.cancelled[job_id]
                self.say("I7", job_id, f"{path.relative_to(folder)} was written {late:.1f} s after the cancel")

    def no_stranger_ran(self) -> None:
        jobs = self.data / "jobs"
        for name in os.listdir(jobs) if jobs.exists() else []:
            if name not in self.history.accepted:
                self.say("I2", name, "has a folder and was never accepted")

    def nothing_was_accepted_twice(self) -> None:
        """I2: a request repeated under its key is one job, whatever died in between."""
        for job_id in self.client.zrange(f"{self.prefix}:jobs", 0, -1):
            if job_id not in self.history.accepted:
                self.say("I2", job_id, "is in the index and no answer ever named it")

    def every_key_has_an_owner(self) -> None:
        """I8: each key is one of the kinds of docs; those of a job that is unknown belong to nobody."""
        p = self.prefix
        shared = (
            "ready:",
            "delayed:",
            "fair:",
            "owned:",
            "kind:",
            "costs:",
            "rate:",
            "session:",
            "worker:",
            "slot:",
            "idempotency:",
            "jobs:",
            "deleted:",
            "broker:",
        )
        single = {
            f"{p}:{n}"
            for n in (
                "uncopied",
                "jobs",
                "ended",
                "leases",
                "activity",
                "workers",
                "server",
                "deadlines",
                "kept",
                "unsettled",
                "schema",
            )
        }
        for key in self.client.scan_iter(f"{p}:*"):
            rest = key.removeprefix(f"{p}:")
            kind, _, job_id = rest.partition(":")
            if key in single or rest.startswith(shared):
                continue
            if kind in ("job", "events", "feed", "after", "live") and job_id in self.history.accepted:
                ended = self.client.hget(f"{p}:job:{job_id}", "state") in TERMINAL
                if ended and self.client.ttl(key) < 0:
                    self.say("I8", job_id, f"{key} has ended and no expiry")
                continue
            self.violations.append(f"I8 key {key} belongs to nothing known")
        if self.client.zcard(f"{p}:leases"):
            self.violations.append("I8 leases are held though nothing runs")

    def nothing_temporary_is_left(self) -> None:
        """I9: apart from what a killed process could not remove and the reaper's sweep does: see swept()."""
        for path in self.data.rglob(".*"):
            if path.name.startswith((".tmp-", ".trash-")):
                self.violations.append(f"I9 {path.relative_to(self.data)} is left")


def _ms(event_id: str) -> int:
    return int(event_id.partition("-")[0])


def _number(attempt_dir: Path) -> int:
    return int(attempt_dir.name.removeprefix("attempt-"))


def _first_row(path: Path) -> dict | None:
    try:
        with path.open(encoding="utf-8") as lines:
            return json.loads(next(lines))
    except (OSError, StopIteration, ValueError):
        return None
