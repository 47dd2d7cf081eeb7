"""trainyard datasets and files: upload, list, look at, delete; formats and examples."""

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from cli.client import ApiError, Client
from cli.connect import find_dataset, server_of
from cli.paths import home
from cli.report import show_preview, show_report, units
from cli.screen import ago, columns, plain, size, table
from cli.uploads import options_json, upload_dataset, upload_file


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("datasets", help="list, upload, look at, delete datasets; add an example")
    parser.set_defaults(run=list_all, json=False)
    parser.add_argument("--json", action="store_true", help="print the server's answer as it is")
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    action = actions.add_parser("list", help="all datasets (the same as without an action)")
    action.set_defaults(run=list_all)
    action = actions.add_parser("upload", help="files, a zip, a folder or a pipe, as one dataset")
    action.add_argument("paths", nargs="+", type=home, metavar="PATH")
    action.add_argument("--name", default="", help="a name for people (default: the file's)")
    action.add_argument("--format", default="", metavar="NAME", help="see `datasets formats`; default: found out")
    action.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="of the format: see `datasets formats`"
    )
    action.set_defaults(run=upload)
    for verb, run, text in (
        ("report", report, "what a dataset holds, column by column, and what to mind"),
        ("preview", preview, "the report, and a few rows"),
        ("delete", delete, "delete a dataset that no waiting or running job needs"),
    ):
        action = actions.add_parser(verb, help=text)
        action.add_argument("dataset", metavar="ID|NAME")
        action.set_defaults(run=run)
    action = actions.add_parser("formats", help="what can be uploaded, with the options of each format")
    action.set_defaults(run=formats)
    action = actions.add_parser("example", help="import an example that needs no upload")
    action.add_argument("name", nargs="?", help="which one (default: list them)")
    action.set_defaults(run=example)

    parser = commands.add_parser("files", help="send single files, to be named by params")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    action = actions.add_parser("upload", help="print the id of each; a file that no job names goes after a day")
    action.add_argument("paths", nargs="+", type=home, metavar="PATH")
    action.set_defaults(run=upload_files)


def list_all(options: argparse.Namespace) -> int:
    client = server_of(options)
    answer = client.get("/datasets")
    if options.json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
        return 0
    now = datetime.now(UTC)
    rows = [
        [d["id"], d["format"], _rows(d["report"]), size(d["bytes"]), ago(d["created_at"], now), d["name"]]
        for d in answer["datasets"]
    ]
    head = ("ID", "FORMAT", "HOLDS", "SIZE", "ADDED", "NAME")
    print(table(head, rows, columns(sys.stdout)) or _how_to_add(client))
    return 0


def _rows(report: dict[str, Any]) -> str:
    return units(report["rows"], report["unit"])


def _how_to_add(client: Client) -> str:
    lines = ["no datasets yet; upload one with `trainyard datasets upload PATH`, or take an example:"]
    lines += [f"  trainyard datasets example {one['name']}    {one['title']}" for one in _examples(client)]
    return "\n".join(lines)


def _examples(client: Client) -> list[dict[str, Any]]:
    """Examples with their formats."""
    return [one | {"format": f["name"]} for f in client.get("/formats")["formats"] for one in f["examples"]]


def upload(options: argparse.Namespace) -> int:
    client = server_of(options)
    chosen = json.dumps(options_json(options.option)) if options.option else ""
    dataset = upload_dataset(client, options.paths, name=options.name, format=options.format, options=chosen)
    show_report(dataset, sys.stdout, named=False)
    return 0


def report(options: argparse.Namespace) -> int:
    client = server_of(options)
    dataset = client.get(f"/datasets/{find_dataset(client, options.dataset)['id']}")
    if options.json:
        print(json.dumps(dataset["report"], ensure_ascii=False, indent=2))
    else:
        show_report(dataset, sys.stdout)
    return 0


def preview(options: argparse.Namespace) -> int:
    client = server_of(options)
    dataset = client.get(f"/datasets/{find_dataset(client, options.dataset)['id']}")
    if options.json:
        print(json.dumps(client.get(f"/datasets/{dataset['id']}/preview"), ensure_ascii=False, indent=2))
        return 0
    show_report(dataset, sys.stdout)
    print()
    show_preview(client, dataset["id"], sys.stdout)
    return 0


def delete(options: argparse.Namespace) -> int:
    client = server_of(options)
    dataset = find_dataset(client, options.dataset)
    client.call("DELETE", f"/datasets/{dataset['id']}")
    print(f"deleted {plain(dataset['name'])}")
    return 0


def formats(options: argparse.Namespace) -> int:
    answer = server_of(options).get("/formats")
    if options.json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
        return 0
    limit = columns(sys.stdout)
    rows = [[one["name"], ", ".join(filter(None, one["suffixes"])), one["help"]] for one in answer["formats"]]
    print(table(("FORMAT", "FILES", ""), rows, limit))
    for one in answer["formats"]:
        chosen = [[f"{name}=", _values(field), field.get("description", "")] for name, field in _fields(one)]
        if chosen:
            print(f"\n{one['name']}, with --option:")
            print(table(("NAME", "VALUES", ""), chosen, limit))
    return 0


def _fields(format: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return list(format["options"].get("properties", {}).items())


def _values(field: dict[str, Any]) -> str:
    """What an option may be, its default first."""
    default = field.get("default")
    values = field.get("enum") or (["true", "false"] if field.get("type") == "boolean" else [])
    shown = [str(value).lower() if isinstance(value, bool) else str(value) for value in (default, *values)]
    return " | ".join(dict.fromkeys(value for value in shown if value not in ("", "None")))


def example(options: argparse.Namespace) -> int:
    client = server_of(options)
    if not options.name:
        rows = [[one["name"], one["format"], one["recipe"], one["title"]] for one in _examples(client)]
        print(table(("EXAMPLE", "FORMAT", "FOR", ""), rows, columns(sys.stdout)) or "no examples")
        return 0
    dataset = find_dataset(client, f"example:{options.name}")
    print(f"dataset {dataset['id']}: {plain(dataset['name'])}, {size(dataset['bytes'])}")
    return 0


def upload_files(options: argparse.Namespace) -> int:
    """Send all that can be sent. Returns 2 when one was refused."""
    client, refused = server_of(options), 0
    for path in options.paths:
        try:
            sent = upload_file(client, path)
            print("\t".join([sent["id"], sent["media_type"], plain(sent["name"])]))
        except ApiError as err:  # say it, and go on with the others
            refused = 2
            print(f"trainyard: {path}: {plain(err.message)}", file=sys.stderr)
    return refused
