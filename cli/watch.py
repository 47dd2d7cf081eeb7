"""trainyard watch: follow a job to its end, in place on a terminal, line by line elsewhere."""

import argparse
import sys
import threading
from typing import Any, TextIO

from cli.client import ENDINGS, ApiError, Client, Unreachable
from cli.connect import find_job, server_of
from cli.outputs import outputs_of
from cli.screen import is_live
from cli.view import LiveView, PlainView, View

PAUSED = 4
_POINTS = 200  # of the curve so far
Job = dict[str, Any]


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("watch", help="follow a job: progress, loss, samples; why it waits and until when")
    parser.add_argument("job", nargs="?", default="last", metavar="JOB", help="id, part of an id, name, or last")
    parser.set_defaults(run=watch)


def watch(options: argparse.Namespace) -> int:
    client = server_of(options)
    job_id = find_job(client, options.job)["id"]
    try:
        return watch_job(client, job_id, sys.stdout)
    except KeyboardInterrupt:
        print(f"\nthe job goes on; `trainyard cancel {job_id}` ends it", file=sys.stderr)
        raise


def watch_job(client: Client, job_id: str, out: TextIO) -> int:
    """Follow a job. Returns 0 when it succeeded, 1 when it failed or was cancelled, 4 when it is paused.

    Raises KeyboardInterrupt: the job goes on.
    """
    view: View = LiveView(out) if is_live(out) else PlainView(out)
    job, etag = client.wait(job_id)
    after = "0"
    with view:
        view.begin(job, client.get(f"/jobs/{job_id}/metrics", max_points=_POINTS)["rows"], _criterion(client, job))
        while job["state"] not in (*ENDINGS, "paused"):
            if job["state"] == "queued":
                view.waiting(job)
                job, etag = _changed(client, view, job, etag)
                continue
            for event in client.events(job_id, after=after, on_gap=view.gap):
                after = event.get("id") or after
                view.take(event)
                if event["type"] in ("requeued", "paused"):
                    break
            job, etag = _changed(client, view, job, "")
        if after == "0" and job["state"] != "paused":  # it had ended before anybody watched
            for event in client.events(job_id):
                view.take(event)
        if job["state"] in ENDINGS:
            view.made(client, job, outputs_of(client, job))
        view.end(job)
    if job["state"] == "paused":
        return PAUSED
    return 0 if job["state"] == "succeeded" else 1


def _criterion(client: Client, job: Job) -> str:
    """The metric that tells a better state of this training from a worse one, "" where there is none."""
    if job["kind"] != "train":
        return ""
    try:
        return client.get(f"/recipes/{job['recipe']}")["criterion"]["metric"]
    except ApiError as err:
        if err.status == 404:  # a recipe that this installation no longer has
            return ""
        raise


def _changed(client: Client, view: View, job: Job, etag: str) -> tuple[Job, str]:
    """The job and its etag once they have changed, however often the connection breaks meanwhile."""
    pause_s, broken = 0.2, False
    while True:
        try:
            changed, new_etag = client.wait(job["id"], etag)
        except (Unreachable, ApiError) as err:
            if isinstance(err, ApiError) and err.status < 500:
                raise
            if not broken:
                view.gap(err.message)
            broken = True
            threading.Event().wait(pause_s)  # between two tries to reach a server that is away
            pause_s = min(pause_s * 2, 10.0)
            continue
        if broken:
            view.gap("")
        return (changed, new_etag) if changed else (job, etag)
