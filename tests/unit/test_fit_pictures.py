"""Reading, splitting and augmenting pictures, and the figures of a classifier."""

import dataclasses
import io

import pytest

np = pytest.importorskip("numpy")
tf = pytest.importorskip("tensorflow")

from PIL import Image  # noqa: E402

from shared.errors import Cancelled, DatasetInvalid  # noqa: E402
from shared.recipes.image_classifier import ImageClassifierTrain  # noqa: E402
from tests.support.tiny_datasets import imported  # noqa: E402
from tests.support.tiny_pictures import folder_files, idx_files, png, tiny_pictures  # noqa: E402
from worker.context import Context  # noqa: E402
from worker.families.confusion import confusion_csv  # noqa: E402
from worker.families.images.augment import Augmentation, augment  # noqa: E402
from worker.families.images.networks import stages_for  # noqa: E402
from worker.families.images.pixels import prepare, target_size, to_pixels  # noqa: E402
from worker.families.images.splitting import split_pictures  # noqa: E402
from worker.recipes import image_classifier  # noqa: E402

DECODING = 1  # of max_cache_bytes: nothing fits, pictures are decoded as they are read


def _load(place, files, format="pictures", context=None, **params):
    inputs = imported(place, files, format)
    return image_classifier.load(inputs, ImageClassifierTrain(**params), context or Context())


def _split(pictures, pixels, fraction, seed):
    return split_pictures(pictures.parts, np.array(pictures.labels), pixels.digests, fraction, seed)


def _all(pictures, pixels):
    return pixels.rows(np.arange(len(pictures)))


@pytest.mark.parametrize("most", [DECODING, 2**30])
def test_idx_files_are_read_with_their_parts_and_labels(tmp_path, most):
    inputs = imported(tmp_path, idx_files(30, 6), "idx")
    pictures, pixels = prepare(inputs["data"], 0, Context(max_cache_bytes=most))
    assert pixels.shape == (12, 12, 1)
    assert pictures.parts.count("test") == 6
    assert pictures.classes == ["0", "1", "2"]
    np.testing.assert_array_equal(pixels.rows(np.arange(30)), tiny_pictures(30)[0])
    np.testing.assert_array_equal(pixels.rows(np.array([7, 0, 7])), tiny_pictures(30)[0][[7, 0, 7]])


@pytest.mark.parametrize("most", [DECODING, 2**30])
def test_class_folders_below_train_and_test_are_read_in_colour(tmp_path, most):
    files = folder_files(12, "train", channels=3) + folder_files(6, "test", channels=3, seed=5)
    inputs = imported(tmp_path, files, "pictures")
    pictures, pixels = prepare(inputs["data"], 0, Context(max_cache_bytes=most))
    assert pixels.shape == (12, 12, 3)
    assert pictures.classes == ["ape", "bee", "cat"]
    assert pictures.parts.count("test") == 6
    shown = dict(files)
    for name, row in zip(pictures.names, _all(pictures, pixels), strict=True):
        np.testing.assert_array_equal(row, np.asarray(Image.open(io.BytesIO(shown[name]))))


def test_every_picture_damaged_on_the_volume_is_named(tmp_path):
    inputs = imported(tmp_path, folder_files(9), "pictures")
    for name in ("bee/001.png", "cat/005.png"):
        (inputs["data"].folder / "files" / name).write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(DatasetInvalid, match="2 pictures cannot be read") as caught:
        prepare(inputs["data"], 0, Context())
    assert [problem.file for problem in caught.value.problems] == ["bee/001.png", "cat/005.png"]


def test_a_copy_of_a_test_picture_is_never_trained_on(tmp_path):
    train, test = folder_files(12, "train"), folder_files(6, "test", seed=9)
    copy = io.BytesIO()
    Image.open(io.BytesIO(test[0][1])).save(copy, "BMP")  # other bytes, the same pixels: import cannot see it
    twin = io.BytesIO()
    Image.open(io.BytesIO(train[0][1])).save(twin, "BMP")
    files = [*train, *test, ("train/cat/leak.bmp", copy.getvalue()), ("train/bee/twin.bmp", twin.getvalue())]
    pictures, pixels = prepare(imported(tmp_path, files, "pictures")["data"], 0, Context())
    split = _split(pictures, pixels, 0.25, 0)
    assert len(split.test) == 6
    assert len(split.train) + len(split.val) == 12
    assert "2 duplicate pictures" in split.notes[0]
    assert "another label" in split.notes[1]
    sides = [{row.tobytes() for row in pixels.rows(part)} for part in (split.train, split.val, split.test)]
    assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]


