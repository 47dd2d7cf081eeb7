"""Labelling with a trained image classifier: pictures sent along, datasets on the volume, and what cannot be read."""

import csv
import hashlib
import io

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

from PIL import Image  # noqa: E402

from shared.errors import Cancelled, InputMissing, RecipeFailed  # noqa: E402
from shared.outputs import Matrix, Picture, Scores, Table  # noqa: E402
from shared.recipes import get_recipe  # noqa: E402
from shared.recipes.image_classifier import (  # noqa: E402
    ImageClassifierBatch,
    ImageClassifierGenerate,
    ImageClassifierTrain,
)
from shared.volume.files import save_file  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.tiny_datasets import given, import_files  # noqa: E402
from tests.support.tiny_pictures import folder_files, idx_files, png, tiny_pictures  # noqa: E402
from worker.artifacts import publishing  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.images.labelling import BATCHES, probabilities_of  # noqa: E402
from worker.recipes import image_classifier  # noqa: E402
from worker.training.fit import fit  # noqa: E402
from worker.verdict import judge  # noqa: E402

PARAMS = ImageClassifierTrain.model_validate({"width": 8, "epochs": 12, "batch_size": 8, "warmup_steps": 0})


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(volume, folder dataset, labeller, model, data) of a classifier that has learnt its tiny classes."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    dataset = import_files(volume, folder_files(60, "train") + folder_files(12, "test", seed=7), "pictures")
    data = image_classifier.load(given(volume, dataset), PARAMS, Context())
    model = fit(get_recipe("image_classifier"), PARAMS, data, Context()).model
    return volume, dataset, image_classifier.open_generator(model, PARAMS, data.assets), model, data


def _uploaded(volume, body: bytes, name: str) -> str:
    return save_file(volume, name, io.BytesIO(body), owner="local", max_bytes=1 << 20).id


def _generate(labeller, volume, tmp_path, ids, **values):
    """(Report, folder with the files)."""
    params = ImageClassifierGenerate.model_validate({"images": ids, **values})
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        report = labeller.generate(params, Context(volume=volume), files)
        outputs += report.outputs
    return report, tmp_path / "artifacts"


def _batch(labeller, volume, tmp_path, dataset, context=None, **values):
    """(Report, rows of rows.csv as dicts)."""
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        context = context or Context(volume=volume)
        report = labeller.batch(ImageClassifierBatch(**values), given(volume, dataset), context, files)
        outputs += report.outputs
    with (tmp_path / "artifacts" / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        return report, list(csv.DictReader(file))


def test_uploaded_pictures_are_labelled_with_shares_and_maps(place, tmp_path):
    volume, _, labeller, _, _ = place
    pixels, labels = tiny_pictures(3, seed=9)
    ids = [_uploaded(volume, png(p), f"picture {i}.png") for i, p in enumerate(pixels)]
    report, folder = _generate(labeller, volume, tmp_path, ids, top_k=2)
    scores = [output for output in report.outputs if isinstance(output, Scores)]
    maps = [output for output in report.outputs if isinstance(output, Picture)]
    assert [one.items[0].name for one in scores] == [("ape", "bee", "cat")[label] for label in labels]
    assert [one.subject for one in scores] == ["picture 0.png", "picture 1.png", "picture 2.png"]
    assert [one.picture for one in scores] == [f"file:{id}" for id in ids]
    for one in scores:
        assert len(one.items) == 2 and one.unit == "share"
        assert 1 >= one.items[0].value >= one.items[1].value >= 0
    assert len(maps) == 3
    with Image.open(folder / maps[0].file) as drawn:
        assert drawn.format == "PNG" and drawn.width > 600


def test_without_activation_maps_no_file_is_written(place, tmp_path):
    volume, _, labeller, _, _ = place
    ids = [_uploaded(volume, png(tiny_pictures(1, seed=3)[0][0]), "one.png")]
    report, folder = _generate(labeller, volume, tmp_path, ids, activation_map=False)
    assert len(report.outputs) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "outputs.json"]


def test_every_unreadable_picture_is_named(place, tmp_path):
    volume, _, labeller, _, _ = place
    good = png(tiny_pictures(1)[0][0])
    named = {"a.txt": b"hello, I am text", "cut.png": good[:-40], "good.png": good}
    with pytest.raises(RecipeFailed) as caught:
        _generate(labeller, volume, tmp_path, [_uploaded(volume, body, name) for name, body in named.items()])
    assert "a.txt: cannot be read as a picture" in caught.value.message
    assert "cut.png: cannot be read as a picture" in caught.value.message
    assert "good.png" not in caught.value.message


