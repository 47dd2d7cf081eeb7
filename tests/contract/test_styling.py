"""Styles by optimisation and by a network: both losses go where they should, odd pictures are taken, what is none is refused."""

import io
import zipfile
from types import SimpleNamespace

import pytest

np = pytest.importorskip("numpy")
tf = pytest.importorskip("tensorflow")

from PIL import Image  # noqa: E402

from shared.errors import Cancelled, DatasetInvalid, InvalidParams, RecipeFailed  # noqa: E402
from shared.jobs.job import InputRef  # noqa: E402
from shared.outputs import Picture, Table, Text  # noqa: E402
from shared.recipes import get_recipe  # noqa: E402
from shared.recipes.image_classifier import ImageClassifierTrain  # noqa: E402
from shared.recipes.style_transfer import StyleTransferBatch, StyleTransferGenerate, StyleTransferTrain  # noqa: E402
from shared.volume.files import save_file  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.picture_cases import PICTURES, put_style  # noqa: E402
from tests.support.tiny_bases import put_base  # noqa: E402
from tests.support.tiny_datasets import given, import_files  # noqa: E402
from tests.support.tiny_pictures import folder_files, png  # noqa: E402
from tests.support.tiny_scenes import clean_files, clean_scene  # noqa: E402
from worker.artifacts import publishing  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.styling.features import features_of  # noqa: E402
from worker.families.styling.losses import Weights, style_of  # noqa: E402
from worker.families.styling.measuring import COLOURS, UNTOUCHED, losses_beside  # noqa: E402
from worker.families.styling.painting import Painter  # noqa: E402
from worker.inputs import open_inputs  # noqa: E402
from worker.recipes import style_transfer  # noqa: E402
from worker.training.fit import fit  # noqa: E402
from worker.verdict import judge  # noqa: E402

SPEC = get_recipe("style_transfer")
CASE = PICTURES["style_transfer"]
CONTENT = clean_scene(3, height=40, width=48)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A volume with a style and a backbone, opened as it came, and the features it sees."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    style = put_style(volume)
    ref = put_base(volume, "backbone")
    base = open_inputs({"base": ref}, Context(volume=volume))["base"]
    return SimpleNamespace(volume=volume, style=style, ref=ref, base=base, as_it_came=style_transfer.open_base(base))


@pytest.fixture(scope="module")
def trained(place):
    """A network for the style, trained on scenes, with its data."""
    values = CASE.params | {"steps": 120, "width": 8, "eval_every": 60, "batch_size": 4}
    params = StyleTransferTrain.model_validate(values)
    dataset = import_files(place.volume, clean_files(12, height=40, width=48), "pictures")
    context = Context(volume=place.volume)
    inputs = open_inputs({"data": InputRef(dataset_id=dataset.id), "base": place.ref}, context)
    data = style_transfer.load(inputs, params, context)
    model = fit(SPEC, params, data, context, inputs=inputs).model
    return SimpleNamespace(
        model=model, data=data, params=params, by=style_transfer.open_generator(model, params, data.assets)
    )


def _sent(volume, name, body):
    return save_file(volume, name, io.BytesIO(body), owner="local", max_bytes=1 << 24).id


def _use(volume, folder, use):
    """(Report, folder of its files) of what use(context, files) makes."""
    folder.mkdir(exist_ok=True)
    with publishing(volume, folder / "artifacts") as (files, outputs):
        report = use(Context(volume=volume), files)
        outputs += report.outputs
    return report, folder / "artifacts"


def _pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_losses_are_nothing_for_the_same_and_grow_with_what_differs(place):
    features = features_of(place.base)
    other = clean_scene(8, height=40, width=48)
    style = style_of(features, [other])
    content, of_style = losses_beside(features, style, CONTENT, CONTENT)
    assert content == 0 and of_style > 0.05
    content, of_style = losses_beside(features, style, other, CONTENT)
    assert of_style == pytest.approx(0, abs=1e-6) and content > 0.1
    both = style_of(features, [other, CONTENT])
    assert 0 < losses_beside(features, both, CONTENT, CONTENT)[1] < losses_beside(features, style, CONTENT, CONTENT)[1]


