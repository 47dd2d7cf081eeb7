"""Finds what commands name: the server; a job, a dataset, a model or checkpoint by id or name.

A name that several things have is refused with the id of each: a command never picks one of them.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from cli.client import Client
from shared.errors import Conflict, NotFound
from shared.ids import is_id
from shared.settings import load_settings

_LOOKED_AT = 500  # newest jobs among which a name or the end of an id is looked for
_MOST_NAMED = 5  # ids of things of one name


def server_of(options: argparse.Namespace) -> Client:
    """--url, else TRAINYARD_URL, else the stack `trainyard up` runs on this folder, else this machine's usual port."""
    settings = load_settings()
    usual = f"http://127.0.0.1:{settings.port or 8000}"
    url = options.url or settings.url or running_here(settings.data).get("url") or usual
    return Client(url, api_key=settings.api_key.get_secret_value())


def running_here(data: Path) -> dict[str, str]:
    """What `trainyard up` says of itself: url, redis_url. Empty when none runs on this volume."""
    try:
        return json.loads((data / "up.json").read_text())
    except (OSError, ValueError):
        return {}


def find_job(client: Client, text: str) -> dict[str, Any]:
    """A job by its id, by a part of one, by name, or "last" for the newest. Raises NotFound, Conflict."""
    if is_id(text):
        return client.get(f"/jobs/{text}")
    jobs = client.get("/jobs", limit=_LOOKED_AT)["jobs"]
    if text == "last" and jobs:
        return client.get(f"/jobs/{jobs[0]['id']}")
    found = [job for job in jobs if job["name"] == text]
    if not found and len(text) >= 4:
        found = [job for job in jobs if job["id"].startswith(text) or job["id"].endswith(text)]
    if not found:
        raise NotFound(f"no job {text!r:.60} among the newest {len(jobs)}; `trainyard jobs` lists them")
    return client.get(f"/jobs/{_only(found, 'jobs', text)['id']}")


def find_dataset(client: Client, text: str) -> dict[str, Any]:
    """A dataset by id, by the beginning of one, by name, or an example by example:NAME. Raises NotFound, Conflict, ApiError."""
    if text.startswith("example:"):
        return client.call("POST", f"/datasets/examples/{text.removeprefix('example:')}")
    datasets = client.get("/datasets")["datasets"]
    found = [d for d in datasets if d["id"] == text] or [d for d in datasets if d["name"] == text]
    found = found or [d for d in datasets if len(text) >= 4 and d["id"].startswith(text)]
    if not found:
        raise NotFound(f"no file and no dataset {text!r:.60}; `trainyard datasets` lists them")
    return _only(found, "datasets", text)


def find_base(client: Client, text: str) -> dict[str, Any]:
    """A base model by id, by the beginning of one, or by name. Raises NotFound, Conflict, ApiError."""
    bases = client.get("/bases")["bases"]
    found = [b for b in bases if b["id"] == text] or [b for b in bases if b["name"] == text]
    found = found or [b for b in bases if len(text) >= 4 and b["id"].startswith(text)]
    if not found:
        raise NotFound(
            f"no base model {text!r:.60}; `trainyard models bases` lists them, `trainyard models import` adds one"
        )
    return _only(found, "base models", text)


def find_source(client: Client, text: str, recipe: str = "") -> tuple[dict[str, Any], str]:
    """A model, checkpoint or base as a job's input, and its recipe. text: a model's or a base's id or name, or JOB[@STEP].

    recipe: that is to use a base; "": the first that can. Raises NotFound, Conflict.
    """
    models = client.get("/models")["models"]
    found = [m for m in models if m["id"] == text] or [m for m in models if m["name"] == text]
    if found:
        model = _only(found, "models", text)
        return {"model_id": model["id"]}, model["recipe"]
    bases = [b for b in client.get("/bases")["bases"] if b["recipes"] and text in (b["id"], b["name"])]
    if bases:
        base = _only(bases, "base models", text)
        if recipe and recipe not in base["recipes"]:
            raise NotFound(f"{recipe!r:.40} cannot use this base model as it is; {', '.join(base['recipes'])} can")
        return {"base_id": base["id"]}, recipe or base["recipes"][0]
    name, sign, step = text.partition("@")
    if sign and not step.isdigit():
        raise NotFound(f"{step!r:.40} is no step; write JOB@1200")
    job = find_job(client, name)
    if job["kind"] == "generate":
        raise NotFound(f"job {job['id']} is a generation; name a training or a model")
    return {"job_id": job["id"]} | ({"step": int(step)} if step else {}), job["recipe"]


def _only(found: list[dict[str, Any]], what: str, text: str) -> dict[str, Any]:
    """The one thing found. Raises Conflict naming the ids when there are more."""
    if len(found) == 1:
        return found[0]
    ids = ", ".join(one["id"] for one in found[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    raise Conflict(f"{len(found)} {what} are called {text!r:.60}: {ids}{more}, newest first; name one by its id")
