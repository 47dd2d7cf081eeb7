"""Shows outputs of all eight kinds of shared/outputs.py: drawn on a terminal, as lines of tab-separated cells elsewhere.

Generations, samples, final reports and previews of datasets are shown by this file alone.
"""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO
from urllib.parse import quote

from pydantic import ValidationError

from cli import drawn, tabbed
from cli.client import API, Client
from cli.screen import colour, columns, has_colours, one_line
from shared.errors import TrainyardError
from shared.outputs import Output, Table, Text, load_outputs

At = Callable[[str], str]


def show(outputs: Sequence[Output], out: TextIO, at: At, *, aside: TextIO | None = None) -> None:
    """Write outputs one after another. at: where a file that they name is to be had.

    Elsewhere than on a terminal, what is no data (that a table goes on in a file) is written to aside, standard error by default.
    """
    limit = columns(out)
    for number, output in enumerate(outputs):
        if limit is None:
            _piped(output, number, len(outputs), out, at, aside or sys.stderr)
            continue
        if number:
            out.write("\n")
        paint: drawn.Paint = lambda text, name: colour(text, name, out)  # noqa: E731
        shown = drawn.lines(output, limit, paint, at, colours=has_colours(out))
        out.write("".join(f"{line}\n" for line in shown))
    out.flush()


def _piped(output: Output, number: int, count: int, out: TextIO, at: At, aside: TextIO) -> None:
    """Several texts are parted by a line; other kinds by the title above each."""
    if isinstance(output, Text):
        out.write(f"--- {number + 1} ---\n" if number else "")
    elif output.title and count > 1:
        out.write(f"# {one_line(output.title)}\n")
    out.write("".join(f"{line}\n" for line in tabbed.lines(output, at)))
    if isinstance(output, Table) and (more := drawn.more_of(output, at)):
        print(more, file=aside)


def read(found: Any) -> list[Output]:
    """Outputs as the API gives them. Raises TrainyardError when the server knows kinds that this command line does not."""
    try:
        return load_outputs(json.dumps(found))
    except ValidationError as err:
        raise TrainyardError(
            "the server shows something this version of the command line does not know; --json prints it as it is"
        ) from err


def outputs_of(client: Client, job: dict[str, Any]) -> list[Output]:
    """What a job has made, [] when there is nothing yet. Raises ApiError, Unreachable."""
    found = job.get("outputs")
    if job.get("outputs_omitted") or found is None:
        found = client.get(f"/jobs/{job['id']}/outputs")["outputs"]
    return read(found)


def in_folder(client: Client, path: str) -> At:
    """Addresses of files beside outputs: path is the API's of that folder ("/jobs/<id>/artifacts"), uploads lie elsewhere."""
    return lambda name: f"{client.url}{API}{quote(path_of(path, name))}"


def path_of(folder: str, name: str) -> str:
    """The API's path of a file that outputs name."""
    return f"/files/{name.removeprefix('file:')}/content" if name.startswith("file:") else f"{folder}/{name}"
