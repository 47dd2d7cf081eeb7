"""Reading, splitting and augmenting pictures, and the figures of a classifier."""

import gzip
import io
from types import SimpleNamespace

import pytest

np = pytest.importorskip("numpy")
tf = pytest.importorskip("tensorflow")

from PIL import Image  # noqa: E402
from worker.families.images.reading import read_pictures, target_size, to_pixels  # noqa: E402

from shared.errors import DatasetInvalid  # noqa: E402
from shared.recipes.image_classifier import ImageClassifierTrain  # noqa: E402
from tests.support.tiny_pictures import folder_files, idx_files, png, tiny_pictures  # noqa: E402
from worker.families.classification import classification_metrics, confusion_csv, confusion_matrix, roc_auc  # noqa: E402
from worker.families.images import reading  # noqa: E402
from worker.families.images.augment import Augmentation, augment  # noqa: E402
from worker.families.images.networks import stages_for  # noqa: E402
from worker.families.images.splitting import split_pictures  # noqa: E402
from worker.recipes import image_classifier  # noqa: E402


def _write(folder, files):
    for name, body in files:
        path = folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder


def _load(folder, format="image_folder", **params):
    return image_classifier.load(SimpleNamespace(format=format), folder, ImageClassifierTrain(**params))


def test_idx_files_are_read_with_their_parts_and_labels(tmp_path):
    pictures = read_pictures("idx", _write(tmp_path, idx_files(30, 6)), 0)
    assert pictures.pixels.shape == (36, 12, 12, 1)
    assert (pictures.parts == "test").sum() == 6
    assert pictures.classes == ["0", "1", "2"]
    np.testing.assert_array_equal(pictures.pixels[:30], tiny_pictures(30)[0])


def test_class_folders_below_train_and_test_are_read_in_colour(tmp_path):
    files = folder_files(12, "train", channels=3) + folder_files(6, "test", channels=3, seed=5)
    pictures = read_pictures("image_folder", _write(tmp_path, files), 0)
    assert pictures.pixels.shape == (18, 12, 12, 3)
    assert pictures.classes == ["ape", "bee", "cat"]
    assert (pictures.parts == "test").sum() == 6


def test_a_damaged_picture_is_named(tmp_path):
    files = [*folder_files(6), ("bee/broken.png", b"\x89PNG\r\n\x1a\nnothing")]
    with pytest.raises(DatasetInvalid) as caught:
        read_pictures("image_folder", _write(tmp_path, files), 0)
    assert [problem.file for problem in caught.value.problems] == ["bee/broken.png"]


def test_an_idx_file_cut_short_is_refused(tmp_path):
    files = [(name.removesuffix(".gz"), gzip.decompress(body)) for name, body in idx_files(12, 6)]
    name, body = files[0]
    with pytest.raises(DatasetInvalid, match="cut short"):
        read_pictures("idx", _write(tmp_path, [(name, body[:-5]), *files[1:]]), 0)


@pytest.mark.parametrize(("limit", "file"), [(30 * 144 - 1, "train-images"), (36 * 144 - 1, "t10k-images")])
def test_no_more_of_idx_files_is_unpacked_than_memory_may_hold(tmp_path, monkeypatch, limit, file):
    asked = []
    readinto = gzip.GzipFile.readinto
    monkeypatch.setattr(gzip.GzipFile, "readinto", lambda self, room: asked.append(len(room)) or readinto(self, room))
    folder = _write(tmp_path, idx_files(30, 6))
    monkeypatch.setattr(reading, "BYTES_LIMIT", limit)
    with pytest.raises(DatasetInvalid, match=f"{file}.* are allowed"):
        read_pictures("idx", folder, 0)
    assert sum(asked) <= limit
    monkeypatch.setattr(reading, "BYTES_LIMIT", 36 * 144)
    assert read_pictures("idx", folder, 0).pixels.shape[0] == 36