def test_the_held_out_share_has_every_class_and_depends_on_the_seed_alone(tmp_path):
    pictures, pixels = prepare(imported(tmp_path, folder_files(30), "pictures")["data"], 0, Context())
    first, again, other = (_split(pictures, pixels, 0.2, seed) for seed in (1, 1, 2))
    assert np.bincount(np.array(pictures.labels)[first.val]).tolist() == [2, 2, 2]
    np.testing.assert_array_equal(first.val, again.val)
    assert first.val.tolist() != other.val.tolist()


def test_one_class_only_and_pictures_without_a_class_are_refused(tmp_path):
    pictures, pixels = prepare(imported(tmp_path, folder_files(6), "pictures")["data"], 0, Context())
    for labels, classes, reason in (
        ([0] * 6, ["ape"], "two at least"),
        ([0, None] * 3, ["ape"], "3 pictures have no class"),
    ):
        changed = dataclasses.replace(pictures, labels=labels, classes=classes)
        with pytest.raises(DatasetInvalid, match=reason):
            image_classifier.PictureData(changed, pixels, ImageClassifierTrain())


def test_batches_from_the_middle_are_those_of_the_whole_run(tmp_path):
    data = _load(tmp_path, folder_files(30, channels=3), batch_size=8, epochs=3, class_weights="balanced")
    assert data.total_steps == 3 * data.steps_per_epoch
    whole = list(data.train(0).as_numpy_iterator())
    assert len(whole) == data.total_steps
    for start in (1, data.steps_per_epoch, data.total_steps - 2):
        for expected, found in zip(whole[start:], data.train(start).as_numpy_iterator(), strict=True):
            for a, b in zip(expected, found, strict=True):
                np.testing.assert_array_equal(a, b)


