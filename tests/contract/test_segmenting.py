"""A segmenter learns, answers pictures of any size, batches and tells what simple answers reach; tiles leave no seams."""

import csv
import io
import zipfile
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

import tensorflow as tf  # noqa: E402
from PIL import Image  # noqa: E402

from shared.datasets.pairs.storing import NOTHING  # noqa: E402
from shared.errors import Cancelled, RecipeFailed  # noqa: E402
from shared.outputs import Mask, Table  # noqa: E402
from shared.recipes import get_recipe  # noqa: E402
from shared.recipes.image_segmenter import (  # noqa: E402
    ImageSegmenterBatch,
    ImageSegmenterGenerate,
    ImageSegmenterTrain,
)
from shared.volume.files import save_file  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.tiny_datasets import given, import_files  # noqa: E402
from tests.support.tiny_masks import CLASSES, tiny_pairs, tiny_scene  # noqa: E402
from tests.support.tiny_pictures import folder_files, png  # noqa: E402
from worker.artifacts import publishing  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.images.augment import Augmentation  # noqa: E402
from worker.families.masks.augment import augment_pairs  # noqa: E402
from worker.families.masks.losses import MaskLoss, MeanIou  # noqa: E402
from worker.families.masks.measuring import counted, mask_metrics  # noqa: E402
from worker.families.masks.networks import multiple_of, segmenter  # noqa: E402
from worker.families.masks.tiles import classes_of  # noqa: E402
from worker.recipes import image_segmenter  # noqa: E402
from worker.training.fit import fit  # noqa: E402
from worker.verdict import judge  # noqa: E402

