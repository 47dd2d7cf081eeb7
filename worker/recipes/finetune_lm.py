"""Code of finetune_lm: adapters, or everything, of a base model learn from chats. The spec is shared/recipes/finetune_lm.py."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from shared.bases.decoder import DecoderConfig
from shared.outputs import Output
from shared.recipes.finetune_lm import FinetuneTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.tuning.answering import Answerer, open_as_it_came, samples
from worker.families.tuning.data import TunedData, load_tuned
from worker.families.tuning.exporting import export_tuned
from worker.families.tuning.judging import compared, evaluated, reported
from worker.families.tuning.network import build_tuned, fixed_of
from worker.recipe import Assets, Baseline, Inputs, OpenInput, Report, XlaChoice

XLA: XlaChoice = (
    "slower"  # measured on SmolLM2-135M in bfloat16: 516 tokens/s with, 692 without (design prototype lora_step)
)
STEPS_PER_EXECUTION = 10


def load(inputs: Inputs, params: FinetuneTrain, context: Context) -> TunedData:
    return load_tuned(inputs, params, context)


def build(params: FinetuneTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    config = DecoderConfig.model_validate(assets["config"])
    return build_tuned(params, config, inputs["base"].folder, assets["pairs"])


def fixed(model: Any) -> list[Any]:
    return fixed_of(model)


def compile_args(params: FinetuneTrain, assets: Assets) -> dict[str, Any]:
    return {}  # the network's own steps know their loss


def evaluate(model: Any, data: TunedData, look: Callable[[int], None]) -> dict[str, float]:
    return evaluated(model, data, look)


def sample(
    model: Any, params: FinetuneTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return samples(model, assets, context=context, files=files)


def report(
    model: Any, data: TunedData, params: FinetuneTrain, context: Context, files: Files, stages: list[dict[str, float]]
) -> Report:
    return reported(model, data, context)


def baselines(data: TunedData, params: FinetuneTrain, context: Context) -> list[Baseline]:
    return compared(data)


def export(model: Any, params: FinetuneTrain, assets: Assets, folder: Path) -> None:
    export_tuned(model, params, assets, folder)


def open_generator(model: Any, params: FinetuneTrain, assets: Assets) -> Answerer:
    return Answerer(model, assets)


def open_base(opened: OpenInput) -> Answerer:
    return open_as_it_came(opened)
