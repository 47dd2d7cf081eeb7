"""Labelling with a trained image classifier: pictures sent along, datasets on the volume, and what cannot be read."""

import base64
import io

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

from PIL import Image  # noqa: E402

from shared.errors import Cancelled, InputMissing, RecipeFailed  # noqa: E402
from shared.recipes.image_classifier import ImageClassifierGenerate, ImageClassifierTrain  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.tiny_datasets import import_files  # noqa: E402
from tests.support.tiny_pictures import folder_files, idx_files, png, tiny_pictures  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.images.labelling import probabilities_of  # noqa: E402
from worker.recipes import image_classifier  # noqa: E402
from worker.training.fit import fit  # noqa: E402

PARAMS = ImageClassifierTrain.model_validate({"width": 8, "epochs": 12, "batch_size": 8, "warmup_steps": 0})


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(volume, folder dataset, labeller, model) of a classifier that has learnt its tiny classes."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    dataset = import_files(volume, folder_files(60, "train") + folder_files(12, "test", seed=7), "image_folder")
    data = image_classifier.load(dataset, volume.dataset_dir(dataset.id), PARAMS)
    model = fit(image_classifier, PARAMS, data, Context()).model
    return volume, dataset, image_classifier.open_generator(model, PARAMS, data.assets), model


def _asked(**values) -> ImageClassifierGenerate:
    return ImageClassifierGenerate.model_validate(values)


def _upload(body: bytes, name: str = "") -> dict:
    return {"name": name, "data": base64.b64encode(body).decode()}


def test_pictures_sent_along_are_labelled_with_probabilities_and_maps(place):
    _, _, labeller, _ = place
    pixels, labels = tiny_pictures(3, seed=9)
    asked = ImageClassifierGenerate.model_validate({"images": [_upload(png(p)) for p in pixels], "top_k": 2})
    result = labeller.generate(asked, Context())
    found = result.summary["predictions"]
    assert [one["label"] for one in found] == [("ape", "bee", "cat")[label] for label in labels]
    assert [one["file"] for one in found] == ["picture 1", "picture 2", "picture 3"]
    for one in found:
        assert len(one["probabilities"]) == 2
        assert one["probability"] == max(one["probabilities"].values()) <= 1
        drawn = Image.open(io.BytesIO(result.artifacts[one["activation_map"]]))
        assert drawn.format == "PNG" and drawn.width > 600
    assert "accuracy" not in result.summary


def test_a_dataset_on_the_volume_is_labelled_part_by_part_and_its_accuracy_told(place):
    volume, dataset, labeller, _ = place
    asked = _asked(dataset_id=dataset.id, part="test", offset=2, limit=5, activation_map=False)
    told = []

    class Told(Context):
        def progress(self, progress):
            told.append(progress)

    result = labeller.generate(asked, Told(volume=volume))
    assert len(result.summary["predictions"]) == 5
    assert result.summary["accuracy"] == 1.0
    assert result.artifacts == {}
    assert told[-1].phase == "generating" and told[-1].step == 5


def test_grey_idx_digits_of_another_size_are_scaled_to_what_the_model_knows(place):
    volume, _, labeller, _ = place
    other = import_files(volume, idx_files(9, 6, side=18), "idx")
    result = labeller.generate(_asked(dataset_id=other.id, part="test"), Context(volume=volume))
    assert len(result.summary["predictions"]) == 6


def test_every_unreadable_picture_is_named(place):
    _, _, labeller, _ = place
    good = png(tiny_pictures(1)[0][0])
    images = [_upload(b"hello, I am text", "a.txt"), _upload(good[:-40], "cut.png"), _upload(good, "good.png")]
    with pytest.raises(RecipeFailed) as caught:
        labeller.generate(ImageClassifierGenerate.model_validate({"images": images}), Context())
    assert "a.txt: is not a PNG" in caught.value.message
    assert "cut.png: is damaged" in caught.value.message
    assert "good.png" not in caught.value.message


def test_a_picture_too_large_to_decode_is_refused_by_its_size(place):
    _, _, labeller, _ = place
    out = io.BytesIO()
    Image.new("1", (9000, 9000)).save(out, "PNG")
    asked = ImageClassifierGenerate.model_validate({"images": [_upload(out.getvalue(), "bomb.png")]})
    with pytest.raises(RecipeFailed, match="9000x9000 is more than"):
        labeller.generate(asked, Context())


def test_a_dataset_that_is_gone_or_a_range_with_nothing_in_it_is_said(place):
    volume, dataset, labeller, _ = place
    with pytest.raises(InputMissing, match="no longer"):
        labeller.generate(_asked(dataset_id="0" * 32), Context(volume=volume))
    with pytest.raises(RecipeFailed, match="chosen part and range"):
        labeller.generate(_asked(dataset_id=dataset.id, part="val"), Context(volume=volume))


def test_a_stop_is_noticed_between_batches(place):
    volume, dataset, labeller, _ = place

    class Stopped(Context):
        def check(self):
            raise Cancelled("asked to stop")

    with pytest.raises(Cancelled):
        labeller.generate(_asked(dataset_id=dataset.id), Stopped(volume=volume))


def test_a_label_does_not_depend_on_the_pictures_beside_it(place):
    _, _, _, model = place
    pixels = tiny_pictures(70, seed=3)[0]
    together = probabilities_of(model, pixels)
    np.testing.assert_allclose(together[:1], probabilities_of(model, pixels[:1]), rtol=1e-4)
    np.testing.assert_allclose(together[64:], probabilities_of(model, pixels[64:]), rtol=1e-4)
    np.testing.assert_allclose(together.sum(1), 1.0)