def test_a_depth_of_a_style_is_what_numpy_makes_of_its_channels(place):
    features = features_of(place.base)
    style = style_of(features, [CONTENT])
    for seen, scale, mean, covariance in zip(
        features.maps(tf.constant(CONTENT[None], tf.float32)), style.scales, style.means, style.covariances, strict=True
    ):
        rows = (seen.numpy() * scale.numpy()).reshape(-1, seen.shape[-1]).astype(np.float64)
        assert np.allclose(rows.mean(0), mean, atol=1e-4)
        assert np.allclose(np.cov(rows, rowvar=False, bias=True), covariance, atol=1e-4)


def test_a_picture_is_painted_by_steps_alike_every_time_and_more_style_is_further_from_the_content(place):
    features = features_of(place.base)
    stripes = np.tile(np.array([[[220, 40, 30]], [[20, 40, 160]]], np.uint8).repeat(4, 0), (5, 48, 1))
    style, painter = style_of(features, [stripes]), Painter(features)
    before = losses_beside(features, style, CONTENT, CONTENT)
    found = {}
    for weight in (0.1, 10.0, 10.0):
        steps = []
        made = painter.painted(CONTENT, style, Weights(1.0, weight, 0.0), 40, steps.append)
        assert steps == list(range(40)) and made.shape == CONTENT.shape and made.dtype == np.uint8
        assert weight not in found or (found[weight][0] == made).all()
        found[weight] = made, losses_beside(features, style, made, CONTENT)
    (_, little), (_, much) = found[0.1], found[10.0]
    assert much[1] < 0.3 * before[1] and much[1] < little[1]
    assert little[0] < much[0]


def test_two_pictures_in_and_a_stylised_one_out_by_a_backbone_as_it_came(place, tmp_path):
    picture = _sent(place.volume, "photo.png", png(CONTENT))
    params = StyleTransferGenerate(images=[picture], style=[place.style], steps=20, size=40, style_size=40)
    told = []

    class Telling(Context):
        def progress(self, progress):
            told.append(progress)

    with publishing(place.volume, tmp_path / "artifacts") as (files, outputs):
        context = Telling(volume=place.volume)
        report = place.as_it_came.generate(params, context, files)
        outputs += report.outputs
    made, given_one, table = report.outputs
    assert isinstance(made, Picture) and isinstance(given_one, Picture) and isinstance(table, Table)
    assert _pixels(tmp_path / "artifacts" / made.file).shape == (33, 40, 3)
    assert report.metrics["style_loss"] < report.metrics["style_loss_before"]
    assert table.rows[0][:3] == ["photo.png", 40, 33]
    assert told[-1].step == told[-1].total_steps == 20


def test_a_backbone_alone_says_that_it_needs_a_style(place, tmp_path):
    params = StyleTransferGenerate(images=[_sent(place.volume, "photo.png", png(CONTENT))])
    with pytest.raises(RecipeFailed, match="give the picture whose style"):
        _use(place.volume, tmp_path, lambda context, files: place.as_it_came.generate(params, context, files))


def test_styles_of_one_colour_are_refused_all_by_their_names(place, tmp_path):
    plain = [_sent(place.volume, f"plain {c}.png", png(np.full((9, 9, 3), c, np.uint8))) for c in (0, 200)]
    params = StyleTransferGenerate(images=[_sent(place.volume, "photo.png", png(CONTENT))], style=[*plain, place.style])
    with pytest.raises(RecipeFailed, match=r"plain 0.png: has one colour.*plain 200.png: has one colour"):
        _use(place.volume, tmp_path, lambda context, files: place.as_it_came.generate(params, context, files))


