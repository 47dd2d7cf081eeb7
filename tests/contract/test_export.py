"""What is taken away answers like the service, where this project is not installed; and the card says what it is worth."""

import io
import json
import os
import subprocess
import sys
import zipfile
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import keras
import tensorflow as tf
from PIL import Image

from shared.datasets.pictures.decoding import upright
from shared.jobs.job import InputRef
from shared.jobs.models import get_model
from shared.outputs import Boxes, Mask, Scores, Text
from shared.recipes import get_recipe
from shared.recipes.base import validate_params
from shared.volume.volume import Volume
from tests.support.recipe_case import refs_of
from tests.support.recipe_cases import CASES
from tests.support.taken_away import ALONE, PROMPTS, RECENT, ROWS, TEXTS, put_pictures, run_job, some_inputs
from tests.support.tiny_bases import put_base
from worker.context import Context
from worker.families.boxes.detecting import Detecting
from worker.families.identities.networks import vectors_model
from worker.families.making.drawing import standard_normal
from worker.families.making.vae_using import drawn_pictures
from worker.generation.generator import WarmModel, WarmModels
from worker.recipe import code_of, optional

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras 3.15 on NumPy 2
]

TRAINED = {
    "char_lstm": {"steps": 20},
    "forecaster": {"epochs": 1, "network": "dlinear"},
    "gpt": {"steps": 20, "vocabulary": "bpe", "vocabulary_size": 270},
    "image_classifier": {},
    "image_matcher": {},
    "image_segmenter": {"image_size": 40},
    "image_to_image": {"task": "super_resolution"},
    "image_diffusion": {},
    "image_gan": {},
    "image_vae": {},
    "style_transfer": {},
    "object_detector": {},
    "object_detector of two stages": {"epochs": 2},
    "text_classifier": {},
    **{f"recommender_{how}": {"epochs": 2} for how in ("content", "gnn", "mf", "sequence")},
    "text_classifier upon an encoder": {"epochs": 1},
    "text_matcher": {"epochs": 1},
    "seq2seq": {"epochs": 2},
    "tabular": {"epochs": 2},
}
RECOMMENDERS = sorted(name for name in TRAINED if name.startswith("recommender_"))


