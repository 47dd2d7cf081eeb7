"""Pictures never seen are found by words, and words by pictures; what was trained before learns as asked."""

import csv
import io
import json
import os
import subprocess
import sys
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("tensorflow")

from shared.errors import Cancelled, DatasetInvalid, RecipeFailed  # noqa: E402
from shared.jobs.job import InputRef  # noqa: E402
from shared.outputs import Picture, Scores, Table  # noqa: E402
from shared.recipes import get_recipe  # noqa: E402
from shared.recipes.image_text_matcher import (  # noqa: E402
    ImageTextMatcherBatch,
    ImageTextMatcherDescribe,
    ImageTextMatcherSearch,
    ImageTextMatcherTrain,
)
from shared.volume.files import save_file  # noqa: E402
from shared.volume.volume import Volume  # noqa: E402
from tests.support.taken_away import ALONE, put_pictures  # noqa: E402
from tests.support.tiny_bases import put_base  # noqa: E402
from tests.support.tiny_captions import caption_files, drawn  # noqa: E402
from tests.support.tiny_datasets import given, import_files  # noqa: E402
from tests.support.tiny_pictures import folder_files, png  # noqa: E402
from worker.artifacts import publishing  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.captions.measuring import _chance, chance, figures, ranks_of  # noqa: E402
from worker.families.captions.networks import Contrastive  # noqa: E402
from worker.families.captions.pairs import Belonging, split_clusters  # noqa: E402
from worker.inputs import open_inputs  # noqa: E402
from worker.recipe import build_model  # noqa: E402
from worker.recipes import image_text_matcher  # noqa: E402
from worker.training.fit import fit  # noqa: E402
from worker.verdict import judge  # noqa: E402