def _odd():
    """Pictures of odd kinds: (name, bytes)."""
    colour = Image.fromarray(CONTENT)
    deep = Image.fromarray(CONTENT[..., 0].astype(np.uint16) * 257)
    clear = colour.convert("P")
    found = [("one.png", Image.new("RGB", (1, 1), "red"), {}), ("wide.png", Image.fromarray(CONTENT[:1]), {}),
             ("cmyk.tif", colour.convert("CMYK"), {}), ("deep.png", deep, {}), ("grey.png", colour.convert("L"), {}),
             ("clear.png", clear, {"transparency": 0}), ("plain.png", Image.new("RGB", (40, 40), "blue"), {}),
             ("moving.gif", colour, {"save_all": True, "append_images": [colour.rotate(90)]})]  # fmt: skip
    for name, image, options in found:
        body = io.BytesIO()
        image.save(body, {"png": "PNG", "tif": "TIFF", "gif": "GIF"}[name.rpartition(".")[2]], **options)
        yield name, body.getvalue()


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated:DeprecationWarning")
def test_pictures_of_odd_kinds_are_stylised_both_ways(place, trained, tmp_path):
    ids = [_sent(place.volume, name, body) for name, body in _odd()]
    for by, more in ((place.as_it_came, {"style": [place.style], "steps": 2}), (trained.by, {})):
        params = StyleTransferGenerate(images=ids, **more)
        report, folder = _use(place.volume, tmp_path / str(len(more)), lambda c, files: by.generate(params, c, files))  # noqa: B023
        sizes = [_pixels(folder / one.file).shape for one in report.outputs[:-1:2]]
        assert sizes[:2] == [(1, 1, 3), (1, 48, 3)] and sizes[2:6] == [(40, 48, 3)] * 4
        assert all(np.isfinite(value) for value in report.metrics.values())


def test_pictures_that_are_none_and_too_large_ones_are_named(place, trained, tmp_path):
    body = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(body, "PNG")
    ids = [_sent(place.volume, "huge.png", body.getvalue()), _sent(place.volume, "none.png", b"not a picture")]
    with pytest.raises(RecipeFailed, match=r"huge.png: has 10000 x 10000 pixels.*none.png: "):
        _use(place.volume, tmp_path, lambda c, files: trained.by.generate(StyleTransferGenerate(images=ids), c, files))


def test_a_network_learns_the_style_and_says_how_far_the_losses_fall(place, trained, tmp_path):
    data = trained.data
    report, folder = _use(
        place.volume,
        tmp_path,
        lambda c, files: style_transfer.report(trained.model, data, trained.params, c, files, []),
    )
    simple = {one.name: one for one in style_transfer.baselines(data, trained.params, Context())}
    assert list(simple) == [UNTOUCHED, COLOURS]
    assert simple[UNTOUCHED].metrics["val_content_loss"] == 0
    assert report.metrics["val_style_loss"] < 0.5 * simple[UNTOUCHED].metrics["val_style_loss"]
    said = report.outputs[0]
    assert isinstance(said, Text) and said.text.startswith("The style loss falls to ")
    assert report.judge is not None and report.rows == 3
    verdict = judge(
        report.judge, report.predictions, [(one.name, one.predictions) for one in simple.values()], report.rows
    )
    assert verdict is not None and verdict.difference > 0 and "weighed loss" in verdict.sentence
    assert all((folder / one.file).is_file() for one in report.outputs if isinstance(one, Picture))


def test_strength_and_colour_are_kept_as_asked(place, trained, tmp_path):
    picture = _sent(place.volume, "photo.png", png(CONTENT))
    made = {}
    for name, more in {"whole": {}, "none": {"strength": 0.0}, "colour": {"keep_colour": True}}.items():
        params = StyleTransferGenerate(images=[picture], **more)
        report, folder = _use(place.volume, tmp_path / name, lambda c, files: trained.by.generate(params, c, files))  # noqa: B023
        made[name] = _pixels(folder / report.outputs[0].file).astype(int)
    assert (made["none"] == CONTENT).all()
    assert np.abs(made["whole"] - CONTENT).mean() > 10
    assert np.abs(made["colour"] - made["whole"]).mean() > 1


def test_a_style_given_beside_a_trained_network_is_taken_instead_of_its_own(place, trained, tmp_path):
    other = _sent(place.volume, "other.png", png(clean_scene(9, height=40, width=48)))
    picture = _sent(place.volume, "photo.png", png(CONTENT))
    made = []
    for by in (trained.by, place.as_it_came):
        params = StyleTransferGenerate(images=[picture], style=[other], steps=5, style_size=48)
        report, folder = _use(place.volume, tmp_path / str(len(made)), lambda c, files: by.generate(params, c, files))  # noqa: B023
        made.append(_pixels(folder / report.outputs[0].file))
    assert (made[0] == made[1]).all()