def test_streamed_batches_are_those_of_all_pictures_in_memory(tmp_path):
    inputs = imported(tmp_path, folder_files(40, channels=3), "pictures")
    params = ImageClassifierTrain(batch_size=8, epochs=2, label_smoothing=0.1, augmentation="full", seed=3)
    pictures, pixels = prepare(inputs["data"], 0, Context())
    everything, labels = _all(pictures, pixels), np.array(pictures.labels)
    split = _split(pictures, pixels, params.validation_fraction, params.seed)
    wanted = []
    for epoch in range(2):
        order = tf.random.experimental.stateless_shuffle(tf.constant(split.train), seed=[params.seed, epoch]).numpy()
        wanted += [order[i * 8 : i * 8 + 8] for i in range(len(split.train) // 8)]
    for most in (DECODING, 2**30):
        data = image_classifier.load(inputs, params, Context(max_cache_bytes=most))
        in_memory = tf.data.Dataset.from_tensor_slices(everything[np.stack(wanted)]).enumerate()

        @tf.autograph.experimental.do_not_convert
        def moved(step, x, how=data.augmentation):
            return augment(tf.cast(x, tf.float32), tf.stack([params.seed + 1, step]), how)

        for (x, y), reference, chosen in zip(data.train(0), in_memory.map(moved), wanted, strict=True):
            np.testing.assert_array_equal(x, reference)
            np.testing.assert_array_equal(y.numpy().argmax(1), labels[chosen])
        validation = data.validation()
        assert validation is not None
        seen = list(validation)
        np.testing.assert_array_equal(np.concatenate([x for x, _ in seen]), everything[split.val])
        np.testing.assert_array_equal(np.concatenate([y for _, y in seen]).argmax(1), labels[split.val])


def test_mean_and_spread_are_those_of_the_pixels_trained_on(tmp_path):
    data = _load(tmp_path, folder_files(30, channels=3))
    pixels = data.pixels.rows(data.places["train"]).reshape(-1, 3) / 255
    np.testing.assert_allclose(data.assets["mean"], pixels.mean(0), rtol=1e-12)
    np.testing.assert_allclose(data.assets["std"], pixels.std(0), rtol=1e-12)


def test_the_next_training_finds_the_pixels_and_another_size_makes_its_own(tmp_path):
    inputs = imported(tmp_path, folder_files(30), "pictures")
    context = Context(cache_dir=tmp_path / "cache")
    first = image_classifier.load(inputs, ImageClassifierTrain(), context)
    (kept,) = (tmp_path / "cache").rglob("pixels.bin")
    made = kept.stat().st_mtime_ns
    for name in (inputs["data"].folder / "files").rglob("*.png"):
        name.write_bytes(b"no picture any more: it must not be read again")
    again = image_classifier.load(inputs, ImageClassifierTrain(seed=4), context)
    np.testing.assert_array_equal(again.pixels.rows(np.arange(30)), first.pixels.rows(np.arange(30)))
    assert kept.stat().st_mtime_ns == made
    with pytest.raises(DatasetInvalid, match="30 pictures cannot be read"):
        image_classifier.load(inputs, ImageClassifierTrain(image_size=20), context)


def test_beyond_the_room_there_is_no_pixels_are_written(tmp_path):
    context = Context(cache_dir=tmp_path / "cache", max_cache_bytes=30 * 12 * 12 - 1)
    data = _load(tmp_path / "volume", folder_files(30), context=context)
    assert not list((tmp_path / "cache").rglob("pixels.bin"))
    assert len(list(data.train(0).take(3))) == 3
    just = Context(cache_dir=tmp_path / "cache", max_cache_bytes=30 * 12 * 12)
    _load(tmp_path / "volume", folder_files(30), context=just)
    assert len(list((tmp_path / "cache").rglob("pixels.bin"))) == 1


def test_a_stop_is_heeded_while_pictures_are_decoded_and_leaves_nothing(tmp_path):
    class Stopped(Context):
        def check(self):
            raise Cancelled("asked to stop")

    with pytest.raises(Cancelled):
        _load(tmp_path / "volume", folder_files(30), context=Stopped(cache_dir=tmp_path / "cache"))
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_epoch_shows_each_picture_at_most_once_and_the_next_in_another_order(tmp_path):
    data = _load(tmp_path, folder_files(30), batch_size=4, epochs=2, rotation=0, translation=0, zoom=0)
    batches = [x.reshape(len(x), -1) for x, _ in data.train(0).as_numpy_iterator()]
    first, second = (
        [row.tobytes() for x in part for row in x]
        for part in (batches[: data.steps_per_epoch], batches[data.steps_per_epoch :])
    )
    assert len(set(first)) == len(first)
    assert first != second


def test_augmentation_depends_on_its_seed_and_without_any_leaves_pictures_alone():
    pictures = tf.constant(tiny_pictures(4)[0], tf.float32)
    how = Augmentation(flip_horizontal=True, rotation=20, translation=0.1, zoom=0.1)
    one, same, other = (augment(pictures, tf.constant(seed), how).numpy() for seed in ((0, 1), (0, 1), (0, 2)))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(augment(pictures, tf.constant((0, 1)), Augmentation()).numpy(), pictures.numpy())


def test_a_half_turn_and_a_flip_are_exact():
    picture = tf.reshape(tf.range(9.0), (1, 3, 3, 1))
    mirrored = picture[:, :, ::-1]
    how = Augmentation(flip_horizontal=True)
    found = {augment(picture, tf.constant((0, seed)), how).numpy().tobytes() for seed in range(20)}
    assert found == {picture.numpy().tobytes(), mirrored.numpy().tobytes()}


def test_pictures_of_many_sizes_are_scaled_to_one():
    def size(sizes, image_size=0):
        return target_size(set(sizes), [min(one) for one in sizes], image_size)

    assert size([(28, 28), (28, 28)]) == (28, 28)
    assert size([(640, 480), (320, 200), (50, 60)]) == (96, 96)
    assert size([(20, 30), (24, 40), (22, 22)]) == (22, 22)
    assert size([(20, 30)]) == (30, 20)
    assert size([(20, 30)], 64) == (64, 64)


def test_pictures_become_grey_or_colour_and_are_scaled():
    red = Image.new("RGB", (4, 2), (255, 0, 0))
    assert to_pixels(red, (2, 4, 3)).tolist() == [[[255, 0, 0]] * 4] * 2
    assert to_pixels(red, (2, 4, 1)).tolist() == [[[76]] * 4] * 2
    assert to_pixels(red, (1, 2, 3)).tolist() == [[[255, 0, 0]] * 2]


def test_networks_end_in_a_map_of_about_seven():
    assert [stages_for(side) for side in (8, 28, 32, 64, 96)] == [1, 3, 3, 3, 4]


def test_the_confusion_matrix_as_csv_has_a_row_for_each_true_class():
    written = confusion_csv(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), ["猫", "dog"]).decode("utf-8-sig")
    assert written.splitlines()[1:] == ["猫,1,1", "dog,0,2"]


def test_png_helper_round_trips():
    pixels = tiny_pictures(1, channels=3)[0][0]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(pixels)))), pixels)
