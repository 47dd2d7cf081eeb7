"""The jobs that benchmarks/eta.py runs: every recipe that is built in, sizes very unlike one another, drawn by a seed."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shared.bases.manifest import Base, get_base
from shared.clock.features import sizes_of
from shared.datasets import DatasetManifest
from shared.ids import new_id
from shared.jobs.job import DATA, MODEL, CheckpointRef, InputRef, JobRequest
from shared.recipes import RECIPES, get_recipe
from shared.volume.volume import Volume
from tests.support.picture_cases import put_style
from tests.support.tiny_bases import put_base
from tests.support.tiny_boxes import tiny_boxes
from tests.support.tiny_captions import caption_files
from tests.support.tiny_chats import tiny_chats
from tests.support.tiny_datasets import import_files
from tests.support.tiny_faces import face_files
from tests.support.tiny_masks import tiny_pairs
from tests.support.tiny_pictures import folder_files

PER_RECIPE, GENERATIONS = 6, 12
SHORTEST_S, LONGEST_S = 1.0, 9.0  # of stepping on a quiet machine, roughly, drawn evenly in the logarithm


@dataclass
class Wanted:
    """A job to submit, and what is done to it: "pause", "deploy" (its worker leaves in order), "kill" (its machine dies), or ""."""

    request: JobRequest
    fault: str = ""
    needs: str = ""  # recipe whose first model a generation uses
    id: str = field(default_factory=new_id)


class Data:
    """Datasets of three sizes for each recipe, made up."""

    def __init__(self, volume: Volume):
        self.volume = volume
        rng = random.Random(0)
        words = [
            "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 9))) for _ in range(800)
        ]

        def text(size: int) -> list[tuple[str, bytes]]:
            return [("t.txt", " ".join(rng.choice(words) for _ in range(size // 6)).encode())]

        self.texts = [self._put("text", text(size)) for size in (20_000, 120_000, 700_000)]
        self.tables = [self._put("table", [("t.csv", _table(rows))]) for rows in (300, 2_000, 12_000)]
        self.series = [self._put("table", [("s.csv", _series(steps))]) for steps in (400, 2_000, 8_000)]
        self.reviews = [self._put("table", [("r.csv", _reviews(rng, words, rows))]) for rows in (300, 1_500, 6_000)]
        self.pictures = [
            self._put("pictures", folder_files(count, side=side, channels=3))
            for count, side in ((150, 16), (500, 24), (1_500, 32))
        ]
        self.faces = [self._put("pictures", face_files(range(people), 6)) for people in (12, 40, 120)]
        self.captioned = [
            self._put("captioned_pictures", caption_files(range(count), side=side))
            for count, side in ((60, 16), (200, 24), (600, 32))
        ]
        self.chats = [self._put("chats", tiny_chats(count)) for count in (40, 120, 400)]
        self.pairs = [self._put("table", [("p.csv", _pairs(rng, words, rows))]) for rows in (100, 400, 1_500)]
        self.bought = [self._put("table", [("b.csv", _bought(people))]) for people in (60, 300, 1_200)]
        self.boxes = [self._put("boxes", tiny_boxes(count)) for count in (24, 60)]
        self.masks = [self._put("picture_pairs", tiny_pairs(count, side=side)) for count, side in ((24, 24), (60, 48))]
        self.style = put_style(volume)
        self.bases = [
            get_base(volume, put_base(volume, name).base_id or "")
            for name in ("llama", "gpt2", "distilbert", "backbone")
        ]

    def _put(self, format: str, files: list[tuple[str, bytes]]) -> DatasetManifest:
        return import_files(self.volume, files, format)


def _table(rows: int) -> bytes:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 8))
    y = np.where(x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=rows) * 0.5 > 0, "yes", "no")
    lines = [",".join([f"x{i}" for i in range(8)] + ["is"])]
    lines += [",".join([*(f"{v:.4f}" for v in row), answer]) for row, answer in zip(x, y, strict=True)]
    return "\n".join(lines).encode()


def _series(steps: int) -> bytes:
    rng = np.random.default_rng(0)
    days = np.datetime64("2000-01-01") + np.arange(steps)
    units = 20 + 10 * np.sin(np.arange(steps) * 2 * np.pi / 7) + rng.normal(size=steps)
    return ("day,units\n" + "\n".join(f"{day},{value:.3f}" for day, value in zip(days, units, strict=True))).encode()


def _reviews(rng: random.Random, words: list[str], rows: int) -> bytes:
    lines = ["text,mood"]
    for number in range(rows):
        said = [rng.choice(words) for _ in range(rng.randint(5, 60))]
        lines.append(f"{' '.join([*said, words[number % 2]])},{('good', 'bad')[number % 2]}")
    return "\n".join(lines).encode()


def _pairs(rng: random.Random, words: list[str], rows: int) -> bytes:
    lines = ["asked,found"]
    for _ in range(rows):
        said = [rng.choice(words) for _ in range(rng.randint(6, 20))]
        lines.append(f"{' '.join(said[:4])},{' '.join(said)}")
    return "\n".join(lines).encode()


def _bought(people: int) -> bytes:
    rng = np.random.default_rng(0)
    lines = ["who,what,day"]
    for person in range(people):
        items = 2 * rng.permutation(40)[:12] + person % 2
        lines += [f"p{person},i{item},2024-01-{day + 1:02d}" for day, item in enumerate(items)]
    return "\n".join(lines).encode()


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


def _recommender_mf(rng: random.Random, data: Data, seconds: float) -> tuple[dict[str, Any], DatasetManifest]:
    bought, factors, batch = rng.choice(data.bought), rng.choice((8, 32, 64)), rng.choice((64, 256))
    step_s = 0.004 + 0.004 * (batch / 256) * (factors / 64)
    epochs = max(round(seconds / (step_s * bought.report.rows * 0.8 / batch)), 2)
    params = {"user": "who", "item": "what", "time": "day", "factors": factors, "batch_size": batch}
    return params | {"epochs": min(epochs, 100)}, bought


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
    "recommender_mf": _recommender_mf,
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


def trainings(data: Data, seed: int) -> Iterator[Wanted]:
    """Each recipe in turn, every fourth with early stopping, some with a fault."""
    rng = random.Random(seed)
    names = list(TRAINED)
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
