"""trainyard submit: put a training or a use of a model into the queue."""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from cli import inputs
from cli.client import Client
from cli.connect import find_source, server_of
from cli.figures import amount, whole
from cli.outputs import read, show
from cli.params import read_params
from cli.time_left import expected_said, time_said
from cli.uploads import upload_file
from cli.watch import watch_job
from shared.errors import ClientError
from shared.jobs.job import MODEL, START_FROM

_EPILOG = """
Params of the recipe follow as -p name=value or --name value, such as --batch-size 16; @FILE reads a value from a file, and
sends the file where the param holds files. Write them after the recipe's name. `trainyard recipes` lists the recipes,
`trainyard recipes RECIPE` the params, inputs and uses of one.

examples:
  trainyard submit train RECIPE --dataset FILE --batch-size 16 --wait
  trainyard submit train RECIPE --input data=FOLDER --from MODEL
  trainyard submit generate --from MODEL -p NAME=VALUE
  trainyard submit generate --from MODEL --use batch --dataset FILE
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
    inputs.add_options(parser)
    add(
        "--from",
        dest="source",
        metavar="MODEL|JOB[@STEP]",
        help="generate from it, or begin a training with its weights",
    )
    add("--use", default="generate", metavar="NAME", help="what to do with a model (default: generate)")
    add("-p", "--param", action="append", default=[], metavar="NAME=VALUE", help="a param of the recipe")
    add("--name", default="", help="a name for people")
    add("--priority", type=whole, default=0, metavar="N", help="-10 to 10; higher goes first")
    add("--after", action="append", default=[], metavar="JOB", help="wait until this job has succeeded")
    add("--hours", type=amount, metavar="N", help="cancel it if it has not ended so many hours from now")
    add(
        "--expected",
        action="store_true",
        help="say how long it would take and what it would learn from; nothing is submitted",
    )
    add("--wait", action="store_true", help="watch it to its end; the exit code tells how that was")
    parser.set_defaults(run=submit, takes_params=True)


def submit(options: argparse.Namespace) -> int:
    """Submit, say where it stands, and watch it when asked to."""
    client = server_of(options)
    body = {"name": options.name, "priority": options.priority, "after": options.after}
    if options.hours is not None:
        body["deadline_at"] = _in_hours(options.hours)
    body |= _request(client, options)
    if options.expected:
        found = client.call("POST", "/jobs/expected", body)
        print(expected_said(found["eta"]), flush=True)
        show(read(found["outputs"]), sys.stdout, lambda name: name)
        return 0
    job = client.submit(body)
    said = "; ".join([job["standing"]["why"], *time_said(job["standing"], job["state"])])
    print(f"{job['id']} {job['state']}: {said}", flush=True)
    if not options.wait:
        print(f"watch it: trainyard watch {job['id']}   or {client.url}{job['links']['page']}")
        return 0
    return watch_job(client, job["id"], sys.stdout)


def _request(client: Client, options: argparse.Namespace) -> dict[str, Any]:
    """kind, recipe, use, params and inputs of what was asked for; files and datasets have been uploaded."""
    generation = options.kind == "generate"
    given = inputs.given(options, MODEL if generation else START_FROM, options.source)
    if generation:
        source = inputs.source_in(given, generation=True)
        if source is None:
            raise ClientError("what to generate from is missing: --from MODEL, or --from JOB for a training")
        found, recipe = find_source(client, source, options.recipe or "")
        job = inputs.use_of(client, recipe, options.use)
        chosen, given = {MODEL: found}, [(role, what) for role, what in given if role != MODEL]
    else:
        if options.use != "generate":
            raise ClientError("--use is for generate: it says what to do with a model")
        job = inputs.training(client, options.recipe or _recipe_of(client, given))
        chosen = {}
    params = read_params(job.schema, options.param, options.rest, upload=lambda path: upload_file(client, path)["id"])
    chosen |= inputs.read_inputs(client, job, given)
    return {"kind": options.kind, "recipe": job.recipe, "params": params, "inputs": chosen} | (
        {"use": options.use} if generation else {}
    )


def _recipe_of(client: Client, given: inputs.Given) -> str:
    """The recipe of a training that names none: that of the model it begins from. Raises ClientError without one."""
    source = inputs.source_in(given, generation=False)
    if source is None:
        raise ClientError("the recipe is missing: trainyard submit train RECIPE; `trainyard recipes` lists them")
    return find_source(client, source)[1]


def _in_hours(hours: float) -> str:
    """Raises ClientError for a time that no calendar has."""
    try:
        return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    except (OverflowError, ValueError) as err:
        raise ClientError(f"--hours {hours:g} leads out of the calendar") from err