def test_a_picture_too_large_to_decode_is_refused_by_its_size(place, tmp_path):
    volume, _, labeller, _, _ = place
    out = io.BytesIO()
    Image.new("1", (9000, 9000)).save(out, "PNG")
    with pytest.raises(RecipeFailed, match=r"bomb\.png: has 9000 x 9000 pixels"):
        _generate(labeller, volume, tmp_path, [_uploaded(volume, out.getvalue(), "bomb.png")])


def test_an_upload_that_is_gone_is_said(place, tmp_path):
    volume, _, labeller, _, _ = place
    with pytest.raises(InputMissing, match="no longer"):
        _generate(labeller, volume, tmp_path, ["0" * 32])


def test_a_dataset_is_labelled_in_its_order_and_its_accuracy_told(place, tmp_path):
    volume, dataset, labeller, model, data = place
    told = []

    class Told(Context):
        def progress(self, progress):
            told.append(progress)

    report, rows = _batch(labeller, volume, tmp_path, dataset, Told(volume=volume), top_k=2)
    assert list(rows[0]) == ["file", "label", "probability", "label 2", "probability 2", "true label", "error"]
    assert [row["file"] for row in rows] == data.names and len(rows) == 72
    assert [row["true label"] for row in rows] == [data.classes[label] for label in data.labels]
    shares = probabilities_of(model, data.pixels.rows(np.arange(72)))
    assert [row["label"] for row in rows] == [data.classes[c] for c in shares.argmax(1)]
    np.testing.assert_allclose([float(row["probability"]) for row in rows], shares.max(1), rtol=1e-4)
    right = np.mean([row["label"] == row["true label"] for row in rows])
    assert report.metrics == {"accuracy": right} and right > 0.9
    (table,) = report.outputs
    assert isinstance(table, Table) and table.count == 72 and len(table.rows) == 72 and table.file == "rows.csv"
    assert told[-1].phase == "generating" and told[-1].step == told[-1].total_steps == 72


def test_only_the_part_asked_for_is_labelled(place, tmp_path):
    volume, dataset, labeller, _, _ = place
    _, rows = _batch(labeller, volume, tmp_path, dataset, part="test", top_k=1)
    assert len(rows) == 12 and all(row["file"].startswith("test/") for row in rows)
    assert list(rows[0]) == ["file", "label", "probability", "true label", "error"]
    with pytest.raises(RecipeFailed, match="in the part 'val'"):
        _batch(labeller, volume, tmp_path, dataset, part="val")


def test_a_picture_that_cannot_be_read_has_its_reason_in_the_error_column(place, tmp_path):
    volume, _, labeller, _, _ = place
    dataset = import_files(volume, folder_files(BATCHES[-1] + 6, seed=5), "pictures")
    (volume.dataset_dir(dataset.id) / "files" / "bee" / "001.png").write_bytes(b"damaged")
    report, rows = _batch(labeller, volume, tmp_path, dataset)
    assert len(rows) == BATCHES[-1] + 6
    (bad,) = [row for row in rows if row["error"]]
    assert bad["file"] == "bee/001.png" and bad["label"] == "" and bad["true label"] == "bee"
    assert all(row["label"] for row in rows if row is not bad)
    assert report.metrics["accuracy"] > 0.9
    assert report.outputs[0].rows[int(np.flatnonzero([row is bad for row in rows])[0])][-1] == bad["error"]


def test_digits_of_another_size_are_labelled_and_no_accuracy_is_claimed(place, tmp_path):
    volume, _, labeller, _, _ = place
    other = import_files(volume, idx_files(9, 6, side=18), "idx")
    report, rows = _batch(labeller, volume, tmp_path, other, part="test")
    assert len(rows) == 6 and "true label" not in rows[0]
    assert report.metrics == {}


def test_a_stop_is_noticed_between_batches_and_leaves_nothing(place, tmp_path):
    volume, dataset, labeller, _, _ = place

    class Stopped(Context):
        def check(self):
            raise Cancelled("asked to stop")

    with pytest.raises(Cancelled):
        _batch(labeller, volume, tmp_path, dataset, Stopped(volume=volume))
    assert list(tmp_path.iterdir()) == []


