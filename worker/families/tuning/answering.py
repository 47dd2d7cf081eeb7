"""What a tuned model does: answer a chat, answer every row of a table, show how it answers while it learns."""

from typing import Any

import numpy as np

from shared.chats.template import PLAIN, TemplateRefused
from shared.errors import RecipeFailed
from shared.outputs import Output, Text
from shared.recipes.finetune_lm import FinetuneBatch, FinetuneGenerate
from shared.recipes.text_params import TextGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.text.batch import continue_rows
from worker.families.text.tokens import as_imported
from worker.families.text.writer import TextWriter
from worker.families.tuning.adapters import adapted
from worker.families.tuning.data import assets_of, template_source
from worker.families.tuning.network import TunedDecoder, build_base
from worker.families.tuning.seats import bare_engine_of, engine_of
from worker.families.tuning.vocabulary import BaseVocabulary, reader_from
from worker.recipe import Assets, Inputs, OpenInput, Report

_SAMPLE_TOKENS = 48
BASE = "the base alone"


class Answerer(TextWriter):
    """A tuned model ready for many generation jobs."""

    def __init__(self, model: TunedDecoder, assets: Assets, *, jit: bool = True):
        self._model, self._assets = model, assets
        self.reader = reader_from(assets)
        self._vocabulary = BaseVocabulary(self.reader.vocabulary)
        self._engine, self._jit = engine_of(model, jit=jit), jit
        self._of_base: TextWriter | None = None

    def generate(self, params: FinetuneGenerate, context: Context, files: Files) -> Report:
        """Answer the messages and the prompt behind them. Raises RecipeFailed when the template does not take them."""
        asked = [message.model_dump() for message in params.messages]
        prompt = self.prompt_of(params, params.prompt, asked)
        shown = params.prompt or params.messages[-1].content
        report = self.go_on(prompt, shown, params, context)
        if not params.base:
            return report
        base = self.base().go_on(prompt, shown, params, _Silent.of(context))
        outputs = [made.model_copy(update={"title": BASE}) for made in base.outputs]
        return Report(report.metrics, [*report.outputs, *outputs])

    def prompt_of(self, params: Any, prompt: str, messages: list[dict[str, Any]] | None = None) -> str:
        """The text that is gone on from: a chat in its template, or the prompt as it stands."""
        if params.raw:
            return as_imported(prompt)
        said = [{"role": "system", "content": as_imported(params.system)}] if params.system else []
        said += [{**message, "content": as_imported(message["content"])} for message in messages or []]
        said += [{"role": "user", "content": as_imported(prompt)}] if prompt else []
        try:
            return self.reader.template.render(said, prompt=True)[0]
        except TemplateRefused as err:
            raise RecipeFailed(f"the chat template of the model {err}", code="template_refused") from err

    def base(self) -> TextWriter:
        """The base as a writer. Raises RecipeFailed where everything has learnt."""
        if not adapted(self._model):
            raise RecipeFailed(
                "the whole model has learnt: its base is not kept beside it; leave base out", code="no_base"
            )
        if self._of_base is None:
            self._of_base = _Base(self._model, self._vocabulary, self._jit)
        return self._of_base

    def batch(self, params: FinetuneBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Answer each prompt of a column, one row after the other."""
        return continue_rows(_Asking(self, params), params, inputs["data"], context, files)


def open_as_it_came(opened: OpenInput) -> Answerer:
    """A base as it came, in float32; one without a chat template goes on from texts as they stand."""
    model = build_base("float32", opened)
    return Answerer(model, assets_of(opened, template_source(opened) or PLAIN))


class _Base(TextWriter):
    """The base of a tuned model."""

    def __init__(self, model: TunedDecoder, vocabulary: BaseVocabulary, jit: bool):
        self._engine, self._vocabulary = bare_engine_of(model, jit=jit), vocabulary


class _Asking:
    """Puts each prompt of a table into the chat template."""

    def __init__(self, answerer: Answerer, params: FinetuneBatch):
        self._answerer, self._params = answerer, params

    def write(self, prompt: str, params: TextGenerate, went_on: Any) -> list[Any]:
        if not prompt.strip():
            raise RecipeFailed("there is no text to answer", code="empty_prompt")
        return self._answerer.write(self._answerer.prompt_of(self._params, prompt), params, went_on)


class _Silent(Context):
    """Lets a second text be written without streaming it into the first."""

    @classmethod
    def of(cls, context: Context) -> "_Silent":
        found = cls()
        found.check = context.check  # pyright: ignore[reportAttributeAccessIssue]
        return found


def samples(model: TunedDecoder, assets: Assets, *, context: Context, files: Files) -> list[Output]:
    """The likeliest answers to some prompts of the validation part, of the model and, where it is kept, of its base.

    The base's are written once in a process.
    """
    kept = model.__dict__.setdefault("_sampling", {})
    answerer: Answerer = kept.setdefault("answerer", None) or Answerer(model, assets, jit=False)
    kept["answerer"] = answerer
    if adapted(model) and "base" not in kept:
        kept["base"] = [_answer(answerer.base(), prompt, context) for prompt in assets["prompts"]]
    found: list[Output] = []
    for number, prompt in enumerate(assets["prompts"]):
        shown = BaseVocabulary(answerer.reader.vocabulary).decode(prompt)
        found.append(Text(title="tuned", prompt=shown, text=_answer(answerer, prompt, context)))
        if "base" in kept:
            found.append(Text(title=BASE, prompt=shown, text=kept["base"][number]))
    return found


def _answer(writer: TextWriter, prompt: list[int], context: Context) -> str:
    params = TextGenerate(max_tokens=_SAMPLE_TOKENS, temperature=0.0, seed=0)
    (row,) = writer.write_tokens(np.array(prompt, np.int32), params, lambda count, fresh: context.check())
    return row.text
