"""trainyard models: names for checkpoints; base models, imported from open weights."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.connect import find_base, server_of
from cli.paths import home
from cli.results import verdict_said
from cli.screen import ago, columns, plain, size, table
from cli.uploads import progress
from shared.errors import NotFound

# What no import needs, and nobody wants to send: packed weights of other libraries, and pickles.
_LEFT = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".h5", ".msgpack", ".onnx", ".ot", ".py")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("models", help="names for checkpoints; base models: import, list, delete")
    parser.add_argument("--json", action="store_true", help="print the server's answer as it is")
    parser.set_defaults(run=list_models)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    action = actions.add_parser("list", help="all models (the same as without an action)")
    action.set_defaults(run=list_models)
    action = actions.add_parser("import", help="open weights as a base model: a Hugging Face folder, or a GGUF file")
    action.add_argument("path", type=home, metavar="FOLDER_OR_FILE")
    action.add_argument("--name", default="", help="a name for people (default: the folder's or file's)")
    action.set_defaults(run=import_base)
    action = actions.add_parser("bases", help="all base models, and what waits in the volume's folder imports")
    action.set_defaults(run=list_bases)
    action = actions.add_parser("delete-base", help="delete a base model that no job and no model needs")
    action.add_argument("base", metavar="ID|NAME")
    action.set_defaults(run=delete_base)


def list_models(options: argparse.Namespace) -> int:
    answer = server_of(options).get("/models")
    if options.json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
        return 0
    now = datetime.now(UTC)
    rows = [
        [
            m["id"],
            m["recipe"],
            f"{m['checkpoint']['step']:,}",
            " ".join(f"{name} {value:.4g}" for name, value in list(m["metrics"].items())[:3]),
            ago(m["created_at"], now),
            m["name"],
            verdict_said(m),
        ]
        for m in answer["models"]
    ]
    head = ("ID", "RECIPE", "STEP", "METRICS", "ADDED", "NAME", "VERDICT")
    print(table(head, rows, columns(sys.stdout)) or "no models")
    return 0


def import_base(options: argparse.Namespace) -> int:
    """Send a folder's files, or one file, and say what became of them."""
    client, path = server_of(options), options.path
    if not path.exists():
        raise NotFound(f"no such file or folder: {path}")
    files = _of_folder(path) if path.is_dir() else [path]
    name = options.name or path.resolve().name
    sent = [(f"{path.resolve().name}/{each.name}" if path.is_dir() else each.name, each) for each in files]
    try:
        base = client.upload(sent, {"name": name}, to="/bases", progress=progress(), taken=progress("checked"))
    except KeyboardInterrupt:
        print("\nthe import was cancelled; nothing was kept", file=sys.stderr)
        return 130
    said = f"{base['family']}, {base['parameters']:,} parameters, {size(base['bytes'])}"
    print(f"base model {base['id']}: {plain(base['name'])}, {said}")
    for note in base["notes"]:
        print(f"  {plain(note)}")
    return 0


def _of_folder(folder: Path) -> list[Path]:
    """What of a folder may matter; where nothing but pickles is there these, so that the server says what is wrong."""
    files = [each for each in sorted(folder.iterdir()) if each.is_file() and not each.name.startswith(".")]
    wanted = [each for each in files if not each.name.lower().endswith(_LEFT)]
    if any(each.name.endswith((".safetensors", ".gguf")) for each in wanted):
        return wanted
    return files


def list_bases(options: argparse.Namespace) -> int:
    answer = server_of(options).get("/bases")
    if options.json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
        return 0
    now = datetime.now(UTC)
    rows = [
        [
            b["id"],
            b["family"],
            f"{b['parameters']:,}",
            size(b["bytes"]),
            b["licence"],
            ago(b["created_at"], now),
            b["name"],
        ]
        for b in answer["bases"]
    ]
    head = ("ID", "FAMILY", "PARAMETERS", "SIZE", "LICENCE", "ADDED", "NAME")
    print(table(head, rows, columns(sys.stdout)) or "no base models; `trainyard models import FOLDER_OR_FILE` adds one")
    if answer["imports"]:
        print(plain(f"\nin the volume's folder imports: {', '.join(answer['imports'])}"))
    return 0


def delete_base(options: argparse.Namespace) -> int:
    client = server_of(options)
    base: dict[str, Any] = find_base(client, options.base)
    client.call("DELETE", f"/bases/{base['id']}")
    print(f"deleted {plain(base['name'])}")
    return 0
