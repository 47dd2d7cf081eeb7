"""What segments, detects and matches upon a backbone: what learns of it, what a checkpoint holds, what an average keeps."""

from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

from shared.jobs.job import InputRef  # noqa: E402
from shared.recipes import get_recipe  # noqa: E402
from shared.recipes.base import validate_params  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.tiny_bases import put_base  # noqa: E402
from tests.support.tiny_boxes import tiny_boxes  # noqa: E402
from tests.support.tiny_datasets import import_files  # noqa: E402
from tests.support.tiny_faces import face_files  # noqa: E402
from tests.support.tiny_masks import tiny_pairs  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.inputs import open_inputs  # noqa: E402
from worker.recipe import build_model, code_of  # noqa: E402
from worker.training.fit import fit  # noqa: E402

_QUICK = {"batch_size": 4, "warmup_steps": 0, "learning_rate": 1e-2, "width": 4}
# recipe, format, files, params of a training of a few steps
UPON: dict[str, tuple[str, str, Any, dict[str, Any]]] = {
    "a U-Net": ("image_segmenter", "picture_pairs", lambda: tiny_pairs(8), {"epochs": 1, "ignore": ["void"], "tile": 16}),
    "a DeepLab": (
        "image_segmenter", "picture_pairs", lambda: tiny_pairs(8),
        {"epochs": 1, "ignore": ["void"], "tile": 16, "architecture": "deeplab"},
    ),
    "a detector": ("object_detector", "boxes", lambda: tiny_boxes(8), {"epochs": 1}),
    "a matcher": ("image_matcher", "pictures", lambda: face_files(range(6), 3), {"steps": 2, "embedding": 8, "batch_size": 8}),
}  # fmt: skip


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    return volume


def opened(volume, name, method):
    """(spec, code, params, inputs, data) of a training upon a tiny backbone."""
    recipe, format, files, params = UPON[name]
    spec = get_recipe(recipe)
    code: Any = code_of(spec)
    refs = {
        "data": InputRef(dataset_id=import_files(volume, files(), format).id),
        "base": put_base(volume, "backbone"),
    }
    params = validate_params(spec.train_params, {**_QUICK, **params, "method": method})
    inputs = open_inputs(refs, Context(volume=volume))
    return spec, code, params, inputs, code.load(inputs, params, Context())


@pytest.mark.parametrize("method", ["full", "frozen"])
@pytest.mark.parametrize("name", UPON)
def test_of_a_backbone_learns_what_was_asked(volume, name, method):
    spec, code, params, inputs, data = opened(volume, name, method)
    before = build_model(code, params, data.assets, inputs).variables
    model = fit(spec, params, data, Context(), inputs=inputs).model
    moved = {
        id(now)
        for was, now in zip(before, model.variables, strict=True)
        if not np.array_equal(was.numpy(), now.numpy())
    }
    fixed = {id(v) for v in code.fixed(model)}
    kernels = {id(v) for v in model.variables if "backbone" in v.path and v.path.endswith("kernel")}
    assert kernels
    if method == "frozen":
        assert kernels <= fixed and not moved & fixed and moved
        assert not {id(v) for v in model.trainable_variables} & fixed
    else:
        assert not fixed and kernels <= moved


def test_pictures_too_small_for_a_backbone_are_refused_for_a_matcher():
    spec = get_recipe("image_matcher")
    given: Any = {"base": None}
    (problem,) = spec.foresee(validate_params(spec.train_params, {"image_size": 16}), given, 10**9).problems
    assert problem.field == "params.image_size" and "at least 32" in problem.message
    assert not spec.foresee(validate_params(spec.train_params, {"image_size": 16}), {}, 10**9).problems
