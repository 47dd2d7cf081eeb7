"""trainyard generate: use a model or a training, and see its text as it comes."""

import argparse
import base64
import sys
from pathlib import Path
from typing import Any, TextIO

from cli.client import ENDINGS, Client
from cli.connect import find_source, server_of
from cli.params import read_params
from cli.screen import bar, colour, columns, is_live, pad, plain

_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "generate",
        help="generate from a model, a training or one of its checkpoints; label pictures",
        epilog="Params of the recipe follow as -p name=value or --name value. Ctrl-C cancels the generation.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("source", metavar="MODEL|JOB[@STEP]", help="a model's name or id, a training's id, a checkpoint, or \"last\"")
    add("input", nargs="*", metavar="PROMPT|PICTURE", help="text to go on from, or pictures to label")
    add("-p", "--param", action="append", default=[], metavar="NAME=VALUE", help="a param of the recipe")
    parser.set_defaults(run=generate, takes_params=True)


def generate(options: argparse.Namespace) -> int:
    client = server_of(options)
    source = find_source(client, options.source)
    schema = client.get(f"/recipes/{source['recipe']}")["generate_params"]
    params = read_params(schema, options.param, options.rest) | _inputs(schema, options.input)
    return generate_from(client, source, params, sys.stdout)


def generate_from(client: Client, source: dict[str, Any], params: dict[str, Any], out: TextIO) -> int:
    """Submit a generation and show it as it comes. Returns 0 when it succeeded; cancels it on KeyboardInterrupt."""
    body = {name: source[name] for name in ("model_id", "checkpoint", "recipe") if name in source}
    job = client.submit(body | {"kind": "generate", "params": params})
    stream = _Stream(out)
    try:
        state = _follow(client, job, stream)
    except KeyboardInterrupt:
        client.call("POST", f"/jobs/{job['id']}/cancel")
        raise
    job = client.get(f"/jobs/{job['id']}")
    stream.finish(job.get("result") or {})
    if state == "failed":
        error = job.get("error") or {}
        print(plain(f"trainyard: {error.get('message')} ({error.get('code')})"), file=sys.stderr)
    return 0 if state == "succeeded" else 1


def _follow(client: Client, job: dict[str, Any], stream: "_Stream") -> str:
    if job["standing"]["why"] and "starts at once" not in job["standing"]["why"]:
        print(colour(job["standing"]["why"], "grey", sys.stderr), file=sys.stderr)
    for event in client.events(job["id"], on_gap=_note):
        if event["type"] == "output":
            stream.add(int(event["data"].get("index", 0)), event["data"].get("text", ""))
        elif event["type"] == "requeued":  # the next attempt says everything again
            stream.restart()
        elif event["type"] == "note":
            _note(str(event["data"].get("message")))
        elif event["type"] in ENDINGS:
            return event["type"]
    return "failed"


def _note(text: str) -> None:
    if text:
        print(colour(plain(text), "grey", sys.stderr), file=sys.stderr)


def _inputs(schema: dict[str, Any], inputs: list[str]) -> dict[str, Any]:
    """Positional arguments as the params they are meant for."""
    if not inputs:
        return {}
    fields = schema.get("properties", {})
    if "images" in fields and all(Path(text).suffix.lower() in _SUFFIXES for text in inputs):
        paths = [Path(text) for text in inputs]
        return {"images": [{"name": p.name, "data": base64.b64encode(p.read_bytes()).decode()} for p in paths]}
    if "prompts" in fields and len(inputs) > 1:
        return {"prompts": inputs}
    return {"prompt" if "prompt" in fields else next(iter(fields), "prompt"): " ".join(inputs)}


class _Stream:
    """Writes the first text as it comes; further ones, which come at the same time, once they are whole."""

    def __init__(self, out: TextIO):
        self._out = out
        self._texts: dict[int, str] = {}
        self._shown = ""  # what of text 0 stands on the screen

    def add(self, index: int, text: str) -> None:
        self._texts[index] = self._texts.get(index, "") + text
        if index == 0:
            self._write_on()

    def restart(self) -> None:
        self._texts = {}

    def _write_on(self) -> None:
        text = plain(self._texts.get(0, ""))
        if text.startswith(self._shown):
            self._out.write(text[len(self._shown) :])
            self._out.flush()
            self._shown = text

    def finish(self, result: dict[str, Any]) -> None:
        """Write what has not been streamed."""
        texts = [item if isinstance(item, str) else item.get("text", "") for item in result.get("texts") or []]
        for index, text in enumerate(texts):
            if index == 0 and self._shown:
                continue
            if index:
                self._out.write(colour(f"\n--- {index + 1} ---\n", "grey", self._out))
            self._out.write(plain(text))
            self._out.write("" if text.endswith("\n") else "\n")
        if self._shown and not self._shown.endswith("\n"):
            self._out.write("\n")
        for one in result.get("predictions") or []:
            _write_prediction(one, self._out)
        self._out.flush()


def _write_prediction(one: dict[str, Any], out: TextIO) -> None:
    shares = one.get("probabilities") or {one["label"]: one.get("probability", 0.0)}
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    if not is_live(out):
        line = "\t".join([one.get("file") or "", *(f"{label} {share:.4f}" for label, share in ranked)])
        out.write(plain(line) + "\n")
        return
    out.write(colour(plain(f"{one.get('file') or 'picture'}: {one['label']}\n"), "bold", out))
    for label, share in ranked:
        out.write(f"  {pad(plain(label), min(20, columns(out) // 3))} {bar(share, 20)} {share:6.1%}\n")
