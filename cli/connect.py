"""Finds what commands name: the server, a job by id or name, a model or checkpoint."""

import argparse
import json
from pathlib import Path
from typing import Any

from cli.client import Client
from shared.errors import NotFound
from shared.ids import is_id
from shared.settings import load_settings

_LOOKED_AT = 500  # newest jobs among which a name or the end of an id is looked for


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
    """A job by its id, by a part of one that is unique, by name, or "last" for the newest. Raises NotFound."""
    if is_id(text):
        return client.get(f"/jobs/{text}")
    jobs = client.get("/jobs", limit=_LOOKED_AT)["jobs"]
    if text == "last" and jobs:
        return client.get(f"/jobs/{jobs[0]['id']}")
    found = [job for job in jobs if job["name"] == text]  # newest first
    if not found and len(text) >= 4:
        found = [job for job in jobs if job["id"].startswith(text) or job["id"].endswith(text)]
        if len(found) > 1:
            raise NotFound(f"{len(found)} jobs have {text!r:.40} in their id; give more of it")
    if not found:
        raise NotFound(f"no job {text!r:.60} among the newest {len(jobs)}; `trainyard jobs` lists them")
    return client.get(f"/jobs/{found[0]['id']}")


def find_source(client: Client, text: str) -> dict[str, Any]:
    """What to generate from: {"model_id"} or {"checkpoint"}, with "recipe". text: a model's id or name, or JOB[@STEP].

    Raises NotFound.
    """
    name, _, step = text.partition("@")
    if not step:
        for model in client.get("/models")["models"]:  # newest first
            if text in (model["id"], model["name"]):
                return {"model_id": model["id"], "recipe": model["recipe"]}
    elif not step.isdigit():
        raise NotFound(f"{step!r:.40} is no step; write JOB@1200")
    job = find_job(client, name)
    if job["kind"] == "generate":
        raise NotFound(f"job {job['id']} is a generation; name a training or a model")
    choice = {"job_id": job["id"]} | ({"step": int(step)} if step else {})
    return {"checkpoint": choice, "recipe": job["recipe"]}