def test_a_dataset_becomes_a_zip_and_a_table_and_what_cannot_be_read_has_its_reason(place, trained, tmp_path):
    dataset = import_files(place.volume, clean_files(3, height=36, width=30), "pictures")
    (place.volume.dataset_dir(dataset.id) / "files" / "001.png").write_bytes(b"gone bad")
    params, inputs = StyleTransferBatch.model_validate({}), given(place.volume, dataset)
    report, folder = _use(place.volume, tmp_path, lambda c, files: trained.by.batch(params, inputs, c, files))
    table, archive = report.outputs
    assert isinstance(table, Table) and isinstance(archive, Table) and table.count == 3
    errors = [row[-1] for row in table.rows]
    assert errors[0] is None and errors[2] is None and "cannot be read" in str(errors[1])
    with zipfile.ZipFile(folder / archive.file) as found:
        assert found.namelist() == ["000.png", "002.png"]
    assert report.metrics["style_loss"] < report.metrics["style_loss_before"]
    with pytest.raises(RecipeFailed, match="no picture of the dataset is in the part 'test'"):
        _use(
            place.volume,
            tmp_path / "none",
            lambda c, f: trained.by.batch(StyleTransferBatch.model_validate({"part": "test"}), inputs, c, f),
        )


def test_a_stop_comes_within_the_steps_of_a_picture(place, tmp_path):
    params = StyleTransferGenerate(images=[_sent(place.volume, "photo.png", png(CONTENT))], style=[place.style])

    looks = []

    class Stopping(Context):
        def check(self):
            looks.append(1)
            if len(looks) > 5:
                raise Cancelled("asked for")

    with publishing(place.volume, tmp_path / "artifacts") as (files, _), pytest.raises(Cancelled):
        place.as_it_came.generate(params, Stopping(volume=place.volume), files)
    assert len(looks) == 6


def test_features_come_from_a_classifier_trained_here_as_well(place, trained):
    case = PICTURES["image_classifier"]
    spec = get_recipe(case.recipe)
    from worker.recipes import image_classifier

    for channels in (3, 1):
        params = ImageClassifierTrain.model_validate(case.params | {"epochs": 1})
        dataset = import_files(place.volume, folder_files(12, channels=channels), "pictures")
        data = image_classifier.load(given(place.volume, dataset), params, Context())
        model = fit(spec, params, data, Context()).model
        opened = SimpleNamespace(base=None, load=lambda: SimpleNamespace(model=model))  # noqa: B023
        features = features_of(opened)  # pyright: ignore[reportArgumentType]
        style = style_of(features, [clean_scene(4, height=64, width=80)])
        made = Painter(features).painted(CONTENT, style, Weights(1.0, 10.0, 0.0), 20, lambda step: None)
        before, after = (losses_beside(features, style, one, CONTENT)[1] for one in (CONTENT, made))
        assert after < before and len(features.maps(tf.constant(CONTENT[None], tf.float32))) >= 3


def test_a_training_without_a_style_or_with_one_picture_is_refused_before_it_is_queued(place):
    one = import_files(place.volume, clean_files(1, height=40, width=48), "pictures")
    problems = SPEC.check(StyleTransferTrain(), {"data": one})
    assert {problem.field for problem in problems} == {"params.style", "inputs.data"}


def test_a_training_upon_a_style_of_one_colour_says_so(place):
    plain = _sent(place.volume, "plain.png", png(np.full((9, 9, 3), 7, np.uint8)))
    dataset = import_files(place.volume, clean_files(4, height=40, width=48), "pictures")
    inputs = open_inputs({"data": InputRef(dataset_id=dataset.id), "base": place.ref}, Context(volume=place.volume))
    params = StyleTransferTrain.model_validate(CASE.params | {"style": [plain]})
    with pytest.raises((RecipeFailed, DatasetInvalid, InvalidParams), match="one colour"):
        style_transfer.load(inputs, params, Context(volume=place.volume))
