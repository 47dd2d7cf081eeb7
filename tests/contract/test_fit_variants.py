"""Every architecture, precision and way of compiling trains; and models built one after the other stay usable."""

import math

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

from shared.recipes.image_classifier import SPEC, ImageClassifierTrain  # noqa: E402
from tests.support.tiny_datasets import imported  # noqa: E402
from tests.support.tiny_pictures import folder_files, tiny_pictures  # noqa: E402
from worker.artifacts import Files  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.images.labelling import probabilities_of  # noqa: E402
from worker.recipe import build_model  # noqa: E402
from worker.recipes import image_classifier  # noqa: E402
from worker.training.fit import fit  # noqa: E402

BASE = {"width": 4, "epochs": 2, "batch_size": 8, "warmup_steps": 0}


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    inputs = imported(tmp_path_factory.mktemp("volume"), folder_files(32, channels=3), "pictures")

    def load(**values):
        params = ImageClassifierTrain.model_validate({**BASE, **values})
        return params, image_classifier.load(inputs, params, Context())

    return load


@pytest.mark.parametrize(
    "values",
    [
        {"architecture": "vgg"},
        {"architecture": "inception", "width": 8},
        {"architecture": "resnet", "image_size": 64, "depth": 2},
        {"precision": "bfloat16"},
        {"precision": "float16"},
        {"xla": "on"},
        {"optimizer": "sgd", "learning_rate": 0.05, "l1": 1e-4, "schedule": "constant"},
        {"validation_fraction": 0.0},
    ],
    ids=str,
)
def test_it_trains_to_its_end_with_finite_losses(load, values, tmp_path):
    params, data = load(**values)
    outcome = fit(SPEC, params, data, Context())
    assert outcome.step == data.total_steps
    assert math.isfinite(outcome.metrics["loss"])
    assert ("val_loss" in outcome.metrics) == (params.validation_fraction > 0)
    report = image_classifier.report(outcome.model, data, params, Context(), Files(tmp_path), outcome.stages)
    assert all(math.isfinite(value) for value in report.metrics.values())


def test_a_model_goes_on_working_when_another_is_built_after_it(load):
    params, data = load()
    pixels = tiny_pictures(5, channels=3)[0]
    first = build_model(image_classifier, params, data.assets, {})
    before = probabilities_of(first, pixels)
    again = build_model(image_classifier, params, data.assets, {})
    np.testing.assert_array_equal(before, probabilities_of(first, pixels))
    np.testing.assert_array_equal(before, probabilities_of(again, pixels))
    assert [v.path for v in first.variables] == [v.path for v in again.variables]
