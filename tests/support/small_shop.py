"""A small shop for tests of recommenders: its tables, trainings on them, and what their models are asked."""

import csv
import io
from types import SimpleNamespace
from typing import Any

import numpy as np

from shared.ids import new_id
from shared.jobs.job import InputRef
from shared.outputs import Scores
from shared.recipes import get_recipe
from shared.recipes.base import validate_params
from shared.volume.volume import Volume
from worker.artifacts import publishing
from worker.context import Context
from worker.inputs import open_inputs
from worker.recipe import code_of
from worker.training.fit import fit

SPEC = get_recipe("recommender_mf")
CODE = code_of(SPEC)
CONTENT = get_recipe("recommender_content")


NAMES = "ABCDEFGHIJKLMNOPQRST"


def purchases() -> str:
    """Twenty items of two kinds; a person buys seven of one kind, and after the first of them any other."""
    rng = np.random.default_rng(0)
    lines = ["who,what,stars,day"]
    for person in range(120):
        own = rng.permutation(10)[:7] * 2 + person % 2
        for number, item in enumerate([own[0], int(rng.integers(10)) * 2 + 1 - person % 2, *own[1:]]):
            stars = 5 if item % 2 == person % 2 else 1
            lines.append(f"p{person},{item}.0,{stars},{1_600_000_000 + 86_400 * number + person}")
    return "\n".join(lines)


_SOLD = [f"{number},Item {name},{('tea', 'tool')[number % 2]}|all" for number, name in enumerate(NAMES + "X")]
ITEMS = "\n".join(["what,title,kind", *_SOLD])


def train(volume: Volume, given: dict[str, InputRef], spec=SPEC, **params: Any) -> SimpleNamespace:
    chosen = {
        "user": "who",
        "item": "what",
        "time": "day",
        "item_title": "title",
        "item_tags": ["kind"],
        "batch_size": 16,
        "epochs": 15,
        "learning_rate": 0.02,
    }
    code = code_of(spec)
    params_ = validate_params(spec.train_params, chosen | params)
    job_id = new_id()
    context = Context(volume.start_attempt(job_id, 1), volume, job_id, checkpoint_interval_s=1e9)
    data: Any = code.load(open_inputs(given, context), params_, context)
    outcome = fit(spec, params_, data, context)
    with publishing(volume, volume.root / job_id) as (files, _):
        report = code.report(outcome.model, outcome.data, params_, context, files, outcome.stages)
    generator: Any = code.open_generator(outcome.model, params_, outcome.data.assets)
    return SimpleNamespace(
        data=outcome.data, report=report, generator=generator, params=params_, context=context, model=outcome.model
    )


def say(shop, of, use="generate", inputs=None, context=None, spec=SPEC, **params):
    with publishing(shop.volume, shop.volume.root / new_id()) as (files, _):
        asked = validate_params(spec.use(use).params, params)
        if use == "generate":
            return of.generator.generate(asked, Context(), files)
        found = of.generator.batch(asked, inputs, context or Context(), files)
        return found, list(csv.DictReader(io.StringIO(files.path("rows.csv").read_text("utf-8-sig"))))


def items_said(outputs):
    (answer,) = outputs
    assert isinstance(answer, Scores)
    return [item.name for item in answer.items]


def kind_of(name):
    return (NAMES + "X").index(name[-1]) % 2
