"""A matcher of pictures tells people apart that it never saw, names them by a dataset, and says when it knows nobody."""

import csv
import io

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

from shared.errors import Cancelled, DatasetInvalid, RecipeFailed  # noqa: E402
from shared.jobs.job import InputRef  # noqa: E402
from shared.outputs import Picture, Scores, Series  # noqa: E402
from shared.recipes import get_recipe  # noqa: E402
from shared.recipes.image_matcher import (  # noqa: E402
    ImageMatcherBatch,
    ImageMatcherIdentify,
    ImageMatcherTrain,
    ImageMatcherVerify,
)
from shared.volume.files import save_file  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.tiny_datasets import given, import_files  # noqa: E402
from tests.support.tiny_faces import face_files, tiny_face  # noqa: E402
from tests.support.tiny_pictures import png  # noqa: E402
from worker.artifacts import publishing  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.identities.using import NOBODY  # noqa: E402
from worker.inputs import open_inputs  # noqa: E402
from worker.recipes import image_matcher  # noqa: E402
from worker.training.fit import fit  # noqa: E402
from worker.verdict import judge  # noqa: E402

SPEC = get_recipe("image_matcher")
PARAMS = ImageMatcherTrain.model_validate(
    {"width": 8, "embedding": 16, "steps": 150, "batch_size": 32, "warmup_steps": 0, "learning_rate": 5e-3, "flip": "none",
     "eval_every": 75}
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(volume, matcher, model, data) of one that has learnt to tell 24 people apart, and is measured on 8 others."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    files = face_files(range(30), part="train") + face_files(range(40, 48), part="test")
    dataset = import_files(volume, files, "pictures", missing_classes="keep")
    data = image_matcher.load(given(volume, dataset), PARAMS, Context())
    model = fit(SPEC, PARAMS, data, Context()).model
    return volume, image_matcher.open_generator(model, PARAMS, data.assets), model, data


@pytest.fixture(scope="module")
def known(place):
    """People none of whom was learnt from, one of them with one picture only."""
    return import_files(place[0], [*face_files(range(60, 65), 3), *face_files([65], 1)], "pictures")


def _sent(volume, named):
    return [save_file(volume, name, io.BytesIO(body), owner="local", max_bytes=1 << 22).id for name, body in named]


def _with(volume, tmp_path, use):
    """(Report, folder) of what use(context, files) makes."""
    tmp_path.mkdir(exist_ok=True)
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        report = use(Context(volume=volume), files)
        outputs += report.outputs
    return report, tmp_path / "artifacts"


def _people(volume, dataset):
    return open_inputs({"data": InputRef(dataset_id=dataset.id)}, Context(volume=volume))


def test_nobody_is_learnt_from_and_measured(place):
    _, _, _, data = place
    people = {part: set(data.people[places].tolist()) for part, places in data.places.items()}
    assert [len(people[part]) for part in ("train", "val", "test")] == [24, 6, 8]
    assert not people["train"] & people["val"] and not people["train"] & people["test"]
    assert len(set(data.assets["held"]) & people["train"]) == 0


def test_people_never_seen_are_told_apart_and_better_than_by_eigenfaces(place, tmp_path):
    volume, _, model, data = place
    report, _ = _with(
        volume, tmp_path, lambda context, files: image_matcher.report(model, data, PARAMS, context, files, [])
    )
    assert {f"{part}_{name}" for part in ("val", "test") for name in ("eer", "auc", "rank_1", "accuracy")} <= set(
        report.metrics
    )
    assert report.metrics["test_eer"] < 0.2 and report.metrics["test_rank_1"] > 0.9
    simple = image_matcher.baselines(data, PARAMS, Context())
    assert [one.name.split(",")[0] for one in simple] == ["bare pixels", "eigenfaces (PCA"]
    assert report.judge is not None and report.rows == 48
    assert report.judge.score(report.predictions, np.arange(48)) == pytest.approx(report.metrics["test_eer"])
    for one in simple:
        assert report.judge.score(one.predictions, np.arange(48)) == pytest.approx(one.metrics["test_eer"])
        assert set(one.metrics) <= set(report.metrics)
    verdict = judge(report.judge, report.predictions, [(one.name, one.predictions) for one in simple], report.rows)
    assert verdict is not None and "equal error rate" in verdict.sentence
    roc = report.outputs[0]
    assert isinstance(roc, Series) and roc.lines[0].x[0] == 0 and roc.lines[0].y[-1] == 1
    assert all(isinstance(one, Picture) and "taken for" in one.title for one in report.outputs[1:])


def test_who_it_is_comes_from_a_dataset_and_nobody_known_is_said(place, known, tmp_path):
    volume, by, *_ = place
    asked = [
        ("sixty.png", png(tiny_face(60, 9))),
        ("一.png", png(tiny_face(65, 7))),
        ("strange.png", png(255 - tiny_face(3, 0))),
    ]
    ids = _sent(volume, asked)
    params = ImageMatcherIdentify(images=ids, top_k=4)
    report, folder = _with(volume, tmp_path, lambda c, files: by.generate(params, _people(volume, known), c, files))
    first, second, _ = report.outputs
    assert isinstance(first, Scores) and isinstance(second, Scores)
    assert first.items[0].name == "p60" and second.items[0].name == "p65" and len(first.items) == 4
    assert [item.value for item in first.items] == sorted((item.value for item in first.items), reverse=True)
    assert first.items[0].note.startswith("by p60/") and (folder / first.picture).stat().st_size > 100
    strict = ImageMatcherIdentify(images=ids[:1], threshold=1.0)
    report, _ = _with(volume, tmp_path / "b", lambda c, files: by.generate(strict, _people(volume, known), c, files))
    assert report.outputs[0].title.startswith(f"sixty.png: {NOBODY}")


def test_two_pictures_show_the_same_or_not(place, tmp_path):
    volume, by, *_ = place
    ids = _sent(volume, [(f"{p}_{n}.png", png(tiny_face(p, n))) for p, n in ((70, 0), (70, 1), (71, 0))])
    report, _ = _with(volume, tmp_path, lambda c, files: by.verify(ImageMatcherVerify(images=ids), c, files))
    same, other = report.outputs
    assert same.title == "70_0.png and 70_1.png: the same" and other.title == "70_0.png and 71_0.png: not the same"
    assert same.items[0].value > same.items[1].value > other.items[0].value
    assert same.items[1].value == pytest.approx(report.metrics["threshold"])
    with pytest.raises(RecipeFailed, match="two are compared"):
        _with(volume, tmp_path / "b", lambda c, files: by.verify(ImageMatcherVerify(images=ids[:1]), c, files))


def test_all_that_cannot_be_read_is_named_and_people_without_folders_are_refused(place, known, tmp_path):
    volume, by, *_ = place
    ids = _sent(
        volume, [("a.txt", b"I am text"), ("good.png", png(tiny_face(1, 1))), ("dot.png", png(tiny_face(1, 1)[:1, :1]))]
    )
    params = ImageMatcherIdentify(images=ids)
    with pytest.raises(RecipeFailed) as caught:
        _with(volume, tmp_path, lambda c, files: by.generate(params, _people(volume, known), c, files))
    assert caught.value.message.startswith("a.txt: cannot be read") and "dot.png" not in caught.value.message
    bare = import_files(volume, [(f"{n}.png", png(tiny_face(n, 0))) for n in range(3)], "pictures")
    params = ImageMatcherIdentify(images=ids[1:])
    with pytest.raises(RecipeFailed, match="put those of each into a folder"):
        _with(volume, tmp_path / "b", lambda c, files: by.generate(params, _people(volume, bare), c, files))


def test_a_dataset_is_named_into_a_table(place, known, tmp_path):
    volume, by, *_ = place
    dataset = import_files(volume, face_files([60, 61, 80], 2, start=20), "pictures")
    (volume.dataset_dir(dataset.id) / "files" / "p61" / "020.png").write_bytes(b"damaged")
    refs = {"data": InputRef(dataset_id=dataset.id), "people": InputRef(dataset_id=known.id)}
    inputs = open_inputs(refs, Context(volume=volume))
    report, folder = _with(
        volume, tmp_path, lambda c, files: by.batch(ImageMatcherBatch.model_validate({}), inputs, c, files)
    )
    with (folder / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "who", "likeness", "likest", "by", "true", "error"] and len(rows) == 6
    assert [row["likest"] for row in rows[:2]] == ["p60", "p60"] and [bool(row["error"]) for row in rows].count(
        True
    ) == 1
    right = [row["who"] == (row["true"] if row["true"] != "p80" else NOBODY) for row in rows if not row["error"]]
    assert report.metrics["accuracy"] == pytest.approx(np.mean(right))
    with pytest.raises(RecipeFailed, match="in the part 'val'"):
        _with(
            volume,
            tmp_path / "b",
            lambda c, files: by.batch(ImageMatcherBatch.model_validate({"part": "val"}), inputs, c, files),
        )


def test_a_stop_is_noticed(place, known):
    volume, by, _, data = place

    class Stopped(Context):
        def check(self):
            raise Cancelled("asked to stop")

    with pytest.raises(Cancelled):
        image_matcher.baselines(data, PARAMS, Stopped())
    by._held = None
    params = ImageMatcherIdentify(images=_sent(volume, [("one.png", png(tiny_face(1, 1)))]))
    with pytest.raises(Cancelled):
        by.generate(params, _people(volume, known), Stopped(volume=volume), None)


@pytest.mark.parametrize("loss", ["arcface", "triplet"])
def test_batches_depend_on_the_seed_and_their_step_alone(place, loss):
    volume = place[0]
    inputs = given(volume, import_files(volume, [*face_files(range(6), 3), *face_files([7], 1)], "pictures"))
    params = PARAMS.model_copy(update={"loss": loss, "steps": 6, "batch_size": 12})
    data = image_matcher.load(inputs, params, Context())
    whole, later = ([[part.numpy() for part in batch] for batch in data.train(start)] for start in (0, 4))
    assert len(whole) == 6 and len(later) == 2
    for one, other in zip(whole[4:], later, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert np.bincount(whole[0][1]).max() == 4
    assert any("one picture only" in note for note in data.notes)


def test_parts_that_share_people_are_not_taken(place):
    volume = place[0]
    files = face_files(range(8), 3, part="train") + face_files(range(8), 2, part="test", start=10)
    data = image_matcher.load(given(volume, import_files(volume, files, "pictures")), PARAMS, Context())
    assert (
        data.split["test"] == 0 and data.split["val"] == 10 and any("in several parts" in note for note in data.notes)
    )


def test_too_few_people_are_refused(place):
    volume = place[0]
    for files, said in (
        (face_files([1, 2], 3), "2 people or things"),
        (face_files([1, 2, 3, 4], 1), "nobody to learn from has two pictures"),
        ([(f"{n}.png", png(tiny_face(n, 0))) for n in range(4)], "lie in no folder"),
    ):
        inputs = given(volume, import_files(volume, files, "pictures"))
        with pytest.raises(DatasetInvalid, match=said):
            image_matcher.load(inputs, PARAMS, Context())
        assert SPEC.check(PARAMS, {"data": inputs["data"].dataset})
