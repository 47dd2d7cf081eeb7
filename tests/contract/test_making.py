"""Makers of pictures: what an autoencoder makes, gives back and tells of pictures, strange ones included; and its figures."""

import csv
import io
import zipfile
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

from PIL import Image  # noqa: E402

from shared.errors import Cancelled, RecipeFailed  # noqa: E402
from shared.outputs import Picture, Table  # noqa: E402
from shared.recipes import get_recipe  # noqa: E402
from shared.recipes.image_vae import ImageVaeBatch, ImageVaeGenerate, ImageVaeTrain  # noqa: E402
from shared.volume.files import save_file  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.tiny_datasets import given, import_files  # noqa: E402
from tests.support.tiny_pictures import folder_files, png, tiny_pictures  # noqa: E402
from worker.artifacts import publishing  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.recipes import image_vae  # noqa: E402
from worker.training.fit import fit  # noqa: E402
from worker.verdict import judge  # noqa: E402

PARAMS = ImageVaeTrain.model_validate(
    {
        "width": 8,
        "latent": 4,
        "epochs": 60,
        "batch_size": 10,
        "warmup_steps": 0,
        "learning_rate": 1e-2,
        "kl_warmup": 0.3,
    }
)


def _trained(volume, dataset, params=PARAMS):
    data = image_vae.load(given(volume, dataset), params, Context())
    model = fit(get_recipe("image_vae"), params, data, Context()).model
    return image_vae.open_generator(model, params, data.assets), model, data


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(volume, dataset, maker, model, data) of an autoencoder that has learnt tiny pictures of three classes."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    dataset = import_files(volume, folder_files(60, "train") + folder_files(12, "test", seed=7), "pictures")
    return volume, dataset, *_trained(volume, dataset)


def _kept(volume, name, body):
    return save_file(volume, name, io.BytesIO(body), owner="local", max_bytes=1 << 24).id


def _made(maker, volume, tmp_path, context=None, **values):
    """(outputs, pictures of the zip by name) of a generation."""
    tmp_path.mkdir(exist_ok=True)
    params = ImageVaeGenerate.model_validate(values)
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        outputs += maker.generate(params, context or Context(volume=volume), files).outputs
    pictures = {}
    with zipfile.ZipFile(tmp_path / "artifacts" / "pictures.zip") as archive:
        for name in archive.namelist():
            with Image.open(io.BytesIO(archive.read(name))) as image:
                pictures[name] = np.asarray(image)
    for output in outputs:
        if isinstance(output, Picture):
            with Image.open(tmp_path / "artifacts" / output.file) as image:
                image.load()
    return outputs, pictures


def test_samples_are_told_by_their_seed_and_the_first_ones_are_the_same_of_any_count(place, tmp_path):
    volume, _, maker, *_ = place
    _, ten = _made(maker, volume, tmp_path / "a", mode="sample", count=10, seed=3)
    outputs, three = _made(maker, volume, tmp_path / "b", mode="sample", count=3, seed=3)
    _, others = _made(maker, volume, tmp_path / "c", mode="sample", count=3, seed=4)
    _, calm = _made(maker, volume, tmp_path / "d", mode="sample", count=3, seed=3, temperature=0)
    assert list(three) == ["0001.png", "0002.png", "0003.png"] and outputs[0].title == "3 samples, seed 3"
    assert all(np.array_equal(ten[name], three[name]) for name in three)
    assert not np.array_equal(three["0001.png"], others["0001.png"])
    assert np.array_equal(calm["0001.png"], calm["0002.png"]) and calm["0001.png"].shape == (12, 12)


def test_a_picture_given_back_is_like_it_and_a_strange_one_is_told(place, tmp_path):
    volume, _, maker, *_ = place
    known, _ = tiny_pictures(3, seed=9)
    strange = np.random.default_rng(1).integers(0, 255, (12, 12, 1), dtype=np.uint8)
    ids = [_kept(volume, f"{n}.png", png(p)) for n, p in enumerate([*known, strange])]
    outputs, back = _made(maker, volume, tmp_path, mode="reconstruct", images=ids)
    table = next(output for output in outputs if isinstance(output, Table))
    assert [row[0] for row in table.rows] == ["0.png", "1.png", "2.png", "3.png"]
    errors, elbos = (np.array([row[column] for row in table.rows], float) for column in (1, 2))
    assert errors[:3].max() < 45 < errors[3] and elbos[:3].min() > elbos[3]
    for number, pixels in enumerate(known):
        apart = back[f"{number}.png"].astype(float) - pixels[..., 0]
        assert np.sqrt((apart**2).mean()) == pytest.approx(errors[number], abs=0.5)


