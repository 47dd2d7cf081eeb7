"""A restorer learns, answers pictures of any size and kind, fills holes, restores datasets and tells what simple answers reach."""

import csv
import io
import zipfile
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

import tensorflow as tf  # noqa: E402
from PIL import Image  # noqa: E402

from shared.errors import Cancelled, DatasetInvalid, RecipeFailed  # noqa: E402
from shared.outputs import Picture, Table  # noqa: E402
from shared.recipes import get_recipe  # noqa: E402
from shared.recipes.image_to_image import ImageToImageBatch, ImageToImageGenerate, ImageToImageTrain  # noqa: E402
from shared.volume.files import save_file  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.tiny_datasets import given, import_files  # noqa: E402
from tests.support.tiny_masks import grey_png  # noqa: E402
from tests.support.tiny_pictures import png  # noqa: E402
from tests.support.tiny_scenes import clean_files, clean_scene, pair_files, saved  # noqa: E402
from worker.artifacts import publishing  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.restoring.measuring import compared  # noqa: E402
from worker.recipes import image_to_image  # noqa: E402
from worker.training.fit import fit  # noqa: E402
from worker.verdict import judge  # noqa: E402

SPEC = get_recipe("image_to_image")
SMALL: dict[str, Any] = {
    "width": 8,
    "depth": 1,
    "batch_size": 4,
    "patch": 16,
    "tile": 32,
    "warmup_steps": 0,
    "learning_rate": 5e-3,
}


def params_of(**values) -> ImageToImageTrain:
    return ImageToImageTrain.model_validate(SMALL | values)


def learnt(volume, files, format, **values):
    """(restorer, model, data, params) of a training."""
    params = params_of(**values)
    data = image_to_image.load(given(volume, import_files(volume, files, format)), params, Context())
    model = fit(SPEC, params, data, Context()).model
    return image_to_image.open_generator(model, params, data.assets), model, data, params


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    return volume


@pytest.fixture(scope="module")
def denoiser(volume):
    return learnt(
        volume, clean_files(16, "train") + clean_files(5, "test", 50), "pictures", task="denoise", sigma=40, steps=150
    )


@pytest.fixture(scope="module")
def doubler(volume):
    """Of pairs, that makes twice as large and turns dark into light, a picture of grey among those in colour."""
    files = pair_files(12, lambda scene: 255 - scene[::2, ::2], "train")
    files += pair_files(3, lambda scene: 255 - scene[::2, ::2], "test", 60)
    grey = clean_scene(80, channels=1)
    files += [("train/noisy/080.png", png(255 - grey[::2, ::2])), ("train/clean/080.png", png(grey))]
    return learnt(volume, files, "picture_pairs", task="pairs", steps=150)


@pytest.fixture(scope="module")
def filler(volume):
    values = {"task": "inpaint", "depth": 2, "patch": 32, "steps": 60}
    return learnt(volume, clean_files(12, channels=1), "pictures", **values)


def generated(by, volume, tmp_path, named, masks=()):
    """(outputs, folder with the files) for (name, bytes) uploaded."""
    kept = [
        [save_file(volume, name, io.BytesIO(body), owner="local", max_bytes=1 << 24).id for name, body in some]
        for some in (named, masks)
    ]
    tmp_path.mkdir(exist_ok=True)
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        asked = ImageToImageGenerate(images=kept[0], masks=kept[1])
        outputs += by.generate(asked, Context(volume=volume), files).outputs
    return outputs, tmp_path / "artifacts"


def restored(outputs, folder):
    """The pictures that were made, as arrays."""
    found = []
    for output in outputs[1::2]:
        assert isinstance(output, Picture) and output.title.endswith(": restored")
        with Image.open(folder / output.file) as image:
            found.append(np.asarray(image))
    return found


def test_noise_is_taken_away_better_than_by_a_median_filter(denoiser, volume, tmp_path):
    _, model, data, params = denoiser
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        report = image_to_image.report(model, data, params, Context(), files, [{"val_loss": 0.1, "val_psnr": 20.0}])
        outputs += report.outputs
    simple = image_to_image.baselines(data, params, Context())
    assert [one.name for one in simple] == [
        "the picture as it is given", "a median filter, 3x3 pixels", "a median filter, 5x5 pixels",
    ]  # fmt: skip
    assert report.judge is not None and report.rows == 5
    assert report.judge.score(report.predictions, np.arange(5)) == pytest.approx(report.metrics["test_psnr_y"])
    for one in simple:
        assert set(one.metrics) <= set(report.metrics)
        assert one.metrics["test_psnr_y"] < report.metrics["test_psnr_y"] - 1
    verdict = judge(report.judge, report.predictions, [(one.name, one.predictions) for one in simple], report.rows)
    assert verdict is not None and verdict.better and "dB of PSNR" in verdict.sentence
    table, *worst = report.outputs
    assert isinstance(table, Table) and table.count == 5 and table.columns[0] == "picture"
    assert len(worst) == 4 and all(isinstance(one, Picture) and "dB" in one.title for one in worst)
    assert data.split == {"train": 14, "val": 2, "test": 5}