def _first_column(output: Any) -> list[Any]:
    return [row[0] for row in output.rows]


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """case -> its training's job, the folder its export was unpacked to, what the service says and what the example does."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    made, asked = {}, {}
    pictures = put_pictures(volume)
    for name, params in TRAINED.items():
        case, warm = CASES[name], WarmModels(1)
        recipe = case.recipe
        dataset = case.put(volume, case.data())
        inputs = refs_of({"data": dataset, **case.beside(volume)})
        if case.weights:
            inputs["base"] = put_base(volume, case.weights)
        job, result, _, _ = run_job(volume, recipe, "train", inputs, {**case.params, **params}, warm)
        model = {"model": InputRef(model_id=job.id)}
        _, _, outputs, folder = run_job(volume, recipe, "generate", model, {}, warm, use="export")
        unpacked = tmp_path_factory.mktemp("taken")
        with zipfile.ZipFile(folder / "model.zip") as archive:
            archive.extractall(unpacked)
        artifacts = None
        if recipe == "image_classifier":
            asked[str(unpacked)] = [path for path, _ in pictures]
            wanted = {"images": [file_id for _, file_id in pictures], "activation_map": False}
            _, _, service, _ = run_job(volume, recipe, "generate", model, wanted, warm)
        elif recipe == "image_matcher":
            asked[str(unpacked)] = [path for path, _ in pictures]
            wanted = {"images": [file_id for _, file_id in pictures]}
            _, _, service, _ = run_job(volume, recipe, "generate", model, wanted, warm, use="verify")
        elif recipe in ("image_segmenter", "image_to_image", "object_detector", "style_transfer"):
            asked[str(unpacked)] = [path for path, _ in pictures]
            wanted = {"images": [file_id for _, file_id in pictures]}
            _, _, service, artifacts = run_job(volume, recipe, "generate", model, wanted, warm)
        elif recipe == "image_vae":
            asked[str(unpacked)] = [path for path, _ in pictures]
            wanted = {"mode": "reconstruct", "images": [file_id for _, file_id in pictures]}
            _, _, service, artifacts = run_job(volume, recipe, "generate", model, wanted, warm)
        elif recipe in ("image_diffusion", "image_gan"):
            seed = 5 if recipe == "image_gan" else 6  # examples name their files after it
            asked[str(unpacked)] = ["bee", "3", str(seed)]
            wanted = {"label": "bee", "count": 3, "seed": seed}
            _, _, service, artifacts = run_job(volume, recipe, "generate", model, wanted, warm)
        elif recipe in ("text_classifier", "seq2seq"):
            asked[str(unpacked)] = TEXTS
            plain = {"explain": False} if recipe == "text_classifier" else {"alignment": False}
            wanted = {"text": "\n".join(TEXTS), "by_line": True, **plain}
            _, _, service, _ = run_job(volume, recipe, "generate", model, wanted, warm)
        elif recipe == "text_matcher":
            asked[str(unpacked)] = TEXTS
            wanted = {"text": TEXTS[0], "top_k": 2}
            _, _, service, _ = run_job(volume, recipe, "generate", model | inputs, wanted, warm)
        elif recipe == "forecaster":
            path = volume.root / "recent.csv"
            path.write_text(RECENT, encoding="utf-8-sig")
            asked[str(unpacked)] = [str(path)]
            _, _, service, _ = run_job(volume, recipe, "generate", model, {"rows": RECENT, "explain": False}, warm)
        elif recipe.startswith("recommender_"):
            asked[str(unpacked)] = ["3"]
            _, _, service, _ = run_job(volume, recipe, "generate", model, {"user": "3", "reasons": False}, warm)
        elif recipe == "tabular":
            path = volume.root / "rows.csv"
            path.write_text(ROWS, encoding="utf-8-sig")
            asked[str(unpacked)] = [str(path)]
            _, _, service, _ = run_job(volume, recipe, "generate", model, {"rows": ROWS, "explain": False}, warm)
        else:
            asked[str(unpacked)] = [PROMPTS[0]]
            wanted = {"prompt": PROMPTS[0], "temperature": 0, "max_tokens": 40}
            _, _, service, _ = run_job(volume, recipe, "generate", model, wanted, warm)
        kept = next(iter(warm._kept.values()))
        assert isinstance(kept, WarmModel)
        made[name] = SimpleNamespace(
            case=case, job=job, result=result, dataset=dataset, folder=unpacked, service=service, model=get_model(volume, job.id),
            held=kept.loaded, names=_first_column(outputs[0]), artifacts=artifacts, pictures=pictures,
        )  # fmt: skip
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    away = tmp_path_factory.mktemp("away")
    done = subprocess.run(
        [sys.executable, "-c", ALONE, json.dumps(asked)], cwd=away, env=env, capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    for one in made.values():
        one.said, one.away = said[str(one.folder)], away
    return made


exported = pytest.mark.parametrize("name", sorted(TRAINED))
# Nobody loads these with Keras: they have no model.keras.
UPON_ENCODERS = {name for name in TRAINED if CASES[name].weights not in ("", "backbone")}


def test_every_recipe_that_is_built_can_be_taken_away():
    from shared.recipes import RECIPES

    there = {CASES[name].recipe for name in TRAINED}
    assert {name for name, spec in RECIPES.items() if optional(code_of(spec), "export")} >= there
    assert all("export" in spec.uses for spec in RECIPES.values())


@pytest.mark.parametrize("recipe", ["char_lstm", "gpt"])
def test_a_text_is_continued_as_the_service_does(taken, recipe):
    (text,) = taken[recipe].service
    assert isinstance(text, Text) and len(text.text) > 10
    assert taken[recipe].said == text.text + "\n"


def test_pictures_of_any_size_are_labelled_as_the_service_does(taken):
    lines = [line.split("\t") for line in taken["image_classifier"].said.splitlines()]
    answers = [output for output in taken["image_classifier"].service if isinstance(output, Scores)]
    assert len(answers) == 5 and len(lines) == 5 * 3
    for number, answer in enumerate(answers):
        mine = lines[3 * number : 3 * number + 3]
        assert [label for _, label, _ in mine] == [item.name for item in answer.items]
        assert [float(share) for *_, share in mine] == pytest.approx([item.value for item in answer.items], abs=1e-5)


def test_masks_of_pictures_of_any_size_are_those_of_the_service(taken):
    """In colours, written beside the picture; those of the service have them in their palette."""
    one = taken["image_segmenter"]
    lines = [line.split("\t") for line in one.said.splitlines()]
    assert [name for _, name, _ in lines[:3]] == one.held.assets["classes"] and len(lines) == 5 * 3
    for number, ((path, _), output) in enumerate(zip(one.pictures, one.service, strict=True)):
        assert isinstance(output, Mask)
        with Image.open(f"{path}.mask.png") as mine, Image.open(one.artifacts / output.mask) as theirs:
            mine, theirs = np.asarray(mine), np.asarray(theirs.convert("RGB"))
        assert mine.shape == theirs.shape and (mine == theirs).all(-1).mean() > 0.999, path
        shares = {part.name: part.share for part in output.classes}
        for _, name, count in lines[3 * number : 3 * number + 3]:
            assert int(count) / mine[..., 0].size == pytest.approx(shares.get(name, 0), abs=2e-3)


def test_pictures_are_as_like_each_other_as_the_service_has_them(taken):
    lines = [line.split("\t") for line in taken["image_matcher"].said.splitlines()]
    answers = taken["image_matcher"].service
    assert len(lines) == len(answers) == 4
    for (_, likeness, said), answer in zip(lines, answers, strict=True):
        assert float(likeness) == pytest.approx(answer.items[0].value, abs=1e-4)
        assert (said == "same") == answer.title.endswith(": the same")


@pytest.mark.parametrize(
    ("recipe", "made", "answers"),
    [("image_to_image", "restored", slice(1, None, 2)), ("style_transfer", "stylised", slice(0, -1, 2))],
)
def test_pictures_of_any_size_become_what_the_service_makes_of_them(taken, recipe, made, answers):
    """In colour as the model learnt; grey ones stay grey to the service's restorer alone."""
    one = taken[recipe]
    lines = [line.split("\t") for line in one.said.splitlines()]
    for (path, _), output, line in zip(one.pictures, one.service[answers], lines, strict=True):
        with Image.open(f"{path}.{made}.png") as mine, Image.open(one.artifacts / output.file) as theirs:
            assert [int(side) for side in line[1:3]] == [mine.height, mine.width]
            mine, theirs = (np.asarray(image.convert(theirs.mode)).astype(int) for image in (mine, theirs))
        assert mine.shape == theirs.shape and np.abs(mine - theirs).max() <= 2, path


