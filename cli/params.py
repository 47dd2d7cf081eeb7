"""Values of params from the command line, read as the recipe's JSON Schema says: --learning-rate 0.001, -p layers=4.

The server checks them; this only finds their type: "0.001" becomes a number, and "4" stays text where text is meant. Files of this
machine that a param is to hold are sent first.
"""

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cli.paths import home
from shared.errors import InvalidParams, Problem

_NAMELESS = "unexpected; params are written --name value or -p name=value"
Upload = Callable[[Path], str]  # sends a file, gives its id


def read_params(
    schema: dict[str, Any],
    pairs: Sequence[str],
    flags: Sequence[str],
    *,
    words: Sequence[str] | None = None,
    upload: Upload | None = None,
) -> dict[str, Any]:
    """Return the params given as name=value pairs, as --name value flags, and as words without a name.

    A value @FILE is the text of a file, for a param that holds files the file itself; one that holds several values may be given
    several times. A flag of a boolean needs no value; --no-name is false. words: see word_param; those among the flags are
    further ones. None: there may be none.

    Raises InvalidParams naming all that is wrong, having sent no file; what upload raises.
    """
    fields = schema.get("properties", {})
    problems: list[Problem] = []
    found: dict[str, Any] = {}
    flagged, more = _flags(fields, flags, problems)
    if words is None:
        problems += [Problem(field=word, message=_NAMELESS) for word in more]
    for name, text in _pairs(pairs, problems) + flagged:
        if name not in fields:
            problems.append(Problem(field=name, message=f"unknown; known are {', '.join(fields)}"))
            continue
        try:
            value = _paths(text) if _holds_files(fields[name]) else _value(_types(fields[name], schema), text)
        except (ValueError, OSError) as err:
            problems.append(Problem(field=name, message=str(err)))
            continue
        found[name] = found[name] + value if name in found and isinstance(value, list) else value
    for name, value in _words(schema, [*words, *more] if words is not None else [], problems).items():
        found[name] = found.get(name, []) + value if isinstance(value, list) else value
    if problems:
        raise InvalidParams(problems)
    return {name: _sent(value, upload) for name, value in found.items()}


def _sent(value: Any, upload: Upload | None) -> Any:
    """A value with the ids of files in place of their paths."""
    if upload is None or not isinstance(value, list):
        return value
    return [upload(part) if isinstance(part, Path) else part for part in value]


def _holds_files(field: dict[str, Any]) -> bool:
    return field.get("widget") == "files"


def _paths(text: str) -> list[Path | str]:
    """Files to send, or ids of files that were sent before. Raises ValueError naming a file that is not there."""
    path = home(text.removeprefix("@"))
    if os.path.exists(path):  # False, not an error, for what is too long to be a path
        return [path]
    if re.fullmatch(r"[0-9a-f]{32}", text):
        return [text]
    if text.startswith("["):
        return json.loads(text)
    raise ValueError(f"no such file: {path}")


def word_param(schema: dict[str, Any], words: Sequence[str]) -> str | None:
    """The param that words without a name are meant for: one that holds files when all words are files, else the first text
    of the short form, else the first text; without a text the one that holds files. None when there is neither.
    """
    fields = schema.get("properties", {})
    holders = [name for name, field in fields.items() if _holds_files(field)]
    texts = [
        name
        for name, field in fields.items()
        if field.get("type") == "string" and field.get("widget") != "column" and not {"enum", "const"} & field.keys()
    ]
    texts.sort(key=lambda name: not fields[name].get("short"))
    if holders and (not texts or all(os.path.isfile(home(word.removeprefix("@"))) for word in words)):
        return holders[0]
    return texts[0] if texts else None


def _words(schema: dict[str, Any], words: Sequence[str], problems: list[Problem]) -> dict[str, Any]:
    """The param that words are meant for; a text is taken as it is written, without a meaning of @."""
    name = word_param(schema, words) if words else None
    if name and not _holds_files(schema["properties"][name]):
        return {name: " ".join(words)}
    found: list[Path | str] = []
    for word in words:
        try:
            if name is None:
                known = ", ".join(schema.get("properties", {})) or "none"
                raise ValueError(f"unexpected; params are written -p name=value, known are {known}")
            found += _paths(word)
        except ValueError as err:
            problems.append(Problem(field=name or word, message=str(err)))
    return {name: found} if name else {}


def _pairs(pairs: Sequence[str], problems: list[Problem]) -> list[tuple[str, str]]:
    found = []
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if sign:
            found.append((name.strip().replace("-", "_"), text))
        else:
            problems.append(Problem(field=name, message="has no value; write -p name=value"))
    return found


def _flags(
    fields: dict[str, Any], flags: Sequence[str], problems: list[Problem]
) -> tuple[list[tuple[str, str]], list[str]]:
    """(name and value of each flag, words that belong to none)."""
    found, words = [], []
    rest = list(flags)
    while rest:
        flag = rest.pop(0)
        if not flag.startswith("--"):
            if flag.startswith("-") and flag != "-":
                problems.append(Problem(field=flag, message=_NAMELESS))
            else:
                words.append(flag)
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
            problems.append(Problem(field=name, message="has no value; write --name value"))
    return found, words


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
        text = _text_of(home(text[1:]))
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


def _text_of(path: Path) -> str:
    """Raises ValueError when it is not UTF-8, OSError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as err:
        raise ValueError(f"{path} is not UTF-8 (byte {err.start}); convert it, with iconv for instance") from err