SPEC = get_recipe("image_text_matcher")
CODE: Any = image_text_matcher
_SMALL = {"width": 6, "embedding": 16, "text_width": 32, "batch_size": 48, "warmup_steps": 0, "learning_rate": 1e-2}
PARAMS = ImageTextMatcherTrain.model_validate({**_SMALL, "epochs": 25, "keep": "last", "dropout": 0.1})


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(volume, finder, model, data, dataset) of one that has learnt what 160 pictures show."""
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    dataset = import_files(volume, caption_files(range(160)), "captioned_pictures")
    data = image_text_matcher.load(given(volume, dataset), PARAMS, Context())
    model = fit(SPEC, PARAMS, data, Context()).model
    return volume, image_text_matcher.open_generator(model, PARAMS, data.assets), model, data, dataset


def _with(volume, tmp_path, use) -> Any:
    """(what use(context, files) makes, folder)."""
    tmp_path.mkdir(exist_ok=True)
    with publishing(volume, tmp_path / "artifacts") as (files, outputs):
        made = use(Context(volume=volume), files)
        outputs += made if isinstance(made, list) else made.outputs
    return made, tmp_path / "artifacts"


def _sent(volume, named):
    return [save_file(volume, name, io.BytesIO(body), owner="local", max_bytes=1 << 22).id for name, body in named]


def _inputs(volume, **datasets):
    refs = {role: InputRef(dataset_id=dataset.id) for role, dataset in datasets.items()}
    return open_inputs(refs, Context(volume=volume))


def test_pictures_never_seen_are_found_and_simple_answers_stand_beside(place, tmp_path):
    volume, _, model, data, _ = place
    report, _ = _with(
        volume, tmp_path, lambda context, files: image_text_matcher.report(model, data, PARAMS, context, files, [])
    )
    assert {
        f"{part}_{way}{name}"
        for part in ("val", "test")
        for way in ("", "picture_to_text_", "text_to_picture_")
        for name in ("mrr", "recall_at_1", "recall_at_5", "recall_at_10")
    } <= set(report.metrics)
    assert report.rows == len(data.places["test"]) == 16 and report.metrics["texts_asked"] > 16
    assert report.metrics["test_recall_at_5"] > 0.8  # kinds of pictures, not their numbers, can be known
    simple = image_text_matcher.baselines(data, PARAMS, Context())
    assert [one.name.split()[0] for one in simple] == ["chance", "texts", "ridge"]
    assert report.judge is not None
    everything = np.arange(report.rows)
    assert report.judge.score(report.predictions, everything) == pytest.approx(report.metrics["test_mrr"], abs=0.05)
    for one in simple:
        assert set(one.metrics) <= set(report.metrics)
    others = [one.metrics["test_mrr"] for one in simple[1:]]
    assert 2 * simple[0].metrics["test_mrr"] < min(*others, report.metrics["test_mrr"])
    told = [(one.name, one.predictions) for one in simple if one.predictions is not None]
    verdict = judge(report.judge, report.predictions, told, report.rows)
    assert verdict is not None and "mean reciprocal rank" in verdict.sentence
    assert isinstance(report.outputs[-1], Table) and report.outputs[-1].columns[1] == "its text"
    assert all(isinstance(one, Picture) and "came" in one.title for one in report.outputs[:-1])


def test_no_picture_and_no_text_is_in_two_parts(place):
    _, _, _, data, _ = place
    by = data.belonging
    pictures = {part: set(by.picture_as[places].tolist()) for part, places in data.places.items()}
    texts = {part: set(by.text_as[by.texts_of(places)].tolist()) for part, places in data.places.items()}
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        assert not pictures[one] & pictures[other] and not texts[one] & texts[other]
    assert data.split == {"train": 128, "val": 16, "test": 16}


def test_words_find_pictures_of_a_dataset_with_and_without_texts(place, tmp_path):
    volume, by, _, _, dataset = place
    asked = ImageTextMatcherSearch(text="  a BLUE square\non the left ", top_k=6)
    found, folder = _with(volume, tmp_path / "a", lambda c, f: by.generate(asked, _inputs(volume, data=dataset), c, f))
    assert len(found) == 6 and all(isinstance(one, Picture) for one in found)
    assert sum("blue" in one.title for one in found) >= 4, [one.title for one in found]
    values = [float(one.title.split()[0]) for one in found]
    assert values == sorted(values, reverse=True)
    assert all((folder / one.file).read_bytes()[:4] == b"\x89PNG" for one in found)
    bare = import_files(
        volume, [(name, body) for name, body in caption_files(range(200, 224)) if name[-3:] == "png"], "pictures"
    )
    found, _ = _with(volume, tmp_path / "b", lambda c, f: by.generate(asked, _inputs(volume, data=bare), c, f))
    blue = [f"{number}.png" for number in range(200, 224) if number % 4 == 2]
    assert sum(one.title.split()[1] in blue for one in found[:4]) >= 3


def test_words_that_say_nothing_are_refused(place, tmp_path):
    volume, by, _, _, dataset = place
    for said in (" ", "\n\t"):
        with pytest.raises(RecipeFailed, match="nothing to look for"):
            by.generate(ImageTextMatcherSearch(text=said), _inputs(volume, data=dataset), Context(volume=volume), None)
    unknown = ImageTextMatcherSearch(text="紅色的方塊")
    with pytest.raises(RecipeFailed, match="none of these words"):
        by.generate(unknown, _inputs(volume, data=dataset), Context(volume=volume), None)
    long = ImageTextMatcherSearch(text="red 紅色的方塊 " * 900, top_k=3)
    found, _ = _with(volume, tmp_path, lambda c, f: by.generate(long, _inputs(volume, data=dataset), c, f))
    assert len(found) == 3 and all("red" in one.title for one in found)


def test_pictures_find_texts_typed_in_or_of_a_dataset(place, tmp_path):
    volume, by, _, _, dataset = place
    ids = _sent(volume, [("two.png", png(drawn(302)[0])), ("一.png", png(drawn(300, 90)[0]))])
    typed = ImageTextMatcherDescribe(images=ids, texts="a red square\n\na yellow cross\na blue square\n", top_k=2)
    found, folder = _with(volume, tmp_path / "a", lambda c, f: by.describe(typed, {}, c, f))
    assert [drawn(302)[1], drawn(300)[1]] == ["a blue square on the right", "a red square on the right"]
    first, second = found
    assert isinstance(first, Scores) and first.items[0].name == "a blue square" and len(first.items) == 2
    assert isinstance(second, Scores) and second.items[0].name == "a red square"
    assert (folder / first.picture).is_file() and "nearest of 3 texts" in first.title
    among = ImageTextMatcherDescribe(images=ids, top_k=5)
    found, _ = _with(volume, tmp_path / "b", lambda c, f: by.describe(among, _inputs(volume, texts=dataset), c, f))
    assert sum("blue" in item.name for item in found[0].items) >= 3
    with pytest.raises(RecipeFailed, match="nothing to choose among"):
        by.describe(among, {}, Context(volume=volume), None)
    wrong = _sent(volume, [("bad.png", b"none")])
    with pytest.raises(RecipeFailed, match=r"bad\.png"):
        by.describe(ImageTextMatcherDescribe(images=wrong, texts="a"), {}, Context(volume=volume), None)


def test_a_whole_dataset_becomes_a_table_that_goes_on_after_a_broken_picture(place, tmp_path):
    volume, by, _, _, dataset = place
    some = import_files(volume, caption_files(range(8)), "captioned_pictures")
    (volume.dataset_dir(some.id) / "files" / "pictures" / "003.png").write_bytes(b"broken since")
    params = ImageTextMatcherBatch.model_validate({"top_k": 2})
    report, folder = _with(
        volume, tmp_path / "a", lambda c, f: by.batch(params, _inputs(volume, data=some, texts=dataset), c, f)
    )
    rows = list(csv.reader((folder / "rows.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert rows[0] == ["file", "text 1", "likeness 1", "text 2", "likeness 2", "place of its own text", "error"]
    assert [row[0] for row in rows[1:]] == [f"{number:03}.png" for number in range(8)]
    assert rows[4][-1] and not any(rows[4][1:6]) and not any(row[-1] for row in rows[1:4])
    assert report.metrics["recall_at_10"] > 0.4 and report.metrics["texts"] == 200
    bare = import_files(volume, folder_files(4, channels=3), "pictures")
    report, folder = _with(
        volume, tmp_path / "b", lambda c, f: by.batch(params, _inputs(volume, data=bare, texts=dataset), c, f)
    )
    assert "place of its own text" not in (folder / "rows.csv").read_text() and "recall_at_1" not in report.metrics
    with pytest.raises(RecipeFailed, match="part 'test'"):
        nothing = ImageTextMatcherBatch.model_validate({"part": "test"})
        by.batch(nothing, _inputs(volume, data=bare, texts=dataset), Context(volume=volume), None)


@pytest.mark.parametrize(("tokens", "layers"), [("bpe", 2), ("characters", 0)])
def test_texts_from_scratch_may_be_read_by_attention_too_and_in_other_tokens(place, tokens, layers):
    volume, *_, dataset = place
    params = PARAMS.model_copy(update={"tokens": tokens, "text_layers": layers, "epochs": 4})
    data = image_text_matcher.load(given(volume, dataset), params, Context())
    model = fit(SPEC, params, data, Context()).model
    looks = []
    found = image_text_matcher.evaluate(model, data, looks.append)
    assert found["val_recall_at_10"] > 0.5 and looks == list(range(1, len(looks) + 1)) and looks
    near = image_text_matcher.open_generator(model, params, data.assets)._towers.of_texts(["a red square", "zzz", "紅"])
    assert np.isfinite(near).all()


@pytest.fixture(scope="module")
def upon(place):
    """Inputs of a training upon a tiny encoder and a tiny backbone."""
    volume, *_ = place
    dataset = import_files(volume, caption_files(range(24)), "captioned_pictures")
    refs = {
        "data": InputRef(dataset_id=dataset.id),
        "base": put_base(volume, "bert"),
        "backbone": put_base(volume, "backbone"),
    }
    return open_inputs(refs, Context(volume=volume))


def _upon(**params):
    small = {**_SMALL, "epochs": 2, "batch_size": 8, "rank": 2, "image_size": 32}
    return ImageTextMatcherTrain.model_validate({**small, **params})


def test_what_was_trained_before_learns_as_asked(upon):
    params = _upon(text_method="lora", picture_method="full")
    data = image_text_matcher.load(upon, params, Context())
    before = build_model(CODE, params, data.assets, upon)
    after = fit(SPEC, params, data, Context(), inputs=upon).model
    moved = {
        b.path: not np.array_equal(a.numpy(), b.numpy()) for a, b in zip(before.variables, after.variables, strict=True)
    }
    fixed = {variable.path for variable in image_text_matcher.fixed(after)}
    words = [path for path in moved if "block_0" in path and "kernel" in path and "adapter" not in path]
    assert words and set(words) <= fixed and not any(moved[path] for path in fixed)
    assert all(moved[path] for path in moved if "adapter" in path or ("backbone" in path and "kernel" in path))
    assert next(iter(data.train(0)))[0]["texts"].dtype.name == "int32"


@pytest.mark.parametrize(("text_method", "picture_method"), [("frozen", "frozen"), ("full", "full")])
def test_what_does_not_learn_is_in_no_checkpoint(upon, tmp_path, text_method, picture_method):
    params = _upon(text_method=text_method, picture_method=picture_method)
    data = image_text_matcher.load(upon, params, Context(cache_dir=tmp_path / "cache"))
    model = build_model(CODE, params, data.assets, upon)
    fixed = {variable.path for variable in image_text_matcher.fixed(model)}
    learns = {variable.path for variable in model.trainable_variables}
    from_elsewhere = {
        v.path for v in model.variables if ("block_" in v.path or "backbone" in v.path) and v.path.endswith("kernel")
    }
    assert from_elsewhere and not fixed & learns
    assert from_elsewhere <= (fixed if text_method == "frozen" else learns)
    rows = next(iter(data.train(0)))[0]["texts"]
    assert rows.dtype.name == ("float32" if text_method == "frozen" else "int32")
    towers = image_text_matcher.open_generator(model, params, data.assets)._towers
    near = towers.of_texts(data.texts[:4])
    np.testing.assert_allclose(np.linalg.norm(near, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(towers.of_rows(data.text_rows(np.arange(4))), near, atol=2e-5)


def test_a_batch_depends_on_its_step_alone_and_masks_what_is_right_besides(place):
    volume, _, _, data, _ = place
    whole = [x for x, _ in data.train(0).take(4)]
    again = next(iter(data.train(3)))[0]
    for name in ("pixels", "texts", "also"):
        np.testing.assert_array_equal(whole[3][name], again[name])
    dataset = import_files(
        volume,
        [(name, body) for name, body in caption_files(range(24)) if not name.endswith("tsv")]
        + [("t.csv", "\n".join(["file,text", *(f"{n:03}.png,number {n // 2}" for n in range(24))]).encode())],
        "captioned_pictures",
    )  # fmt: skip
    params = PARAMS.model_copy(update={"batch_size": 18})
    data = image_text_matcher.load(given(volume, dataset), params, Context())
    x, y = next(iter(data.train(0)))
    also = x["also"].numpy()
    assert also.any() and not also.diagonal().any() and (also == also.T).all() and also.sum(1).max() == 1
    assert y.numpy().tolist() == list(range(len(also)))
    assert all(len(places) % 2 == 0 for places in data.places.values())


def test_the_loss_is_the_cross_entropy_of_both_ways():
    scores = np.array([[2.0, 0.5, -1], [0.1, 1.5, 0.3], [0.0, -0.2, 0.7]], np.float32)
    shares = np.exp(scores)
    one = -np.log(np.diag(shares) / shares.sum(1)).mean()
    other = -np.log(np.diag(shares) / shares.sum(0)).mean()
    assert float(np.asarray(Contrastive()(np.arange(3), scores))) == pytest.approx((one + other) / 2, rel=1e-5)


def test_ranks_share_places_and_what_else_is_right_is_no_rival():
    by = Belonging(np.array([0, 0, 1, 2]), np.array([0, 1, 2]), np.array([0, 1, 2, 1]))
    scores = np.array([[0.1, 0.9, 0.5, 0.8], [0.9, 0.3, 0.3, 0.1], [0.2, 0.4, 0.9, 0.1]])
    texts = np.arange(4)
    ranks = ranks_of(scores, lambda places: by.right(places, texts), by.owner, lambda: None)
    # picture 2 says text 3, equal to text 1: both are right for it, and for picture 0
    assert ranks.pictures.tolist() == [1, 2.5, 2] and ranks.picture_rights.tolist() == [3, 1, 2]
    assert ranks.texts.tolist() == [3, 1, 3, 1]
    found = figures(ranks)
    assert found["picture_to_text_recall_at_1"] == pytest.approx(1 / 3) and found["text_to_picture_recall_at_1"] == 0.5
    assert found["mrr"] == pytest.approx((found["picture_to_text_mrr"] + found["text_to_picture_mrr"]) / 2)


def test_chance_is_what_random_orders_give_on_average():
    rng = np.random.default_rng(0)
    right, candidates = 3, 40
    first = np.array([1 + np.sort(rng.permutation(candidates)[:right])[0] for _ in range(20_000)])
    told = _chance(right, candidates)
    assert told["mrr"] == pytest.approx((1 / first).mean(), abs=0.005)
    for most in (1, 5, 10):
        assert told[f"recall_at_{most}"] == pytest.approx((first <= most).mean(), abs=0.012)
    assert _chance(1, 190)["recall_at_10"] == pytest.approx(10 / 190) and _chance(5, 5)["recall_at_1"] == 1
    by = Belonging(np.arange(20), np.arange(20), np.arange(20))
    ranks = ranks_of(np.zeros((20, 20)), lambda places: by.right(places, np.arange(20)), by.owner, lambda: None)
    assert chance(ranks)["recall_at_10"] == pytest.approx(0.5) and (ranks.texts == 10.5).all()


def test_parts_of_the_datasets_own_are_taken_less_what_is_held_out_and_large_clusters_stay():
    parts = ["train"] * 6 + ["test"] * 2
    places, notes = split_clusters(parts, np.array([0, 1, 2, 3, 4, 9, 9, 8]), {"val": 0.4, "test": 0.1}, seed=0)
    assert places["test"].tolist() == [6, 7] and 5 not in places["train"] and len(places["val"]) == 2
    assert any("1 pictures of train left out" in note for note in notes)
    clusters = np.array([0] * 30 + list(range(1, 11)))
    places, _ = split_clusters(["train"] * 40, clusters, {"val": 0.1, "test": 0.1}, seed=3)
    assert set(range(30)) <= set(places["train"].tolist()) and len(places["val"]) == len(places["test"]) == 4
    places, _ = split_clusters(["test"] * 10, np.arange(10), {"val": 0.2, "test": 0.2}, seed=0)
    assert [len(places[part]) for part in ("train", "val", "test")] == [6, 2, 2]


def test_where_nothing_can_be_held_out_it_is_refused(place):
    volume, *_ = place
    files = [(name, body) for name, body in caption_files(range(10)) if not name.endswith("tsv")]
    lines = ["file,text", *(f"{n:03}.png,number {n}" for n in range(10)), *(f"{n:03}.png,a picture" for n in range(10))]
    dataset = import_files(volume, [*files, ("t.csv", "\n".join(lines).encode())], "captioned_pictures")
    with pytest.raises(DatasetInvalid, match="nothing can be held out"):
        image_text_matcher.load(given(volume, dataset), PARAMS, Context())


@pytest.fixture(scope="module")
def taken(place, upon, tmp_path_factory):
    """name -> (folder of what was taken away, the model's finder). Made for the module: TensorFlow writes files as it saves."""
    _, by, model, data, _ = place
    params = _upon(text_method="full", picture_method="full")
    more = image_text_matcher.load(upon, params, Context())
    other = build_model(CODE, params, more.assets, upon)
    found = {}
    for name, one, how, assets in (("own", model, PARAMS, data.assets), ("upon", other, params, more.assets)):
        folder = tmp_path_factory.mktemp(name)
        image_text_matcher.export(one, how, assets, folder)
        found[name] = folder, by if name == "own" else image_text_matcher.open_generator(one, how, assets)
    return found


def test_what_is_taken_away_ranks_pictures_as_the_service_does(place, taken, tmp_path):
    volume = place[0]
    pictures, said = put_pictures(volume), "a Ｒed square, 紅 on the left"
    asked = {str(folder): [said, *(path for path, _ in pictures)] for folder, _ in taken.values()}
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    order = [sys.executable, "-c", ALONE, json.dumps(asked)]
    done = subprocess.run(order, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr[-3000:]
    wanted = ImageTextMatcherDescribe(images=[file_id for _, file_id in pictures], texts=said)
    for name, (folder, finder) in taken.items():
        lines = (line.split("\t") for line in json.loads(done.stdout)[str(folder)].splitlines())
        near = {path: float(value) for value, path in lines}
        assert list(near.values()) == sorted(near.values(), reverse=True) and len(set(near.values())) > 1
        found, _ = _with(volume, tmp_path / f"by {name}", lambda c, f, finder=finder: finder.describe(wanted, {}, c, f))
        for (path, _), answer in zip(pictures, found, strict=True):
            assert near[path] == pytest.approx(answer.items[0].value, abs=1e-4)


def test_a_stop_asked_for_is_heard_in_loops_of_its_own(place):
    volume, by, _, data, _ = place

    class Stopped(Context):
        def check(self):
            raise Cancelled()

    with pytest.raises(Cancelled):
        image_text_matcher.baselines(data, PARAMS, Stopped())
    with pytest.raises(Cancelled):
        by.describe(
            ImageTextMatcherDescribe(images=_sent(volume, [("a.png", png(drawn(1)[0]))]), texts="a"),
            {},
            Stopped(volume=volume),
            None,
        )


def test_a_backbone_is_not_given_pictures_too_small_to_see():
    given_too: Any = {"backbone": None}
    asked = ImageTextMatcherTrain(image_size=16)
    assert "at least 32" in SPEC.foresee(asked, given_too, 0).problems[0].message
    assert (
        SPEC.foresee(asked, {}, 0).problems == [] and SPEC.foresee(ImageTextMatcherTrain(), given_too, 0).problems == []
    )
