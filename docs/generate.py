"""Writes docs/settings.md and docs/recipes.md from the code: `python -m docs.generate` (with --check: only compare).

tests/unit/test_docs.py runs the comparison, so neither page can fall behind.
"""

import sys
from pathlib import Path
from typing import Any

from shared.recipes import RECIPES
from shared.recipes.base import Params, RecipeSpec
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
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    parts = [f"{sign} {schema[key]:g}" for key, sign in signs.items() if key in schema]
    if schema.get("type") == "boolean":
        parts.append("true, false")
    if "maxLength" in schema:
        parts.append(f"≤ {schema['maxLength']} characters")
    return ", ".join(parts)


def _params_table(model: type[Params]) -> list[str]:
    rows = ["| name | default | range | meaning |", "|---|---|---|---|"]
    schema = model.model_json_schema()
    required = schema.get("required", [])
    for name, field in schema["properties"].items():
        default = "required" if name in required else f"`{field.get('default')!r}`"
        unit = f" ({field['unit']})" if field.get("unit") else ""
        limits = _range(field) or next((_range(f) for f in field.get("anyOf", []) if _range(f)), "")
        text = field.get("description", "").replace("|", "\\|")
        rows.append(f"| `{name}` | {default} | {limits}{unit} | {text} |")
    return rows


def _recipe(spec: RecipeSpec) -> list[str]:
    return [
        f"## {spec.title}: `{spec.name}`, version {spec.version}",
        "",
        spec.summary,
        "",
        f"Dataset formats: {', '.join(f'`{f}`' for f in spec.formats)}. Source: {spec.source}",
        "",
        "Training",
        "",
        *_params_table(spec.train_params),
        "",
        "Generation",
        "",
        *_params_table(spec.generate_params),
        "",
    ]


def recipes_page() -> str:
    lines = [
        "# Recipes",
        "",
        "A recipe is a spec in `shared/recipes/<name>.py` and code of the same name in `worker/recipes/`. This page",
        "is written from the specs by `python -m docs.generate`; the form, the API's schema and the command line",
        "come from the same place.",
        "How to write one: [architecture.md](architecture.md#adding-a-recipe).",
        "",
    ]
    for spec in RECIPES.values():
        lines += _recipe(spec)
    return "\n".join(lines)


PAGES = {"settings.md": settings_page, "recipes.md": recipes_page}


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