def test_a_way_begins_and_ends_with_the_pictures_given(place, tmp_path):
    volume, _, maker, *_ = place
    known, _ = tiny_pictures(3, seed=9)
    ids = [_kept(volume, f"{n}.png", png(p)) for n, p in enumerate(known)]
    _, back = _made(maker, volume, tmp_path / "a", mode="reconstruct", images=ids)
    outputs, way = _made(maker, volume, tmp_path / "b", mode="interpolate", images=ids, steps=5)
    assert len(way) == 2 * 5 and outputs[0].title == "From each of 3 pictures to the next"
    for at, name in ((1, "0.png"), (5, "1.png"), (6, "1.png"), (10, "2.png")):
        assert np.abs(way[f"{at:04d}.png"].astype(int) - back[name]).max() <= 1


def test_a_walk_changes_one_number_and_an_axis_there_is_not_is_named(place, tmp_path):
    volume, _, maker, *_ = place
    _, all_axes = _made(maker, volume, tmp_path / "a", mode="walk", steps=3)
    _, first = _made(maker, volume, tmp_path / "b", mode="walk", steps=3, axis=1)
    assert len(all_axes) == 4 * 3 and len(first) == 3
    assert all(np.array_equal(first[name], all_axes[name]) for name in first)
    middles = [all_axes[f"{3 * row + 2:04d}.png"] for row in range(4)]
    assert all(np.array_equal(middle, middles[0]) for middle in middles), "each row's middle is the average picture"
    changes = [np.abs(all_axes[f"{3 * row + 1:04d}.png"].astype(int) - middles[0]).mean() for row in range(4)]
    assert changes[0] > changes[3], "the first number tells most"
    with pytest.raises(RecipeFailed, match="axis 5: the model has 4 numbers"):
        _made(maker, volume, tmp_path / "c", mode="walk", axis=5)


STRANGE = {
    "dot.png": Image.new("L", (1, 1), 9),
    "wide.png": Image.new("RGB", (5_000, 3), "red"),
    "print.jpg": Image.new("CMYK", (20, 20), (10, 200, 0, 0)),
    "deep.png": Image.fromarray((np.arange(400).reshape(20, 20) * 160).astype(np.uint16)),
    "bilevel.png": Image.new("1", (9, 30), 0),
}


def _body(name, image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG" if name.endswith("jpg") else "GIF" if name.endswith("gif") else "PNG", **options)
    return out.getvalue()


def _strange():
    palette = Image.new("P", (16, 16), 1)
    palette.putpalette([0, 0, 0, 250, 20, 20])
    frames = [Image.new("L", (12, 12), value) for value in (10, 200)]
    return [
        *((name, _body(name, image)) for name, image in STRANGE.items()),
        ("glass.png", _body("glass.png", palette, transparency=1)),
        ("moving.gif", _body("moving.gif", frames[0], save_all=True, append_images=frames[1:])),
    ]


def test_pictures_of_every_kind_are_taken_and_a_text_is_named(place, tmp_path):
    volume, _, maker, *_ = place
    ids = [_kept(volume, name, body) for name, body in _strange()]
    _, back = _made(maker, volume, tmp_path / "a", mode="reconstruct", images=ids)
    assert len(back) == 7 and {picture.shape for picture in back.values()} == {(12, 12)}
    bad = [_kept(volume, "a.txt", b"I am text"), _kept(volume, "cut.png", png(tiny_pictures(1)[0][0])[:-40])]
    with pytest.raises(RecipeFailed) as caught:
        _made(maker, volume, tmp_path / "b", mode="reconstruct", images=[*bad, ids[0]])
    assert "a.txt: cannot be read" in caught.value.message and "cut.png: cannot be read" in caught.value.message
    assert "dot.png" not in caught.value.message


def test_ten_pictures_of_every_kind_train_whatever_they_are(tmp_path):
    volume = Volume(tmp_path / "volume")
    volume.ensure()
    dataset = import_files(
        volume,
        [*_strange(), *((name.replace("/", "_"), body) for name, body in folder_files(3, channels=3))],
        "pictures",
    )
    params = PARAMS.model_copy(update={"epochs": 3, "image_size": 16})
    maker, _, data = _trained(volume, dataset, params)
    assert sum(data.split.values()) == 10 and data.pixels.shape == (16, 16, 3)
    assert data.assets["likelihood"] == "logistic"
    _, pictures = _made(maker, volume, tmp_path / "a", mode="sample", count=2)
    assert pictures["0001.png"].shape == (16, 16, 3)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 3), (5, 9, 1)])
