"""A GAN makes pictures of the class asked for at once, the same for the same seed; each of its networks learns by its own rate."""

import io
import zipfile

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

import tensorflow as tf  # noqa: E402
from PIL import Image  # noqa: E402

from shared.errors import Cancelled, RecipeFailed  # noqa: E402
from shared.recipes import get_recipe  # noqa: E402
from shared.recipes.image_gan import ImageGanGenerate, ImageGanTrain  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.tiny_datasets import given, import_files  # noqa: E402
from tests.support.tiny_pictures import folder_files, png, tiny_pictures  # noqa: E402
from worker.artifacts import publishing  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.making.gan import gan  # noqa: E402
from worker.recipes import image_gan  # noqa: E402
from worker.training.fit import fit  # noqa: E402

PARAMS = ImageGanTrain.model_validate(
    {
        "width": 8,
        "latent": 4,
        "epochs": 60,
        "batch_size": 10,
        "learning_rate": 5e-3,
        "judge_learning_rate": 5e-3,
        "average": 0.9,
    }
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(maker, model, data, rows of the series) of a GAN that has learnt tiny pictures of three classes."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    dataset = import_files(
        volume, folder_files(90, "train", side=6) + folder_files(30, "test", seed=7, side=6), "pictures"
    )
    data = image_gan.load(given(volume, dataset), PARAMS, Context())
    rows = []

    class Keeping(Context):
        def series_row(self, row):
            rows.append(row)

    model = fit(get_recipe("image_gan"), PARAMS, data, Keeping()).model
    return image_gan.open_generator(model, PARAMS, data.assets), model, data, rows


def _made(maker, tmp_path, context=None, **values):
    """Pictures of the zip by name."""
    tmp_path.mkdir(exist_ok=True)
    volume = Volume(tmp_path / "volume")
    volume.ensure()
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        outputs += maker.generate(ImageGanGenerate.model_validate(values), context or Context(), files).outputs
    with zipfile.ZipFile(tmp_path / "artifacts" / "pictures.zip") as archive:
        return {name: np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in archive.namelist()}


def _brightest(picture) -> int:
    """Which of the three bands is: the class, as tiny_pictures() makes them."""
    return int(picture.reshape(3, 2, 6).mean((1, 2)).argmax())


def test_pictures_are_of_the_class_asked_for_or_of_each_in_turn(place, tmp_path):
    maker, *_ = place
    cats = _made(maker, tmp_path / "a", label="cat", count=9, seed=1)
    assert list(cats) == [f"cat/{n:04d}.png" for n in range(1, 10)]
    assert sum(_brightest(picture) == 2 for picture in cats.values()) >= 7
    turns = _made(maker, tmp_path / "b", count=9, seed=1)
    assert [name.split("/")[0] for name in turns] == ["ape", "bee", "cat"] * 3
    with pytest.raises(RecipeFailed, match="did you mean 'cat'"):
        _made(maker, tmp_path / "c", label="cats")


def test_a_seed_makes_the_same_pictures_whatever_their_number(place, tmp_path):
    maker, *_ = place
    five = _made(maker, tmp_path / "a", label="ape", count=5, seed=3)
    two = _made(maker, tmp_path / "b", label="ape", count=2, seed=3)
    calm = _made(maker, tmp_path / "c", label="ape", count=2, seed=3, temperature=0)
    assert all(np.abs(two[name].astype(int) - five[name]).max() <= 1 for name in two)
    assert np.array_equal(*calm.values())

    class Stopped(Context):
        def check(self):
            raise Cancelled("asked to stop")

    with pytest.raises(Cancelled):
        _made(maker, tmp_path / "d", Stopped(), count=2)


def test_the_distance_falls_as_it_learns_and_both_losses_are_told(place):
    *_, rows = place
    told = [row["val_fid"] for row in rows if "val_fid" in row]
    assert min(told) < 0.7 * told[0]
    assert all({"judge_loss", "maker_loss"} <= row.keys() for row in rows if "step" in row)
    assert {"val_variety", "val_right_class"} <= rows[-1].keys()


def test_the_report_is_beside_a_simple_sampler_and_real_pictures(place, tmp_path):
    _, model, data, _ = place
    volume = Volume(tmp_path / "volume")
    volume.ensure()
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        report = image_gan.report(model, data, PARAMS, Context(), files, [])
        outputs += report.outputs
    simple, real = image_gan.baselines(data, PARAMS, Context())
    assert (
        set(simple.metrics)
        == set(real.metrics)
        == set(report.metrics)
        == {"test_fid", "test_variety", "test_right_class"}
    )
    assert real.metrics["test_fid"] < report.metrics["test_fid"]
    assert report.judge is not None
    assert report.judge.score(report.predictions, np.arange(report.rows)) == pytest.approx(report.metrics["test_fid"])


def test_pictures_without_classes_are_made_too_and_two_are_enough(tmp_path):
    volume = Volume(tmp_path / "volume")
    volume.ensure()
    plain = [(f"{n}.png", png(p)) for n, p in enumerate(tiny_pictures(2, side=9, channels=3)[0])]
    dataset = import_files(volume, plain, "pictures")
    params = PARAMS.model_copy(update={"epochs": 2})
    data = image_gan.load(given(volume, dataset), params, Context())
    model = fit(get_recipe("image_gan"), params, data, Context()).model
    pictures = _made(image_gan.open_generator(model, params, data.assets), tmp_path / "a", count=3)
    assert list(pictures) == ["0001.png", "0002.png", "0003.png"] and pictures["0001.png"].shape == (9, 9, 3)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 3), (21, 30, 1)])
@pytest.mark.parametrize("classes", [0, 2])
def test_networks_of_any_size_fit_each_other(shape, classes):
    model = gan(shape, 3, classes, 4, 0.9)
    of = [tf.constant([0, 1])] if classes else []
    made = model.maker([tf.zeros((2, 3)), *of])
    assert tuple(made.shape) == (2, *shape) and tuple(model.judge([made, *of]).shape) == (2,)
