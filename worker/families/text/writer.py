"""What text recipes do with a trained model: write on from a prompt, show samples, report."""

import math
import time
from typing import Any

import numpy as np

from shared.errors import RecipeFailed
from shared.jobs.job import Progress
from shared.recipes.text_params import TextGenerate
from worker.context import Context
from worker.families.text.vocabulary import UnknownCharacters, vocabulary_from_json
from worker.generation.decode.engine import Engine
from worker.generation.decode.sampling import Sampling
from worker.recipe import GenerateResult, Report, Sample

_SAMPLE_TOKENS = 200


class TextWriter:
    """A language model ready for many generation jobs."""

    def __init__(self, engine: Engine, assets: dict[str, Any]):
        self._engine = engine
        self._vocabulary = vocabulary_from_json(assets["vocabulary"])

    def generate(self, gparams: TextGenerate, context: Context) -> GenerateResult:
        """Write gparams.samples continuations. Raises RecipeFailed when the prompt holds unknown characters.

        Text is published as it comes, once a chunk; a character is published when all its bytes are there, and what may be the
        beginning of a stop text when it has turned out not to be one.
        """
        try:
            prompt = self._vocabulary.encode(gparams.prompt)
        except UnknownCharacters as err:
            raise RecipeFailed(
                f"{err}: its vocabulary has the characters of its training text. Leave them out of the prompt, "
                "or train with vocabulary byte or bpe, which know any text",
                code="unknown_characters",
            ) from err
        began = time.monotonic()
        rows = [_Row(self._vocabulary.decoder(), gparams.stop) for _ in range(gparams.samples)]
        context.progress(Progress(phase="generating", total_steps=gparams.max_tokens))
        written, told_at = 0, began
        for piece in self._engine.decode(prompt, gparams.max_tokens, Sampling.same(len(rows), gparams)):
            written += piece.shape[1]
            last = written >= gparams.max_tokens
            for index, (row, tokens) in enumerate(zip(rows, piece, strict=True)):
                fresh = row.take(tokens, last=last)
                if fresh:
                    context.event("output", {"index": index, "text": fresh})
            if all(row.stopped for row in rows):
                break
            context.check()
            if (now := time.monotonic()) - told_at > 0.5:
                told_at = now
                rate = written / (now - began)
                left = (gparams.max_tokens - written) / rate
                context.progress(
                    Progress(
                        phase="generating",
                        step=written,
                        total_steps=gparams.max_tokens,
                        steps_per_s=rate,
                        remaining_s=left,
                    )
                )
        seconds = time.monotonic() - began
        tokens = sum(row.tokens for row in rows)
        return GenerateResult(
            {
                "texts": [row.text for row in rows],
                "prompt": gparams.prompt,
                "tokens": tokens,
                "seconds": round(seconds, 4),
                "tokens_per_s": round(tokens / max(seconds, 1e-9), 1),
            }
        )


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
        self.tokens += len(tokens)
        self._held += self._decoder.feed(tokens, last=last)
        cut = min((at for stop in self._stops if (at := self._held.find(stop)) >= 0), default=-1)
        if cut >= 0:
            fresh, self._held, self.stopped = self._held[:cut], "", True
        else:
            keep = 0 if last else self._may_begin_a_stop()
            fresh = self._held[: len(self._held) - keep]
            self._held = self._held[len(self._held) - keep :]
        self.text += fresh
        return fresh

    def _may_begin_a_stop(self) -> int:
        return max(
            (n for stop in self._stops for n in range(1, len(stop)) if self._held.endswith(stop[:n])),
            default=0,
        )


def text_samples(engine: Engine, assets: dict[str, Any], *, seed: int) -> list[Sample]:
    """A short text from the beginning of the training text. Runs without XLA: compiling would cost more than it saves."""
    params = TextGenerate(prompt=assets["beginning"], max_tokens=_SAMPLE_TOKENS, temperature=0.8, seed=seed)
    result = TextWriter(engine, assets).generate(params, Context())
    return [Sample("continues the beginning of the text", text=params.prompt + result.summary["texts"][0])]


def text_report(model: Any, data: Any) -> Report:
    """Loss and perplexity per token over the whole validation part; bits per character where a token is a character."""
    results = model.evaluate(data.validation(), verbose=0, return_dict=True)
    loss = float(results["loss"])
    metrics = {"val_loss": loss, "val_perplexity": math.exp(min(loss, 700.0))}
    if data.params.vocabulary == "char":
        metrics["val_bits_per_character"] = loss / math.log(2)
    return Report(metrics)
