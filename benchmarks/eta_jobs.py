"""The jobs that benchmarks/eta.py runs: every recipe that is built in, sizes very unlike one another, drawn by a seed."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.eta_data import Data
from shared.bases.manifest import Base
from shared.clock.features import sizes_of
from shared.datasets import DatasetManifest
from shared.ids import new_id
from shared.jobs.job import DATA, MODEL, CheckpointRef, InputRef, JobRequest
from shared.recipes import RECIPES, get_recipe

PER_RECIPE, GENERATIONS = 6, 12
SHORTEST_S, LONGEST_S = 1.0, 9.0  # of stepping on a quiet machine, roughly, drawn evenly in the logarithm


@dataclass
class Wanted:
    """A job to submit, and what is done to it: "pause", "deploy" (its worker leaves in order), "kill" (its machine dies), or ""."""

    request: JobRequest
    fault: str = ""
    needs: str = ""  # recipe whose first model a generation uses
    id: str = field(default_factory=new_id)


def _char_lstm(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    width, context = rng.choice((32, 64, 128)), rng.choice((25, 50, 100))
    batch, layers = rng.choice((8, 16, 32)), rng.choice((1, 2))
    step_s = 0.11 * (width / 128) * (context / 100) * (batch / 32) * layers / 2 + 0.008
    return _text(rng, seconds, step_s, width=width, context=context, batch_size=batch, layers=layers), rng.choice(
        data.texts
    )


def _gpt(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    width, context = rng.choice((32, 64, 128)), rng.choice((32, 64, 128))
    batch, layers = rng.choice((4, 8, 12)), rng.choice((1, 2, 4))
    step_s = 0.06 * (width / 128) * (context / 64) * (batch / 12) * layers / 4 + 0.003
    return _text(rng, seconds, step_s, width=width, context=context, batch_size=batch, layers=layers), rng.choice(
        data.texts
    )


def _text(rng: random.Random, seconds: float, step_s: float, **params: Any) -> dict[str, Any]:
    steps = max(int(seconds / step_s), 10)
    return params | {"steps": steps, "eval_every": max(steps // rng.choice((2, 4, 8)), 1)}


def _image_classifier(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    pictures = rng.choice(data.pictures)
    width, batch = rng.choice((6, 12, 24)), rng.choice((16, 32, 64))
    side = {150: 16, 500: 24, 1_500: 32}[pictures.report.rows]
    step_s = 0.05 * (side / 32) ** 2 * (batch / 32) * (width / 12) + 0.006
    epochs = max(round(seconds / (step_s * pictures.report.rows * 0.9 / batch)), 1)
    architecture = rng.choice(("resnet", "vgg"))
    return {"width": width, "batch_size": batch, "epochs": min(epochs, 200), "architecture": architecture}, pictures


def _tabular(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    table = rng.choice(data.tables)
    width, members, batch = rng.choice((32, 64, 128)), rng.choice((2, 8)), rng.choice((64, 128, 256))
    folds = rng.choice((0, 0, 0, 3))
    step_s = 0.012 * (width / 128) * (members / 8) * (batch / 128) + 0.003
    epochs = max(round(seconds / (step_s * table.report.rows * 0.7 / batch) / (1 + folds)), 2)
    params = {"width": width, "members": members, "batch_size": batch, "epochs": min(epochs, 300), "folds": folds}
    return params | {"target": "is", "features": []}, table


def _forecaster(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    series = rng.choice(data.series)
    network, context, horizon = rng.choice(("nlinear", "dlinear", "lstm", "transformer")), rng.choice((28, 56)), 14
    width, batch = rng.choice((16, 32)), rng.choice((32, 64))
    step_s = {"nlinear": 0.004, "dlinear": 0.004, "lstm": 0.03, "transformer": 0.015}[network] * context / 56
    epochs = max(round(seconds / (step_s * series.report.rows * 0.7 / batch)), 2)
    params = {"targets": ["units"], "context": context, "horizon": horizon, "network": network, "width": width}
    return params | {"batch_size": batch, "epochs": min(epochs, 200)}, series


def _text_classifier(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    reviews = rng.choice(data.reviews)
    network, width, batch = rng.choice(("cnn", "bilstm", "transformer")), rng.choice((16, 32, 64)), rng.choice((16, 32))
    step_s = {"cnn": 0.006, "bilstm": 0.06, "transformer": 0.02}[network] * batch / 32 + 0.003
    epochs = max(round(seconds / (step_s * reviews.report.rows * 0.7 / batch)), 2)
    params = {"texts": ["text"], "labels": ["mood"], "max_length": 64, "network": network, "width": width}
    return params | {"batch_size": batch, "epochs": min(epochs, 100)}, reviews


def _finetune_lm(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    context, batch, rank = rng.choice((64, 96, 128)), rng.choice((4, 8, 16)), rng.choice((2, 8))
    steps = max(int(seconds / (0.02 * (context / 96) * (batch / 8) + 0.004)), 10)
    params = {"context": context, "batch_size": batch, "rank": rank, "steps": steps, "precision": "float32"}
    return params | {"eval_every": max(steps // rng.choice((2, 4, 8)), 1)}, rng.choice(data.chats)


def _text_matcher(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    pairs, batch, method = rng.choice(data.pairs), rng.choice((8, 16, 32)), rng.choice(("full", "lora"))
    step_s = 0.015 * (batch / 16) + 0.004
    epochs = max(round(seconds / (step_s * pairs.report.rows * 0.8 / batch)), 1)
    params = {"asked": "asked", "found": "found", "max_length": 24, "method": method, "batch_size": batch}
    return params | {"epochs": min(epochs, 100)}, pairs


def _recommender(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    bought, factors, batch = rng.choice(data.bought), rng.choice((8, 32, 64)), rng.choice((64, 256))
    step_s = 0.004 + 0.004 * (batch / 256) * (factors / 64)
    epochs = max(round(seconds / (step_s * bought.report.rows * 0.8 / batch)), 2)
    params = {"user": "who", "item": "what", "time": "day", "factors": factors, "batch_size": batch}
    return params | {"epochs": min(epochs, 100)}, bought


def _recommender_of_histories(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    bought, width, batch = rng.choice(data.bought), rng.choice((8, 32)), rng.choice((32, 64))
    people = bought.report.rows / 12
    step_s = 0.02 + 0.03 * (batch / 64) * (width / 32)
    epochs = max(round(seconds / (step_s * max(people / batch, 1))), 2)
    params = {"user": "who", "item": "what", "time": "day", "width": width, "batch_size": batch}
    return params | {"epochs": min(epochs, 200)}, bought


def _seq2seq(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    pairs, width, batch = rng.choice(data.pairs), rng.choice((16, 32, 64)), rng.choice((16, 32))
    architecture = rng.choice(("transformer", "lstm"))
    step_s = 0.03 * (width / 64) * (batch / 32) + 0.01
    epochs = max(round(seconds / (step_s * pairs.report.rows * 0.8 / batch)), 1)
    params = {"source": "asked", "target": "found", "width": width, "layers": 1, "heads": 2, "vocabulary_size": 400}
    return params | {"architecture": architecture, "batch_size": batch, "epochs": min(epochs, 100)}, pairs


def _question_answering(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    asked, width, batch = rng.choice(data.asked), rng.choice((16, 32)), rng.choice((8, 16))
    step_s = 0.03 * (width / 32) * (batch / 16) + 0.01
    epochs = max(round(seconds / (step_s * asked.report.rows * 0.8 / batch)), 1)
    params = {"width": width, "layers": 1, "max_length": 160, "batch_size": batch}
    return params | {"epochs": min(epochs, 100)}, asked


def _image_segmenter(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    pictures, width, depth = rng.choice(data.masks), rng.choice((4, 8)), rng.choice((2, 3))
    step_s = 0.02 * (width / 4) * (depth / 2) + 0.005
    epochs = max(round(seconds / (step_s * pictures.report.rows * 0.8 / 8)), 1)
    params = {"width": width, "depth": depth, "batch_size": 8, "tile": 24, "ignore": ["void"]}
    return params | {"epochs": min(epochs, 100)}, pictures


def _image_to_image(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    pictures, width, depth = rng.choice(data.pictures), rng.choice((8, 16)), rng.choice((1, 2))
    task = rng.choice(("super_resolution", "denoise", "inpaint"))
    step_s = 0.01 + 0.03 * (width / 8) * depth
    params = {"task": task, "width": width, "depth": depth, "batch_size": 8, "patch": 16, "tile": 32}
    return params | {"steps": min(max(round(seconds / step_s), 4), 5_000)}, pictures


def _image_vae(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    pictures, width, batch = rng.choice(data.pictures), rng.choice((8, 16, 32)), rng.choice((16, 32, 64))
    side = {150: 16, 500: 24, 1_500: 32}[pictures.report.rows]
    step_s = 0.02 * (side / 32) ** 2 * (batch / 64) * (width / 32) + 0.004
    epochs = max(round(seconds / (step_s * pictures.report.rows * 0.9 / batch)), 1)
    return {"width": width, "latent": rng.choice((4, 32)), "batch_size": batch, "epochs": min(epochs, 1_000)}, pictures


def _style_transfer(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    pictures, width, side = rng.choice(data.pictures), rng.choice((4, 8)), rng.choice((32, 64))
    step_s = 0.02 + 0.03 * (side / 64) ** 2 * (width / 8)
    params = {"style": [data.style], "width": width, "depth": 1, "image_size": side, "style_size": 64}
    return params | {"steps": min(max(round(seconds / step_s), 4), 5_000)}, pictures


def _image_matcher(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    pictures, width = rng.choice(data.faces), rng.choice((8, 16))
    step_s = 0.03 * (width / 8)
    params = {"width": width, "batch_size": 32, "loss": rng.choice(("arcface", "triplet"))}
    return params | {"steps": min(max(round(seconds / step_s), 4), 5_000)}, pictures


def _image_text_matcher(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    pictures, width, batch = rng.choice(data.captioned), rng.choice((8, 16)), rng.choice((32, 64))
    side = {60: 16, 200: 24, 600: 32}[pictures.report.rows]
    step_s = 0.03 * (side / 24) ** 2 * (batch / 32) * (width / 8) + 0.02
    epochs = max(round(seconds / (step_s * max(pictures.report.rows * 0.8 / batch, 1))), 1)
    return {"width": width, "batch_size": batch, "epochs": min(epochs, 1_000)}, pictures


def _object_detector(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    pictures, width, size = rng.choice(data.boxes), rng.choice((4, 8)), rng.choice((64, 96))
    step_s = 0.03 * (width / 4) * (size / 64) ** 2 + 0.01
    epochs = max(round(seconds / (step_s * pictures.report.rows * 0.8 / 8)), 1)
    return {"width": width, "image_size": size, "batch_size": 8, "epochs": min(epochs, 100)}, pictures


def _image_diffusion(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    pictures, width, batch = rng.choice(data.pictures[:2]), rng.choice((8, 16)), rng.choice((16, 32))
    side = {150: 16, 500: 24}[pictures.report.rows]
    step_s = 0.06 * (side / 24) ** 2 * (batch / 32) * (width / 16) + 0.02
    epochs = max(round(seconds / (step_s * pictures.report.rows * 0.9 / batch)), 1)
    return {"width": width, "batch_size": batch, "epochs": min(epochs, 1_000)}, pictures


def _image_gan(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    pictures, width, batch = rng.choice(data.pictures), rng.choice((8, 16, 32)), rng.choice((16, 32, 64))
    side = {150: 16, 500: 24, 1_500: 32}[pictures.report.rows]
    step_s = 0.05 * (side / 32) ** 2 * (batch / 64) * (width / 32) + 0.01
    epochs = max(round(seconds / (step_s * pictures.report.rows * 0.9 / batch)), 1)
    return {"width": width, "batch_size": batch, "epochs": min(epochs, 1_000)}, pictures


Make = Callable[[random.Random, Data, float], tuple[dict[str, Any], DatasetManifest]]
TRAINED: dict[str, Make] = {
    "char_lstm": _char_lstm,
    "gpt": _gpt,
    "image_classifier": _image_classifier,
    "tabular": _tabular,
    "forecaster": _forecaster,
    "text_classifier": _text_classifier,
    "finetune_lm": _finetune_lm,
    "text_matcher": _text_matcher,
    "recommender_mf": _recommender,
    "recommender_gnn": _recommender,
    "recommender_content": _recommender_of_histories,
    "recommender_sequence": _recommender_of_histories,
    "seq2seq": _seq2seq,
    "question_answering": _question_answering,
    "image_segmenter": _image_segmenter,
    "image_to_image": _image_to_image,
    "image_vae": _image_vae,
    "image_matcher": _image_matcher,
    "style_transfer": _style_transfer,
    "image_text_matcher": _image_text_matcher,
    "object_detector": _object_detector,
    "image_diffusion": _image_diffusion,
    "image_gan": _image_gan,
}


def missing() -> list[str]:
    """Recipes of this installation that this benchmark has no jobs for."""
    return sorted(RECIPES.keys() - TRAINED.keys())


def trainings(data: Data, seed: int, names: Sequence[str]) -> Iterator[Wanted]:
    """Each of some recipes in turn, every fourth with early stopping, some with a fault."""
    rng = random.Random(seed)
    faults = {9: "pause", 14: "deploy", 20: "pause", 27: "kill", 34: "pause", 41: "deploy"}
    for number in range(PER_RECIPE * len(names)):
        recipe = names[number % len(names)]
        ratio = LONGEST_S / SHORTEST_S
        seconds = SHORTEST_S * ratio ** rng.random()
        if number in faults:
            seconds = max(seconds, 6.0)
        params, dataset = TRAINED[recipe](rng, data, seconds)
        if (number // len(names)) % 3 == 2 and number not in faults:
            params |= {"early_stopping_patience": 2, "learning_rate": 0.02}
            if "eval_every" in params:
                params["eval_every"] = max(params["steps"] // 12, 1)
        bases = {
            taken.role: rng.choice([base for base in data.bases if base.kind in taken.bases])
            for taken in get_recipe(recipe).inputs
            if taken.required and taken.bases
        }
        yield Wanted(_request("train", recipe, "", params, {DATA: dataset}, bases=bases), faults.get(number, ""))


def generations(data: Data, models: dict[str, CheckpointRef], seed: int) -> Iterator[Wanted]:
    """Uses of the first model of each recipe, as long as there is one. Raises KeyError for a recipe without a model."""
    rng = random.Random(seed + 1)
    for number in range(GENERATIONS):
        recipe = ("char_lstm", "gpt", "tabular")[number % 3]
        ref = models[recipe]
        if recipe == "tabular":
            request = _request("generate", recipe, "batch", {}, {DATA: rng.choice(data.tables)}, ref)
        else:
            params = {"prompt": "a", "max_tokens": rng.choice((200, 2_000, 8_000)), "samples": rng.choice((1, 8))}
            request = _request("generate", recipe, "generate", params, {}, ref)
        yield Wanted(request, needs=recipe)


def _request(
    kind: Any,
    recipe: str,
    use: str,
    params: dict[str, Any],
    given: dict[str, DatasetManifest],
    model: CheckpointRef | None = None,
    bases: Mapping[str, Base] | None = None,
) -> JobRequest:
    known = get_recipe(recipe).params_model(kind, use)
    inputs = {role: InputRef(dataset_id=dataset.id) for role, dataset in given.items()}
    inputs |= {role: InputRef(base_id=base.id) for role, base in (bases or {}).items()}
    if model:
        inputs[MODEL] = InputRef(checkpoint=model)
    valid = known.model_validate({k: v for k, v in params.items() if k in known.model_fields}).model_dump(mode="json")
    return JobRequest(kind=kind, recipe=recipe, use=use, params=valid, inputs=inputs, sizes=sizes_of(given, bases))
