"""trainyard generate: use a model or a training, and see what it makes: text as it comes, everything else at the end."""

import argparse
import sys
from typing import Any, TextIO

from cli import inputs
from cli.client import ENDINGS, Client
from cli.connect import find_source, server_of
from cli.outputs import in_folder, outputs_of, show
from cli.params import read_params
from cli.screen import bar, colour, is_live, one_line, plain
from cli.uploads import upload_file
from shared.jobs.job import MODEL
from shared.outputs import Output, Text, files_of

_EPILOG = """
Params of the recipe follow as -p name=value or --name value; pictures and other files are sent first. Ctrl-C cancels.

examples:
  trainyard generate MODEL "Once upon a time"
  trainyard generate MODEL photo.jpg another.png
  trainyard generate ENCODER "a quiet room" --recipe RECIPE --dataset rows.csv
  trainyard generate MODEL --use batch --dataset rows.csv -p COLUMN=name
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "generate",
        help="use a model, a training or one of its checkpoints, on a text, on files or on a whole dataset",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("source", metavar="MODEL|JOB[@STEP]", help="a model's name or id, a training's id, a checkpoint, or \"last\"")
    add("words", nargs="*", metavar="TEXT|FILE", help="what to use it on: a text, or files")
    add(
        "--use",
        default="generate",
        metavar="NAME",
        help="what to do with it: `trainyard recipes RECIPE` lists the uses",
    )
    add(
        "--recipe",
        default="",
        metavar="NAME",
        help="which is to use a base model, where several can; the first is taken else",
    )
    inputs.add_options(parser)
    add("-p", "--param", action="append", default=[], metavar="NAME=VALUE", help="a param of the recipe")
    parser.set_defaults(run=generate, takes_params=True)


def generate(options: argparse.Namespace) -> int:
    client = server_of(options)
    source, recipe = find_source(client, options.source, options.recipe)
    job = inputs.use_of(client, recipe, options.use)
    params = read_params(
        job.schema,
        options.param,
        options.rest,
        words=options.words,
        upload=lambda path: upload_file(client, path)["id"],
    )
    chosen = inputs.read_inputs(client, job, inputs.given(options)) | {MODEL: source}
    body = {"use": options.use, "recipe": recipe, "inputs": chosen, "params": params}
    return generate_from(client, body, sys.stdout)


def generate_from(client: Client, body: dict[str, Any], out: TextIO) -> int:
    """Submit a generation and show it as it comes. Returns 0 when it succeeded; cancels it on KeyboardInterrupt."""
    job = client.submit(body | {"kind": "generate"})
    stream = Stream(out)
    try:
        state = _follow(client, job, stream)
    except KeyboardInterrupt:
        client.call("POST", f"/jobs/{job['id']}/cancel")
        raise
    job = client.get(f"/jobs/{job['id']}")
    made = outputs_of(client, job)
    show(stream.finish(made), out, in_folder(client, f"/jobs/{job['id']}/artifacts"))
    if files_of(made):
        _note(f"to fetch its files: trainyard outputs {job['id']} --download FOLDER")
    if state == "failed":
        error = job.get("error") or {}
        print(plain(f"trainyard: {error.get('message')} ({error.get('code')})"), file=sys.stderr)
    return 0 if state == "succeeded" else 1


def _follow(client: Client, job: dict[str, Any], stream: "Stream") -> str:
    """Show a job's pieces of text and its progress until it has ended. Returns how it ended."""
    why = job["standing"]["why"]
    if job["state"] == "queued" and why and "starts at once" not in why:
        _note(why)
    progress = _Progress(sys.stderr)
    for event in client.events(job["id"], on_gap=_note):
        data = event["data"]
        if event["type"] == "progress":
            progress.show(data)
            continue
        progress.clear()
        if event["type"] == "output":
            stream.add(int(data.get("index", 0)), data.get("text", ""))
            progress.stop()
        elif event["type"] == "requeued":  # the next attempt says everything again
            stream.restart()
        elif event["type"] == "note":
            _note(str(data.get("message")))
        elif event["type"] in ENDINGS:
            return event["type"]
    return client.get(f"/jobs/{job['id']}")["state"]  # its events have gone already


def _note(text: str) -> None:
    if text:
        print(colour(one_line(text), "grey", sys.stderr), file=sys.stderr)


class _Progress:
    """A bar on a terminal's standard error, while nothing has been written yet."""

    def __init__(self, out: TextIO):
        self._out = out
        self._wanted, self._drawn = is_live(out), False

    def show(self, progress: dict[str, Any]) -> None:
        total = progress.get("total_steps") or 0
        if self._wanted and total > 1:
            share = min(progress["step"] / total, 1.0)
            print(f"\r{bar(share, 30)} {share:4.0%}  {progress['step']:,} of {total:,}\x1b[K", end="", file=self._out)
            self._out.flush()
            self._drawn = True

    def clear(self) -> None:
        if self._drawn:
            print("\r\x1b[K", end="", file=self._out, flush=True)
            self._drawn = False

    def stop(self) -> None:
        """Text has begun to come: it tells by itself how far it is."""
        self._wanted = False


class Stream:
    """Writes the first text as it comes; further ones, which come at the same time, once they are whole.

    Pieces may be missing at the end: the events of a job go soon after it, and what it made is on the volume.
    """

    def __init__(self, out: TextIO):
        self._out = out
        self._text = ""  # what has come of the first text
        self._shown = ""  # what of it stands on the screen

    def add(self, index: int, piece: str) -> None:
        if index == 0:
            self._text += piece
            self._write_on(self._text)

    def restart(self) -> None:
        self._text = ""

    def _write_on(self, text: str) -> bool:
        """Write what of a text is not shown yet; False when what is shown is of another one."""
        text = plain(text)
        if not text.startswith(self._shown):
            return self._shown.startswith(text)
        self._out.write(text[len(self._shown) :])
        self._out.flush()
        self._shown = text
        return True

    def finish(self, outputs: list[Output]) -> list[Output]:
        """Complete the text that was streamed. Returns the outputs that are still to be shown."""
        first = next((output for output in outputs if isinstance(output, Text)), None)
        if not self._shown:
            return outputs
        done = first is not None and not first.marks and self._write_on(first.text)
        if not self._shown.endswith("\n"):
            self._out.write("\n")
        return [output for output in outputs if not (done and output is first)]