PARAMS = ImageSegmenterTrain.model_validate(
    {
        "width": 8,
        "depth": 2,
        "epochs": 12,
        "batch_size": 4,
        "warmup_steps": 0,
        "learning_rate": 1e-2,
        "ignore": ["void"],
    }
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(volume, dataset, segmenter, model, data) of a segmenter that has learnt its tiny classes."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    dataset = import_files(volume, tiny_pairs(24, "train") + tiny_pairs(6, "test", 50, legend=False), "picture_pairs")
    data = image_segmenter.load(given(volume, dataset), PARAMS, Context())
    model = fit(get_recipe("image_segmenter"), PARAMS, data, Context()).model
    return volume, dataset, image_segmenter.open_generator(model, PARAMS, data.assets), model, data


def _generate(by, volume, tmp_path, named):
    """(outputs, folder with the files) for (name, bytes) uploaded."""
    ids = [save_file(volume, name, io.BytesIO(body), owner="local", max_bytes=1 << 22).id for name, body in named]
    tmp_path.mkdir(exist_ok=True)
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        outputs += by.generate(ImageSegmenterGenerate(images=ids), Context(volume=volume), files).outputs
    return outputs, tmp_path / "artifacts"


def _values(path):
    with Image.open(path) as image:
        assert image.mode == "P" and image.info["transparency"] is not None
        palette = image.getpalette()
        assert palette is not None
        return np.asarray(image), palette[:9]


def test_uploaded_pictures_get_a_mask_of_their_own_size_that_is_mostly_right(place, tmp_path):
    volume, _, by, _, data = place
    scenes = [tiny_scene(n, side=side) for n, side in ((90, 24), (91, 60))]
    outputs, folder = _generate(by, volume, tmp_path, [(f"第{i}.png", png(p)) for i, (p, _) in enumerate(scenes)])
    for number, (output, (_, truth)) in enumerate(zip(outputs, scenes, strict=True)):
        assert isinstance(output, Mask) and output.title == f"第{number}.png" and output.picture.startswith("file:")
        values, palette = _values(folder / output.mask)
        assert values.shape == truth.shape
        assert (values == truth)[truth < 3].mean() > 0.85
        assert sum(part.share for part in output.classes) == pytest.approx(1)
        assert {part.name for part in output.classes} <= set(CLASSES)
        shown = [f"#{palette[3 * c]:02x}{palette[3 * c + 1]:02x}{palette[3 * c + 2]:02x}" for c in range(3)]
        assert shown == [colour for _, colour in data.classes]


def test_every_unreadable_picture_is_named_and_grey_ones_are_taken(place, tmp_path):
    volume, _, by, _, _ = place
    good = png(tiny_scene(1)[0])
    with pytest.raises(RecipeFailed) as caught:
        _generate(by, volume, tmp_path / "a", [("a.txt", b"I am text"), ("cut.png", good[:-40]), ("good.png", good)])
    assert "a.txt: cannot be read" in caught.value.message and "cut.png: cannot be read" in caught.value.message
    assert "good.png" not in caught.value.message
    outputs, folder = _generate(by, volume, tmp_path / "b", [("dot.png", png(np.full((1, 1, 1), 9, np.uint8)))])
    assert _values(folder / outputs[0].mask)[0].shape == (1, 1)


def test_a_picture_on_its_side_is_answered_upright(place, tmp_path):
    volume, _, by, _, _ = place
    pixels, _ = tiny_scene(92)
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.fromarray(np.rot90(pixels)).save(out, "PNG", exif=exif)
    outputs, folder = _generate(by, volume, tmp_path, [("turned.png", out.getvalue()), ("upright.png", png(pixels))])
    turned, upright = (_values(folder / output.mask)[0] for output in outputs)
    assert np.array_equal(turned, upright)


def _batch(by, volume, tmp_path, dataset, context=None, **values):
    """(Report, rows of rows.csv as dicts, folder)."""
    tmp_path.mkdir(exist_ok=True)
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        given_inputs, context = given(volume, dataset), context or Context(volume=volume)
        report = by.batch(ImageSegmenterBatch(**values), given_inputs, context, files)
        outputs += report.outputs
    with (tmp_path / "artifacts" / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        return report, list(csv.DictReader(file)), tmp_path / "artifacts"


def test_a_dataset_is_answered_into_a_table_and_a_zip_of_masks_and_told_how_right_it_is(place, tmp_path):
    volume, dataset, by, *_ = place
    report, rows, folder = _batch(by, volume, tmp_path, dataset, part="test")
    assert list(rows[0]) == ["file", *CLASSES, "pixel accuracy", "mean IoU", "error"] and len(rows) == 6
    assert report.metrics["mean_iou"] > 0.5
    table, masks = report.outputs
    assert isinstance(table, Table) and table.count == 6 and isinstance(masks, Table) and masks.file == "masks.zip"
    with zipfile.ZipFile(folder / "masks.zip") as archive:
        assert archive.namelist() == [f"{row['file'].removesuffix('.png')}.png" for row in rows]
        values, _ = _values(io.BytesIO(archive.read(archive.namelist()[0])))
    shares = np.bincount(values.ravel(), minlength=3) / values.size
    assert [float(rows[0][name]) for name in CLASSES] == pytest.approx(shares.tolist())


def test_pictures_without_masks_and_damaged_ones_are_no_failure(place, tmp_path):
    volume, _, by, _, _ = place
    dataset = import_files(volume, folder_files(6, channels=3), "pictures")
    (volume.dataset_dir(dataset.id) / "files" / "bee" / "001.png").write_bytes(b"damaged")
    report, rows, folder = _batch(by, volume, tmp_path, dataset, masks=False)
    assert [bool(row["error"]) for row in rows] == [row["file"] == "bee/001.png" for row in rows]
    assert report.metrics == {} and not (folder / "masks.zip").exists() and "mean IoU" not in rows[0]
    with pytest.raises(RecipeFailed, match="in the part 'val'"):
        _batch(by, volume, tmp_path / "b", dataset, part="val")


def test_a_stop_is_noticed_and_leaves_nothing(place, tmp_path):
    volume, dataset, by, _, data = place

    class Stopped(Context):
        def check(self):
            raise Cancelled("asked to stop")

    with pytest.raises(Cancelled):
        _batch(by, volume, tmp_path, dataset, Stopped(volume=volume))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Cancelled):
        image_segmenter.baselines(data, PARAMS, Stopped())


def test_the_report_measures_the_test_part_and_is_compared_with_simple_answers(place, tmp_path):
    volume, _, _, model, data = place
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        report = image_segmenter.report(model, data, PARAMS, Context(), files, [{"val_loss": 0.5}])
        outputs += report.outputs
    simple = image_segmenter.baselines(data, PARAMS, Context())
    assert [one.name for one in simple] == [
        "always 'ground'", "the commonest class at each place", "a random forest on colours, their surroundings and place",
    ]  # fmt: skip
    assert report.judge is not None
    everything = np.arange(report.rows)
    assert report.judge.score(report.predictions, everything) == pytest.approx(report.metrics["test_mean_iou"])
    for one in simple:
        assert one.predictions.shape == (6, 3, 3) and one.predictions.sum() == report.predictions.sum()
        assert report.judge.score(one.predictions, everything) == pytest.approx(one.metrics["test_mean_iou"])
        assert set(one.metrics) <= set(report.metrics)
    assert simple[0].metrics["test_mean_iou"] < simple[2].metrics["test_mean_iou"]
    verdict = judge(report.judge, report.predictions, [(one.name, one.predictions) for one in simple], report.rows)
    assert verdict is not None and "mean IoU" in verdict.sentence
    masks = [output for output in report.outputs if isinstance(output, Mask)]
    assert len(masks) == 2 * 4 and [one.title.split(": ")[1].split(",")[0] for one in masks[:2]] == ["said", "true"]


@pytest.mark.parametrize("architecture", ["unet", "deeplab"])
@pytest.mark.parametrize("halved", [True, False])
def test_a_network_of_any_size_answers_every_pixel(architecture, halved):
    side = 3 * multiple_of(architecture, 1, halved)
    model = segmenter(
        architecture, (side, 2 * side, 1), 5, width=5, depth=1, dropout=0.1, halved=halved, mean=[0.5], std=[0.2]
    )
    logits = model(np.zeros((2, side, 2 * side, 1), np.float32))
    assert logits.shape == (2, side, 2 * side, 5) and logits.dtype == tf.float32


def test_masks_move_as_their_pictures_do():
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 2, (6, 8, 8), dtype=np.uint8).repeat(6, 1).repeat(6, 2)
    images = (masks[..., None] * 200.0).astype(np.float32)
    how = Augmentation(flip_horizontal=True, flip_vertical=True, rotation=40, zoom=0.3)
    x, y = (part.numpy() for part in augment_pairs(images, masks, tf.constant([1, 2]), how, 0.0))
    again = augment_pairs(images, masks, tf.constant([1, 2]), how, 0.0)
    assert np.array_equal(x, again[0]) and np.array_equal(y, again[1]) and not np.array_equal(x, images)
    known = y != NOTHING
    sure = known & (np.abs(x[..., 0] - 100) > 60)  # far from the borders between both values, which are blended
    assert known.mean() < 1 and sure.mean() > 0.5
    assert ((x[..., 0] > 100) == (y == 1))[sure].mean() > 0.995


