"""Keeps what a record holds small: Redis holds every job that is kept, and whatever a job has made lies on the volume.

Called by shared/jobs/store.py wherever a worker's words enter a record. Nothing is lost: DONE, series.jsonl, outputs.json and the
log have it all.
"""

from typing import Any

from shared.jobs.job import JobErrorInfo, Progress
from shared.jobs.record import to_json

MOST_METRICS = 50
_MOST_MESSAGE_BYTES = 600  # of why a job failed
_MOST_TOLD_BYTES = 200  # of the same in its history and its attempts
_RESULT_BYTES = 900  # of a result as JSON; its metrics have what the rest leaves
_LEAST_METRICS_BYTES = 300
_MOST_TEXT_BYTES = 200  # of a text in a result; beyond, it is cut
_MOST_VALUE_BYTES = 400  # of anything else in it; beyond, it is left out


def small_progress(progress: Progress) -> Progress:
    """With the first MOST_METRICS metrics."""
    if len(progress.metrics) <= MOST_METRICS:
        return progress
    return progress.model_copy(update={"metrics": dict(list(progress.metrics.items())[:MOST_METRICS])})


def small_result(result: dict[str, Any]) -> dict[str, Any]:
    """A result as a record keeps it; "omitted" names what was too large for one."""
    kept: dict[str, Any] = {}
    omitted = []
    for name, value in result.items():
        value = _cut(value, _MOST_TEXT_BYTES) if isinstance(value, str) else value
        if name == "metrics" or _size(value) <= _MOST_VALUE_BYTES:
            kept[name] = value
        else:
            omitted.append(name)
    metrics = kept.get("metrics")
    if isinstance(metrics, dict):
        room = _RESULT_BYTES - _size(kept | {"metrics": {}})
        kept["metrics"] = _first_metrics(metrics, max(room, _LEAST_METRICS_BYTES))
        omitted += ["metrics"] if len(kept["metrics"]) < len(metrics) else []
    return kept | {"omitted": omitted[:MOST_METRICS]} if omitted else kept


def small_error(error: JobErrorInfo) -> JobErrorInfo:
    return error.model_copy(update={"message": _cut(error.message, _MOST_MESSAGE_BYTES)})


def small_message(message: str) -> str:
    """Why an attempt ended, as its history tells it."""
    return _cut(message, _MOST_TOLD_BYTES)


def end_data(error: JobErrorInfo | None, result: dict[str, Any] | None) -> dict[str, Any]:
    """What the event of a job's end tells: why it failed, or a line on what it made."""
    if error:
        return error.model_copy(update={"message": small_message(error.message)}).model_dump()
    return {"headline": _cut(str(result.get("headline", "")), _MOST_TEXT_BYTES)} if result is not None else {}


def _cut(text: str, most_bytes: int) -> str:
    """The beginning of a text, at most about so many bytes of UTF-8."""
    data = text.encode()
    return text if len(data) <= most_bytes else data[: most_bytes - 3].decode(errors="ignore") + "…"


def _first_metrics(metrics: dict[str, Any], room: int) -> dict[str, Any]:
    """The first metrics, as many as are allowed and fit into so many bytes of JSON."""
    kept = {}
    for name, value in list(metrics.items())[:MOST_METRICS]:
        room -= _size({name: value}) - 1
        if room < 0:
            break
        kept[name] = value
    return kept


def _size(value: Any) -> int:
    return len(to_json(value).encode())
