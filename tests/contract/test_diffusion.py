"""A diffusion model makes pictures of the class asked for, the same for the same seed, and is judged beside real pictures."""

import io
import zipfile
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

import tensorflow as tf  # noqa: E402
from PIL import Image  # noqa: E402

from shared.errors import Cancelled, RecipeFailed  # noqa: E402
from shared.outputs import Picture, Table  # noqa: E402
from shared.recipes import get_recipe  # noqa: E402
from shared.recipes.image_diffusion import ImageDiffusionGenerate, ImageDiffusionTrain  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.tiny_datasets import given, import_files  # noqa: E402
from tests.support.tiny_pictures import folder_files, png, tiny_pictures  # noqa: E402
from worker.artifacts import publishing  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.making import judging  # noqa: E402
from worker.families.making.diffusion import LAST, mixed  # noqa: E402
from worker.families.making.unet import fold_for, unet  # noqa: E402
from worker.recipes import image_diffusion  # noqa: E402
from worker.training.fit import fit  # noqa: E402

PARAMS = ImageDiffusionTrain.model_validate(
    {"width": 8, "epochs": 60, "batch_size": 10, "warmup_steps": 0, "learning_rate": 1e-2, "average": 0.9}
)


class Telling(Context):
    """Keeps what is told."""

    def __init__(self, **more: Any):
        super().__init__(**more)
        self.told: list[str] = []

    def event(self, type: str, data: dict[str, Any]) -> None:
        self.told.append(data.get("message", ""))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(volume, dataset, maker, model, data) of a diffusion model that has learnt tiny pictures of three classes."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    dataset = import_files(
        volume, folder_files(60, "train", side=6) + folder_files(30, "test", seed=7, side=6), "pictures"
    )
    data = image_diffusion.load(given(volume, dataset), PARAMS, Context())
    model = fit(get_recipe("image_diffusion"), PARAMS, data, Context()).model
    return volume, dataset, image_diffusion.open_generator(model, PARAMS, data.assets), model, data


def _made(maker, tmp_path, context=None, **values):
    """(outputs, pictures of the zip by name) of a generation."""
    tmp_path.mkdir(exist_ok=True)
    volume = Volume(tmp_path / "volume")
    volume.ensure()
    params = ImageDiffusionGenerate.model_validate({"steps": 8, **values})
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        outputs += maker.generate(params, context or Context(), files).outputs
    pictures = {}
    with zipfile.ZipFile(tmp_path / "artifacts" / "pictures.zip") as archive:
        for name in archive.namelist():
            with Image.open(io.BytesIO(archive.read(name))) as image:
                pictures[name] = np.asarray(image)
    return outputs, pictures


def _brightest(picture) -> int:
    """Which of the three bands is: the class, as tiny_pictures() makes them."""
    return int(picture.reshape(3, 2, 6).mean((1, 2)).argmax())


def test_pictures_are_of_the_class_asked_for_or_of_each_in_turn(place, tmp_path):
    _, _, maker, *_ = place
    outputs, bees = _made(maker, tmp_path / "a", label="Bee", count=12, seed=1, guidance=3)
    assert isinstance(outputs[0], Picture) and outputs[0].title == "12 pictures of Bee, seed 1"
    assert list(bees) == [f"bee/{n:04d}.png" for n in range(1, 13)]
    assert _brightest(np.mean(list(bees.values()), 0)) == 1
    _, turns = _made(maker, tmp_path / "b", count=30, seed=1, guidance=3)
    assert [name.split("/")[0] for name in turns] == ["ape", "bee", "cat"] * 10
    assert sum(_brightest(p) == n % 3 for n, p in enumerate(turns.values())) >= 20


def test_a_class_there_is_not_is_answered_with_the_nearest(place, tmp_path):
    _, _, maker, *_ = place
    with pytest.raises(RecipeFailed, match="no class 'beer'; did you mean 'bee'"):
        _made(maker, tmp_path, label="beer")
    with pytest.raises(RecipeFailed, match="there are ape, bee, cat"):
        _made(maker, tmp_path, label="駱駝")


def test_a_seed_makes_the_same_pictures_whatever_their_number(place, tmp_path):
    _, _, maker, *_ = place
    _, five = _made(maker, tmp_path / "a", label="cat", count=5, seed=3)
    _, two = _made(maker, tmp_path / "b", label="cat", count=2, seed=3)
    _, others = _made(maker, tmp_path / "c", label="cat", count=2, seed=4)
    for name in two:
        assert np.abs(two[name].astype(int) - five[name]).max() <= 1
        assert not np.array_equal(two[name], others[name])


