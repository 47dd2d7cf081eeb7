"""Spec of finetune_lm: a pre-trained language model goes on learning from your chats. Code: worker/recipes/finetune_lm.py.

A dataset row (format chats), of which the loss is taken on what the assistant says:

    {"messages": [{"role": "user", "content": "Wie heißt du?"}, {"role": "assistant", "content": "Ich heiße Lokführer."}]}
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.chats.source import column_problems
from shared.errors import Problem
from shared.recipes.base import (
    BatchParams,
    ExportParams,
    Input,
    Params,
    RecipeSpec,
    TrainParams,
    Use,
    advanced,
    with_defaults,
)
from shared.recipes.fields import Column, DrawnSeed
from shared.recipes.text_params import TextGenerate
from shared.recipes.tuning_foreseen import foresee

_TEXTS = ("text", "category", "id", "boolean", "number")
_Base = with_defaults(
    TrainParams,
    batch_size=(8, "Windows per step, each of `context` tokens; of preferences, pairs of them."),
    learning_rate=2e-4,
    final_learning_rate=2e-5,
    warmup_steps=(20, "Steps over which the rate rises from zero; at most a tenth of the run."),
    beta_2=0.999,
    precision=(
        "bfloat16",
        "Arithmetic of the layers. With adapters the base itself is held in it, too: bfloat16 halves its memory.",
    ),
)
Matrix = Literal["q", "k", "v", "o", "gate", "up", "down"]


class FinetuneTrain(_Base):
    """How to go on training. The defaults teach a small model some hundred to some ten thousand chats."""

    prompt: str = Column("Of a table: what is asked. Chats and texts need none of these.", kinds=_TEXTS, default="")
    completion: str = Column("Of a table: what is answered.", kinds=_TEXTS, default="")
    rejected: str = Column("Of a table, for preferences: the answer that is worse.", kinds=_TEXTS, default="")
    system: str = Column("Of a table: what the model is told before.", kinds=_TEXTS, default="")
    epochs: int = Field(
        3, ge=1, le=1_000, description="Passes over the training part.", json_schema_extra={"unit": "epochs"}
    )
    steps: int = Field(
        0, ge=0, le=10_000_000, description="Steps instead of epochs; 0: as many as the epochs take.",
        json_schema_extra={"unit": "steps"},
    )  # fmt: skip
    eval_every: int = Field(
        0, ge=0, le=1_000_000, description="Steps between two evaluations with samples; 0: once an epoch.",
        json_schema_extra=advanced("Run", "steps"),
    )  # fmt: skip
    method: Literal["lora", "full"] = Field(
        "lora",
        description="lora: narrow matrices beside those of the base learn, which is held fixed: little memory, small checkpoints. "
        "full: everything learns.",
    )
    rank: int = Field(8, ge=1, le=1_024, description="Width of the adapters.", json_schema_extra={"group": "Adapters"})
    alpha: float = Field(
        16.0, gt=0, le=10_000, description="The adapters' share is multiplied by alpha / rank.",
        json_schema_extra={"group": "Adapters"},
    )  # fmt: skip
    lora_dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of what goes into the adapters that is dropped while training.",
        json_schema_extra=advanced("Adapters"),
    )  # fmt: skip
    matrices: list[Matrix] = Field(
        default_factory=list,
        max_length=7,
        description="Which matrices get an adapter, of q, k, v, o, gate, up, down. None: all.",
        json_schema_extra=advanced("Adapters"),
    )
    context: int = Field(
        512, ge=8, le=131_072, description="Tokens of a window; a chat is at most one window.",
        json_schema_extra={"unit": "tokens", "group": "Text"},
    )  # fmt: skip
    too_long: Literal["cut", "drop"] = Field(
        "cut",
        description="Chats longer than a window: cut off their ends, or leave them out.",
        json_schema_extra={"group": "Text"},
    )
    chat_template: Literal["base", "chatml", "plain"] = Field(
        "base",
        description="How a chat becomes a text. base: as the base came with it; chatml: <|im_start|> and <|im_end|> around each "
        "message; plain: the messages one after the other and nothing between.",
        json_schema_extra={"group": "Text"},
    )
    learn: Literal["answers", "everything"] = Field(
        "answers",
        description="What the loss is taken on: the assistant's answers, or the whole chat.",
        json_schema_extra={"group": "Text"},
    )
    packing: bool = Field(
        True,
        description="Several short chats in one window, which do not see each other.",
        json_schema_extra=advanced("Text"),
    )
    beta: float = Field(
        0.1, gt=0, le=10, description="Of preferences: how far the model may go from the base; smaller is farther.",
        json_schema_extra=advanced("Preferences"),
    )  # fmt: skip
    at_once: int = Field(
        0,
        ge=0,
        le=65_536,
        description="Windows of a step that are in memory together; must divide batch_size. Fewer need less memory and give the "
        "same. 0: all.",
        json_schema_extra=advanced("Memory", "windows"),
    )
    rematerialise: bool = Field(
        False,
        description="Keep little of each layer and calculate it again for the gradient: a third slower, far less memory.",
        json_schema_extra=advanced("Memory"),
    )
    validation_fraction: float = Field(
        0.05, gt=0, le=0.5, description="Share of the chats kept to measure on, unless the data say which these are.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip

    @model_validator(mode="after")
    def _fits_together(self) -> "FinetuneTrain":
        if self.at_once and self.batch_size % self.at_once:
            raise ValueError(
                f"at_once {self.at_once} does not divide batch_size {self.batch_size}; {_divisor(self)} would"
            )
        if self.rematerialise and self.lora_dropout:
            raise ValueError("rematerialise calculates twice what lora_dropout draws once: use one of both")
        if self.rejected and self.method == "full":
            raise ValueError(
                "preferences (rejected) are measured from the base, which method full does not keep: use lora"
            )
        return self


def _divisor(params: FinetuneTrain) -> int:
    fits = [n for n in range(1, params.batch_size + 1) if params.batch_size % n == 0]
    return min(fits, key=lambda n: abs(n - params.at_once))


class Said(BaseModel):
    """One message before the prompt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["system", "user", "assistant", "tool"]
    content: str = Field(max_length=1_000_000)


