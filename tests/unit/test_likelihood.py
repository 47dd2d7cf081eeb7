"""Nats of pixels against sums over all of their values, and figures known by hand."""

import math

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from worker.families.making.likelihood import as_pixels, bits_per_value, likelihood_for, log_likelihood
from worker.families.making.vae import divergence

ALL = np.arange(256, dtype=np.float32).reshape(256, 1, 1, 1)


@pytest.mark.parametrize(("middle", "width"), [(0.0, -2.0), (-1.3, -5.0), (0.4, -7.0), (1.0, 0.5)])
def test_the_256_values_of_a_pixel_have_probability_one_together(middle, width):
    said = tf.constant(np.tile(np.array([middle, width], "f4"), (256, 1, 1, 1)))
    nats = log_likelihood("logistic", said, tf.constant(ALL)).numpy().astype(np.float64)
    assert np.exp(nats).sum() == pytest.approx(1, abs=2e-3)
    assert np.isfinite(nats).all() and (nats <= 1e-6).all()


def test_a_value_far_from_the_middle_is_unlikely_but_not_impossible():
    said = tf.constant(np.tile(np.array([-0.9, -6.0], "f4"), (256, 1, 1, 1)))
    nats = log_likelihood("logistic", said, tf.constant(ALL)).numpy()
    assert nats.argmax() == 13  # round(127.5 * 0.1)
    assert (np.diff(nats[20:255]) < 0).all(), "the further away, the less likely"


def test_bernoulli_is_the_mean_over_pictures_drawn_black_or_white():
    said, grey = tf.fill((1, 1, 1, 1), 0.7), tf.fill((1, 1, 1, 1), 51.0)
    white = 1 / (1 + math.exp(-0.7))
    assert float(log_likelihood("bernoulli", said, grey)[0]) == pytest.approx(
        0.2 * math.log(white) + 0.8 * math.log(1 - white)
    )
    assert float(as_pixels("bernoulli", said)[0, 0, 0, 0]) == pytest.approx(255 * white)


def test_values_of_a_picture_add_up_and_are_told_in_bits():
    said = tf.zeros((2, 3, 4, 2))
    nats = log_likelihood("bernoulli", said, tf.zeros((2, 3, 4, 2))).numpy()
    assert nats.tolist() == pytest.approx([-24 * math.log(2)] * 2)
    assert bits_per_value(float(nats[0]), (3, 4, 2)) == pytest.approx(1)


def test_the_divergence_is_the_one_of_the_books():
    means, logs = np.array([[0.0, 2.0]], "f4"), np.array([[0.0, math.log(0.25)]], "f4")
    assert divergence(means, logs).numpy()[0].tolist() == pytest.approx([0, 0.5 * (4 + 0.25 - 1 + math.log(4))])


def test_black_and_white_pictures_are_read_as_such_and_others_are_not():
    assert likelihood_for(True, 0.13, 0.31) == "bernoulli"
    assert likelihood_for(True, 0.46, 0.21) == "logistic"
    assert likelihood_for(False, 0.13, 0.31) == "logistic"