def test_pictures_of_any_size_are_given_back_as_by_the_service_and_samples_are_those_of_its_seed(taken):
    one = taken["image_vae"]
    lines = [line.split("\t") for line in one.said.splitlines()]
    errors = [row[1] for row in one.service[1].rows]
    assert [float(error) for *_, error in lines] == pytest.approx(errors, abs=2e-3) and len(lines) == 5
    with zipfile.ZipFile(one.artifacts / "pictures.zip") as archive:
        for (_, mine, _), name in zip(lines, archive.namelist(), strict=True):
            with Image.open(mine) as a, Image.open(io.BytesIO(archive.read(name))) as b:
                assert np.abs(np.asarray(a).astype(int) - np.asarray(b).astype(int)).max() <= 1
    loaded: Any = tf.saved_model.load(str(one.folder / "saved_model"))  # held: its variables go with it
    theirs = drawn_pictures(one.held.model, standard_normal(7, (3,), 5), Context())
    assert np.abs(loaded.sample(7, 5).numpy().astype(int) - theirs.astype(int)).max() <= 1


@pytest.mark.parametrize("name", ["object_detector", "object_detector of two stages"])
def test_boxes_in_pictures_of_any_size_are_those_of_the_service(taken, name):
    """Down to very small scores: a detector that has hardly learnt is sure of nothing."""
    one = taken[name]
    lines = [line.split("\t") for line in one.said.splitlines()]
    *answers, _ = one.service
    assert len(answers) == 5 and len(lines) == sum(len(answer.boxes) for answer in answers)
    model: Any = tf.saved_model.load(str(one.folder / "saved_model"))
    by, compared = Detecting(one.held.model, one.held.assets), 0
    for (path, _), answer in zip(one.pictures, answers, strict=True):
        assert isinstance(answer, Boxes)
        assert [line[1] for line in lines if line[0] == path] == [box.label for box in answer.boxes]
        with Image.open(f"{path}.boxes.png") as drawn, Image.open(path) as picture:
            assert drawn.size == picture.size
            wanted = by.of_picture(upright(picture), 1e-6, 0.6)
            pixels = np.atleast_3d(np.asarray(picture))
        mine = model.answer(tf.constant(pixels), least_score=1e-6, overlap=0.6)
        labels = [by.names[int(number)] for number in wanted[:, 5]]
        assert [label.decode() for label in mine["labels"].numpy()] == labels
        np.testing.assert_allclose(mine["scores"], wanted[:, 4], rtol=1e-3)
        np.testing.assert_allclose(mine["boxes"], wanted[:, :4], atol=0.02)
        compared += len(wanted)
    assert compared >= 10