def _from_json(value: Any) -> Any:
    """A message typed into a form, as a line of JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as err:
        raise ValueError(f'is no JSON like {{"role": "user", "content": "Hi"}}: {str(err)[:80]}') from err


class _Asked(Params):
    """What is said to a model beside the prompt."""

    system: str = Field(
        "", max_length=100_000, description="What the model is told before.", json_schema_extra=advanced("Chat")
    )
    raw: bool = Field(
        False,
        description="Go on from the prompt as it stands, without the chat template.",
        json_schema_extra=advanced("Chat"),
    )


class FinetuneGenerate(
    with_defaults(
        TextGenerate,
        prompt=("", "What is said to the model."),
        max_tokens=(256, "Most tokens to answer with; it ends by itself."),
        temperature=0.7,
        top_p=0.95,
    ),
    _Asked,
):
    """What to answer."""

    messages: list[Annotated[Said, BeforeValidator(_from_json)]] = Field(
        default_factory=list,
        max_length=1_000,
        description='The chat so far, a message each: {"role": "user", "content": "Hi"}. The prompt comes behind them.',
        json_schema_extra=advanced("Chat"),
    )
    base: bool = Field(
        False,
        description="Also answer by the base alone, to compare.",
        json_schema_extra={"short": True, "trained": True},
    )
    seed: int = DrawnSeed("Same seed, same answer.")

    @model_validator(mode="after")
    def _asks(self) -> "FinetuneGenerate":
        if not self.prompt and not self.messages:
            raise ValueError("there is nothing to answer: give a prompt, or messages")
        if self.raw and (self.messages or self.system):
            raise ValueError("raw goes on from the prompt alone: leave out messages and system")
        return self


class FinetuneBatch(BatchParams, _Asked, with_defaults(TextGenerate, max_tokens=256, temperature=0.0)):
    """How to answer every row of a table."""

    prompt: str = Column("Column of what is asked.", kinds=("text", "category", "id"))


def check(params: Any, datasets: Mapping[str, Any]) -> list[Problem]:
    """What shows only when params and dataset are known together."""
    dataset = datasets["data"]
    problems = column_problems(params, dataset.format)
    if params.method == "full" and (dataset.report.unit == "preferences" or params.rejected):
        message = "preferences are measured from the base, which full does not keep: use lora"
        problems.append(Problem(field="params.method", message=message))
    return problems


SPEC = RecipeSpec(
    name="finetune_lm",
    version=1,
    title="Fine-tuned language model",
    summary="A large pre-trained language model learns from your own chats to answer as you would.",
    family="text",
    train_params=FinetuneTrain,
    inputs=(
        Input(
            "data",
            "Chats",
            "What it learns from: chats, a table of questions and answers, or a text.",
            formats=("chats", "table", "text"),
        ),
        Input("base", "Base model", "The pre-trained model that goes on learning.", bases=("decoder",)),
    ),
    uses={
        "generate": Use(FinetuneGenerate, "Answer", streams=True),
        "batch": Use(
            FinetuneBatch,
            "Answer every row",
            (Input("data", "Table", "One question a row.", formats=("table",)),),
            help="Answer each text of a column; a table comes back, in the same order.",
        ),
        "export": Use(
            ExportParams,
            "Export",
            help="A folder that Transformers loads, GGUF files, the adapters alone as PEFT loads them, and settings, as one zip.",
        ),
    },
    source="LoRA: Hu et al. 2021, arXiv:2106.09685; DPO: Rafailov et al. 2023, arXiv:2305.18290; packing: Krell et al. 2021, "
    "arXiv:2107.02027",
    limits="It speaks as its chats do and knows what its base knows, with the same gaps: what it says may be false.",
    shape=("method", "rank", "matrices"),
    bases=("decoder",),
    check=check,
    foresee=foresee,
)
