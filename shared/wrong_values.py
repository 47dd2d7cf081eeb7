"""What pydantic finds wrong with a value, in words for who typed it: no name of a Python type, no regular expression.

Used wherever a person's values are checked: requests, params, settings, API keys.
"""

from collections.abc import Mapping
from typing import Any

_MOST_SHOWN = 60  # characters of the value at fault

_NEEDS = {
    "int_type": "a whole number is needed",
    "int_parsing": "a whole number is needed",
    "int_from_float": "a whole number is needed",
    "int_parsing_size": "is a number with too many digits",
    "float_type": "a number is needed",
    "float_parsing": "a number is needed",
    "finite_number": "a number is needed, not infinity and not NaN",
    "bool_type": "true or false is needed",
    "bool_parsing": "true or false is needed",
    "string_type": "a text is needed",
    "string_unicode": "is no text in UTF-8",
    "list_type": "a list is needed",
    "tuple_type": "a list is needed",
    "dict_type": "an object is needed: names, each with a value",
    "model_type": "an object is needed: names, each with a value",
    "model_attributes_type": "an object is needed: names, each with a value",
    "path_type": "the path of a file or folder is needed",
    "extra_forbidden": "unknown field",
    "missing": "is missing",
}
_MOMENT = "a date and time is needed, 2026-01-31T07:00:00Z for one"
_TEMPLATES = {
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_too_short": "needs at least {min_length} characters",
    "string_too_long": "may have at most {max_length} characters",
    "too_short": "needs at least {min_length}, has {actual_length}",
    "too_long": "may have at most {max_length}, has {actual_length}",
}
# Patterns of the code base, in words. Another one is not shown: the field's help says what it takes.
_PATTERNS = {
    r"^[0-9a-f]{32}$": "is no id of a file or dataset, which is 32 of the characters 0-9 and a-f",
    r"^[0-9a-z]{26}$": "is no id of a job or model, which is 26 of the characters 0-9 and a-z",
}
_TO_SEND = "; send the file itself first (POST /api/v1/files, or choose it in a form) and give the id that comes back"


def in_words(error: Mapping[str, Any]) -> str:
    """One sentence for one of ValidationError.errors(), with the value where that helps."""
    kind, given = error["type"], error.get("input")
    message = _sentence(error)
    if kind in ("missing", "extra_forbidden") or isinstance(given, dict | list | tuple):
        return message
    if kind == "string_pattern_mismatch" and isinstance(given, str) and (given[:5] == "data:" or len(given) > 200):
        what = (
            "is a data URL, not an id" if given[:5] == "data:" else f"is a text of {len(given):,} characters, not an id"
        )
        return what + _TO_SEND
    return f"{message}; got {_shown(given)}"


def _sentence(error: Mapping[str, Any]) -> str:
    kind, told = error["type"], error.get("ctx") or {}
    if kind in _NEEDS:
        return _NEEDS[kind]
    if kind.startswith(("datetime_", "date_", "timezone_")):
        return _MOMENT
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(told.get("pattern", ""), "is not written as it has to be")
    if kind in _TEMPLATES:
        return _TEMPLATES[kind].format(**{name: _number(value) for name, value in told.items()})
    return error["msg"].removeprefix("Value error, ")


def _number(value: Any) -> Any:
    """Bounds as people write them."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:g}"
    return value


def _shown(value: Any) -> str:
    """A value as it was typed, cut; JSON's words for what has no text."""
    named = {None: "nothing", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return named[value]
    text = repr(value) if isinstance(value, str) else str(value) if isinstance(value, int | float) else "something else"
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"