@pytest.mark.parametrize("likelihood", ["bernoulli", "logistic"])
def test_a_network_of_any_size_gives_a_picture_of_that_size(shape, likelihood):
    from worker.families.making.vae import vae

    channels = shape[2]
    model = vae(shape, 2, 4, likelihood, 1.0, 0, [0.5] * channels, [0.2] * channels)
    assert tuple(model(np.full((2, *shape), 200, np.float32), training=False).shape) == (2, *shape)


def _batch(maker, volume, tmp_path, dataset, context=None, **values):
    """(Report, rows of rows.csv as dicts, folder)."""
    tmp_path.mkdir(exist_ok=True)
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        inputs, context = given(volume, dataset), context or Context(volume=volume)
        report = maker.batch(ImageVaeBatch(**values), inputs, context, files)
        outputs += report.outputs
    with (tmp_path / "artifacts" / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        return report, list(csv.DictReader(file)), tmp_path / "artifacts"


def test_a_dataset_becomes_a_table_of_numbers_and_a_zip_and_damaged_pictures_are_no_failure(place, tmp_path):
    volume, dataset, maker, *_ = place
    report, rows, folder = _batch(maker, volume, tmp_path / "a", dataset, part="test", pictures=True)
    assert list(rows[0]) == ["file", "elbo", "pixel_rmse", "z1", "z2", "z3", "z4", "error"] and len(rows) == 12
    with zipfile.ZipFile(folder / "pictures.zip") as archive:
        assert archive.namelist() == [f"{row['file']}.png" for row in rows]
    assert len(report.outputs) == 2
    damaged = import_files(volume, folder_files(6), "pictures")
    (volume.dataset_dir(damaged.id) / "files" / "bee" / "001.png").write_bytes(b"damaged")
    _, some, folder = _batch(maker, volume, tmp_path / "b", damaged)
    assert [bool(row["error"]) for row in some] == [row["file"] == "bee/001.png" for row in some]
    assert not (folder / "pictures.zip").exists()
    with pytest.raises(RecipeFailed, match="in the part 'val'"):
        _batch(maker, volume, tmp_path / "c", damaged, part="val")


def test_a_stop_is_noticed_and_leaves_nothing(place, tmp_path):
    volume, dataset, maker, _, data = place

    class Stopped(Context):
        def check(self):
            raise Cancelled("asked to stop")

    with pytest.raises(Cancelled):
        _batch(maker, volume, tmp_path, dataset, Stopped(volume=volume))
    with pytest.raises(Cancelled):
        _made(maker, volume, tmp_path, Stopped(volume=volume), count=2)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Cancelled):
        image_vae.baselines(data, PARAMS, Stopped())


def test_the_report_is_beside_simple_answers_measured_on_the_same_pictures(place, tmp_path):
    volume, _, _, model, data = place
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        report = image_vae.report(model, data, PARAMS, Context(), files, [])
        outputs += report.outputs
    simple = image_vae.baselines(data, PARAMS, Context())
    assert [one.name for one in simple] == ["each pixel by itself", "4 principal components"]
    found: dict[str, Any] = report.metrics
    assert found["test_elbo"] == pytest.approx(-found["test_reconstruction"] - found["test_kl"], rel=1e-6)
    assert 1 <= found["latents_in_use"] <= 4
    assert report.judge is not None and report.rows == 12
    everything = np.arange(report.rows)
    assert report.judge.score(report.predictions, everything) == pytest.approx(found["test_pixel_rmse"])
    for one in simple:
        assert set(one.metrics) <= set(found)
        assert report.judge.score(one.predictions, everything) == pytest.approx(one.metrics["test_pixel_rmse"])
    assert (
        found["test_elbo"] > simple[0].metrics["test_elbo"]
        and found["test_pixel_rmse"] < simple[0].metrics["test_pixel_rmse"]
    )
    verdict = judge(report.judge, report.predictions, [(one.name, one.predictions) for one in simple], report.rows)
    assert verdict is not None and "grey levels of error" in verdict.sentence
