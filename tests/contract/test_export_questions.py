"""A network that answers questions, taken away: where this project is not installed it answers like the service."""

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

from shared.jobs.job import InputRef
from shared.jobs.models import get_model
from shared.volume.volume import Volume
from tests.support.case_data import passage_about
from tests.support.recipe_cases import CASES
from tests.support.taken_away import ALONE, run_job
from tests.support.tiny_bases import put_base
from worker.generation.generator import WarmModel, WarmModels

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras 3.15 on NumPy 2
]
QUESTION = "How long is it?"
PASSAGES = (passage_about(4)["context"], "它长90公里。", "R \N{GRINNING FACE} café 7 km")
NAMES = ("question_answering", "question_answering upon an encoder")
each = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """case -> the folder its export was unpacked to, what the service says and what the example does."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    made, asked = {}, {}
    for name in NAMES:
        case, warm = CASES[name], WarmModels(1)
        inputs = {"data": InputRef(dataset_id=case.put(volume, case.data()).id)}
        if case.weights:
            inputs["base"] = put_base(volume, case.weights)
        job, _, _, _ = run_job(volume, case.recipe, "train", inputs, {**case.params, "epochs": 1}, warm)
        model = {"model": InputRef(model_id=job.id)}
        _, _, _, folder = run_job(volume, case.recipe, "generate", model, {}, warm, use="export")
        unpacked = tmp_path_factory.mktemp("taken")
        with zipfile.ZipFile(folder / "model.zip") as archive:
            archive.extractall(unpacked)
        asked[str(unpacked)] = [text for passage in PASSAGES for text in (QUESTION, passage)]
        service = [
            run_job(volume, case.recipe, "generate", model, {"question": QUESTION, "context": passage}, warm)[2]
            for passage in PASSAGES
        ]
        kept = next(iter(warm._kept.values()))
        assert isinstance(kept, WarmModel)
        made[name] = SimpleNamespace(
            folder=unpacked, service=service, held=kept.loaded, model=get_model(volume, job.id)
        )
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    away = tmp_path_factory.mktemp("away")
    done = subprocess.run(
        [sys.executable, "-c", ALONE, json.dumps(asked)], cwd=away, env=env, capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    for one in made.values():
        one.said = said[str(one.folder)]
    return made


@each
def test_questions_are_answered_from_passages_as_the_service_does(taken, name):
    """Also where there is no answer: then the place is that of the likeliest stretch."""
    lines = [line.split("\t") for line in taken[name].said.splitlines()]
    assert len(lines) == len(PASSAGES)
    for (answer, start, share), (text, scores) in zip(lines, taken[name].service, strict=True):
        assert (answer == "no answer") == (scores.items[0].note == "said") == (not text.marks)
        best = next(item for item in scores.items if item.name != "no answer")
        assert float(share) == pytest.approx(best.value, abs=1e-5)
        assert start == best.note.split()[1] and answer in (best.name, "no answer")


@each
def test_the_example_is_short_and_the_card_tells_the_verdict(taken, name):
    one = taken[name]
    code = [
        line for line in (one.folder / "example.py").read_text().splitlines() if line and not line.startswith('"""')
    ]
    assert len(code) <= 17 and not any("worker" in line or "shared" in line for line in code)
    assert one.model.verdict is not None
    assert f"**{one.model.verdict.sentence}**" in (one.folder / "README.md").read_text()
    assert (one.folder / "model.keras").exists() == (name == "question_answering")


def test_keras_reads_its_own_archive_and_it_says_the_same(taken):
    one = taken["question_answering"]
    again: Any = keras.saving.load_model(one.folder / "model.keras")
    parts = np.repeat([0, 1, 2], [6, 9, 1])
    x = tf.constant([[np.arange(16) + start, parts] for start in (3, 9)], tf.int32)
    np.testing.assert_allclose(again(x, training=False), one.held.model(x, training=False), rtol=1e-5, atol=1e-5)
