"""Rules about the repository itself: where packages come from, what must be written down, how long files may be."""

import importlib.util
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from shared import outputs
from shared.jobs.keys import Keys
from shared.recipes import RECIPES
from shared.settings import Settings
from tests.support import leaks

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("shared", "web", "worker", "cli", "tests")
_SUFFIXES = (".py", ".lua", ".js", ".css", ".html", ".sh")


def _sources() -> list[Path]:
    folders = [ROOT / name for name in (*PACKAGES, "docs", "benchmarks", ".ci")]
    found = [path for folder in folders for path in folder.rglob("*") if path.suffix in _SUFFIXES]
    return [path for path in found if "__pycache__" not in path.parts]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_with_a_generic_name_comes_from_this_repository(name):
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).resolve().is_relative_to(ROOT), f"import {name} finds {spec.origin}"


def test_no_source_file_is_longer_than_four_hundred_lines():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in _sources()}
    long = {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > 400}
    assert not long, f"split these: {long}"


# Rooms that serve every recipe alike, whatever it is of. cli/demo.py shows one of them.
_GENERIC = ("web", "cli", "shared/jobs", "shared/volume", "worker/supervision", "worker/upkeep", "worker/training")
_SHOWS_ONE = {"cli/demo.py"}


def test_no_room_that_serves_all_recipes_names_one_of_them_or_a_family():
    """A recipe: its name as a whole word, anywhere, comments included. A family: its name as a whole string of the code.

    A family that is called like a kind of output is looked for in comparisons with `.family` alone: `"text"` means the kind.
    """
    names = re.compile(rf"\b({'|'.join(map(re.escape, RECIPES))})\b(?!-)")  # tabular-nums is a word of CSS
    kinds = {kind.model_fields["kind"].default for kind in outputs.KINDS}
    families = {spec.family for spec in RECIPES.values()} - kinds
    told = re.compile(rf"""(["'])({"|".join(map(re.escape, families))})\1|\.family\s*(==|!=|in\b|not\b)""")
    found = []
    for path in _sources():
        place = path.relative_to(ROOT).as_posix()
        if place.startswith(tuple(f"{room}/" for room in _GENERIC)) and place not in _SHOWS_ONE:
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                found += [f"{place}:{number}: {match[0]}" for match in (names.search(line), told.search(line)) if match]
    assert not found, "say it by the spec: " + "; ".join(found)


def test_every_setting_is_documented():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    missing = [name for name in Settings.model_fields if f"`TRAINYARD_{name.upper()}`" not in page]
    assert not missing, "run `python -m docs.generate`"
    assert all(field.description for field in Settings.model_fields.values())


def test_every_key_says_what_it_holds_and_when_it_dies():
    methods = {name: doc for name, doc in inspect.getmembers(Keys, inspect.isfunction) if not name.startswith("_")}
    for name, method in methods.items():
        words = inspect.getdoc(method) or ""
        assert re.search(r"\b(HASH|STREAM|ZSET|LIST|STRING|SET)\b", words), f"Keys.{name}: of which type?"
        assert re.search(r"[Dd]ies|[Ll]eave|[Gg]oes|Capped|[Nn]o expiry", words), f"Keys.{name}: when does it die?"


def test_the_leak_check_knows_every_kind_of_key():
    keys = Keys("p")
    made = set()
    for name, method in inspect.getmembers(keys, inspect.ismethod):
        if not name.startswith("_"):
            made.add(method(*("x" for _ in inspect.signature(method).parameters)).split(":")[1])
    assert made == leaks.KINDS.keys()


@pytest.mark.parametrize("name", ["web", "worker", "worker-gpu", "run", "dev"])
def test_requirements_for_pip_pin_what_the_lock_pins(name):
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    locked = {(package["name"], package["version"]) for package in lock["package"] if "version" in package}
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", text, flags=re.MULTILINE))
    assert pinned
    assert pinned <= locked, f"run `make requirements`; not locked: {sorted(pinned - locked)}"
    assert text.count("--hash=sha256:") >= len(pinned)


def test_make_lists_every_target_a_person_may_want():
    listed = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "lint", "faults", "browser", "bench", "up"):
        assert re.search(rf"^  make {target} ", listed, flags=re.MULTILINE), listed


def test_the_web_and_the_command_line_start_without_tensorflow_and_keras():
    code = (
        "import sys, web, cli.main; cli.main.parser(); print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
