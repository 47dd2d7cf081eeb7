"""The small networks of the image classifier: sizes at which oneDNN once wrote outside its memory, and what they compute."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("tensorflow")

# Three steps of each (width, side) with what a training uses. A child process, for the fault ended it by a signal.
_TRAINING = """
import sys
import numpy as np, keras
from worker.families.images.networks import classifier
rng = np.random.default_rng(0)
for width, side in [(4, 128), (5, 128), (8, 128), (8, 224), (12, 224)]:
    model = classifier("resnet", (side, side, 3), 3, width=width, depth=1, dropout=0.1, mean=[.5] * 3, std=[.2] * 3)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for _ in range(3):
        x = rng.integers(0, 256, (4, side, side, 3)).astype(np.float32)
        assert np.isfinite(model.train_on_batch(x, rng.integers(0, 3, 4)))
    print(width, side, flush=True)
"""


def test_a_resnet_of_few_channels_on_large_pictures_trains_without_breaking_its_process():
    done = subprocess.run([sys.executable, "-c", _TRAINING], capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split("\n")[:-1] == ["4 128", "5 128", "8 128", "8 224", "12 224"]


@pytest.mark.parametrize("side", [8, 9])
def test_a_projection_of_every_second_pixel_is_a_convolution_of_stride_two(side):
    import keras

    x = np.random.default_rng(0).normal(size=(2, side, side, 3)).astype(np.float32)
    strided = keras.layers.Conv2D(5, 1, strides=2, padding="same", use_bias=False)
    expected = strided(x)
    plain = keras.layers.Conv2D(5, 1, use_bias=False)
    plain.build((None, None, None, 3))
    plain.set_weights(strided.get_weights())
    np.testing.assert_allclose(plain(x[:, ::2, ::2]), expected, rtol=1e-5, atol=1e-6)
