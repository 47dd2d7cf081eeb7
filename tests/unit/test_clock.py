"""How long jobs take, learnt from jobs that follow a known law: medians, ranges, early stops, tails."""

import math
import random
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import pytest

from shared.clock.cost import Cost, cost_of
from shared.clock.estimate import estimate_of
from shared.clock.features import Features, features_of, sizes_of_params
from shared.clock.futures import left, whole
from shared.clock.learning import Learnt
from shared.clock.lengths import Length, together
from shared.ids import new_id
from shared.jobs.job import Attempt, InputRef, Job, JobRequest, PhaseSpent, Progress, State
from tests.support.synthetic_costs import STEP_S, a_cost, seconds_of

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
CPU = {"device": "cpu"}


def told_whole(past: list[Cost], features: Features):
    found = whole(Learnt(past), features.with_words(**CPU))
    return estimate_of(found[0], jobs=len(past), guessed=found[1]) if found else None


def a_job(progress: Progress | None, params: dict[str, Any] | None = None, **changes: Any) -> Job:
    attempt = Attempt(number=1, worker="w", device="cpu", started_at=NOW)
    fields: dict[str, Any] = {
        "id": new_id(), "kind": "train", "recipe": "gpt", "queue": "train", "state": State.running, "attempt": 1,
        "params": params or {"steps": 100, "width": 8, "batch_size": 4, "eval_every": 25, "schedule": "cosine"},
        "created_at": NOW, "updated_at": NOW, "attempts": [attempt], "progress": progress,
    }  # fmt: skip
    return Job.model_validate(fields | changes)


def told_left(past: list[Cost], job: Job, since_s: float = 0.0):
    found = left(Learnt(past), features_of(job).with_words(**CPU), job, since_s)
    return estimate_of(found[0], jobs=len(past), guessed=found[1]) if found else None


def training(step: int, *, of: int = 100, step_s: float = 0.5, silent_s: float = 0.1, **more: Any) -> Progress:
    spent = {
        "compiling": PhaseSpent(seconds=4, times=1, first_seconds=4, first_times=1),
        "training": PhaseSpent(seconds=step * step_s, times=step),
    }
    known: dict[str, Any] = {"evaluations_left": 0, "stages_left": 0, "steps_per_s": 1 / step_s}
    told = {"phase": "training", "phase_s": step * step_s, "silent_s": silent_s, "spent": spent}
    return Progress(step=step, total_steps=of, **(told | known | more))


# --- before it is submitted -------------------------------------------------------------------------------------------


def test_without_a_job_like_it_nothing_is_invented():
    assert told_whole([], a_cost().features) is None


def test_the_same_job_again_takes_as_long():
    told = told_whole([a_cost(), a_cost()], a_cost().features)
    assert told is not None and not told.guessed
    assert told.median_s == pytest.approx(seconds_of(a_cost()), rel=0.05)
    assert told.low_s < seconds_of(a_cost()) < told.high_s


def test_ten_times_the_steps_cost_ten_times_the_stepping_and_no_more_compiling():
    told = told_whole([a_cost(), a_cost()], a_cost(steps=1_000).features)
    assert told is not None
    assert told.median_s == pytest.approx(seconds_of(a_cost(steps=1_000)), rel=0.15)


def test_how_the_cost_grows_with_a_param_is_learnt_and_the_range_narrows():
    """Sizes never seen together; a law that is not the one guessed beforehand (batch_size ** 0.8, times noise of 10 %)."""
    rng = random.Random(0)
    past: list[Cost] = []
    errors: list[float] = []
    widths: list[float] = []
    inside = 0
    for number in range(26):
        job = a_cost(
            steps=rng.choice((50, 200, 800)),
            width=rng.choice((4, 8, 32)),
            batch=rng.choice((2, 8, 32)),
            rng=rng,
            noise=0.1,
        )
        if number >= 2:
            told = told_whole(past, job.features)
            assert told is not None
            widths.append(told.high_s / told.low_s)
            if number >= 5:
                errors.append(abs(told.median_s - seconds_of(job)) / seconds_of(job))
                inside += told.low_s <= seconds_of(job) <= told.high_s
        past = [job, *past][:30]
    assert median(errors) < 0.12 and sorted(errors)[int(len(errors) * 0.9)] < 0.4
    assert inside / len(errors) >= 0.8
    assert median(widths[-6:]) < median(widths[:3])


