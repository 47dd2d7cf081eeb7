"""What a fine-tuning will learn from and take, told before it is queued. Called by the web through RecipeSpec.foresee."""

from collections.abc import Mapping
from typing import Any

from shared.bases.manifest import TEMPLATE, TOKENIZER
from shared.errors import Problem
from shared.outputs import Cell, Output, Table
from shared.recipes.base import Foreseen, Given
from shared.recipes.tuning_memory import lighter, memory_bytes


def foresee(params: Any, given: Mapping[str, Given], room: int) -> Foreseen:
    """params: FinetuneTrain. given: the roles data and base. room: bytes of memory; 0: not known."""
    data, base = given["data"], given["base"]
    longest = base.known.config.context
    if params.context > longest:
        message = f"is longer than what this base has learnt to see, {longest:,} tokens: set it to {longest} or less"
        return Foreseen([Problem(field="params.context", message=message)])
    problems, outputs = [], []
    if data.known.format != "text":
        problems, outputs = _learnt_from(params, data, base)
    pairs = data.known.report.unit == "preferences" or bool(params.rejected)
    parts = memory_bytes(params, base.known.config, pairs=pairs)
    if room and sum(parts.values()) > room:
        problems.append(_too_much(params, base.known, sum(parts.values()), room, pairs))
    return Foreseen(problems, [*outputs, _memory(parts)])


def _learnt_from(params: Any, data: Given, base: Given) -> tuple[list[Problem], list[Output]]:
    from shared.chats.foreseen import (
        look_at,
        outputs_of,
        problems_of,
    )  # load tokenizers and Jinja: only who asks pays that
    from shared.chats.source import chats_of
    from shared.chats.template import TemplateRefused
    from shared.chats.tokens import Reader, Vocabulary, template_of

    vocabulary = Vocabulary.of(base.folder / TOKENIZER, base.known.special)
    source = (base.folder / TEMPLATE).read_text(encoding="utf-8") if base.known.has_template else ""
    try:
        template = template_of(params.chat_template, source, vocabulary.special)
    except TemplateRefused as err:
        return [Problem(field="params.chat_template", message=f"the chat template {err}")], []
    reader = Reader(vocabulary, template, everything=params.learn == "everything")
    chats = chats_of(data.folder, data.known.format, params, data.known.report)
    found = look_at(chats, reader, params.context, params.too_long)
    return problems_of(found, params.too_long), outputs_of(found, params.context, params.too_long)


def _too_much(params: Any, base: Any, needed: int, room: int, pairs: bool) -> Problem:
    """That a training does not fit, and what would."""
    ways = [
        f"{' and '.join(f'{name}={_said(value)}' for name, value in changes.items())} ({_gigabytes(size)})"
        for changes, size in lighter(params, base.config, room, pairs=pairs)
    ]
    would = f"It would fit with {', or with '.join(ways)}" if ways else "No setting makes it fit: take a smaller base"
    message = (
        f"a training upon {base.name!r:.60} takes about {_gigabytes(needed)} of memory like this; the largest worker there is has "
        f"{_gigabytes(room)}. {would}"
    )
    return Problem(field="inputs.base", message=message)


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def _memory(parts: Mapping[str, int]) -> Table:
    rows: list[list[Cell]] = [[name, f"{size / 1e9:.2f} GB"] for name, size in parts.items()]
    title = f"Memory it takes, about {_gigabytes(sum(parts.values()))}"
    return Table(title=title, columns=["for", "about"], rows=rows, count=len(rows))
