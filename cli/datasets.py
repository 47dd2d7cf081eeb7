"""trainyard datasets: upload, list, look, delete, examples."""

import argparse
import contextlib
import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.client import Client
from cli.connect import server_of
from cli.screen import ago, bar, columns, is_live, plain, size, table
from shared.errors import NotFound


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("datasets", help="list, upload, preview, delete datasets; add an example")
    parser.set_defaults(run=list_all, json=False)
    parser.add_argument("--json", action="store_true", help="print the server's answer as it is")
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    action = actions.add_parser("list", help="all datasets (the same as without an action)")
    action.set_defaults(run=list_all)
    action = actions.add_parser("upload", help="files, a zip, or a folder of class folders, as one dataset")
    action.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    action.add_argument("--name", default="", help="a name for people (default: the file's)")
    action.add_argument("--format", default="", choices=("", "text", "image_folder", "idx"), help="default: found out")
    action.set_defaults(run=upload_command)
    action = actions.add_parser("preview", help="what a dataset holds")
    action.add_argument("dataset", metavar="ID|NAME")
    action.set_defaults(run=preview)
    action = actions.add_parser("delete", help="delete a dataset that no waiting or running job needs")
    action.add_argument("dataset", metavar="ID|NAME")
    action.set_defaults(run=delete)
    action = actions.add_parser("example", help="import an example that needs no upload")
    action.add_argument("name", nargs="?", help="which one (default: list them)")
    action.set_defaults(run=example)


def list_all(options: argparse.Namespace) -> int:
    answer = server_of(options).get("/datasets")
    if options.json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
        return 0
    now = datetime.now(UTC)
    rows = [[d["id"], d["format"], size(d["bytes"]), ago(d["created_at"], now), d["name"]] for d in answer["datasets"]]
    print(
        table(("ID", "FORMAT", "SIZE", "ADDED", "NAME"), rows, columns(sys.stdout)) or _how_to_add(answer["examples"])
    )
    return 0


def _how_to_add(examples: dict[str, str]) -> str:
    lines = ["no datasets yet; upload one with `trainyard datasets upload PATH`, or take an example:"]
    return "\n".join(lines + [f"  trainyard datasets example {name}    {about}" for name, about in examples.items()])


def find_dataset(client: Client, text: str) -> dict[str, Any]:
    """A dataset by id, by the beginning of one, by name, or an example by example:NAME. Raises NotFound, ApiError."""
    if text.startswith("example:"):
        return client.call("POST", f"/datasets/examples/{text.removeprefix('example:')}")
    datasets = client.get("/datasets")["datasets"]
    found = [d for d in datasets if text in (d["id"], d["name"])]
    found = found or [d for d in datasets if len(text) >= 4 and d["id"].startswith(text)]
    if not found:
        raise NotFound(f"no file and no dataset {text!r:.60}; `trainyard datasets` lists them")
    return found[0]


def upload(client: Client, paths: Sequence[Path], *, name: str = "", format: str = "") -> dict[str, Any]:
    """Upload with a progress bar, and say what the server noted. Raises ApiError, OSError."""
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise NotFound(f"no such file: {', '.join(missing)}")
    live = is_live(sys.stderr)

    def progress(sent: int, total: int) -> None:
        if live:
            drawn = f"\r{bar(sent / total, 30)} {size(sent)} of {size(total)}"
            print(drawn, end="\r\x1b[K" if sent == total else "", file=sys.stderr, flush=True)

    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(_as_file(path)) for path in paths]
        fields = {"name": name or paths[0].name, "format": format}
        dataset = client.upload(files, fields, progress=progress)
    print(
        f"dataset {dataset['id']}: {plain(dataset['name'])}, {dataset['format']}, {size(dataset['bytes'])}", flush=True
    )
    for note in dataset.get("notes", []):
        print(f"  {plain(note)}")
    return dataset


@contextlib.contextmanager
def _as_file(path: Path) -> Iterator[tuple[str, Path]]:
    """A file as it is; a folder as a zip of all its files, uncompressed, in a temporary place."""
    if not path.is_dir():
        yield path.name, path
        return
    with tempfile.TemporaryDirectory(prefix="trainyard-") as folder:
        packed = Path(folder) / "folder.zip"
        with zipfile.ZipFile(packed, "w") as archive:
            for file in sorted(path.rglob("*")):
                if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts):
                    archive.write(file, file.relative_to(path))
        yield f"{path.resolve().name}.zip", packed


def upload_command(options: argparse.Namespace) -> int:
    upload(server_of(options), options.paths, name=options.name, format=options.format)
    return 0


def preview(options: argparse.Namespace) -> int:
    client = server_of(options)
    dataset = client.get(f"/datasets/{find_dataset(client, options.dataset)['id']}")
    print(f"{plain(dataset['name'])}: {dataset['format']}, {size(dataset['bytes'])}, id {dataset['id']}")
    for name, value in (dataset.get("stats") or {}).items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {count}" for key, count in value.items())
        print(f"  {name.replace('_', ' ')}: {plain(str(value))}")
    texts = [item for item in dataset.get("preview") or [] if isinstance(item, str)]
    if texts:
        print("\n" + plain("\n".join(texts)))
    return 0


def delete(options: argparse.Namespace) -> int:
    client = server_of(options)
    dataset = find_dataset(client, options.dataset)
    client.call("DELETE", f"/datasets/{dataset['id']}")
    print(f"deleted {plain(dataset['name'])}")
    return 0


def example(options: argparse.Namespace) -> int:
    client = server_of(options)
    if not options.name:
        for name, about in client.get("/datasets")["examples"].items():
            print(f"{name}: {about}")
        return 0
    dataset = find_dataset(client, f"example:{options.name}")
    print(f"dataset {dataset['id']}: {plain(dataset['name'])}, {size(dataset['bytes'])}")
    return 0
