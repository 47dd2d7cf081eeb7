"""How far pictures are varied, by what a network makes of those it learns from and those held out."""

import pytest

from worker.families.images.augment import Augmentation
from worker.families.images.strength import LEVELS, Strength


def taken(strength, *pairs):
    """The share after each pair (of the pictures learnt from, of those held out), and whether other batches follow."""
    found = []
    for known, held in pairs:
        changed = strength.take({"accuracy": known, "val_accuracy": held})
        found.append((strength.share, changed))
    return found


def test_it_begins_with_none_and_grows_while_the_pictures_learnt_from_are_known_better():
    strength = Strength("auto", "accuracy", watched=True)
    assert strength.share == 0 and strength.shown == {"augmentation": 0}
    assert taken(strength, (0.2, 0.3), (0.6, 0.5), (0.7, 0.6), (0.6, 0.7), (0.7, 0.7)) == [
        (0, False), (0.25, True), (0.5, True), (0.25, True), (0.25, False),
    ]  # fmt: skip


def test_it_stays_within_what_is_asked_for():
    strength = Strength("auto", "accuracy", watched=True)
    assert taken(strength, *[(1, 0)] * 6)[3:] == [(1, True), (1, False), (1, False)]
    assert strength.state == LEVELS


@pytest.mark.parametrize(("choice", "watched"), [("full", True), ("auto", False)])
def test_all_of_it_where_it_is_asked_for_or_nothing_can_be_told(choice, watched):
    strength = Strength(choice, "accuracy", watched=watched)
    assert taken(strength, (0, 1)) == [(1, False)] and strength.shown == {}


def test_an_evaluation_without_the_metric_changes_nothing():
    strength = Strength("auto", "accuracy", watched=True)
    assert not strength.take({"val_accuracy": 0.5}) and not strength.take({"accuracy": 0.5})


def test_mirroring_is_no_matter_of_how_far():
    how = Augmentation(flip_horizontal=True, rotation=10, translation=0.1, zoom=0.2)
    assert how.scaled(0.5) == Augmentation(flip_horizontal=True, rotation=5, translation=0.05, zoom=0.1)
    assert how.scaled(0) == Augmentation(flip_horizontal=True) and how.scaled(1) == how
