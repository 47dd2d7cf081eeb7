"""What a job made, as its page shows it: texts, predictions, figures, the confusion matrix. Reads no store."""

import base64
import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.jobs.events import Event
from shared.jobs.job import Job, State

_BARS = 5
_LARGEST_MATRIX = 40  # classes; beyond that the table is no longer read but downloaded
_LARGEST_CSV = 1 << 20  # bytes
_TINTS = 9
_FIRST_METRICS = ("test_", "val_")
_NO_RESULT = frozenset({"learning_rate"})  # logged like a metric, but it says nothing about the model


@dataclass(frozen=True)
class Written:
    """Generated texts so far, and the id of the last event they rest on ("" when the result holds them)."""

    texts: list[str]
    after: str


def key_metrics(metrics: dict[str, float]) -> dict[str, float]:
    """Metrics that judge a model, those of the test part first."""

    def rank(name: str) -> int:
        return next((i for i, prefix in enumerate(_FIRST_METRICS) if name.startswith(prefix)), len(_FIRST_METRICS))

    return {name: metrics[name] for name in sorted(metrics, key=rank) if name not in _NO_RESULT}


def written(job: Job, events: Iterable[Event]) -> Written:
    """Generated texts: from the result, or while the job runs from what has been published so far."""
    made = (job.result or {}).get("texts")
    if made is not None:
        return Written([str(text) for text in made], "")
    pieces: dict[int, str] = {}
    after = "0"
    if job.kind == "generate" and job.state != State.queued:
        for event in events:
            after = event.id
            if event.type == "claimed":  # a new attempt writes anew
                pieces = {}
            elif event.type == "output":
                index = int(event.data.get("index", 0))
                pieces[index] = pieces.get(index, "") + str(event.data.get("text", ""))
    return Written([pieces[index] for index in sorted(pieces)], after)


def predictions(job: Job) -> list[dict[str, Any]]:
    """A classifier's answers with the most probable labels as bars, and the picture where it came with the request."""
    pictures = {i.get("name"): i.get("data", "") for i in job.params.get("images") or [] if isinstance(i, dict)}
    rows = []
    for p in (job.result or {}).get("predictions") or []:
        bars = sorted((p.get("probabilities") or {}).items(), key=lambda item: -item[1])[:_BARS]
        rows.append({**p, "bars": bars, "picture": _data_url(pictures.get(p.get("file")) or "")})
    return rows


def _data_url(data: str) -> str:
    """Show an uploaded picture from the job's own params; only what begins like a picture is named one."""
    head = base64.b64decode(data[:16] + "=" * (-len(data[:16]) % 4))
    kinds = {b"\x89PNG": "png", b"\xff\xd8": "jpeg", b"GIF8": "gif", b"BM": "bmp", b"RIFF": "webp"}
    kind = next((name for magic, name in kinds.items() if head.startswith(magic)), None)
    return f"data:image/{kind};base64,{data}" if kind else ""


def confusion(path: Path) -> dict[str, Any] | None:
    """A confusion matrix written by worker/families/classification.py, as {classes, rows}; None when it is too large to read.

    Each row is (class, cells), each cell (count, tint): tint 0 to 9 by the share of the row. Names stay names in any
    script, which the picture of the same matrix cannot promise.
    """
    if path.stat().st_size > _LARGEST_CSV:
        return None
    lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    if not 2 <= len(lines) <= _LARGEST_MATRIX + 1 or any(len(line) != len(lines[0]) for line in lines):
        return None
    rows = []
    for name, *cells in lines[1:]:
        counts = [int(cell) for cell in cells]
        rows.append((name, [(n, round(_TINTS * n / max(sum(counts), 1))) for n in counts]))
    return {"classes": lines[0][1:], "rows": rows}


def legend(classes: Sequence[str]) -> list[tuple[str, str]]:
    """What "#3" means in pictures made by a worker, whose font knows Latin letters only."""
    return [(f"#{index}", name) for index, name in enumerate(classes) if not name.isascii()]
