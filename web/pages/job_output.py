"""What a job has made, as its page and the little forms beside models show it; while text streams in, what there is of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.errors import NotFound
from shared.jobs.events import Event
from shared.jobs.job import Job, State
from shared.outputs import Output, Text
from shared.recipes import RECIPES
from shared.volume import readback
from web.pages.outputs.places import Place, of_job, of_sample
from web.pages.reach import volume

_SAMPLES = 30  # newest steps shown


@dataclass(frozen=True)
class Made:
    """Outputs to show. after: id of the last event they rest on, "" when they are final; waiting: more is being written.

    damaged: why they cannot be read. streams: text comes as it is written.
    """

    outputs: list[Output]
    place: Place
    after: str = ""
    damaged: str = ""
    waiting: bool = False
    streams: bool = False


@dataclass(frozen=True)
class Sample:
    """What was drawn at one step of a training."""

    step: int
    key: str
    outputs: list[Output]
    place: Place


def made(job: Job, events: Iterable[Event]) -> Made:
    """From the volume once the job has ended, before from the pieces of text published so far."""
    place, streams = of_job(job.id), _streams(job)
    if job.state.terminal:
        try:
            return Made(readback.outputs(volume(), job.id), place, streams=streams)
        except NotFound as err:
            return Made([], place, damaged=err.message, streams=streams)
    if not streams or job.state == State.queued:
        return Made([], place, "0", streams=streams)
    pieces: dict[int, list[str]] = {}
    after = "0"
    for event in events:
        after = event.id
        if event.type == "claimed":  # a new attempt writes anew
            pieces = {}
        elif event.type == "output":
            pieces.setdefault(int(event.data.get("index", 0)), []).append(str(event.data.get("text", "")))
    rows = max(pieces, default=-1) + 1
    prompt = str(job.params.get("prompt") or "")  # what a use that streams goes on from, where it has one
    texts: list[Output] = [Text(text="".join(pieces.get(row, [])), prompt=prompt) for row in range(rows)]
    return Made(texts, place, after, waiting=job.state == State.running, streams=True)


def _streams(job: Job) -> bool:
    """Whether a job publishes text as it is written."""
    spec = RECIPES.get(job.recipe)
    use = spec.uses.get(job.use or "generate") if spec and job.kind == "generate" else None
    return bool(use and use.streams)


def samples(job: Job) -> list[Sample]:
    """Samples of a training, newest first."""
    return [
        Sample(s.step, f"s-{s.attempt}-{s.step}", s.outputs, of_sample(job.id, s.attempt, s.step))
        for s in readback.samples(volume(), job.id, newest=_SAMPLES)[::-1]
    ]