def test_a_copy_of_a_test_picture_is_never_trained_on(tmp_path):
    train, test = folder_files(12, "train"), folder_files(6, "test", seed=9)
    leaked = ("train/cat/leak.png", test[0][1])
    twin = ("train/ape/twin.png", train[0][1])
    pictures = read_pictures("image_folder", _write(tmp_path, [*train, *test, leaked, twin]), 0)
    split = split_pictures(pictures, 0.25, 0)
    assert len(split.test) == 6
    assert len(split.train) + len(split.val) == 12
    assert "2 duplicate pictures" in split.notes[0]
    assert "another label" in split.notes[1]
    sides = [{pictures.pixels[i].tobytes() for i in part} for part in (split.train, split.val, split.test)]
    assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]


def test_the_held_out_share_has_every_class_and_depends_on_the_seed_alone(tmp_path):
    pictures = read_pictures("image_folder", _write(tmp_path, folder_files(30)), 0)
    first, again, other = (split_pictures(pictures, 0.2, seed) for seed in (1, 1, 2))
    assert np.bincount(pictures.labels[first.val]).tolist() == [2, 2, 2]
    np.testing.assert_array_equal(first.val, again.val)
    assert first.val.tolist() != other.val.tolist()


def test_one_class_only_is_refused(tmp_path):
    with pytest.raises(DatasetInvalid, match="two at least"):
        _load(_write(tmp_path, folder_files(6, names=("ape",), side=12)))


def test_batches_from_the_middle_are_those_of_the_whole_run(tmp_path):
    data = _load(_write(tmp_path, folder_files(30, channels=3)), batch_size=8, epochs=3, class_weights="balanced")
    assert data.total_steps == 3 * data.steps_per_epoch
    whole = list(data.train(0).as_numpy_iterator())
    assert len(whole) == data.total_steps
    for start in (1, data.steps_per_epoch, data.total_steps - 2):
        for expected, found in zip(whole[start:], data.train(start).as_numpy_iterator(), strict=True):
            for a, b in zip(expected, found, strict=True):
                np.testing.assert_array_equal(a, b)


def test_an_epoch_shows_each_picture_at_most_once_and_the_next_in_another_order(tmp_path):
    data = _load(_write(tmp_path, folder_files(30)), batch_size=4, epochs=2, rotation=0, translation=0, zoom=0)
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
    assert target_size([(28, 28), (28, 28)], 0) == (28, 28)
    assert target_size([(640, 480), (320, 200), (50, 60)], 0) == (96, 96)
    assert target_size([(20, 30), (24, 40), (22, 22)], 0) == (22, 22)
    assert target_size([(20, 30)], 64) == (64, 64)


def test_transparent_pictures_lie_on_white_and_sixteen_bits_become_eight():
    clear = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    assert to_pixels(clear, (2, 2), True).tolist() == [[[255, 255, 255]] * 2] * 2
    deep = Image.fromarray(np.full((2, 2), 65535, np.uint16))
    assert to_pixels(deep, (2, 2), False).max() == 255


def test_networks_end_in_a_map_of_about_seven():
    assert [stages_for(side) for side in (8, 28, 32, 64, 96)] == [1, 3, 3, 3, 4]


def test_figures_of_a_classifier_agree_with_hand_counts():
    labels = np.array([0, 0, 1, 1])
    shares = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])
    figures = classification_metrics(labels, shares)
    assert figures["accuracy"] == 0.75
    assert figures["precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert figures["recall"] == pytest.approx(0.75)
    assert figures["f1"] == pytest.approx((2 / 3 + 0.8) / 2)
    assert figures["roc_auc"] == 1.0
    assert roc_auc(np.array([True, False]), np.array([0.5, 0.5])) == 0.5
    assert roc_auc(np.array([True, True]), np.array([0.5, 0.5])) is None
    matrix = confusion_matrix(labels, shares.argmax(1), 2)
    assert matrix.tolist() == [[1, 1], [0, 2]]
    assert "猫,1,1" in confusion_csv(matrix, ["猫", "dog"]).decode("utf-8-sig")


def test_png_helper_round_trips():
    pixels = tiny_pictures(1, channels=3)[0][0]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(pixels)))), pixels)
