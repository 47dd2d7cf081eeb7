"""Writes docs/settings.md, docs/recipes.md and docs/formats.md from the code: `python -m docs.generate` (with --check: compare).

tests/unit/test_docs.py runs the comparison, so no page can fall behind.
"""

import inspect
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from docs.figures import figures_table
from shared.datasets.formats import FORMATS
from shared.datasets.formats.base import Format
from shared.recipes import RECIPES
from shared.recipes.base import Input, RecipeSpec
from shared.settings import Settings

HERE = Path(__file__).parent


def settings_page() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, tuple):
            default = ",".join(default)
        shown = f"`{default}`" if str(default) else "empty"
        rows.append(f"| `TRAINYARD_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(
        [
            "# Settings",
            "",
            "Every process reads these environment variables, and nothing else, through `shared/settings.py`. All wrong values",
            "are named at once when a process starts. This page is written by `python -m docs.generate`.",
            "",
            "| variable | default | what it does |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _range(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("widget") == "column":
        return f"{_kinds(schema)} of `{schema['role']}`"
    if schema.get("widget") == "files":
        return f"at most {schema.get('maxItems', 1)} files ({', '.join(schema['accepts'])})"
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    parts = [f"{sign} {schema[key]:g}" for key, sign in signs.items() if key in schema]
    if schema.get("type") == "boolean":
        parts.append("true, false")
    if "maxLength" in schema:
        parts.append(f"≤ {schema['maxLength']} characters")
    return ", ".join(parts)


def _kinds(column: dict[str, Any]) -> str:
    what = "columns" if column.get("type") == "array" else "a column"
    return f"{what} ({', '.join(column['kinds'])})" if column["kinds"] else what


def _fields_table(model: type[BaseModel]) -> list[str]:
    """A table of the fields of a model; a sentence where it has none."""
    schema = model.model_json_schema()
    if not schema.get("properties"):
        return ["Nothing to choose."]
    rows = ["| name | default | range | meaning |", "|---|---|---|---|"]
    required = schema.get("required", [])
    for name, field in schema["properties"].items():
        default = "required" if name in required else f"`{field.get('default', [])!r}`"
        default = "drawn" if field.get("drawn") else default
        unit = f" ({field['unit']})" if field.get("unit") else ""
        limits = _range(field) or next((_range(f) for f in field.get("anyOf", []) if _range(f)), "")
        rows.append(f"| `{name}` | {default} | {_cell(limits + unit)} | {_cell(field.get('description', ''))} |")
    return rows


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _inputs_table(roles: tuple[Input, ...]) -> list[str]:
    rows = ["| input | takes | |", "|---|---|---|"]
    for role in roles:
        takes = [f"dataset: {', '.join(f'`{name}`' for name in role.formats)}"] if role.formats else []
        takes += [f"base model: {', '.join(role.bases)}"] if role.bases else []
        takes += [f"model: {', '.join(map(_model, role.recipes))}"] if role.recipes else []
        optional = "" if role.required else ", optional"
        rows.append(
            f"| `{role.role}` | {' or '.join(takes)}{optional} | {_cell(f'{role.title}. {role.help}'.strip())} |"
        )
    return rows


def _model(recipe: str) -> str:
    return "of this recipe" if recipe == "*" else f"`{recipe}`"


def _recipe(spec: RecipeSpec) -> list[str]:
    better = {"min": "smallest", "max": "largest"}[spec.criterion.mode]
    lines = [
        f"## {spec.title}: `{spec.name}`, version {spec.version}",
        "",
        spec.summary,
        "",
        f"Best is the state with the {better} `{spec.criterion.metric}`. Source: {spec.source}",
        "",
        *figures_table(spec.name),
        "### Training",
        "",
        *_inputs_table(spec.inputs_of("train")),
        "",
        *_fields_table(spec.train_params),
        "",
    ]
    for name, use in spec.uses.items():
        roles = spec.inputs_of("generate", name)
        lines += [f"### {use.verb}: use `{name}`", ""]
        lines += [use.help, ""] if use.help else []
        lines += [*_inputs_table(roles), "", *_fields_table(use.params), ""]
    return lines


def recipes_page() -> str:
    lines = [
        "# Recipes",
        "",
        "A recipe is a spec in `shared/recipes/<name>.py` and code of the same name in `worker/recipes/`. This page",
        "is written from the specs by `python -m docs.generate`; the form, the API's schema and the command line",
        "come from the same place. What each reached where it was measured: docs/figures.py. Datasets: [formats.md](formats.md).",
        "How to write one: [adding-a-recipe.md](adding-a-recipe.md).",
        "",
    ]
    for spec in RECIPES.values():
        lines += _recipe(spec)
    return "\n".join(lines)


def _format(format: Format) -> list[str]:
    taken_by = [
        f"`{spec.name}`"
        for spec in RECIPES.values()
        if any(
            format.name in role.formats
            for role in (*spec.inputs, *(r for use in spec.uses.values() for r in use.inputs))
        )
    ]
    files = ", ".join(f"`{suffix}`" if suffix else "without an ending" for suffix in format.suffixes)
    lines = [
        f"## {format.title[:1].upper()}{format.title[1:]}: `{format.name}`",
        "",
        f"{format.help[:1].upper()}{format.help[1:]}{'' if format.help.endswith('.') else '.'}",
        "",
        *_docstring(format),
        f"Files: {files}. Taken by: {', '.join(taken_by) or 'no recipe yet'}.",
        "",
    ]
    if format.options.model_fields:
        lines += ["Options of an upload", "", *_fields_table(format.options), ""]
    if format.examples:
        lines += [f"- example `{example.name}`: {example.title}" for example in format.examples] + [""]
    return lines


def _docstring(format: Format) -> list[str]:
    """What the module of a format says of it, with an example row, without its first line."""
    text = inspect.getdoc(inspect.getmodule(type(format))) or ""
    rest = text.partition("\n")[2].strip("\n")
    return [*rest.splitlines(), ""] if rest.strip() else []


def formats_page() -> str:
    lines = [
        "# Dataset formats",
        "",
        "What can be uploaded. A format is an object in `shared/datasets/formats/`; this page is written from them by",
        "`python -m docs.generate`. Which one an upload is of is found out, unless it is said. What an import changes or leaves",
        "out is said with counts and names; where something can be chosen, the refusal says with which option.",
        "How to write one: [adding-a-format.md](adding-a-format.md).",
        "",
    ]
    for format in FORMATS.values():
        lines += _format(format)
    return "\n".join(lines)


PAGES = {"settings.md": settings_page, "recipes.md": recipes_page, "formats.md": formats_page}


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check name those that are out of date and return 1."""
    stale = []
    for name, page in PAGES.items():
        path, text = HERE / name, page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(text, encoding="utf-8")
    if stale:
        print(("out of date: " if "--check" in arguments else "written: ") + ", ".join(stale))
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
