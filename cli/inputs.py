"""What a job is given besides params, by role: --dataset, --from and --input ROLE=WHAT become the `inputs` of a request.

What each role takes is told by the server; nothing here knows any recipe.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.client import Client
from cli.connect import find_base, find_dataset, find_source
from cli.paths import home
from cli.uploads import upload_dataset
from shared.errors import ClientError, InvalidParams, NotFound, Problem
from shared.jobs.job import DATA, MODEL, START_FROM

Given = list[tuple[str, str]]  # (role, what), in the order of the command line


def add_options(parser: argparse.ArgumentParser) -> None:
    """--dataset and --input, for the commands that submit a job."""
    parser.add_argument("--dataset", metavar="PATH|ID|NAME", help="the same as --input data=...")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="ROLE=PATH|ID|NAME",
        help="what it works on, by role: a path is uploaded first; `trainyard recipes RECIPE` lists the roles",
    )


@dataclass(frozen=True)
class Job:
    """What is to be done, as the server describes it. roles: what it may be given; schema: of its params."""

    recipe: str
    roles: Sequence[Mapping[str, Any]]
    schema: dict[str, Any]
    streams: bool = False


def training(client: Client, recipe: str) -> Job:
    """Raises ApiError when there is no such recipe."""
    spec = client.get(f"/recipes/{recipe}")
    return Job(spec["name"], spec["inputs"], spec["train_params"])


def use_of(client: Client, recipe: str, use: str) -> Job:
    """A use of a recipe's models. Raises ApiError, NotFound naming its uses."""
    uses = client.get(f"/recipes/{recipe}")["uses"]
    if use not in uses:
        raise NotFound(f"{use!r:.40} is no use of a model of {recipe}; known are {', '.join(uses)}")
    return Job(recipe, uses[use]["inputs"], uses[use]["params"], streams=uses[use]["streams"])


def given(options: argparse.Namespace, source_role: str = "", source: str | None = None) -> Given:
    """What the command line says, a role twice included. Raises ClientError for what is no ROLE=WHAT."""
    found: Given = []
    if source:
        found.append((source_role, source))
    if options.dataset:
        found.append((DATA, options.dataset))
    for pair in options.input:
        role, sign, what = pair.partition("=")
        if not sign or not role or not what:
            raise ClientError(f"{pair!r:.60} is no input; write --input ROLE=PATH, or a name or an id after the sign")
        found.append((role.strip().replace("-", "_"), what))
    return found


def read_inputs(client: Client, job: Job, given: Given) -> dict[str, Any]:
    """Inputs by role, as a request holds them; paths have been uploaded.

    Raises InvalidParams naming every role that is unknown or given twice, before anything is uploaded; NotFound, Conflict,
    ApiError.
    """
    roles = {role["role"]: role for role in job.roles}
    problems = [
        Problem(field=f"inputs.{role}", message=f"is no input of this job; known are {', '.join(roles) or 'none'}")
        for role, _ in given
        if role not in roles
    ]
    names = [role for role, _ in given]
    problems += [
        Problem(field=f"inputs.{role}", message="is given twice: leave one out")
        for role in dict.fromkeys(names)
        if names.count(role) > 1
    ]
    if problems:
        raise InvalidParams(problems)
    return {role: _found(client, roles[role], what) for role, what in given}


def _found(client: Client, role: Mapping[str, Any], what: str) -> dict[str, Any]:
    """A reference to what one role is given: to a dataset or a base model where the role takes one, else to a model."""
    if role["formats"]:
        if os.path.exists(home(what)):  # False, not an error, for what is too long to be a path
            return {"dataset_id": upload_dataset(client, [home(what)])["id"]}
        try:
            return {"dataset_id": find_dataset(client, what)["id"]}
        except NotFound:
            if not role["recipes"] and not role["bases"]:
                raise
    if role["bases"]:
        try:
            return {"base_id": find_base(client, what)["id"]}
        except NotFound:
            if not role["recipes"]:
                raise
    return find_source(client, what)[0]


def source_in(found: Given, *, generation: bool) -> str | None:
    """What a command line names as the model of a generation, or as the beginning of a training."""
    wanted = MODEL if generation else START_FROM
    return next((what for role, what in found if role == wanted), None)
