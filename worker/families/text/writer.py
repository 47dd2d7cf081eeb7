"""What text recipes do with a trained model: write on from a prompt, show samples."""

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from shared.errors import RecipeFailed
from shared.jobs.job import Progress
from shared.outputs import Output, Text
from shared.recipes.text_params import TextBatch, TextGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.text.batch import continue_rows
from worker.families.text.tokens import as_imported
from worker.families.text.vocabulary import UnknownCharacters, vocabulary_from_json
from worker.generation.decode.engine import Engine
from worker.generation.decode.sampling import Sampling
from worker.recipe import Assets, Inputs, Report

_SAMPLE_TOKENS = 200
_TOLD_EVERY_S = 0.5


class TextWriter:
    """A language model ready for many generation jobs."""

    def __init__(self, engine: Engine, assets: Assets):
        self._engine = engine
        self._vocabulary = vocabulary_from_json(assets["vocabulary"])
        self._beginning: str = assets["beginning"]

    def generate(self, params: TextGenerate, context: Context, files: Files) -> Report:
        """Write params.samples continuations. Raises RecipeFailed when the prompt holds unknown characters."""
        prompt = as_imported(params.prompt) if params.prompt else self._opening()
        return self.go_on(prompt, params.prompt or prompt.lstrip("\n"), params, context)

    def go_on(self, prompt: str, shown: str, params: TextGenerate, context: Context) -> Report:
        """Go on from a prompt that stands in the outputs as `shown`.

        Text is published as it comes, once a chunk; a character is published when all its bytes are there, and what may be the
        beginning of a stop text when it has turned out not to be one. Progress counts tokens of one continuation.
        """
        began = time.monotonic()
        telling = _Telling(context, params.max_tokens)

        def went_on(count: int, fresh: list[str]) -> None:
            for index, text in enumerate(fresh):
                if text:
                    context.event("output", {"index": index, "text": text})
            context.check()
            telling.went_on(count)

        rows = self.write(prompt, params, went_on, telling.compiles)
        telling.end()
        seconds = max(time.monotonic() - began, 1e-9)
        tokens = sum(row.tokens for row in rows)
        figures = {"tokens": tokens, "seconds": round(seconds, 4), "tokens_per_s": round(tokens / seconds, 1)}
        return Report(figures, [Text(prompt=shown, text=row.text) for row in rows])

    def _opening(self) -> str:
        """What a text that goes on from nothing begins with: a new line, or how the training text began where that had none."""
        try:
            self._vocabulary.encode("\n")
        except UnknownCharacters:
            return self._beginning[:1]
        return "\n"

    def write(
        self,
        prompt: str,
        params: TextGenerate,
        went_on: Callable[[int, list[str]], None],
        compiles: Callable[[], None] = lambda: None,
    ) -> "list[_Row]":
        """Continue a prompt params.samples times, calling went_on(tokens so far, fresh text by row) once a chunk.

        compiles: called before a chunk that has to be compiled.
        Raises RecipeFailed when the prompt is empty or holds characters the vocabulary has not.
        """
        if not prompt:
            raise RecipeFailed("there is no text to go on from", code="empty_prompt")
        try:
            tokens = self._vocabulary.encode(prompt)
        except UnknownCharacters as err:
            raise RecipeFailed(
                f"{err}: its vocabulary has the characters of its training text. Leave them out of the prompt, "
                "or train with vocabulary byte or bpe, which know any text",
                code="unknown_characters",
            ) from err
        return self.write_tokens(tokens, params, went_on, compiles)

    def write_tokens(
        self,
        tokens: np.ndarray,
        params: TextGenerate,
        went_on: Callable[[int, list[str]], None],
        compiles: Callable[[], None] = lambda: None,
    ) -> "list[_Row]":
        """As write(), of a prompt in tokens: int32 (time,), time >= 1."""
        stops = [stop for stop in map(as_imported, params.stop) if stop]
        rows = [_Row(self._vocabulary.decoder(), stops) for _ in range(params.samples)]
        written = 0
        for piece in self._engine.decode(tokens, params.max_tokens, Sampling.same(len(rows), params), compiles):
            written += piece.shape[1]
            last = written >= params.max_tokens
            went_on(written, [row.take(part, last=last) for row, part in zip(rows, piece, strict=True)])
            if all(row.stopped for row in rows):
                break
        return rows

    def batch(self, params: TextBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Continue each prompt of a column, one row after the other, into rows.csv."""
        return continue_rows(self, params, inputs["data"], context, files)


class _Telling:
    """Tells how a text goes on: its tokens and their pace, and when something is compiled, which is no part of that pace."""

    def __init__(self, context: Context, total: int):
        self._context, self._total = context, total
        self._written, self._phase = 0, ""
        self._go_on()

    def _go_on(self) -> None:
        self._began = self._told_at = time.monotonic()
        self._from = self._written
        self._tell("generating", None)

    def compiles(self) -> None:
        if self._phase != "compiling":
            self._tell("compiling", None)

    def went_on(self, written: int) -> None:
        self._written = written
        if self._phase == "compiling":
            self._go_on()
        elif (now := time.monotonic()) - self._told_at > _TOLD_EVERY_S:
            self._told_at = now
            self._tell("generating", (written - self._from) / (now - self._began))

    def end(self) -> None:
        """A text may end before its limit: what was written was all of it."""
        self._total = self._written
        self._tell("generating", None)

    def _tell(self, phase: str, rate: float | None) -> None:
        self._phase = phase
        progress = Progress(phase=phase, step=self._written, total_steps=self._total, steps_per_s=rate)
        self._context.progress(progress)


class _Row:
    """One text as it grows."""

    def __init__(self, decoder: Any, stops: list[str]):
        self._decoder, self._stops = decoder, stops
        self._held = ""  # decoded, not yet published: may be the beginning of a stop text
        self.text = ""  # published
        self.tokens = 0
        self.stopped = False

    def take(self, tokens: np.ndarray, *, last: bool) -> str:
        """Take further tokens; return what can be published now."""
        if self.stopped:
            return ""
        self._held += self._decoder.feed(tokens, last=last)
        self.tokens += len(tokens) - self._decoder.beyond
        last = last or self._decoder.ended
        cut = min((at for stop in self._stops if (at := self._held.find(stop)) >= 0), default=-1)
        if cut >= 0:
            fresh, self._held, self.stopped = self._held[:cut], "", True
        else:
            keep = 0 if last else self._may_begin_a_stop()
            fresh = self._held[: len(self._held) - keep]
            self._held = self._held[len(self._held) - keep :]
            self.stopped = self._decoder.ended
        self.text += fresh
        return fresh

    def _may_begin_a_stop(self) -> int:
        return max(
            (n for stop in self._stops for n in range(1, len(stop)) if self._held.endswith(stop[:n])),
            default=0,
        )


@functools.lru_cache(maxsize=1)  # a training has one model at a time, and tracing its graph takes longer than a sample
def sampling_engine(kind: type[Engine], model: Any) -> Engine:
    """The engine that samples of a model in training are drawn with. Without XLA: compiling would cost more than it saves."""
    return kind(model, jit=False)  # pyright: ignore[reportCallIssue]


def text_samples(engine: Engine, assets: Assets, *, seed: int, files: Files) -> list[Output]:
    """A short text from the beginning of the training text."""
    params = TextGenerate(prompt=assets["beginning"], max_tokens=_SAMPLE_TOKENS, temperature=0.8, seed=seed)
    (made,) = TextWriter(engine, assets).generate(params, Context(), files).outputs
    return [made.model_copy(update={"title": "continues the beginning of the text"})]
