"""Figures of groups of people: what is measured of each, how sure it is, and what is called a difference."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shared.volume.volume import Volume
from tests.support.tiny_datasets import import_files
from worker.families.evaluation.groups import (
    chance_of,
    class_group_figures,
    compare_groups,
    groups_of,
    interval_of,
    label_group_figures,
    number_group_figures,
)


def nothing() -> None:
    pass


class Telling:
    """A context that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.context: Any = SimpleNamespace(
            check=nothing, event=lambda kind, about: self.told.append(f"{kind} {about['level']}: {about['message']}")
        )


def test_an_interval_of_a_share_is_wilsons():
    low, high = interval_of(np.array([1.0] * 10 + [0.0] * 90))
    assert (round(low, 4), round(high, 4)) == (
        0.0552,
        0.1744,
    )  # statsmodels' proportion_confint(10, 100, method="wilson")
    low, high = interval_of(np.zeros(30))
    assert low == pytest.approx(0, abs=1e-12) and 0 < high < 0.12


def test_an_interval_of_a_mean_is_of_its_deviation():
    values = np.array([1.0, 2.0, 3.0, 4.0])
    low, high = interval_of(values)
    assert (low + high) / 2 == 2.5 and high - 2.5 == pytest.approx(1.959964 * values.std(ddof=1) / 2)


def test_rates_of_a_classifier_are_over_the_rows_they_are_of():
    labels, said = np.array([0, 0, 1, 1, 1]), np.array([1, 0, 1, 0, 1])
    shares = np.eye(2)[said]
    figures = {figure.key: figure for figure in class_group_figures(labels, shares, ["no", "yes"])}
    means = {key: float(figure.values[figure.counted].mean()) for key, figure in figures.items()}
    assert means == {"said": 0.6, "found": pytest.approx(2 / 3), "alarm": 0.5, "accuracy": 0.6}
    assert [figure.key for figure in class_group_figures(labels, np.eye(3)[said], ["a", "b", "c"])] == ["accuracy"]
    (every,) = label_group_figures(np.array([[True, False], [True, True]]), np.array([[True, False], [True, False]]))
    assert every.values.tolist() == [1, 0]
    error, bias = number_group_figures(np.array([1.0, 5.0]), np.array([2.0, 3.0]))
    assert (error.values.tolist(), bias.values.tolist()) == ([1, 2], [1, -2])


def test_values_make_groups_the_commonest_first_and_many_numbers_make_ranges():
    groups, names = groups_of(["b", "a", "b", None])
    assert (groups.tolist(), names) == ([0, 1, 0, 2], ["b", "a", "missing"])
    groups, names = groups_of([f"v{n}" for n in range(20)] + ["v0"])
    assert len(names) == 13 and names[0] == "v0" and names[-1] == "all others" and (groups == 12).sum() == 8
    groups, names = groups_of([*range(100), None])
    assert np.bincount(groups).tolist() == [25, 25, 25, 25, 1]
    assert names == ["up to 24.8", "24.8 to 49.5", "49.5 to 74.2", "above 74.2", "missing"]
    assert groups_of([1, 2, 1])[1] == ["1", "2"]
    groups, names = groups_of([*range(100), float("nan"), float("inf"), None])
    assert np.bincount(groups).tolist() == [25, 25, 25, 25, 3] and names[-1] == "missing"
    assert groups_of([None, None])[1] == ["missing"]


def test_chance_is_small_where_groups_differ_and_anything_where_they_do_not():
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], 200)
    assert chance_of(np.where(groups == 0, rng.random(400), rng.random(400) + 0.3), groups, 0, nothing) == 0.001
    found = [chance_of(rng.random(60), np.repeat([0, 1, 2], 20), seed, nothing) for seed in range(60)]
    assert 0.3 < np.mean(found) < 0.7 and sum(value < 0.05 for value in found) < 12


def _compared(tmp_path: Any, said: Any) -> Any:
    """(metrics, table, told) of 200 people of two towns and a third one of few, all of class yes in every second row."""
    volume = Volume(tmp_path)
    volume.ensure()
    towns = ["North", "Süd"] * 95 + ["東"] * 10
    lines = "".join(f"{town},{n}\n" for n, town in enumerate(towns))
    dataset = import_files(volume, [("people.csv", f"town,n\n{lines}".encode())], "table")
    labels = np.arange(200) // 2 % 2
    telling = Telling()
    figures = class_group_figures(labels, np.eye(2)[said(np.array(towns), labels)], ["no", "yes"])
    metrics, (table,) = compare_groups(
        volume.dataset_dir(dataset.id), "town", np.arange(200), figures, "test", 0, telling.context
    )
    return metrics, table, telling.told


def test_a_difference_beyond_chance_is_a_warning_of_the_job(tmp_path):
    metrics, table, told = _compared(tmp_path, lambda towns, labels: np.where(towns == "North", labels, 0))
    assert metrics["test_found_gap"] == 1 and metrics["test_alarm_gap"] == 0
    (message,) = told
    assert (
        message.startswith("note warning: groups by 'town' differ beyond chance")
        and "found of those that are yes" in message
    )
    assert "alarm" not in message and "0 of Süd, 1 of North" in message
    assert [row[:2] for row in table.rows] == [["North", 95], ["Süd", 95], ["東", 10]]
    assert table.rows[2][2] == "10 rows: too few" and table.rows[0][3].startswith("1 (")


def test_groups_that_are_treated_alike_are_no_warning(tmp_path):
    metrics, _, told = _compared(tmp_path, lambda towns, labels: labels)
    assert not told and metrics["test_accuracy_gap"] == 0
