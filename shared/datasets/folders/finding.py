"""Finds out how the files of an upload lie: bare, in class folders, in parts; and what is wrong with where one lies."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from shared.datasets.folders.layout import Layout, part_of
from shared.datasets.folders.outer import common_folders, sisters_kept
from shared.errors import Choice

OuterFolders = Literal["ask", "merge", "classes"]


@dataclass
class Found:
    """layout: as good as can be told. wrong: by name, what is wrong with the place of a file.

    question: what only the user can say, with choices for the answer. notes: what was taken for granted.
    """

    layout: Layout
    wrong: dict[str, str] = field(default_factory=dict)
    question: str = ""
    choices: list[Choice] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_layout(names: Sequence[str], outer: OuterFolders, *, one: str = "picture") -> Found:
    """The layout of files by their names. outer: the user's word on folders around the classes that are no parts.

    one: what the user calls such a file.
    """
    folders = {name: name.split("/")[:-1] for name in names}
    outermost = Counter(path[0] for path in folders.values() if path)
    parts = {name for name in outermost if part_of(name) is not None}
    deep = any(len(path) > 1 and path[0] in parts for path in folders.values())
    if not deep and parts and parts < set(outermost) and len({part_of(name) for name in parts}) > 1 and outer == "ask":
        shown = ", ".join(sorted(outermost))
        choice = Choice(option="outer_folders", value="classes", title=f"Take all {len(outermost)} folders for classes")
        question = f"some of the folders {shown} are named like parts, others are not: are all of them classes?"
        return Found(Layout(label="inner"), question=question, choices=[choice])
    in_parts = deep or (bool(parts) and parts == set(outermost))
    inner = {name: path[1:] if in_parts and path and path[0] in parts else path for name, path in folders.items()}
    depth = Counter(map(len, inner.values())).most_common(1)[0][0]
    found = Found(Layout(in_parts, "inner" if depth else "none"))
    for name, path in folders.items():
        if wrong := _wrong_place(path, inner[name], depth, in_parts, parts):
            found.wrong[name] = wrong
    if depth > 1 and not found.wrong:
        _ask_about_outer(found, list(inner.values()), outer, one)
    return found


def find_bare_layout(
    names: Sequence[str], empty: Sequence[str], outer: OuterFolders, *, one: str
) -> tuple[Found, dict[str, str]]:
    """(the layout, each name without the folders that all lie in). empty: folders that hold nothing."""
    common = common_folders(names, keep=sisters_kept(names, empty))
    bare = {name: "/".join(name.split("/")[len(common) :]) for name in names}
    return find_layout(list(bare.values()), outer, one=one), bare


def _wrong_place(path: list[str], inner: list[str], depth: int, in_parts: bool, parts: set[str]) -> str | None:
    if in_parts and (not path or path[0] not in parts):
        return f"lies beside {' and '.join(sorted(parts))}; put it into one of the parts train, val and test"
    if not inner and depth:
        if in_parts:
            return f"lies in {path[0]} but in no class folder"
        return "lies in no class folder; put it into a folder named after its class"
    if any(part_of(folder) is not None for folder in inner[:-1]):
        return "lies in a part (train, test, val) below another folder; parts must be outermost"
    if len(inner) != depth:
        deep = f"lies {len(inner)} deep in folders, most others {depth}"
        return f"{deep}: is {inner[-1]!r} a class?" if depth else f"{deep}: are all of them without a class?"
    return None


def _ask_about_outer(found: Found, paths: Sequence[list[str]], outer: OuterFolders, one: str) -> None:
    """Two folders around each other: is the inner one the class, and what is the outer one?"""
    if outer == "classes":
        found.layout = Layout(found.layout.parts, "outer")
        return
    holds: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        holds[path[-1]].add("/".join(path[:-1]))
    around = sorted({path[0] for path in paths})
    shown = ", ".join(around[:6]) + (" ..." if len(around) > 6 else "")
    shared = sorted(label for label, outside in holds.items() if len(outside) > 1)
    if outer == "ask" and shared:
        same = f"the folders {shown} hold the same classes ({', '.join(shared[:4])})"
        found.question = f"{same}: if they are parts, name them train, val and test"
        merge = f"They are no parts: the class is the inner folder, {one}s of {shown} are put together"
        found.choices = [
            Choice(option="outer_folders", value="merge", title=merge),
            Choice(option="outer_folders", value="classes", title=f"The class is the outer folder ({shown})"),
        ]
        return
    if len(around) > 1 or found.layout.parts:
        found.notes.append(
            f"the class of a {one} is its innermost folder; the folders around it ({shown}) say nothing more"
        )