def test_a_param_that_no_job_here_had_changes_nothing():
    asked = a_cost().features
    more = Features(asked.numbers | {"context": 1_000, "layers": 12}, asked.words)
    told, same = told_whole([a_cost(), a_cost()], more), told_whole([a_cost(), a_cost()], asked)
    assert told and same and told.median_s == pytest.approx(same.median_s, rel=0.01)


def test_one_job_that_ran_beside_much_else_spoils_nothing():
    slow = a_cost()
    slow.phases["training"].seconds *= 20
    past = [a_cost(steps=100 + n) for n in range(6)]
    told = told_whole([*past[:3], slow, *past[3:]], a_cost().features)
    assert told is not None and told.median_s == pytest.approx(seconds_of(a_cost()), rel=0.25)


def test_what_another_kind_of_device_took_tells_of_this_one_only_roughly():
    same = told_whole([a_cost(), a_cost()], a_cost().features)
    other = told_whole([a_cost(device="gpu"), a_cost(device="gpu")], a_cost().features)
    assert same and other and other.high_s / other.low_s > 3 * same.high_s / same.low_s


def test_epochs_count_by_the_rows_of_the_dataset():
    def of(rows: int, epochs: int) -> Cost:
        steps = epochs * math.ceil(rows * 0.9 / 4)
        cost = a_cost(steps=steps)
        numbers: dict[str, float] = {"epochs": epochs, "batch_size": 4, "width": 8, "size.rows": rows}
        return Cost(Features(numbers, cost.features.words), cost.phases, steps, steps, False, "cpu")

    told = told_whole([of(100, 10), of(400, 10), of(100, 30)], of(400, 30).features)
    assert told is not None and told.median_s == pytest.approx(seconds_of(of(400, 30)), rel=0.3)


def test_jobs_that_stop_early_make_the_median_shorter_and_the_range_wider():
    def patient(took: int | None = None) -> Cost:
        return a_cost(steps=400, took=took, early_stopping_patience=2, eval_every=10)

    full, early, asked = [patient()] * 6, [patient(120)] * 6, patient().features
    to_the_end, stopped = told_whole(full, asked), told_whole(early, asked)
    assert to_the_end and stopped
    assert stopped.median_s < 0.75 * to_the_end.median_s
    assert stopped.high_s > 1.8 * stopped.low_s
    never = told_whole(full, a_cost(steps=400).features)
    assert never and never.high_s / never.low_s < to_the_end.high_s / to_the_end.low_s


# --- while it runs ----------------------------------------------------------------------------------------------------


def test_the_first_job_of_all_tells_nothing_until_it_has_a_pace_of_its_own():
    assert told_left([], a_job(Progress(phase="compiling", phase_s=2.0, total_steps=100))) is None
    told = told_left([], a_job(training(20)))
    assert told is not None and told.guessed
    assert told.median_s == pytest.approx(80 * 0.5 + 3, rel=0.15)


def test_its_own_pace_outweighs_what_others_took_as_it_goes_on():
    slower = 4 * STEP_S * 8 * 4**0.8
    past = [a_cost(steps=1_000) for _ in range(5)]
    params = {"steps": 1_000, "width": 8, "batch_size": 4, "eval_every": 250, "schedule": "cosine"}
    job = a_job(training(200, of=1_000, step_s=slower), params)
    told = told_left(past, job)
    assert told is not None and told.median_s == pytest.approx(800 * slower + 5.2, rel=0.2)