def test_a_stop_is_noticed_between_two_steps(place, tmp_path):
    _, _, maker, *_ = place

    class Stopped(Context):
        def check(self):
            raise Cancelled("asked to stop")

    with pytest.raises(Cancelled):
        _made(maker, tmp_path, Stopped(), count=2)
    assert not (tmp_path / "artifacts").exists()


def test_it_is_judged_beside_a_simple_sampler_and_real_pictures(place, tmp_path, monkeypatch):
    volume, _, _, model, data = place
    monkeypatch.setattr(judging, "FEWEST_JUDGED", 30)
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        report = image_diffusion.report(model, data, PARAMS, Context(), files, [])
        outputs += report.outputs
    simple, real = image_diffusion.baselines(data, PARAMS, Context())
    assert simple.name == judging.SIMPLE and real.name == "30 real pictures of the training part"
    assert (
        set(simple.metrics)
        == set(real.metrics)
        == set(report.metrics)
        == {"test_fid", "test_variety", "test_right_class"}
    )
    assert real.metrics["test_fid"] < report.metrics["test_fid"]
    assert report.metrics["test_right_class"] > 0.7 < real.metrics["test_right_class"]
    assert report.judge is not None and report.rows == 30 and report.judge.title == "FID"
    everything = np.arange(report.rows)
    assert report.judge.score(report.predictions, everything) == pytest.approx(report.metrics["test_fid"])
    assert report.judge.score(simple.predictions, everything) == pytest.approx(simple.metrics["test_fid"])
    assert real.predictions is None, "real pictures are no rival"
    table = next(output for output in report.outputs if isinstance(output, Table))
    assert [row[0] for row in table.rows] == ["ape", "bee", "cat"]


def test_samples_that_agree_too_much_and_classes_that_are_missing_are_told(place):
    *_, data = place
    by, context = judging.judging_of(data, "test", 0, Context()), Telling()
    one = np.repeat(data.pixels.rows(data.places["train"][:1]), 30, 0)
    seen = by.features.of(one, context)
    figures = by.figures(seen, np.zeros(30, int), asked=False)
    assert figures["test_variety"] == pytest.approx(0, abs=1e-9)
    by.warn(figures, seen, context, asked=False)
    assert "agree too much" in context.told[0] and "no sample looks like bee, cat" in context.told[1]
    context.told.clear()
    by.warn(by.figures(by.real, data.labels[by.numbers], asked=True), by.real, context, asked=False)
    assert context.told == []


def test_pictures_without_classes_are_made_too(tmp_path):
    volume = Volume(tmp_path / "volume")
    volume.ensure()
    plain = [(f"{n}.png", png(p)) for n, p in enumerate(tiny_pictures(12, side=9, channels=3)[0])]
    dataset = import_files(volume, plain, "pictures")
    params = PARAMS.model_copy(update={"epochs": 2, "fold": "2"})
    data = image_diffusion.load(given(volume, dataset), params, Context())
    model = fit(get_recipe("image_diffusion"), params, data, Context()).model
    maker = image_diffusion.open_generator(model, params, data.assets)
    _, pictures = _made(maker, tmp_path / "a", count=3)
    assert list(pictures) == ["0001.png", "0002.png", "0003.png"] and pictures["0001.png"].shape == (9, 9, 3)
    with pytest.raises(RecipeFailed, match="pictures without classes"):
        _made(maker, tmp_path / "b", label="ape")


def test_noise_and_velocity_give_the_picture_back():
    rng = np.random.default_rng(0)
    picture, noise = (rng.normal(size=(4, 3, 2, 1)).astype(np.float32) for _ in range(2))
    time = np.array([0.0, 0.2, 0.7, LAST], "f4")
    noisy, velocity = mixed(tf.constant(picture), tf.constant(noise), tf.constant(time))
    angle = time.reshape(-1, 1, 1, 1) * np.pi / 2
    np.testing.assert_allclose(np.cos(angle) * noisy - np.sin(angle) * velocity, picture, atol=1e-5)
    np.testing.assert_allclose(np.sin(angle) * noisy + np.cos(angle) * velocity, noise, atol=1e-5)
    np.testing.assert_allclose(noisy[0], picture[0], atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 3, 3), (21, 30, 1)])
@pytest.mark.parametrize("levels", [1, 3])
def test_a_network_of_any_size_answers_every_value_and_folding_is_undone(shape, levels):
    network = unet(shape, 2, width=4, depth=1, levels=levels, fold=fold_for(max(shape[:2])), dropout=0.1)
    said = network([np.zeros((2, *shape), np.float32), np.array([0.1, 0.9], "f4"), np.array([0, 2], "i4")])
    assert tuple(said.shape) == (2, *shape)
