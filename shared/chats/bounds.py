"""How long what a template makes will be, told before it is made; and where in a template to ask. Called by sandbox.py alone."""

import json
from collections.abc import Iterable
from typing import Any

from jinja2 import nodes


def length_after(name: str, value: Any, more: list[Any]) -> int:
    """At most how long the text is that a filter makes. more: its further arguments."""
    longest = max([0, *(len(part) if isinstance(part, str) else abs(part) for part in more)])
    if name == "join" and isinstance(value, Iterable):
        return sum(len(str(item)) + longest for item in value)
    if name == "tojson":
        return max(1, longest) * len(json.dumps(value, default=str, ensure_ascii=False))
    if not isinstance(value, str):
        return 0
    if name == "replace" and len(more) > 1:
        return len(value) + grown(value, more[0], more[1])
    return len(value) + (value.count("\n") + 1) * max(4, longest) if name == "indent" else len(value)


def grown(text: str, old: Any, new: Any) -> int:
    """By how many characters a text grows when one piece takes the place of another."""
    if not isinstance(old, str) or not isinstance(new, str):
        return 0
    return text.count(old) * max(len(new) - len(old), 0)


def bound_parts(node: nodes.Node) -> None:
    """Put bounded calls in the place of every `~`, list, tuple and dict below a node."""
    for name, value in list(node.iter_fields()):
        if isinstance(value, list):
            setattr(node, name, [_bounded(each) if isinstance(each, nodes.Node) else each for each in value])
        elif isinstance(value, nodes.Node):
            setattr(node, name, _bounded(value))


def _bounded(node: nodes.Node) -> nodes.Node:
    bound_parts(node)
    if isinstance(node, nodes.Concat):
        called, args = "concat_bounded", list(node.nodes)
    elif isinstance(node, nodes.List | nodes.Dict) or (isinstance(node, nodes.Tuple) and node.ctx == "load"):
        called, args = "made", [node]
    else:
        return node
    return nodes.Call(nodes.EnvironmentAttribute(called), args, [], None, None, lineno=node.lineno)