@pytest.mark.parametrize(("recipe", "more"), [("image_diffusion", (2, 1.0)), ("image_gan", ())])
def test_pictures_of_a_class_and_seed_are_those_of_the_service(taken, recipe, more):
    one = taken[recipe]
    mine = one.said.split()
    with zipfile.ZipFile(one.artifacts / "pictures.zip") as archive:
        assert archive.namelist() == ["bee/0001.png", "bee/0002.png", "bee/0003.png"] and len(mine) == 3
        for path, name in zip(mine, archive.namelist(), strict=True):
            with Image.open(one.away / path) as a, Image.open(io.BytesIO(archive.read(name))) as b:
                assert np.abs(np.asarray(a).astype(int) - np.asarray(b).astype(int)).max() <= 1
    loaded: Any = tf.saved_model.load(str(one.folder / "saved_model"))  # held: its variables go with it
    assert loaded.make("", 5, 0, *more).shape[0] == 5
    with pytest.raises(tf.errors.InvalidArgumentError, match="no such class"):
        loaded.make("dog", 1, 0, *more)


@pytest.mark.parametrize("name", ["text_classifier", "text_classifier upon an encoder"])
def test_texts_long_and_strange_are_labelled_as_the_service_does(taken, name):
    lines = [line.split("\t") for line in taken[name].said.splitlines()]
    answers = taken[name].service
    assert len(answers) == len(TEXTS) and len(lines) == 2 * len(TEXTS)
    for number, answer in enumerate(answers):
        mine = lines[2 * number : 2 * number + 2]
        assert [label for _, label, _ in mine] == [item.name for item in answer.items]
        assert [float(share) for *_, share in mine] == pytest.approx([item.value for item in answer.items], abs=1e-5)


def test_texts_are_as_near_to_each_other_as_the_service_has_them(taken):
    from worker.families.matching.network import vectors_of

    held = taken["text_matcher"].held
    vectors = vectors_of(held.model, held.assets).of(TEXTS)
    lines = [line.split("\t") for line in taken["text_matcher"].said.splitlines()]
    assert [text for _, text in lines] == list(TEXTS[1:])
    assert [float(near) for near, _ in lines] == pytest.approx((vectors[1:] @ vectors[0]).tolist(), abs=2e-6)
    (answer,) = taken["text_matcher"].service
    assert len(answer.items) == 2


def test_texts_become_what_the_service_writes_from_them(taken):
    lines = [line.split("\t") for line in taken["seq2seq"].said.splitlines()]
    answers = taken["seq2seq"].service
    assert [text for _, text in lines] == [answer.text for answer in answers] and len(lines) == len(TEXTS)
    for (score, _), answer in zip(lines, answers, strict=True):
        assert f"{float(score):.2f}" == answer.title.split(";")[0].removeprefix("score ")


def test_rows_of_a_file_are_answered_as_the_service_does(taken):
    lines = [line.split("\t") for line in taken["tabular"].said.splitlines()]
    answers = [output for output in taken["tabular"].service if isinstance(output, Scores)]
    assert len(answers) == len(lines) == 4
    for (label, share), answer in zip(lines, answers, strict=True):
        assert label == answer.items[0].name and float(share) == pytest.approx(answer.items[0].value, abs=2e-6)
    assert len({share for _, share in lines}) == 4


def _opened(one: Any, recipe: str) -> Any:
    return code_of(get_recipe(recipe)).open_generator(one.held.model, one.held.params, one.held.assets)


