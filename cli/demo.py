"""trainyard demo: a real model, trained on real text through the real queue, then used. Nothing is downloaded."""

import argparse
import signal
import sys
import time
from contextlib import ExitStack
from types import FrameType
from typing import Any, NoReturn

from cli.background import BackgroundStack
from cli.client import Client
from cli.connect import running_here
from cli.generate import generate_from
from cli.screen import colour
from cli.up import add_options, only_one, plan_of
from cli.watch import watch_job
from shared.errors import TrainyardError
from shared.jobs.job import DATA, MODEL

_EXAMPLE, _RECIPE = "python_docs", "gpt"
_PROMPT = "A class"
# About 40 s on two cores, and with pieces of words for tokens enough for sentences that look like documentation without
# making sense; with characters for tokens the same time gives words that are none.
_PARAMS: dict[str, Any] = {
    "steps": 600,
    "eval_every": 200,
    "vocabulary": "bpe",
    "vocabulary_size": 1024,
    "learning_rate": 3e-3,
}
_GENERATE: dict[str, Any] = {"prompt": _PROMPT, "max_tokens": 120, "temperature": 0.7, "top_k": 40}


class DemoFailed(TrainyardError):
    """A step of the demo did not end as it should."""

    code = "demo_failed"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("demo", help="train a small gpt on Python's documentation and generate from it")
    add_options(parser)
    parser.add_argument("--once", action="store_true", help="end when the text is there, also on a terminal")
    parser.set_defaults(run=demo)


def demo(options: argparse.Namespace) -> int:
    """Start the stack (or use the one that runs here), show everything, keep it up on a terminal. Raises DemoFailed."""
    began = time.monotonic()
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        plan = plan_of(options)
        running = running_here(plan.data).get("url")
        if running:
            _say(f"using the stack that runs at {running}")
            _show(Client(running), began)
            return 0
        with ExitStack() as stack:
            stack.enter_context(only_one(plan.data))
            log = plan.data / "up.log"
            _say(f"starting server, web, workers and reaper (their log: {log})")
            background = stack.enter_context(BackgroundStack(plan, log))
            _say(f"ready after {time.monotonic() - began:.1f} s: {background.url}")
            _show(Client(background.url), began)
            if options.once or not sys.stdin.isatty():
                return 0
            _say("everything keeps running; Ctrl-C stops it")
            try:
                signal.pause()
            except KeyboardInterrupt:
                _say("stopping")
        return 0
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _show(client: Client, began: float) -> None:
    dataset = client.call("POST", f"/datasets/examples/{_EXAMPLE}")
    _say(f"dataset {dataset['name']!r}: {dataset['bytes']:,} bytes")
    inputs = {DATA: {"dataset_id": dataset["id"]}}
    job = client.submit({"kind": "train", "recipe": _RECIPE, "inputs": inputs, "params": _PARAMS, "name": "demo"})
    page = f"{client.url}{job['links']['page']}"
    _say(f"training; watch it here or at {page}")
    if watch_job(client, job["id"], sys.stdout):
        raise DemoFailed(f"the training did not succeed; `trainyard log {job['id']}` says more")
    _say(f"{time.monotonic() - began:.0f} s after the start the model goes on from {_PROMPT!r}:")
    print()
    body = {"inputs": {MODEL: {"job_id": job["id"]}}, "params": _GENERATE}
    if generate_from(client, body, sys.stdout):
        raise DemoFailed("the generation did not succeed; `trainyard log last` says more")
    print()
    _say(f"from nothing to generated text in {time.monotonic() - began:.0f} s")
    _say(f"open {client.url} to try more, {page} for the training,")
    _say(f'or: ./trainyard --url {client.url} generate {job["id"]} "def "')


def _say(text: str) -> None:
    print(f"{colour('demo', 'bold', sys.stdout)} {text}", flush=True)
