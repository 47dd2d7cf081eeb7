"""Figures of likenesses by hand, the losses of their papers, and who is held out."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from worker.families.identities.data import split_people
from worker.families.identities.measuring import (
    curve,
    equal_error,
    errors,
    figures,
    first_is_right,
    matching_judge,
    pairs_of,
)
from worker.families.identities.networks import SHARPNESS, ArcFace, Triplets, matcher, vectors_model


def test_errors_are_counted_at_every_threshold():
    likenesses = np.array([0.9, 0.8, 0.8, 0.3, 0.1])
    same = np.array([True, False, True, True, False])
    thresholds, accepted, missed = errors(likenesses, same)
    assert thresholds.tolist() == [np.inf, 0.9, 0.8, 0.3, 0.1]
    assert accepted.tolist() == [0, 0, 0.5, 0.5, 1]
    assert missed == pytest.approx([1, 2 / 3, 1 / 3, 0, 0])
    rate, threshold = equal_error(likenesses, same) or (0, 0)
    # between 0.9 (0 and 2/3) and 0.8 (1/2 and 1/3) the lines cross at 4/5 of the way
    assert rate == pytest.approx(0.4) and threshold == pytest.approx(0.85)


def test_what_is_told_apart_wholly_has_no_error_and_the_reverse_has_all():
    people = np.array([0, 0, 1, 1])
    near = np.where(people[:, None] == people[None], 0.9, 0.1) + np.eye(4) * 0.1
    found = figures(near, people, 0.5)
    assert found == {"eer": 0.0, "auc": 1.0, "tar_at_far_1": 1.0, "rank_1": 1.0, "accuracy": 1.0}
    worst = figures(-near, people, None)
    assert worst["eer"] == pytest.approx(1) and worst["auc"] == pytest.approx(0) and worst["rank_1"] == 0
    assert figures(near, np.zeros(4, int), 0.5) == {} and equal_error(*pairs_of(near, np.arange(4))) is None
    assert first_is_right(near, np.array([0, 0, 1, 2])).tolist() == [True, True]  # who has one picture cannot be found
    score = matching_judge(people).score
    assert score(near, np.array([0, 0, 1, 2])) == 0 and score(near, np.array([1, 1])) is None
    line: Any = curve("t", {"a": pairs_of(near, people)})
    assert line.lines[0].x[-1] == 1 and line.lines[0].y[-1] == 1


def value(loss: Any, truth, said) -> float:
    return float(loss(truth, said))


def test_the_margin_is_an_angle_of_the_right_direction_alone():
    cosines = np.array([[0.5, 0.2, -0.3], [0.1, -0.99, 0.4]], np.float32)
    truth, margin = np.array([0, 1]), 0.3
    logits = cosines.astype(float).copy()
    logits[0, 0] = np.cos(np.arccos(0.5) + margin)
    logits[1, 1] = -0.99 - margin * np.sin(np.pi - margin)  # beyond 180 degrees the cosine goes on falling in a line
    logits *= SHARPNESS
    expected = np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(2), truth])
    assert value(ArcFace(margin), truth, cosines) == pytest.approx(expected, rel=1e-5)


def test_triplets_are_the_hardest_of_a_batch():
    angles = np.array([0.0, 0.4, 1.0, 2.0])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    far = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    own = np.array([far[0, 1], far[1, 0], far[2, 3], far[3, 2]])
    other = np.array([far[0, 2], far[1, 2], far[2, 1], far[3, 1]])
    expected = np.mean(np.log1p(np.exp(4 * (own - other + 0.2))) / 4)
    assert value(Triplets(0.2), np.array([5, 5, 6, 6]), vectors) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("loss", ["arcface", "triplet"])
def test_vectors_have_length_1(loss):
    model = matcher((20, 12, 1), 4, loss=loss, embedding=6, width=4, depth=1, dropout=0.1, mean=[0.5], std=[0.2])
    pixels = np.random.default_rng(0).integers(0, 256, (3, 20, 12, 1)).astype(np.float32)
    vectors = np.asarray(vectors_model(model)(pixels))
    assert vectors.shape == (3, 6) and np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert model(pixels).shape == (3, 4 if loss == "arcface" else 6)
    assert np.abs(np.asarray(model(pixels))).max() <= 1 + 1e-5


def test_people_are_held_out_whole_and_never_those_with_one_picture():
    people = np.repeat(np.arange(10), [3] * 9 + [1])
    parts = np.full(len(people), "train")
    for seed in range(6):
        found, _ = split_people(people, parts, np.arange(len(people)), 0.3, seed)
        held = set(people[found["val"]].tolist())
        assert len(held) == 3 and 9 not in held and not held & set(people[found["train"]].tolist())
    parts[people >= 7] = "test"
    found, notes = split_people(people, parts, np.arange(len(people)), 0.3, 0)
    assert set(people[found["test"]].tolist()) == {7, 8, 9} and notes == []
    found, notes = split_people(people, parts, np.arange(len(people)), 0, 0)
    assert not len(found["val"]) and "nobody is held out" in notes[0]
