"""A detector learns, answers pictures of any size, batches, and tells what simple answers reach."""

import csv
import io
import zipfile

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

import tensorflow as tf  # noqa: E402
from PIL import Image  # noqa: E402

from shared.errors import Cancelled, DatasetInvalid, RecipeFailed  # noqa: E402
from shared.outputs import Boxes, Series, Table  # noqa: E402
from shared.recipes import get_recipe  # noqa: E402
from shared.recipes.object_detector import (  # noqa: E402
    ObjectDetectorBatch,
    ObjectDetectorGenerate,
    ObjectDetectorTrain,
    check,
)
from shared.volume.files import save_file  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.tiny_boxes import CLASSES, coco, tiny_boxes, tiny_things  # noqa: E402
from tests.support.tiny_datasets import given, import_files  # noqa: E402
from tests.support.tiny_pictures import folder_files, png  # noqa: E402
from worker.artifacts import publishing  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.boxes.geometry import BINS, overlaps, places  # noqa: E402
from worker.families.boxes.losses import BoxLoss  # noqa: E402
from worker.recipes import object_detector  # noqa: E402
from worker.training.fit import fit  # noqa: E402
from worker.verdict import judge  # noqa: E402

PARAMS = ObjectDetectorTrain.model_validate(
    {"width": 8, "epochs": 30, "batch_size": 6, "warmup_steps": 5, "learning_rate": 5e-3, "zoom": 0.2}
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(volume, dataset, detector, model, data) of a detector that has learnt its tiny classes."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    dataset = import_files(volume, tiny_boxes(30) + tiny_boxes(8, "test", 50), "boxes")
    data = object_detector.load(given(volume, dataset), PARAMS, Context())
    model = fit(get_recipe("object_detector"), PARAMS, data, Context()).model
    return volume, dataset, object_detector.open_generator(model, PARAMS, data.assets), model, data


def _generate(by, volume, tmp_path, named, **values):
    """(outputs, folder with the files) for (name, bytes) uploaded."""
    ids = [save_file(volume, name, io.BytesIO(body), owner="local", max_bytes=1 << 24).id for name, body in named]
    tmp_path.mkdir(exist_ok=True)
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        outputs += by.generate(ObjectDetectorGenerate(images=ids, **values), Context(volume=volume), files).outputs
    return outputs, tmp_path / "artifacts"


def _found(output, truth, least=0.5):
    """How many true boxes one said of the same class overlaps by half, and how many were said."""
    right = 0
    for x0, y0, x1, y1, label in truth:
        true = tf.constant([x0, y0, x1, y1], tf.float32)
        own = [tf.constant([b.x0, b.y0, b.x1, b.y1]) for b in output.boxes if b.label == CLASSES[int(label)]]
        right += any(float(overlaps(true, box)) >= least for box in own)
    return right, len(output.boxes)


def test_things_are_found_in_uploaded_pictures_in_pixels_of_their_own(place, tmp_path):
    volume, _, by, _, _ = place
    scenes = [tiny_things(n) for n in range(90, 96)]
    large = np.repeat(np.repeat(scenes[0][0], 5, 0), 5, 1)  # five times as large: boxes must be, too
    named = [(f"第{n}.png", png(pixels)) for n, (pixels, _) in enumerate(scenes)] + [("large.png", png(large))]
    outputs, folder = _generate(by, volume, tmp_path, named)
    *pictures, table = outputs
    right = said = true = 0
    for number, (output, (pixels, boxes)) in enumerate(zip(pictures, scenes, strict=False)):
        assert isinstance(output, Boxes) and output.title == f"第{number}.png" and output.picture.startswith("file:")
        assert output.size == (pixels.shape[1], pixels.shape[0])
        found, count = _found(output, boxes)
        right, said, true = right + found, said + count, true + len(boxes)
    assert right >= 0.7 * true and said <= 1.6 * true, (right, said, true)
    assert pictures[-1].size == (320, 280)
    times_five = [(*(5 * side for side in box[:4]), box[4]) for box in scenes[0][1]]
    assert _found(pictures[-1], times_five)[0] >= _found(pictures[0], scenes[0][1])[0] - 1
    assert isinstance(table, Table) and table.count == sum(max(1, len(one.boxes)) for one in pictures)
    with (folder / table.file).open(encoding="utf-8-sig", newline="") as file:
        first = next(iter(csv.DictReader(file)))
    assert first["file"] == "第0.png" and float(first["score"]) == pictures[0].boxes[0].score


def test_a_larger_least_score_leaves_fewer_boxes(place, tmp_path):
    volume, _, by, _, _ = place
    named = [("a.png", png(tiny_things(90)[0]))]
    (weak, _), _ = _generate(by, volume, tmp_path / "a", named, least_score=0.01)
    (sure, _), _ = _generate(by, volume, tmp_path / "b", named, least_score=0.9)
    assert len(weak.boxes) > len(sure.boxes) and all(box.score >= 0.9 for box in sure.boxes)
    assert [box.score for box in weak.boxes] == sorted((box.score for box in weak.boxes), reverse=True)


def _saved(image, format="PNG", **how):
    out = io.BytesIO()
    image.save(out, format, **how)
    return out.getvalue()


def test_pictures_of_every_kind_are_looked_at_and_every_unreadable_one_is_named(place, tmp_path):
    volume, _, by, _, _ = place
    base = Image.fromarray(tiny_things(91)[0])
    palette = base.quantize(16)
    palette.info["transparency"] = 3
    kinds = [
        ("dot.png", _saved(Image.new("L", (1, 1), 9))),
        ("wide.png", _saved(Image.new("RGB", (6000, 2), "navy"))),
        ("cmyk.jpg", _saved(base.convert("CMYK"), "JPEG")),
        ("deep.png", _saved(Image.fromarray(np.asarray(base.convert("L")).astype(np.uint16) * 257))),
        ("palette.png", _saved(palette, transparency=3)),
        ("moving.gif", _saved(base, "GIF", save_all=True, append_images=[base.rotate(90, expand=True)])),
    ]
    outputs, _ = _generate(by, volume, tmp_path / "a", kinds, least_score=0.01)
    assert [one.size for one in outputs[:6]] == [(1, 1), (6000, 2), *[base.size] * 4]
    for one in outputs[:6]:
        for box in one.boxes:
            assert 0 <= box.x0 <= box.x1 <= one.size[0] and 0 <= box.y0 <= box.y1 <= one.size[1]
    good = png(tiny_things(1)[0])
    with pytest.raises(RecipeFailed) as caught:
        _generate(by, volume, tmp_path / "b", [("a.txt", b"I am text"), ("cut.png", good[:-40]), ("good.png", good)])
    assert "a.txt: cannot be read" in caught.value.message and "cut.png: cannot be read" in caught.value.message
    assert "good.png" not in caught.value.message


def test_a_picture_on_its_side_is_answered_upright(place, tmp_path):
    volume, _, by, _, _ = place
    pixels, _ = tiny_things(92)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = _saved(Image.fromarray(np.rot90(pixels)), exif=exif)
    (one, other, _), _ = _generate(by, volume, tmp_path, [("turned.png", turned), ("upright.png", png(pixels))])
    assert one.size == other.size == (64, 56) and one.boxes == other.boxes


def test_a_picture_on_its_side_is_learnt_from_upright_with_its_boxes(tmp_path):
    volume = Volume(tmp_path)
    volume.ensure()
    pixels, boxes = tiny_things(3)
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.rot90(pixels)  # its upright left edge is the bottom of what is stored
    width = pixels.shape[1]
    on_side = [(y0, width - x1, y1, width - x0, label) for x0, y0, x1, y1, label in boxes]
    files = [("a.png", _saved(Image.fromarray(stored), exif=exif)), ("b.png", png(tiny_things(4)[0]))]
    json = coco({"a.png": (stored, on_side), "b.png": tiny_things(4)})
    data = object_detector.load(
        given(volume, import_files(volume, [*files, ("all.json", json)], "boxes")), PARAMS, Context()
    )
    source = data.source(data.boxed.names.index("a.png"))
    assert np.array_equal(source.pixels, pixels)
    by_name = {name: number for number, name in enumerate(data.classes)}
    wanted = [(*box[:4], by_name[CLASSES[int(box[4])]]) for box in boxes]
    assert sorted(source.boxes.tolist()) == sorted(map(list, wanted))


def _batch(by, volume, tmp_path, dataset, context=None, **values):
    """(Report, rows of rows.csv as dicts, folder)."""
    tmp_path.mkdir(exist_ok=True)
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        given_inputs, context = given(volume, dataset), context or Context(volume=volume)
        report = by.batch(ObjectDetectorBatch(**values), given_inputs, context, files)
        outputs += report.outputs
    with (tmp_path / "artifacts" / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        return report, list(csv.DictReader(file)), tmp_path / "artifacts"


def test_a_dataset_is_answered_into_a_table_and_a_zip_and_told_how_right_it_is(place, tmp_path):
    volume, dataset, by, *_ = place
    report, rows, folder = _batch(by, volume, tmp_path, dataset, part="test")
    names = [f"{number:03d}.png" for number in range(50, 58)]
    assert list(dict.fromkeys(row["file"] for row in rows)) == names and not any(row["error"] for row in rows)
    assert report.metrics["map50"] > 0.6 and report.metrics["boxes"] == sum(bool(row["label"]) for row in rows)
    assert {row["label"] for row in rows} - {""} <= set(CLASSES)
    with zipfile.ZipFile(folder / "pictures.zip") as archive:
        assert archive.namelist() == [*(name.replace(".png", ".jpg") for name in names), "classes.txt"]
        assert "圆盘" in archive.read("classes.txt").decode()
        with Image.open(io.BytesIO(archive.read("050.jpg"))) as image:
            assert image.size == (64, 56)


def test_pictures_without_boxes_and_damaged_ones_are_no_failure(place, tmp_path):
    volume, _, by, _, _ = place
    dataset = import_files(volume, folder_files(6, channels=3), "pictures")
    (volume.dataset_dir(dataset.id) / "files" / "bee" / "001.png").write_bytes(b"damaged")
    report, rows, folder = _batch(by, volume, tmp_path, dataset, pictures=False)
    assert {row["file"] for row in rows if row["error"]} == {"bee/001.png"}
    assert set(report.metrics) == {"boxes"} and not (folder / "pictures.zip").exists()
    assert "1 pictures with an error" in report.outputs[0].title
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
        object_detector.baselines(data, PARAMS, Stopped())


def test_the_report_measures_the_test_part_and_is_compared_with_simple_answers(place, tmp_path):
    volume, _, _, model, data = place
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        report = object_detector.report(model, data, PARAMS, Context(), files, [{"val_loss": 0.5}])
        outputs += report.outputs
    simple = object_detector.baselines(data, PARAMS, Context())
    assert [one.name for one in simple] == ["boxes at their usual places", "blobs of the colours of a class"]
    assert report.judge is not None and report.rows == 8
    everything = np.arange(report.rows)
    assert report.judge.score(report.predictions, everything) == pytest.approx(report.metrics["test_map50"])
    for one in simple:
        assert report.judge.score(one.predictions, everything) == pytest.approx(one.metrics["test_map50"])
        assert set(one.metrics) <= set(report.metrics)
    usual, blobs = (one.metrics["test_map50"] for one in simple)
    assert usual < blobs < 1 and usual < report.metrics["test_map50"]  # colour tells discs from bars here
    verdict = judge(report.judge, report.predictions, [(one.name, one.predictions) for one in simple], report.rows)
    assert verdict is not None and "mAP@0.5" in verdict.sentence
    table, curves, *worst = report.outputs
    assert isinstance(table, Table) and {row[0] for row in table.rows} == set(CLASSES)
    assert float(np.mean([row[2] for row in table.rows])) == pytest.approx(report.metrics["test_map50"], abs=1e-3)
    assert isinstance(curves, Series) and len(curves.lines) == 2
    worst = [one for one in worst if isinstance(one, Boxes)]
    assert len(worst) == len(report.outputs) - 2 == 2 * 4 and all(one.size == (64, 56) for one in worst)
    assert worst[1].title.endswith(": true") and worst[0].picture == worst[1].picture


def test_a_batch_of_a_step_is_the_same_however_it_is_come_to(place):
    *_, data = place
    following = [(x.numpy(), y.numpy()) for x, y in data.train(3).take(2)]
    before = [(x.numpy(), y.numpy()) for x, y in data.train(0).take(5)][3:]
    for (x, y), (again, boxes) in zip(following, before, strict=True):
        assert np.array_equal(x, again) and np.array_equal(y, boxes)


def _loaded(tmp_path, files, **params):
    volume = Volume(tmp_path)
    volume.ensure()
    dataset = import_files(volume, files, "boxes")
    wanted = PARAMS.model_copy(update=params)
    return dataset, object_detector.load(given(volume, dataset), wanted, Context())


def test_pictures_without_a_box_are_learnt_from_as_holding_nothing(tmp_path):
    scenes = {f"{n}.png": (tiny_things(n) if n < 6 else (tiny_things(n)[0], [])) for n in range(9)}
    files = [(f"train/{name}", png(pixels)) for name, (pixels, _) in scenes.items()]
    _, data = _loaded(tmp_path, [*files, ("train/all.json", coco(scenes))], mosaic=0.0)
    assert any("have no box" in note for note in data.notes)
    x, y = next(iter(data.train(0)))
    logits = tf.zeros((x.shape[0], len(places(data.shape[:2])[0]), 4 * BINS + 2))
    nothing = float(BoxLoss(data.shape).call(tf.fill(tf.shape(y), -1.0), logits))
    assert nothing == pytest.approx(0.5 * np.log(2) * logits.shape[1] * 2 * x.shape[0], rel=1e-4)


def test_no_box_in_validation_is_said_and_the_last_state_is_kept(tmp_path):
    bare = {f"{n}.png": (tiny_things(n)[0], []) for n in range(80, 83)}
    files = [*tiny_boxes(8), *((f"val/{name}", png(pixels)) for name, (pixels, _) in bare.items())]
    _, data = _loaded(tmp_path, [*files, ("val/all.json", coco(bare))])
    assert data.split == {"train": 8, "val": 3, "test": 0} and any(
        "no validation picture has a box" in n for n in data.notes
    )
    assert object_detector.evaluate(None, data, lambda batches: None) is None
    assert object_detector.baselines(data, PARAMS, Context()) == []


def test_a_class_of_one_box_is_named_and_what_cannot_be_learnt_from_is_refused(tmp_path):
    scenes = {
        f"{n}.png": (pixels, [box for box in boxes if box[4] == 1])
        for n in range(8)
        for pixels, boxes in [tiny_things(n)]
    }
    scenes["0.png"] = tiny_things(0)
    files = [(f"train/{name}", png(pixels)) for name, (pixels, _) in scenes.items()]
    dataset, data = _loaded(tmp_path, [*files, ("train/all.json", coco(scenes))])
    assert data.classes == ["bar", "圆盘"] and any(
        "hardly anything to learn from about 圆盘" in note for note in data.notes
    )

    def wrong(**params):
        return [(p.field, p.message) for p in check(PARAMS.model_copy(update=params), {"data": dataset})]

    assert wrong() == [] and wrong(ignore=["bar"]) == []
    ((field, message),) = wrong(ignore=["Bar"])
    assert field == "params.ignore" and "did you mean 'bar'" in message
    assert "leave one" in wrong(ignore=["bar", "圆盘"])[0][1]
    volume = Volume(tmp_path / "b")
    volume.ensure()
    only_test = [
        *tiny_boxes(3, "test"),
        *((f"train/{name}", png(tiny_things(70 + n)[0])) for n, name in enumerate(("x.png", "y.png"))),
    ]
    bare = import_files(volume, [*only_test, ("train/all.json", coco({"x.png": (tiny_things(70)[0], [])}))], "boxes")
    with pytest.raises(DatasetInvalid, match="no picture to train with has a box"):
        object_detector.load(given(volume, bare), PARAMS, Context())
