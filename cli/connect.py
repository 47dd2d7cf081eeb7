"""Finds the server the command line talks to."""

import argparse
import json
from pathlib import Path

from cli.client import Client
from shared.settings import load_settings


def server_of(options: argparse.Namespace) -> Client:
    """--url, else TRAINYARD_URL, else the stack `trainyard up` runs on this folder, else this machine's usual port."""
    settings = load_settings()
    return Client(options.url or settings.url or running_here(settings.data).get("url") or _usual(settings.port))


def _usual(port: int) -> str:
    return f"http://127.0.0.1:{port or 8000}"


def running_here(data: Path) -> dict[str, str]:
    """What `trainyard up` says of itself: url, redis_url. Empty when none runs on this volume."""
    try:
        return json.loads((data / "up.json").read_text())
    except (OSError, ValueError):
        return {}