@pytest.mark.parametrize("recipe", RECOMMENDERS)
def test_a_person_is_recommended_what_the_service_recommends(taken, recipe):
    lines = [line.split("\t") for line in taken[recipe].said.splitlines()]
    (answer,) = taken[recipe].service
    assert [line[1] for line in lines] == [item.name for item in answer.items] and len(lines) > 1
    assert [float(line[2]) for line in lines] == pytest.approx([item.value for item in answer.items], abs=1e-5)


@pytest.mark.parametrize("recipe", RECOMMENDERS)
def test_a_newcomer_is_recommended_what_the_service_recommends(taken, recipe):
    use = get_recipe(recipe).use("generate").params
    asked: Any = validate_params(use, {"liked": ["film 0", "film 2"], "count": 4})
    (answer,) = _opened(taken[recipe], recipe).generate(asked, Context(), None)
    loaded: Any = tf.saved_model.load(str(taken[recipe].folder / "saved_model"))  # held: its variables go with it
    told = {name: part.numpy() for name, part in loaded.newcomer(tf.constant(asked.liked), tf.constant(4)).items()}
    assert [name.decode() for name in told["titles"]] == [item.name for item in answer.items]
    assert told["values"] == pytest.approx([item.value for item in answer.items], abs=1e-5)


def test_series_of_a_file_go_on_as_the_service_says(taken):
    lines = [line.split("\t") for line in taken["forecaster"].said.splitlines()]
    table = taken["forecaster"].service[-1]
    said = [[shop, target, forecast] for shop, target, _, forecast, *_ in table.rows]
    assert [line[:2] for line in lines] == [row[:2] for row in said] and len(lines) == 14
    assert [float(line[2]) for line in lines] == pytest.approx([row[2] for row in said], rel=1e-5)
    assert len({line[2] for line in lines}) == 14


@pytest.mark.parametrize("recipe", sorted(TRAINED.keys() - UPON_ENCODERS))
def test_keras_reads_its_own_archive_and_it_says_the_same(taken, recipe):
    held = taken[recipe].held
    again: Any = keras.saving.load_model(taken[recipe].folder / "model.keras")
    if recipe in RECOMMENDERS:
        vectors, people, items = _opened(taken[recipe], recipe).vectors, np.array([0, 3, 3]), np.array([1, 0, 2])
        told = again({"user": people, "item": items})[:, 0]
        np.testing.assert_allclose(told, vectors.scores(people)[np.arange(3), items], atol=1e-5)
        return
    if recipe == "image_matcher":
        pixels = tf.constant(held.assets.arrays["held"][:4], tf.float32)
        np.testing.assert_allclose(again(pixels), vectors_model(held.model)(pixels), atol=1e-5)
        return
    x = some_inputs(taken[recipe].case.recipe, held, again)
    network = (
        held.model.network if recipe == "style_transfer" else held.model
    )  # the archive has no loss, and clips nothing
    np.testing.assert_allclose(again(x, training=False), network(x, training=False), rtol=1e-5, atol=1e-5)


@exported
def test_the_example_is_short_and_the_zip_lists_what_is_in_it(taken, name):
    folder = taken[name].folder
    code = [line for line in (folder / "example.py").read_text().splitlines() if line and not line.startswith('"""')]
    assert len(code) <= 17 and not any("worker" in line or "shared" in line for line in code)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == set(taken[name].names)
    assert ("model.keras" in there) == (name not in UPON_ENCODERS)
    assert {"weights.safetensors", "config.json", "assets.json", "example.py", "README.md"} <= there


@exported
def test_the_card_says_what_it_is_and_what_it_is_worth(taken, name):
    one = taken[name]
    criterion = get_recipe(one.case.recipe).criterion.metric
    card = (one.folder / "README.md").read_text()
    assert one.model.verdict is not None and f"**{one.model.verdict.sentence}**" in card
    for name, figures in one.model.baselines.items():
        assert name in card and all(f"{value:.6g}" in card for value in figures.values())
    for said in (
        f"# a tiny {one.case.recipe}", f"| name | {one.dataset.name} |", one.dataset.id, "## Limits", "## Cost", "| tensorflow |",
        "## Examples by part", f"{one.result['metrics'][criterion]:.6g}",
    ):  # fmt: skip
        assert said in card, said
