"""trainyard jobs, cancel, pause, resume, retry, log, download, delete: jobs that exist."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.client import ApiError, Client
from cli.connect import find_job, server_of
from cli.downloads import fetch
from cli.figures import whole
from cli.inputs import training, use_of
from cli.params import read_params
from cli.paths import folder
from cli.results import privacy_said, verdict_said
from cli.screen import ago, columns, plain, size, table
from cli.time_left import time_said
from cli.uploads import upload_file
from shared.clock.estimate import Estimate
from shared.clock.words import left_said

_STATES = ("queued", "running", "paused", "succeeded", "failed", "cancelled")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("jobs", help="list jobs, or show one")
    parser.add_argument("job", nargs="?", metavar="JOB", help="show this one: id, part of an id, name, or last")
    parser.add_argument("--state", choices=_STATES)
    parser.add_argument("--kind", choices=("train", "generate"))
    parser.add_argument("--limit", type=whole, default=20, metavar="N")
    parser.add_argument("--json", action="store_true", help="print the server's answer as it is")
    parser.set_defaults(run=jobs)
    for verb, text in (
        ("cancel", "end jobs; a running one stops at the end of its batch"),
        ("pause", "stop jobs after a checkpoint and free their device"),
        ("resume", "put paused jobs back into the queue"),
    ):
        parser = commands.add_parser(verb, help=text)
        parser.add_argument("jobs", nargs="+", metavar="JOB")
        parser.set_defaults(run=_verb(verb))
    parser = commands.add_parser(
        "retry", help="submit an ended job again; an unchanged training goes on from its checkpoint", allow_abbrev=False
    )
    parser.add_argument("job", metavar="JOB")
    parser.add_argument("-p", "--param", action="append", default=[], metavar="NAME=VALUE", help="change a param")
    parser.add_argument("--from-start", action="store_true", help="do not go on from a checkpoint")
    parser.set_defaults(run=retry, takes_params=True)
    parser = commands.add_parser("log", help="the end of a job's log")
    parser.add_argument("job", nargs="?", default="last", metavar="JOB")
    parser.add_argument("--attempt", type=whole, metavar="N", help="of an earlier attempt")
    parser.set_defaults(run=log)
    parser = commands.add_parser("download", help="fetch a job's artifacts")
    parser.add_argument("job", metavar="JOB")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which ones (default: all)")
    parser.add_argument("--to", type=folder, default=Path(), metavar="DIR")
    parser.set_defaults(run=download)
    parser = commands.add_parser("delete", help="remove ended jobs with their checkpoints, artifacts and logs")
    parser.add_argument("jobs", nargs="+", metavar="JOB")
    parser.set_defaults(run=_each(_delete))


def jobs(options: argparse.Namespace) -> int:
    client = server_of(options)
    if options.job:
        job = find_job(client, options.job)
        print(json.dumps(job, ensure_ascii=False, indent=2) if options.json else _one(job))
        return 0
    answer = client.get("/jobs", state=options.state, kind=options.kind, limit=options.limit)
    if options.json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
        return 0
    now = datetime.now(UTC)
    rows = [
        [job["id"], job["state"], job["kind"], job["recipe"], ago(job["created_at"], now), _about(job)]
        for job in answer["jobs"]
    ]
    head = ("ID", "STATE", "KIND", "RECIPE", "ADDED", "")
    print(table(head, rows, columns(sys.stdout)) or _how_to_add())
    if answer["next_cursor"]:
        print(f"… more; --limit {options.limit * 2} shows them")
    return 0


def _how_to_add() -> str:
    return "no jobs; `trainyard recipes` lists what can be trained, `trainyard submit train RECIPE --dataset FILE` adds one"


def _about(job: dict[str, Any]) -> str:
    parts = [job["name"]] if job["name"] else []
    progress = job.get("progress") or {}
    if job["state"] == "running" and progress.get("total_steps"):
        parts.append(f"{progress['step'] / progress['total_steps']:.0%}")
    if job["state"] == "running" and progress.get("eta"):
        parts.append(left_said(Estimate.model_validate(progress["eta"])))
    headline = (job.get("result") or {}).get("headline")
    if headline and job["kind"] == "generate":
        parts.append(headline)
    if sentence := verdict_said(job.get("result")):
        parts.append(sentence)
    if job.get("error"):
        parts.append(job["error"]["message"])
    return ", ".join(parts)


def _one(job: dict[str, Any]) -> str:
    """A job as a few lines."""
    use = f" ({job['use']})" if job["use"] not in ("", "generate") else ""
    lines = [f"{job['id']} {job['state']}: {job['kind']}{use} {job['recipe']} {job['name']}".rstrip()]
    standing = job["standing"]
    if standing["why"]:
        lines.append(standing["why"])
    lines += [line for line in time_said(standing, job["state"]) if line]
    if job.get("error"):
        lines.append(f"{job['error']['message']} ({job['error']['code']})")
    before = 0
    for attempt in job["attempts"]:
        if attempt["number"] > before + 1:
            more = attempt["number"] - before - 1
            lines.append(f"{more:,} attempt{'s'[: more != 1]} more: trainyard log {job['id']} --attempt N")
        before = attempt["number"]
        ended = attempt.get("outcome") or attempt.get("cause") or "running"
        steps = f", to step {attempt['last_step']}" if attempt.get("last_step") is not None else ""
        lines.append(f"attempt {attempt['number']}: {attempt['worker']} on {attempt['device']}, {ended}{steps}")
    lines += [f"input {role}: {_named(ref)}" for role, ref in job["inputs"].items()]
    changed = {name: value for name, value in job["params"].items() if value not in (None, "", [])}
    lines.append("params " + ", ".join(f"{name}={value}" for name, value in changed.items()))
    said = (verdict_said(job.get("result")), privacy_said(job.get("result")))
    lines[1:1] = [sentence for sentence in said if sentence]
    made = (job.get("result") or {}).get("outputs")
    if made:
        lines.append(f"{made:,} output{'s'[: made != 1]}: trainyard outputs {job['id']}")
    return plain("\n".join(lines))


def _named(ref: dict[str, Any]) -> str:
    """What an input is: a dataset, a base model, a model, a checkpoint."""
    if ref["dataset_id"]:
        return f"dataset {ref['dataset_id']}"
    if ref["base_id"]:
        return f"base model {ref['base_id']}"
    model = f"model {ref['model_id']}" if ref["model_id"] else ""
    point = ref["checkpoint"]
    step = f"job {point['job_id']}, step {point['step']:,}" if point else ""
    return ", ".join(filter(None, [model, step]))


def _verb(verb: str) -> Callable[[argparse.Namespace], int]:
    def act(client: Client, job_id: str) -> str:
        job = client.call("POST", f"/jobs/{job_id}/{verb}")
        return f"{job['id']} {job['state']}{': ' + job['standing']['why'] if job['standing']['why'] else ''}"

    return _each(act)


def _delete(client: Client, job_id: str) -> str:
    client.call("DELETE", f"/jobs/{job_id}")
    return f"{job_id} deleted"


def _each(act: Callable[[Client, str], str]) -> Callable[[argparse.Namespace], int]:
    """Do the same to each of the named jobs."""

    def run(options: argparse.Namespace) -> int:
        client, refused = server_of(options), 0
        for text in options.jobs:
            try:
                print(plain(act(client, find_job(client, text)["id"])))
            except ApiError as err:  # say it, and go on with the others
                refused = 2
                print(f"trainyard: {plain(err.message)}", file=sys.stderr)
        return refused

    return run


def retry(options: argparse.Namespace) -> int:
    client = server_of(options)
    old = find_job(client, options.job)
    body: dict[str, Any] = {"from_start": options.from_start}
    if options.param or options.rest:
        job = training(client, old["recipe"]) if old["kind"] == "train" else use_of(client, old["recipe"], old["use"])
        upload = lambda path: upload_file(client, path)["id"]  # noqa: E731
        body["params"] = read_params(job.schema, options.param, options.rest, upload=upload)
    job = client.call("POST", f"/jobs/{old['id']}/retry", body)
    print(
        f"{job['id']} {job['state']}: {'; '.join([job['standing']['why'], *time_said(job['standing'], job['state'])])}"
    )
    return 0


def log(options: argparse.Namespace) -> int:
    client = server_of(options)
    job = find_job(client, options.job)
    part = client.get(f"/jobs/{job['id']}/log", attempt=options.attempt)
    print(plain(part["text"]), end="")
    return 0


def download(options: argparse.Namespace) -> int:
    client = server_of(options)
    job = find_job(client, options.job)
    names = options.names or [a["name"] for a in client.get(f"/jobs/{job['id']}/artifacts")["artifacts"]]
    if not names:
        print("this job has no artifacts yet")
        return 0
    options.to.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = options.to / Path(name).name
        source = f"/jobs/{job['id']}/artifacts/{name}"
        print(f"{path}  {size(fetch(client, source, path))}")
    return 0