def test_pictures_of_every_kind_and_size_are_taken(denoiser, volume, tmp_path):
    by, *_ = denoiser
    scene = clean_scene(3, height=50, width=40)
    image = Image.fromarray(scene)
    deep = Image.fromarray(scene[..., 0].astype(np.uint16) * 257)
    frames = [image, Image.fromarray(scene[::-1])]
    exif = Image.Exif()
    exif[0x0112] = 6
    named = [
        ("dot.png", png(scene[:1, :1])),
        ("wide.png", png(np.tile(scene, (1, 9, 1)))),
        ("cmyk.jpg", saved(image.convert("CMYK"), "JPEG")),
        ("deep.png", saved(deep, "PNG")),
        ("palette.png", saved(image.convert("P", palette=Image.Palette.ADAPTIVE), "PNG", transparency=0)),
        ("moving.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:])),
        ("grey.png", png(scene[..., :1])),
        ("turned.jpg", saved(image, "JPEG", exif=exif)),
    ]
    outputs, folder = generated(by, volume, tmp_path, named)
    shapes = [one.shape for one in restored(outputs, folder)]
    assert shapes == [(1, 1, 3), (50, 360, 3), (50, 40, 3), (50, 40), (50, 40, 3), (50, 40, 3), (50, 40), (40, 50, 3)]
    assert [one.title for one in outputs[::2]] == [f"{name}: given" for name, _ in named]
    again, _ = generated(by, volume, tmp_path / "again", named[1:2])
    assert (tmp_path / "again" / "artifacts" / again[1].file).read_bytes() == (folder / outputs[3].file).read_bytes()


def test_everything_that_cannot_be_used_is_named(denoiser, doubler, volume, tmp_path):
    good = png(clean_scene(1))
    with pytest.raises(RecipeFailed) as caught:
        generated(
            denoiser[0],
            volume,
            tmp_path / "a",
            [("a.txt", b"I am text"), ("cut.png", good[:-90]), ("good.png", good)],
        )
    assert "a.txt: cannot be read" in caught.value.message and "cut.png: " in caught.value.message
    assert "good.png" not in caught.value.message
    huge = saved(Image.new("1", (5_000, 5_000)), "PNG")
    with pytest.raises(RecipeFailed, match="would become 10000 x 10000 pixels"):
        generated(doubler[0], volume, tmp_path / "b", [("huge.png", huge)])
    with pytest.raises(RecipeFailed, match="fills no holes"):
        generated(denoiser[0], volume, tmp_path / "c", [("good.png", good)], [("mask.png", good)])


def test_pairs_teach_what_turns_the_one_into_the_other_also_in_another_size(doubler, volume, tmp_path):
    by, _, data, params = doubler
    assert data.scale == 2 and data.pictures.channels == 3 and data.split["test"] == 3
    scene = clean_scene(90, height=60, width=52)
    outputs, folder = generated(by, volume, tmp_path, [("negative.png", png(255 - scene[::2, ::2]))])
    (said,) = restored(outputs, folder)
    assert outputs[0].title == "negative.png: given, enlarged by bicubic interpolation"
    assert said.shape == scene.shape and compared(scene, said, border=2)[0] > 22
    simple = image_to_image.baselines(data, params, Context())
    assert [one.name for one in simple][1] == "a linear filter, 5x5 pixels, fitted to the pairs"
    assert simple[1].metrics["test_psnr_y"] > 25 > 15 > simple[0].metrics["test_psnr_y"]


def test_a_dataset_of_pairs_is_restored_into_a_zip_and_a_table_that_says_how_near_it_comes(doubler, volume, tmp_path):
    def damage(scene):
        return 255 - scene[:36:2, :44:2]

    files = pair_files(3, damage, "test", 60, height=37, width=45)  # a row and a column are over
    dataset = import_files(volume, files, "picture_pairs")
    report, rows, folder = batch(doubler[0], volume, tmp_path, dataset)
    assert list(rows[0]) == ["file", "width", "height", "PSNR", "SSIM", "PSNR as given", "error"] and len(rows) == 3
    assert report.metrics["psnr_y"] == pytest.approx(np.mean([float(row["PSNR"]) for row in rows]), abs=1e-6)
    assert report.metrics["psnr_y"] > report.metrics["given_psnr_y"] + 5 and 0 < report.metrics["ssim_y"] <= 1
    with zipfile.ZipFile(folder / "restored.zip") as archive:
        assert archive.namelist() == [row["file"] for row in rows]
        with Image.open(archive.open("060.png")) as image:
            said = np.asarray(image)
    truth = clean_scene(60, height=37, width=45)[:36, :44]
    assert compared(truth, said, border=2)[0] == pytest.approx(float(rows[0]["PSNR"]), abs=1e-6)
    same = import_files(volume, pair_files(2, lambda scene: 255 - scene, "test", 70), "picture_pairs")
    report, rows, _ = batch(doubler[0], volume, tmp_path / "b", same)
    assert {row["error"] for row in rows} == {"became 88 x 72 pixels, its clean picture has 44 x 36"}
    assert report.metrics == {} and "2 with an error instead" in report.outputs[0].title


def batch(by, volume, tmp_path, dataset, context=None, **values):
    """(Report, rows of rows.csv as dicts, folder)."""
    tmp_path.mkdir(exist_ok=True)
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        inputs, context = given(volume, dataset), context or Context(volume=volume)
        report = by.batch(ImageToImageBatch(**values), inputs, context, files)
        outputs += report.outputs
    with (tmp_path / "artifacts" / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        return report, list(csv.DictReader(file)), tmp_path / "artifacts"


def test_damaged_pictures_of_a_dataset_are_no_failure_and_a_part_may_be_chosen(denoiser, volume, tmp_path):
    dataset = import_files(volume, clean_files(3, "train", 70) + clean_files(2, "val", 80), "pictures")
    (volume.dataset_dir(dataset.id) / "files" / "val" / "081.png").write_bytes(b"damaged")
    report, rows, folder = batch(denoiser[0], volume, tmp_path, dataset, part="val")
    assert [bool(row["error"]) for row in rows] == [False, True] and report.metrics == {}
    with zipfile.ZipFile(folder / "restored.zip") as archive:
        assert archive.namelist() == ["val/080.png"]
    with pytest.raises(RecipeFailed, match="in the part 'test'"):
        batch(denoiser[0], volume, tmp_path / "b", dataset, part="test")


def test_a_hole_is_filled_and_nothing_else_is_touched(filler, volume, tmp_path):
    by, *_ = filler
    scene = clean_scene(40, height=90, width=70)
    hole = np.zeros((90, 70), bool)
    hole[20:30, 30:50] = True
    mask = grey_png(np.where(hole, np.uint8(255), np.uint8(0)))
    clear = np.dstack([scene, np.where(hole, 0, 255).astype(np.uint8)])
    named = [("masked.png", png(scene)), ("clear.png", saved(Image.fromarray(clear), "PNG"))]
    outputs, folder = generated(by, volume, tmp_path / "a", named[:1], [("mask.png", mask)])
    (said,) = restored(outputs, folder)
    assert "missing in magenta" in outputs[0].title
    assert said.shape == scene.shape  # in colour, by a model of grey: each colour by itself
    assert np.array_equal(said[~hole], scene[~hole]) and not np.array_equal(said[hole], scene[hole])
    assert np.abs(said[hole].astype(int) - scene[hole]).mean() < np.abs(128 - scene[hole].astype(int)).mean()
    outputs, folder = generated(by, volume, tmp_path / "b", named[1:])
    assert np.array_equal(restored(outputs, folder)[0], said)
    outputs, folder = generated(by, volume, tmp_path / "c", named * 2, [("mask.png", mask)])
    assert len(restored(outputs, folder)) == 4


def test_masks_that_do_not_fit_are_named(filler, volume, tmp_path):
    by, scene = filler[0], png(clean_scene(40))
    small = grey_png(np.full((10, 12), 255, np.uint8))
    with pytest.raises(RecipeFailed, match=r"one\.png: mask\.png, its mask, is 12 x 10 pixels, the picture 44 x 36"):
        generated(by, volume, tmp_path / "a", [("one.png", scene)], [("mask.png", small)])
    with pytest.raises(RecipeFailed, match="has no hole: give a mask"):
        generated(by, volume, tmp_path / "b", [("one.png", scene)])
    with pytest.raises(RecipeFailed, match="3 pictures and 2 masks"):
        generated(by, volume, tmp_path / "c", [("one.png", scene)] * 3, [("mask.png", small)] * 2)
    with pytest.raises(RecipeFailed, match=r"its mask, cannot be read"):
        generated(by, volume, tmp_path / "d", [("one.png", scene)], [("mask.png", b"none")])
    nothing = grey_png(np.zeros((36, 44), np.uint8))
    outputs, folder = generated(by, volume, tmp_path / "e", [("one.png", scene)], [("mask.png", nothing)])
    assert np.array_equal(restored(outputs, folder)[0], clean_scene(40))


def test_holes_of_a_dataset_come_from_its_masks(filler, volume, tmp_path):
    hole = np.zeros((36, 44), np.uint8)
    hole[5:9, 8:20] = 255
    files = [(name.replace("clean", "masks").replace("noisy", "images"), body) for name, body in pair_files(2, abs)]
    files = [(name, grey_png(hole) if "masks" in name else body) for name, body in files]
    _, rows, folder = batch(filler[0], volume, tmp_path, import_files(volume, files, "picture_pairs"))
    assert [row["error"] for row in rows] == ["", ""]
    with zipfile.ZipFile(folder / "restored.zip") as archive, Image.open(archive.open("000.png")) as image:
        said = np.asarray(image)
    assert np.array_equal(said[hole == 0], clean_scene(0)[hole == 0])
    _, rows, _ = batch(filler[0], volume, tmp_path / "b", import_files(volume, clean_files(2, start=7), "pictures"))
    assert all("has no hole" in row["error"] for row in rows)


@pytest.fixture(scope="module")
def taken(filler, tmp_path_factory):
    """The folder of an export; TensorFlow leaves a file of its own behind when it saves, until the process ends."""
    _, model, data, params = filler
    folder = tmp_path_factory.mktemp("taken")
    image_to_image.export(model, params, data.assets, folder)
    return folder


def test_a_model_of_holes_that_is_taken_away_fills_them_alike(filler, taken):
    loaded = tf.saved_model.load(str(taken / "saved_model"))
    scene = clean_scene(41, height=50, width=70, channels=1)
    hole = np.zeros((50, 70), np.uint8)
    hole[30:44, 10:33] = 255
    said = loaded.answer(tf.constant(scene), tf.constant(hole[..., None])).numpy()
    mine = filler[0]._by.of_picture(Image.fromarray(scene[..., 0]), hole > 0, lambda: None)
    assert np.abs(said[..., 0].astype(int) - np.asarray(mine)).max() <= 3
    assert np.array_equal(said[hole == 0], scene[hole == 0])
    assert "MASK" in (taken / "example.py").read_text()


def test_a_stop_is_noticed_within_a_picture_and_leaves_nothing(denoiser, volume, tmp_path):
    by, _, data, params = denoiser

    class Stopped(Context):
        looks = 0

        def check(self):
            self.looks += 1
            if self.looks > 8:
                raise Cancelled("asked to stop")

    dataset = import_files(volume, clean_files(1, height=200, width=200), "pictures")
    with pytest.raises(Cancelled):
        batch(by, volume, tmp_path, dataset, Stopped(volume=volume))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Cancelled):
        image_to_image.baselines(data, params, Stopped())


@pytest.mark.parametrize("task", ["super_resolution", "denoise", "inpaint"])
def test_one_picture_smaller_than_a_piece_is_enough_to_begin_with(task, volume, tmp_path):
    _, model, data, params = learnt(
        volume, clean_files(1, start=5, height=3, width=1), "pictures", task=task, scale=4, steps=2
    )
    assert data.split == {"train": 1, "val": 0, "test": 0} and data.patch <= 16
    assert image_to_image.baselines(data, params, Context()) == []
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        report = image_to_image.report(model, data, params, Context(), files, [{"loss": 0.1}])
        outputs += report.outputs
    assert report.judge is None and "train_psnr_y" in report.metrics


def test_pieces_depend_on_the_seed_and_their_step_alone(volume):
    inputs = given(volume, import_files(volume, clean_files(6), "pictures"))
    for task in ("super_resolution", "denoise", "inpaint"):
        params = params_of(task=task, noise="up_to", steps=9)
        data = image_to_image.load(inputs, params, Context())
        whole = [[part.numpy() for part in batch] for batch in data.train(0)]
        later = [[part.numpy() for part in batch] for batch in data.train(6)]
        assert len(whole) == 9 and len(later) == 3
        for one, other in zip(whole[6:], later, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        assert not np.array_equal(whole[0][0], whole[1][0])
        assert whole[0][0].shape[1:3] == (16, 16) and whole[0][1].shape[1] == 16 * data.scale


def test_pictures_that_do_not_fit_into_the_cache_are_decoded_as_they_are_read(volume):
    inputs, params = given(volume, import_files(volume, clean_files(6), "pictures")), params_of(task="denoise", steps=3)
    kept, read = (image_to_image.load(inputs, params, Context(max_cache_bytes=most)) for most in (1 << 30, 10))
    for one, other in zip(kept.train(0), read.train(0), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_every_picture_that_cannot_be_read_is_named(volume):
    dataset = import_files(volume, clean_files(4, start=20), "pictures")
    for name in ("020.png", "022.png"):
        (volume.dataset_dir(dataset.id) / "files" / name).write_bytes(b"\x89PNG damaged")
    with pytest.raises(DatasetInvalid) as caught:
        image_to_image.load(given(volume, dataset), params_of(), Context())
    assert {problem.file for problem in caught.value.problems} == {"020.png", "022.png"}
