"""Figures of models against arithmetic done by hand, and verdicts on made-up models whose worth is known."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from shared.errors import Cancelled
from shared.jobs.models import VerdictInfo
from shared.jobs.small import small_result
from shared.outputs import Matrix, Table, dump_outputs
from worker.families.evaluation.classes import (
    best_threshold,
    calibration_curve,
    calibration_error,
    class_judge,
    class_metrics,
    class_outputs,
    priced_threshold,
    worst_mistakes,
)
from worker.families.evaluation.folds import over_folds
from worker.families.evaluation.intervals import class_figures, interval_output, intervals, number_figures
from worker.families.evaluation.labels import label_metrics, label_outputs, worst_of_many
from worker.families.evaluation.regression import number_judge, number_metrics, number_outputs
from worker.families.evaluation.series import (
    block_errors,
    horizon_output,
    pinball_loss,
    seasonal_scale,
    series_judge,
    series_metrics,
)
from worker.verdict import judge


def _two(share):
    share = np.asarray(share, float)
    return np.stack([1 - share, share], 1)


def test_figures_of_two_classes_are_those_of_the_second():
    labels = np.array([0, 0, 0, 1, 1])
    found = class_metrics(labels, _two([0.1, 0.2, 0.9, 0.8, 0.4]))
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found["precision"] == pytest.approx(1 / 2)
    assert found["recall"] == pytest.approx(1 / 2)
    assert found["roc_auc"] == pytest.approx(4 / 6)  # pairs in the right order: 0.8 and 0.4 each before 0.1 and 0.2
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.8, 0.1, 0.8, 0.4]).mean())


def test_a_class_that_does_not_occur_counts_nowhere_and_one_class_has_no_roc_auc():
    found = class_metrics(np.array([0, 0, 1]), np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]))
    assert found["recall"] == found["f1"] == found["accuracy"] == 1.0
    assert "roc_auc" not in class_metrics(np.array([1, 1]), _two([0.6, 0.7]))


def test_a_point_of_the_calibration_curve_is_of_ten_rows_at_least():
    shares = [0.55, 0.65, *[0.75] * 9, *[0.85] * 12, 0.95]
    labels = np.array([1, 0, *[1] * 9, *[1] * 6, *[0] * 6, 1])
    model = calibration_curve(labels, _two(shares)).lines[0]
    assert model.x == pytest.approx([(0.55 + 0.65 + 9 * 0.75) / 11, (12 * 0.85 + 0.95) / 13])
    assert model.y == pytest.approx([10 / 11, 7 / 13])


def test_calibration_is_the_distance_between_sure_and_right():
    labels = np.array([1, 1, 1, 0])  # always 0.9 sure, right three times of four
    assert calibration_error(labels, _two([0.9] * 4)) == pytest.approx(0.15)


def test_the_threshold_follows_what_mistakes_cost():
    labels = np.array([False, False, True, False, True])
    share = np.array([0.1, 0.3, 0.4, 0.6, 0.9])
    assert best_threshold(labels, share, missed=10, alarm=1) == (0.4, pytest.approx(1 / 5))
    assert best_threshold(labels, share, missed=1, alarm=10) == (0.9, pytest.approx(1 / 5))
    assert best_threshold(np.array([False, False]), np.array([0.5, 0.5]), missed=1, alarm=1) == (1.01, 0.0)


def test_the_worst_mistakes_come_surest_first():
    assert worst_mistakes(np.array([0, 0, 1]), _two([0.6, 0.9, 0.8])).tolist() == [1, 0]


def test_what_is_shown_of_a_classifier_can_be_kept_as_json():
    labels = np.arange(50) % 50
    shown = class_outputs(labels, np.roll(np.eye(50), 1, axis=1), [f"類{i}" for i in range(50)])
    assert isinstance(shown[0], Table)  # 50 classes make no matrix that anybody reads
    assert isinstance(class_outputs(labels % 2, _two(labels % 2), ["否", "是"])[0], Matrix)
    assert dump_outputs(shown)


def test_the_price_of_a_threshold_is_that_of_other_rows_than_it_was_found_on():
    known, share = np.array([False, True]), np.array([0.3, 0.6])
    labels, other = np.array([True, True, False, False]), np.array([0.7, 0.2, 0.9, 0.1])
    threshold, cost = priced_threshold(known, share, labels, other, missed=5.0)
    assert (threshold, cost) == (0.6, pytest.approx((5 + 1) / 4))


def test_figures_of_any_number_of_labels_are_those_of_scikit_learn():
    from sklearn import metrics

    rng = np.random.default_rng(0)
    truth = (rng.random((80, 4)) < [0.5, 0.3, 0.1, 0.0]).astype(np.float32)
    said = np.round(0.6 * rng.random((80, 4)) + 0.4 * truth, 1)  # equal ones among them
    found, claims = label_metrics(truth, said), said >= 0.5
    options: Any = {"zero_division": 0}
    assert found["micro_f1"] == pytest.approx(metrics.f1_score(truth, claims, average="micro", **options))
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(truth[:, :3], claims[:, :3], average="macro", **options))
    assert found["subset_accuracy"] == pytest.approx(metrics.accuracy_score(truth, claims))
    expected = metrics.average_precision_score(truth[:, :3], said[:, :3], average="macro")
    assert found["mean_average_precision"] == pytest.approx(expected)
    columns = [metrics.log_loss(truth[:, i], said[:, i], labels=[0, 1]) for i in range(4)]
    assert found["log_loss"] == pytest.approx(np.mean(columns), rel=1e-4)
    wrong = (claims != (truth > 0.5)).any(axis=1)
    assert set(worst_of_many(truth, said, 100).tolist()) == set(np.flatnonzero(wrong).tolist())
    shown: Any
    (shown,) = label_outputs(truth, said, ["a", "b", "c", "never"])
    assert [row[0] for row in shown.rows[:1]] == ["a"] and shown.rows[-1][-1] is None and dump_outputs([shown])


def test_mean_and_deviation_are_told_over_folds():
    folds = [{"test_accuracy": 0.8, "val_loss": 1.0}, {"test_accuracy": 0.6, "val_loss": 2.0}]
    assert over_folds(folds) == {
        "fold_accuracy": pytest.approx(0.7),
        "fold_accuracy_deviation": pytest.approx(0.02**0.5),
    }
    assert over_folds([]) == {}


def test_figures_of_numbers():
    truth, said = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    found = number_metrics(truth, said)
    assert found["mae"] == pytest.approx(1.0)
    assert found["rmse"] == pytest.approx(np.sqrt(5 / 3))
    assert found["mape"] == pytest.approx((0 + 0.5 + 0.5) / 3)
    assert found["r2"] == pytest.approx(1 - 5 / (14 / 3))
    assert "r2" not in number_metrics(np.ones(3), said)
    assert "mape" not in number_metrics(np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    assert dump_outputs(number_outputs(truth, said, "價格"))


def test_figures_of_a_forecast_leave_missing_values_out():
    truth = np.array([[[1.0], [np.nan]], [[2.0], [4.0]]])
    said = np.array([[[2.0], [9.0]], [[2.0], [2.0]]])
    found = series_metrics(truth, said, 2.0, said - 1, said + 1)
    assert found["mae"] == pytest.approx(1.0)
    assert found["mse"] == pytest.approx(5 / 3)
    assert found["mase"] == pytest.approx(0.5)
    assert found["coverage"] == pytest.approx(2 / 3)
    assert dump_outputs([horizon_output(truth, {"model": said})])
    assert seasonal_scale(np.array([[1.0], [5.0], [3.0], [6.0]]), 2).tolist() == [1.5]
    assert seasonal_scale(np.array([[1.0]]), 2).tolist() == [0.0]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 800)
    good = np.clip(labels * 0.5 + rng.normal(0.25, 0.2, 800), 0, 1)
    poor = np.clip(labels * 0.1 + rng.normal(0.45, 0.2, 800), 0, 1)
    return labels, _two(good), _two(poor)


def _judged(*arguments):
    verdict = judge(*arguments)
    assert verdict is not None
    return verdict


def test_a_better_model_is_said_to_be_better_and_by_how_much(rows):
    labels, good, poor = rows
    verdict = _judged(class_judge(labels), good, [("always saying 'no'", _two(np.zeros(800))), ("a tree", poor)], 800)
    assert verdict.better is True
    assert verdict.against == "a tree"
    assert 0 < verdict.low < verdict.difference < verdict.high
    assert verdict.sentence.startswith("Better than a tree by 0.")
    assert "ROC-AUC" in verdict.sentence


def test_a_worse_and_an_equal_model_are_said_to_be_so(rows):
    labels, good, poor = rows
    assert _judged(class_judge(labels, "accuracy"), poor, [("a tree", good)], 800).better is False
    same = _judged(class_judge(labels), good, [("a tree", good)], 800)
    assert same.better is None
    assert same.sentence == "Not better than a tree: 0.000 ROC-AUC (0.000 to 0.000)."


def test_less_error_is_better_where_the_figure_is_an_error():
    truth = np.linspace(0, 1, 300)
    verdict = _judged(number_judge(truth), truth + 0.1, [("the mean", np.full(300, 0.5))], 300)
    assert verdict.better is True
    windows, blocks = truth.reshape(100, 3), np.arange(100) // 10
    own, other = (block_errors(windows, said, blocks) for said in (windows + 0.1, windows + 1))
    verdict = _judged(series_judge(), own, [("the last value", other)], 10)
    assert verdict.better is True and verdict.difference == pytest.approx(0.9)
    few = _judged(series_judge(), own[:3], [("the last value", other[:3])], 3)
    assert few.better is None and few.sentence.startswith("Cannot be told from the last value")


def test_errors_of_windows_are_gathered_by_block_without_missing_ones():
    truth = np.array([[1.0, np.nan], [2.0, 2.0], [5.0, 5.0]])
    assert block_errors(truth, np.zeros((3, 2)), np.array([0, 0, 1])).tolist() == [[5, 3], [10, 2]]
    assert pinball_loss(truth, {0.1: np.ones((3, 2)), 0.9: truth}) == pytest.approx(0.1 * (0 + 1 + 1 + 4 + 4) / 5 / 2)


def test_a_long_name_of_a_baseline_is_cut_so_that_the_record_keeps_the_verdict(rows):
    labels, good, poor = rows
    verdict = _judged(class_judge(labels, "accuracy"), good, [("总是说这个很长的名字" * 30, poor)], 800)
    info = VerdictInfo(**dataclasses.asdict(verdict))
    assert small_result({"metrics": {"a": 1.0}, "verdict": info.model_dump()})["verdict"] == info.model_dump()


def test_a_comparison_can_be_ended_as_it_goes(rows):
    labels, good, poor = rows

    def cancelled():
        raise Cancelled

    with pytest.raises(Cancelled):
        judge(class_judge(labels), good, [("a tree", poor)], 800, check=cancelled)


def test_nothing_to_compare_with_gives_no_verdict():
    assert judge(class_judge(np.array([0, 1])), _two([0.1, 0.9]), [], 2) is None


def test_intervals_hold_the_figures_and_are_as_wide_as_chance_makes_them():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 400)
    shares = _two(np.clip(labels * 0.3 + rng.uniform(0, 0.7, 400), 0, 1))
    measured = class_metrics(labels, shares)
    figures = class_figures(labels, shares)
    everything = figures(np.arange(400))
    assert everything == {name: pytest.approx(measured[name]) for name in everything}
    assert set(everything) > {"accuracy", "balanced_accuracy", "f1", "log_loss", "roc_auc", "average_precision"} - {
        "f1"
    }
    found = intervals(figures, 400, 2)
    assert all(low < measured[name] < high for name, (low, high) in found.items())
    low, high = found["accuracy"]
    expected = 2 * 1.96 * np.sqrt(measured["accuracy"] * (1 - measured["accuracy"]) / 400)
    assert high - low == pytest.approx(expected, rel=0.2)
    assert intervals(figures, 400, 2) == found, "the same seed, the same interval"
    (table,) = [interval_output(measured, found, 400, "test")]
    assert isinstance(table, Table) and table.count == len(found) and dump_outputs([table])


def test_intervals_of_more_classes_and_of_numbers():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, 300)
    shares = np.full((300, 3), 0.2)
    shares[np.arange(300), np.where(rng.uniform(size=300) < 0.8, labels, (labels + 1) % 3)] = 0.6
    measured = class_metrics(labels, shares)
    assert class_figures(labels, shares)(np.arange(300)) == {
        name: pytest.approx(measured[name]) for name in ("accuracy", "balanced_accuracy", "f1", "log_loss", "roc_auc")
    }
    truth = rng.normal(size=300)
    said = truth + rng.normal(size=300) / 2
    low, high = intervals(number_figures(truth, said), 300)["rmse"]
    assert low < number_metrics(truth, said)["rmse"] < high and high - low < 0.15


def test_what_is_defined_in_few_draws_has_no_interval():
    labels = np.array([0] * 200 + [1])
    shares = _two(np.linspace(0, 1, 201))
    assert "accuracy" in intervals(class_figures(labels, shares), 201, 2)
    alone = intervals(lambda rows: {"seldom": 1.0} if rows[0] == 0 else {}, 50)
    assert alone == {}