def test_colours_change_without_moving_anything():
    rng = np.random.default_rng(0)
    images, masks = rng.uniform(20, 200, (4, 8, 8, 3)).astype(np.float32), np.zeros((4, 8, 8), np.uint8)
    x, y = (np.asarray(part) for part in augment_pairs(images, masks, tf.constant([1, 2]), Augmentation(), 0.3))
    assert np.array_equal(y, masks) and x.min() >= 0 and x.max() <= 255
    for before, after in zip(images, x, strict=True):
        assert np.corrcoef(before.mean(-1).ravel(), after.mean(-1).ravel())[0, 1] > 0.99
    assert not np.allclose(x, images, atol=2)


def value(loss: Any, truth, said) -> float:
    return float(loss(truth, said))


def _softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def test_losses_are_what_their_papers_say_over_the_pixels_that_have_a_class():
    rng = np.random.default_rng(0)
    logits, truth = rng.normal(size=(2, 3, 4, 3)).astype(np.float32), rng.integers(0, 3, (2, 3, 4)).astype(np.uint8)
    truth[0, 0] = NOTHING
    shares, known = _softmax(logits.astype(np.float64))[truth != NOTHING], truth[truth != NOTHING]
    right = shares[np.arange(len(known)), known]
    weights = [1.0, 2.0, 0.5]
    each = np.array(weights)[known]
    assert value(MaskLoss("cross_entropy"), truth, logits) == pytest.approx(-np.log(right).mean(), rel=1e-5)
    weighed = value(MaskLoss("cross_entropy", weights), truth, logits)
    assert weighed == pytest.approx((-np.log(right) * each).sum() / each.sum(), rel=1e-5)
    assert value(MaskLoss("focal"), truth, logits) == pytest.approx(
        (-np.log(right) * (1 - right) ** 2).mean(), rel=1e-5
    )
    true = np.eye(3)[known]
    dice = (2 * (shares * true).sum(0) + 1) / (shares.sum(0) + true.sum(0) + 1)
    assert value(MaskLoss("dice"), truth, logits) == pytest.approx(-np.log(right).mean() + 1 - dice.mean(), rel=1e-5)
    nothing = MaskLoss("dice")(np.full_like(truth, NOTHING), logits)
    assert np.isfinite(nothing)


def test_the_mean_iou_of_an_evaluation_is_that_of_the_report():
    rng = np.random.default_rng(0)
    metric, total = MeanIou(4), np.zeros((4, 4), int)
    for _ in range(3):
        logits, truth = rng.normal(size=(2, 5, 5, 4)).astype(np.float32), rng.integers(0, 3, (2, 5, 5)).astype(np.uint8)
        truth[0, 0] = NOTHING
        metric.update_state(truth, logits)
        total += counted(truth, logits.argmax(-1).astype(np.uint8), 4)
    assert float(metric.result()) == pytest.approx(mask_metrics(total)["mean_iou"], rel=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 0


def test_a_picture_of_many_tiles_is_answered_as_one_whole_picture_by_a_network_that_looks_at_single_pixels():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 5)).astype(np.float32)
    picture = rng.integers(0, 256, (67, 131, 3), dtype=np.uint8)
    found = classes_of(lambda x: tf.cast(x, tf.float32) @ weights, tf.constant(picture), (16, 32), 5).numpy()
    assert np.array_equal(found, (picture.astype(np.float32) @ weights).argmax(-1))
    for size in ((1, 1), (16, 32), (17, 5), (40, 32)):
        part = picture[: size[0], : size[1]]
        found = classes_of(lambda x: tf.cast(x, tf.float32) @ weights, tf.constant(part), (16, 32), 5).numpy()
        assert np.array_equal(found, (part.astype(np.float32) @ weights).argmax(-1))