def test_evaluations_and_the_report_are_part_of_what_is_left():
    past = [a_cost() for _ in range(4)]
    none, three = (told_left(past, a_job(training(50, step_s=0.05, evaluations_left=n))) for n in (0, 3))
    assert none and three
    assert none.median_s == pytest.approx(50 * 0.05 + 0.1 + 2.0 + 3.0 + 0.1, rel=0.15)
    assert three.median_s - none.median_s == pytest.approx(1.0 + 2 * 0.5 + 0.6 + 2 * 0.2, rel=0.2)


def test_the_report_counts_down_and_is_never_told_to_be_over():
    past = [a_cost() for _ in range(4)]
    told = []
    for second in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 100.0, 10_000.0):
        at = Progress(phase="reporting", phase_s=second, silent_s=second, step=100, total_steps=100, spent={})
        estimate = told_left(past, a_job(at))
        assert estimate is not None
        told.append(estimate)
    assert told[0].median_s == pytest.approx(2.0 + 3.0 + 0.1, rel=0.1)
    assert [t.median_s for t in told[:4]] == sorted((t.median_s for t in told[:4]), reverse=True)
    assert all(t.median_s > 3.0 for t in told)
    assert (
        told[-1].median_s > told[-2].median_s > told[-3].median_s
    )  # the longer it lasts unforeseen, the longer it may last


def test_a_phase_that_counts_its_parts_is_told_by_them():
    at = Progress(
        phase="baselines", phase_s=30.0, silent_s=0.0, part=30, parts=100, step=100, total_steps=100, spent={}
    )
    told = told_left([a_cost() for _ in range(4)], a_job(at))  # they took 3 s
    assert told is not None and told.median_s > 30


def test_time_runs_between_two_words_of_the_worker():
    past = [a_cost() for _ in range(4)]
    job = a_job(training(50, step_s=0.05, evaluations_left=1))
    times = [told.median_s for s in (0.0, 0.5, 1.0) if (told := told_left(past, job, s))]
    assert times[0] - times[1] == pytest.approx(0.5, abs=0.05) and times[1] - times[2] == pytest.approx(0.5, abs=0.05)


def writing(step: int, *, compiled_s: float = 6.0, step_s: float = 0.02, silent_s: float = 0.1) -> Job:
    spent = {
        "compiling": PhaseSpent(seconds=compiled_s, times=1, first_seconds=compiled_s, first_times=1),
        "generating": PhaseSpent(seconds=step * step_s, times=step),
    }
    told = {"phase": "generating", "phase_s": step * step_s, "silent_s": silent_s, "spent": spent}
    progress = Progress(step=step, total_steps=1_000, steps_per_s=1 / step_s, **told)
    return a_job(progress, {"max_tokens": 1_000}, kind="generate")


def test_what_is_left_of_a_text_goes_by_its_own_pace_and_not_by_what_was_compiled():
    told = told_left([], writing(250))
    assert told is not None
    assert told.median_s == pytest.approx(750 * 0.02, rel=0.1)
    assert told.low_s < 750 * 0.02 < told.high_s < 2 * 750 * 0.02


def test_a_text_that_has_compiled_less_than_others_will_compile_again():
    phases = {"compiling": PhaseSpent(seconds=16, times=3), "generating": PhaseSpent(seconds=20, times=1_000)}
    past = [Cost(features_of(writing(0)).with_words(cold="cold"), phases, 1_000, 1_000, False, "cpu")] * 4
    features = features_of(writing(0)).with_words(device="cpu", cold="cold")
    found = left(Learnt(past), features, writing(250), 0.0)
    assert found is not None
    assert median(found[0]) == pytest.approx(750 * 0.02 + 16 - 6, rel=0.15)


