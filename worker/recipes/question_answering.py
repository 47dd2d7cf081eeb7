"""Code of question_answering: a network from a question and its passage to where the answer begins and ends in it.

The spec, with every param's meaning and the sources, is shared/recipes/question_answering.py.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from shared.outputs import Output
from shared.recipes.question_answering import QuestionAnsweringTrain
from worker.artifacts import Files
from worker.context import Context
from worker.families.questions.baselines import question_baselines
from worker.families.questions.data import Questions, fold_stages, load_questions
from worker.families.questions.exporting import export_answerer
from worker.families.questions.measuring import evaluate_questions
from worker.families.questions.network import SpanLoss, fixed_of, network_of
from worker.families.questions.reporting import report_questions, sample_questions
from worker.families.questions.using import Answerer
from worker.recipe import Assets, Baseline, Data, Inputs, Report, XlaChoice

XLA: XlaChoice = "slower"  # a guess: batches are of many lengths, each compiled anew
STEPS_PER_EXECUTION = 8
NUMBERED_BY = {"tokenizer": "vocabulary"}


def load(inputs: Inputs, params: QuestionAnsweringTrain, context: Context) -> Questions:
    return load_questions(inputs, params, context)


def stages(data: Questions) -> Sequence[Data]:
    return fold_stages(data)


def build(params: QuestionAnsweringTrain, assets: Assets, inputs: Inputs) -> keras.Model:
    return network_of(params, assets, inputs)


def fixed(model: Any) -> list[Any]:
    return fixed_of(model)


def compile_args(params: QuestionAnsweringTrain, assets: Assets) -> dict[str, Any]:
    return {"loss": SpanLoss()}


def evaluate(model: Any, data: Questions, look: Callable[[int], None]) -> dict[str, float] | None:
    return evaluate_questions(model, data, look)


def sample(
    model: Any, params: QuestionAnsweringTrain, assets: Assets, *, seed: int, context: Context, files: Files
) -> list[Output]:
    return sample_questions(model, params, assets, context)


def report(
    model: Any,
    data: Questions,
    params: QuestionAnsweringTrain,
    context: Context,
    files: Files,
    stages: list[dict[str, float]],
) -> Report:
    return report_questions(model, data, params, context, stages)


def baselines(data: Questions, params: QuestionAnsweringTrain, context: Context) -> list[Baseline]:
    return question_baselines(data, context)


def export(model: Any, params: QuestionAnsweringTrain, assets: Assets, folder: Path) -> keras.Model | None:
    export_answerer(model, params, assets, folder)
    return None if "encoder" in assets.json else model


def open_generator(model: Any, params: QuestionAnsweringTrain, assets: Assets) -> Answerer:
    return Answerer(model, assets, params)
