"""Values of params from the command line, read as the recipe's JSON Schema says: --learning-rate 0.001, -p layers=4.

The server checks them; this only finds their type: "0.001" becomes a number, and "4" stays text where text is meant.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.errors import InvalidParams, Problem


def read_params(schema: dict[str, Any], pairs: Sequence[str], flags: Sequence[str]) -> dict[str, Any]:
    """Return the params given as name=value pairs and as --name value flags.

    Raises InvalidParams naming all that is wrong. A value @FILE is the text of a file. A flag of a boolean needs no
    value; --no-name is false.
    """
    fields = schema.get("properties", {})
    problems: list[Problem] = []
    found: dict[str, Any] = {}
    for name, text in _pairs(pairs, problems) + _flags(fields, flags, problems):
        if name not in fields:
            problems.append(Problem(field=name, message=f"unknown; known are {', '.join(fields)}"))
            continue
        try:
            found[name] = _value(_types(fields[name], schema), text)
        except (ValueError, OSError) as err:
            problems.append(Problem(field=name, message=str(err)))
    if problems:
        raise InvalidParams(problems)
    return found


def _pairs(pairs: Sequence[str], problems: list[Problem]) -> list[tuple[str, str]]:
    found = []
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if sign:
            found.append((name.strip().replace("-", "_"), text))
        else:
            problems.append(Problem(field=name, message="has no value; write -p name=value"))
    return found


def _flags(fields: dict[str, Any], flags: Sequence[str], problems: list[Problem]) -> list[tuple[str, str]]:
    found = []
    rest = list(flags)
    while rest:
        flag = rest.pop(0)
        if not flag.startswith("--"):
            problems.append(Problem(field=flag, message="unexpected; params are written --name value or -p name=value"))
            continue
        name, sign, text = flag[2:].partition("=")
        name = name.replace("-", "_")
        field = fields.get(name, {})
        if name not in fields and name.startswith("no_") and fields.get(name[3:], {}).get("type") == "boolean":
            found.append((name[3:], "false"))
        elif sign:
            found.append((name, text))
        elif field.get("type") == "boolean" and not (rest and rest[0] in ("true", "false")):
            found.append((name, "true"))
        elif rest:
            found.append((name, rest.pop(0)))
        else:
            problems.append(Problem(field=name, message="has no value"))
    return found


def _types(field: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """JSON types a field may have."""
    if "$ref" in field:
        field = schema.get("$defs", {}).get(field["$ref"].rsplit("/", 1)[-1], {})
    types = [field["type"]] if "type" in field else []
    for option in field.get("anyOf", []):
        types += _types(option, schema)
    return types


def _value(types: list[str], text: str) -> Any:
    """Raises ValueError saying what would be right, OSError when @FILE cannot be read."""
    if text.startswith("@") and len(text) > 1:
        text = Path(text[1:]).read_text(encoding="utf-8")
    if "null" in types and text in ("", "null", "none"):
        return None
    if "boolean" in types and text.lower() in ("true", "false", "yes", "no", "on", "off"):
        return text.lower() in ("true", "yes", "on")
    if "string" in types:
        return text
    if "array" in types and not text.lstrip().startswith("["):
        return text.split("\n") if "\n" in text else [text]
    try:
        return int(text) if "integer" in types and text.lstrip("+-").isdigit() else json.loads(text)
    except ValueError as err:
        expected = " or ".join(types) or "JSON"
        raise ValueError(f"{text!r:.60} is no {expected}") from err