def test_the_report_has_a_confusion_matrix_with_the_real_names_and_the_surest_mistakes(place, tmp_path):
    volume, _, _, model, data = place
    wrong = (data.labels + 1) % 3
    mislabelled = image_classifier.PictureData.__new__(image_classifier.PictureData)
    mislabelled.__dict__ |= data.__dict__ | {"labels": wrong, "classes": ["猿", "蜂", "猫"]}
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        report = image_classifier.report(model, mislabelled, PARAMS, Context(), files, [])
        outputs += report.outputs
    matrix, mistakes = report.outputs[0], [one for one in report.outputs if isinstance(one, Scores)]
    assert isinstance(matrix, Matrix) and matrix.names == ["猿", "蜂", "猫"]
    assert np.sum(matrix.counts) == 12 and np.trace(matrix.counts) == round(12 * report.metrics["test_accuracy"])
    assert "test part" in matrix.title and len(mistakes) == image_classifier.MISTAKES
    shares = [one.items[0].value for one in mistakes if isinstance(one, Scores)]
    assert shares == sorted(shares, reverse=True)
    for one in mistakes:
        assert [item.note for item in one.items] == ["said", "true"]
        assert one.items[0].name != one.items[1].name
        with Image.open(tmp_path / "artifacts" / one.picture) as shown:
            assert shown.size == (12, 12)
    assert (tmp_path / "artifacts" / "confusion_matrix.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_simple_answers_are_measured_on_the_same_pictures_as_the_model_and_compared_with_it(place, tmp_path):
    volume, _, _, model, data = place
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        report = image_classifier.report(model, data, PARAMS, Context(), files, [])
        outputs += report.outputs
    simple = image_classifier.baselines(data, PARAMS, Context())
    assert [one.name for one in simple] == [
        f"always {data.classes[0]!r}", "nearest class mean on pixels", "5-NN on pixels", "plain network of 20,547 weights",
    ]  # fmt: skip
    assert [one.seconds is not None for one in simple] == [False, False, False, True]
    assert report.rows == 12 and report.judge is not None
    everything = np.arange(report.rows)
    assert report.judge.score(report.predictions, everything) == report.metrics["test_accuracy"]
    for one in simple:
        assert one.predictions.shape == (12, 3)
        assert report.judge.score(one.predictions, everything) == one.metrics["test_accuracy"]
        assert set(one.metrics) <= set(report.metrics)
    verdict = judge(report.judge, report.predictions, [(one.name, one.predictions) for one in simple], report.rows)
    assert verdict is not None and "accuracy" in verdict.sentence


def test_where_every_picture_was_learnt_from_nothing_is_compared(place):
    *_, data = place
    alone = image_classifier.PictureData.__new__(image_classifier.PictureData)
    none = np.empty(0, np.int64)
    alone.__dict__ |= data.__dict__ | {"places": {**data.places, "val": none, "test": none}}
    assert image_classifier.baselines(alone, PARAMS, Context()) == []


def test_simple_answers_can_be_cancelled(place):
    *_, data = place

    class Stopped(Context):
        def check(self):
            raise Cancelled("asked to stop")

    with pytest.raises(Cancelled):
        image_classifier.baselines(data, PARAMS, Stopped())


def test_a_sample_shows_the_same_validation_pictures_each_time(place, tmp_path):
    volume, _, _, model, data = place
    found = []
    for name in ("one", "two"):
        with publishing(volume, tmp_path / name) as (files, outputs):
            outputs += image_classifier.sample(model, PARAMS, data.assets, seed=0, context=Context(), files=files)
            found.append(outputs)
    (picture,) = found[0]
    assert found[0] == found[1] and "validation pictures right" in picture.title and picture.legend == []
    digests = {hashlib.sha256((tmp_path / name / picture.file).read_bytes()).digest() for name in ("one", "two")}
    assert len(digests) == 1


def test_a_label_does_not_depend_on_the_pictures_beside_it(place):
    _, _, _, model, _ = place
    pixels = tiny_pictures(70, seed=3)[0]
    together = probabilities_of(model, pixels)
    np.testing.assert_allclose(together[:1], probabilities_of(model, pixels[:1]), rtol=1e-4)
    np.testing.assert_allclose(together[64:], probabilities_of(model, pixels[64:]), rtol=1e-4)
    np.testing.assert_allclose(together.sum(1), 1.0)
