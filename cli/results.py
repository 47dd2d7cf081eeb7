"""trainyard outputs and samples: what a job has made, what a training showed on its way; shown, or fetched to a folder."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from cli.client import Client
from cli.connect import find_job, server_of
from cli.downloads import fetch
from cli.figures import whole
from cli.outputs import in_folder, outputs_of, path_of, read, show
from cli.paths import folder
from cli.screen import colour, one_line, size
from shared.errors import NotFound
from shared.outputs import Output, files_of


def verdict_said(of: dict[str, Any] | None) -> str:
    """Whether a model is better than simple answers, of a job's result or a model; "" where nobody compared."""
    return ((of or {}).get("verdict") or {}).get("sentence", "")


def privacy_said(of: dict[str, Any] | None) -> str:
    """What a private training promises, of a job's result or a model; "" of any other."""
    return ((of or {}).get("privacy") or {}).get("sentence", "")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("outputs", help="what a job has made: texts, scores, tables, pictures, curves")
    _add_options(parser)
    parser.set_defaults(run=outputs)
    parser = commands.add_parser("samples", help="what a training showed on its way, the newest or those of one step")
    _add_options(parser)
    parser.add_argument("--step", type=whole, metavar="N", help="those of this step (default: the newest)")
    parser.set_defaults(run=samples)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", nargs="?", default="last", metavar="JOB", help="id, part of an id, name, or last")
    parser.add_argument("--download", type=folder, metavar="FOLDER", help="fetch the files they name to this folder")
    parser.add_argument("--json", action="store_true", help="print them as the server has them")


def outputs(options: argparse.Namespace) -> int:
    client = server_of(options)
    job = find_job(client, options.job)
    if options.json:
        print(json.dumps(client.get(f"/jobs/{job['id']}/outputs"), ensure_ascii=False, indent=2))
        return 0
    found = outputs_of(client, job)
    if not found:
        print("this job has made nothing yet" if job["state"] not in ("succeeded", "failed") else "nothing to show")
    return _show_or_fetch(client, found, f"/jobs/{job['id']}/artifacts", options.download)


def samples(options: argparse.Namespace) -> int:
    client = server_of(options)
    job = find_job(client, options.job)
    every = client.get(f"/jobs/{job['id']}/samples")["samples"]
    if options.json:
        print(json.dumps({"samples": every}, ensure_ascii=False, indent=2))
        return 0
    sample = _chosen(every, options.step)
    print(colour(f"step {sample['step']:,}, attempt {sample['attempt']}", "grey", sys.stdout))
    folder = f"/jobs/{job['id']}/samples/{sample['attempt']}/{sample['step']}"
    return _show_or_fetch(client, read(sample["outputs"]), folder, options.download)


def _chosen(every: list[dict[str, Any]], step: int | None) -> dict[str, Any]:
    """The sample of a step, of its highest attempt. Raises NotFound naming the steps there are."""
    found = [sample for sample in every if step in (None, sample["step"])]
    if found:
        return max(found, key=lambda sample: (sample["step"], sample["attempt"]))
    if not every:
        raise NotFound("this job has shown no samples yet")
    steps = ", ".join(str(sample["step"]) for sample in every[-20:])
    raise NotFound(f"no sample of step {step}; there are steps {steps}")


def _show_or_fetch(client: Client, found: list[Output], folder: str, target: Path | None) -> int:
    if target is None:
        show(found, sys.stdout, in_folder(client, folder))
        return 0
    names = sorted(files_of(found))
    if not names:
        print("no files belong to it", file=sys.stderr)
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = target / (_upload_name(client, name) if name.startswith("file:") else Path(name).name)
        print(f"{path}  {size(fetch(client, path_of(folder, name), path))}")
    return 0


def _upload_name(client: Client, name: str) -> str:
    """What an uploaded file is called, after its id, so that two of one name do not fall together."""
    file_id = name.removeprefix("file:")
    return f"{file_id[:8]}-{Path(one_line(client.get(f'/files/{file_id}')['name'])).name}"
