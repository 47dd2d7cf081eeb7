"""Lists every error a person can meet, from the code: `python -m docs.list_errors` prints place, kind and words of each.

What is listed: the words given to an exception of the project's, to a Problem, to refuse() and its like, and to the ValueError of a
validator, in all code that people's input reaches. A {value} stands for what is filled in. tests/unit/test_error_words.py holds the
list to what can be acted on; reading it through as a beginner is the rest.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
_ROOMS = ("shared", "web", "worker", "cli")
_ROOTS = {"TrainyardError", "ClientError", "JobError"}  # and whatever derives from one
_FUNCTIONS = {
    "refuse", "note", "Problem", "add", "ArgumentTypeError", "ValueError", "UnsupportedMediaType", "BadRequest", "SystemExit",
    "answer", "NoChat", "Refused", "TemplateRefused",
}  # fmt: skip
_NAMED = {"message", "detail", "advice"}


class Told(NamedTuple):
    """One error: where it is raised, by what, in which words."""

    place: str
    kind: str
    words: str


def errors() -> list[Told]:
    """Every error of the code, by place."""
    trees = {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for room in _ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
    }
    kinds = _derived(trees.values()) | _FUNCTIONS
    return [told for path, tree in trees.items() for told in _of(path, tree, kinds)]


def _derived(trees: "Iterator[ast.Module] | object") -> set[str]:
    """Names of all exceptions of the project."""
    bases = {
        node.name: {_name(base) for base in node.bases}
        for tree in trees  # type: ignore[attr-defined]
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = set(_ROOTS)
    while more := {name for name, over in bases.items() if over & found} - found:
        found |= more
    return found


def _of(path: Path, tree: ast.Module, kinds: set[str]) -> Iterator[Told]:
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and _name(node.func) in kinds):
            continue
        given = [k.value for k in node.keywords if k.arg in _NAMED] or node.args[:3]
        texts = _assigned_before(node, scopes)
        words = next((said for value in given if (said := _words(value, texts))), "")
        if " " in words:  # a code or a name of a field is no sentence
            yield Told(f"{path.relative_to(ROOT)}:{node.lineno}", _name(node.func), words)


def _assigned_before(call: ast.Call, scopes: list[ast.FunctionDef]) -> dict[str, ast.expr]:
    """What each name was last given above a call, in the innermost function around it."""
    around = [scope for scope in scopes if scope.lineno <= call.lineno <= (scope.end_lineno or 0)]
    if not around:
        return {}
    found = [node for node in ast.walk(around[-1]) if isinstance(node, ast.Assign) and node.lineno < call.lineno]
    found.sort(key=lambda node: node.lineno)
    return {target.id: node.value for node in found for target in node.targets if isinstance(target, ast.Name)}


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _words(node: ast.expr, texts: dict[str, ast.expr], deep: int = 0) -> str:
    """A text with {expression} for what is filled in; "" for what is none."""
    match node:
        case ast.Constant(value=str()):
            return str(node.value)
        case ast.JoinedStr():
            parts = [p.value if isinstance(p, ast.Constant) else "{" + ast.unparse(p.value) + "}" for p in node.values]  # type: ignore[attr-defined]
            return "".join(map(str, parts))
        case ast.BinOp(op=ast.Add()):
            return _words(node.left, texts, deep) + _words(node.right, texts, deep)
        case ast.IfExp():
            return _words(node.body, texts, deep) or _words(node.orelse, texts, deep)
        case ast.Name() if deep < 3 and node.id in texts:
            return _words(texts[node.id], texts, deep + 1)
    return ""


if __name__ == "__main__":
    for told in errors():
        print(f"{told.place}  {told.kind}\n    {told.words}")
    print(f"{len(errors())} errors", file=sys.stderr)
