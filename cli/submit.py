"""trainyard submit: put a training or a generation into the queue."""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cli.client import Client
from cli.connect import find_source, server_of
from cli.datasets import find_dataset, upload
from cli.params import read_params
from cli.watch import watch_job

_EPILOG = """
Params of the recipe follow as -p name=value or --name value, such as --learning-rate 0.001; @FILE reads a value from a
file. `trainyard recipes gpt` lists them. Write them after the recipe's name.

examples:
  trainyard submit train gpt --dataset shakespeare.txt --steps 2000 --wait
  trainyard submit train image_classifier --dataset pictures.zip -p epochs=20
  trainyard submit generate --from my-model -p prompt="Once upon a time"
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "submit",
        help="submit a job: train or generate",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("kind", choices=("train", "generate"))
    add("recipe", nargs="?", help="name of a recipe (train)")
    add("--dataset", metavar="PATH|ID|NAME", help="what to train on; a path is uploaded first")
    add(
        "--from",
        dest="source",
        metavar="MODEL|JOB[@STEP]",
        help="generate from it, or begin a training with its weights",
    )
    add("-p", "--param", action="append", default=[], metavar="NAME=VALUE", help="a param of the recipe")
    add("--name", default="", help="a name for people")
    add("--priority", type=int, default=0, metavar="N", help="-10 to 10; higher goes first")
    add("--after", action="append", default=[], metavar="JOB", help="wait until this job has succeeded")
    add("--hours", type=float, metavar="N", help="cancel it if it has not ended so many hours from now")
    add("--wait", action="store_true", help="watch it to its end; the exit code tells how that was")
    parser.set_defaults(run=submit, takes_params=True)


def submit(options: argparse.Namespace) -> int:
    """Submit, say where it stands, and watch it when asked to."""
    client = server_of(options)
    body: dict[str, Any] = {
        "kind": options.kind,
        "name": options.name,
        "priority": options.priority,
        "after": options.after,
    }
    if options.hours is not None:
        body["deadline_at"] = (datetime.now(UTC) + timedelta(hours=options.hours)).isoformat()
    recipe = options.recipe
    if options.source:
        source = find_source(client, options.source)
        recipe = recipe or source["recipe"]
        if options.kind == "train":
            body["start_from"] = source.get("checkpoint") or {"job_id": source["model_id"]}
        else:
            body |= {name: source[name] for name in ("model_id", "checkpoint") if name in source}
    if recipe:
        body["recipe"] = recipe
        schema = client.get(f"/recipes/{recipe}")[f"{options.kind}_params"]
        body["params"] = read_params(schema, options.param, options.rest)
    if options.dataset:
        body["dataset_id"] = dataset_id_of(client, options.dataset)
    job = client.submit(body)
    print(f"{job['id']} {job['state']}: {job['standing']['why']}", flush=True)
    if not options.wait:
        print(f"watch it: trainyard watch {job['id']}   or {client.url}{job['links']['page']}")
        return 0
    return watch_job(client, job["id"], sys.stdout)


def dataset_id_of(client: Client, text: str) -> str:
    """A path is uploaded; anything else names a dataset on the server. Raises NotFound, ApiError."""
    path = Path(text)
    return upload(client, [path])["id"] if path.exists() else find_dataset(client, text)["id"]