def test_a_job_that_goes_on_elsewhere_knows_its_pace_from_before_and_loads_again():
    before = Attempt(
        number=1, worker="w", started_at=NOW, ended_at=NOW, last_step=50,
        spent={"training": PhaseSpent(seconds=3.5, times=50)},
    )  # fmt: skip
    here = Attempt(number=2, worker="v", started_at=NOW + timedelta(minutes=5))
    at = Progress(phase="loading", phase_s=0.5, silent_s=0.5, spent={})
    checkpoint = {"job_id": new_id(), "attempt": 1, "step": 50}
    job = a_job(at, attempt=2, attempts=[before, here], checkpoint=checkpoint)
    told = told_left([a_cost() for _ in range(4)], job)
    assert told is not None
    assert told.median_s == pytest.approx(0.5 + 4 + 50 * 0.06 + 2 * 0.8 + 0.8 + 5.2, rel=0.2)
    queued = told_left(
        [a_cost() for _ in range(4)], a_job(None, attempt=1, attempts=[before], state="queued", checkpoint=checkpoint)
    )
    assert queued is not None and queued.median_s == pytest.approx(told.median_s, rel=0.1)


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_a_cost_survives_being_written_down():
    cost = a_cost(took=30, early_stopping_patience=2)
    assert Cost.decoded(cost.encoded()) == cost
    assert Cost.decoded('{"v": 99}') is None
    assert len(cost.encoded()) < 1_000


def test_what_a_job_cost_is_the_sum_over_its_attempts_and_the_pause_is_none_of_it():
    before = Attempt(
        number=1, worker="w", started_at=NOW, ended_at=NOW + timedelta(seconds=20), cause="paused",
        spent={"training": PhaseSpent(seconds=15, times=30)},
    )  # fmt: skip
    here = Attempt(number=2, worker="w", started_at=NOW + timedelta(hours=1))
    spent = {"training": PhaseSpent(seconds=35, times=70), "reporting": PhaseSpent(seconds=2, times=1)}
    at = Progress(phase="reporting", step=100, total_steps=100, spent=spent)
    cost = cost_of(
        a_job(at, attempt=2, attempts=[before, here]),
        now=NOW + timedelta(hours=1, seconds=40),
        device="cpu",
        stopped_early=False,
    )
    assert cost is not None
    assert (cost.phases["training"].seconds, cost.phases["training"].times) == (50, 100)
    assert cost.phases["ending"].seconds == 3.0


def test_features_are_the_same_for_every_recipe():
    request = JobRequest(
        kind="train", recipe="any", inputs={"data": InputRef(dataset_id="ab" * 16)}, sizes={"rows": 500},
        params={"steps": 10, "seed": 7, "dropout": 0.0, "network": "deep", "flip": True, "columns": ["a", "b"], "prompt": "x" * 99},
    )  # fmt: skip
    features = features_of(request)
    assert features.numbers == {"steps": 10, "columns.count": 2, "prompt.length": 99, "size.rows": 500}
    assert features.words == {"dropout": "0.0", "network": "deep", "flip": "True", "input.data": "abababab"}


def test_params_too_large_for_a_record_leave_what_the_cost_goes_by():
    params = {"steps": 10, "width": 4, "prompt": "x" * 2_000, "schedule": "cosine"}
    whole_request = JobRequest(kind="train", recipe="any", params=params)
    kept = JobRequest(kind="train", recipe="any", params={}, sizes=sizes_of_params(params))
    assert (
        features_of(kept).numbers
        == features_of(whole_request).numbers
        == {"steps": 10, "width": 4, "prompt.length": 2_000}
    )


# --- lengths ----------------------------------------------------------------------------------------------------------


def test_the_rest_of_a_length_is_its_distribution_given_that_it_is_longer():
    length = Length.about(10, 0.5)
    assert length.left(0, 0.0) == pytest.approx(10)
    assert length.left(10, 0.0) == pytest.approx(
        10 * math.exp(0.5 * 0.6745) - 10, rel=0.01
    )  # three quarters of all are shorter
    late = [length.left(elapsed, 0.0) for elapsed in (20, 40, 80, 1_000, 1e6)]
    assert late == sorted(late) and late[0] > 0


def test_of_two_that_know_of_a_length_the_surer_one_weighs_more():
    both = together(Length.about(10, 0.1), None, Length.about(40, 1.0))
    assert (
        both is not None and both.median_s == pytest.approx(10.14, abs=0.01) and 0.1 < both.spread < 0.15
    )  # they differ by more than they should
    assert together(None, None) is None
