"""trainyard workers, queues, recipes: what there is."""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from cli.connect import server_of
from cli.screen import columns, plain, seconds, table


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    for name, text, show in (
        ("workers", "who is alive, on which device, doing what", _workers),
        ("queues", "how long each line is and who serves it", _queues),
    ):
        parser = commands.add_parser(name, help=text)
        parser.add_argument("--json", action="store_true", help="print the server's answer as it is")
        parser.set_defaults(run=_list(name, show))
    parser = commands.add_parser("recipes", help="what can be trained; with a name: its params")
    parser.add_argument("name", nargs="?", metavar="RECIPE")
    parser.add_argument("--json", action="store_true", help="print the server's answer as it is")
    parser.set_defaults(run=recipes)


def _list(name: str, show: Callable[[list[dict[str, Any]]], str]) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        answer = server_of(options).get(f"/{name}")
        print(json.dumps(answer, ensure_ascii=False, indent=2) if options.json else show(answer[name]) or f"no {name}")
        return 0

    return run


def _workers(rows: list[dict[str, Any]]) -> str:
    lines = [
        [
            w["id"],
            ", ".join(w["queues"]),
            w["state"],
            w["device_name"] or w["device"],
            "ready" if w["spare_ready"] else "",
            str(len(w["warm"])) if w["warm"] else "",
            " ".join(w["jobs"]),
        ]
        for w in rows
    ]
    return table(("ID", "QUEUES", "STATE", "DEVICE", "SPARE", "WARM", "JOBS"), lines, columns(sys.stdout))


def _queues(rows: list[dict[str, Any]]) -> str:
    lines = [
        [
            q["name"],
            str(q["ready"]),
            str(q["delayed"]),
            str(q["running"]),
            seconds(q["oldest_wait_s"]) if q["oldest_wait_s"] is not None else "",
            str(len(q["workers"])),
        ]
        for q in rows
    ]
    return table(("QUEUE", "WAITING", "HELD BACK", "RUNNING", "OLDEST", "WORKERS"), lines, columns(sys.stdout))


def recipes(options: argparse.Namespace) -> int:
    client, limit = server_of(options), columns(sys.stdout)
    if not options.name:
        answer = client.get("/recipes")
        rows = [[r["name"], ", ".join(r["formats"]), ", ".join(r["uses"]), r["summary"]] for r in answer["recipes"]]
        shown = table(("RECIPE", "DATASETS", "USES", ""), rows, limit)
        print(json.dumps(answer, ensure_ascii=False, indent=2) if options.json else shown)
        return 0
    recipe = client.get(f"/recipes/{options.name}")
    if options.json:
        print(json.dumps(recipe, ensure_ascii=False, indent=2))
        return 0
    better = {"min": "smaller", "max": "larger"}[recipe["criterion"]["mode"]]
    print(plain(f"{recipe['title']}: {recipe['summary']}\nthe {better} {recipe['criterion']['metric']}, the better"))
    print("\nto train:")
    _inputs(recipe["inputs"], limit)
    _params(recipe["train_params"], limit)
    for name, use in recipe["uses"].items():
        about = f" {use['help']}" if use["help"] else ""
        print(plain(f"\nto use a model, {use['verb']} (--use {name}).{about}"))
        _inputs(use["inputs"], limit)
        _params(use["params"], limit)
    return 0


def _inputs(roles: list[dict[str, Any]], limit: int | None) -> None:
    rows = [[f"{role['role']}=", _takes(role), f"{role['title']}. {role['help']}"] for role in roles]
    print(table(("INPUT", "TAKES", ""), rows, limit))


def _takes(role: dict[str, Any]) -> str:
    parts = [f"dataset ({', '.join(role['formats'])})"] if role["formats"] else []
    parts += [f"base model ({', '.join(role['bases'])})"] if role["bases"] else []
    parts += [f"model ({', '.join(role['recipes'])})"] if role["recipes"] else []
    return " or ".join(parts) + ("" if role["required"] else ", optional")


def _params(schema: dict[str, Any], limit: int | None) -> None:
    required = schema.get("required", [])
    rows = [
        [name, "required" if name in required else _default(field), _meaning(field)]
        for name, field in schema.get("properties", {}).items()
    ]
    if rows:
        print(table(("NAME", "DEFAULT", ""), rows, limit))


def _default(field: dict[str, Any]) -> str:
    value = "drawn" if field.get("drawn") else field.get("default", "")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _meaning(field: dict[str, Any]) -> str:
    unit = f" ({field['unit']})" if field.get("unit") else ""
    choices = f" [{', '.join(map(str, field['enum']))}]" if "enum" in field else ""
    widget = {"column": " [a column's name]", "files": " [files]"}.get(field.get("widget", ""), "")
    return f"{field.get('description', '')}{unit}{choices}{widget}"
