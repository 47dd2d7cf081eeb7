"""worker/supervision/watchdog.py: a clock that is passed in."""

from shared.jobs.job import Progress
from worker.supervision.watchdog import START_S, Watchdog


def training(step: int) -> Progress:
    return Progress(phase="training", step=step, total_steps=1000)


def begun(floor_s: float, now: float = 0) -> Watchdog:
    dog = Watchdog(floor_s=floor_s, factor=50, now=now)
    dog.started(now)
    return dog


def test_the_import_of_the_libraries_has_its_own_longer_limit():
    dog = Watchdog(floor_s=6, factor=50, now=100)
    assert dog.hung_at == 100 + START_S
    dog.started(130)
    assert dog.hung_at == 136


def test_silence_up_to_the_floor_is_taken_for_work_before_any_step_is_known():
    dog = begun(floor_s=600, now=100)
    assert dog.hung_at == 700
    dog.life(300)
    assert dog.hung_at == 900


def test_slow_steps_are_given_factor_times_their_usual_length():
    dog = begun(floor_s=60)
    for step in range(11):
        dog.progress(training(step), now=step * 10.0)
    assert dog.limit_s == 500
    assert dog.hung_at == 600


def test_several_steps_between_two_messages_count_as_several():
    dog = begun(floor_s=1)
    dog.progress(training(0), now=0)
    dog.progress(training(100), now=10)
    assert dog.limit_s == 5


def test_the_same_progress_told_again_is_no_sign_of_life():
    dog = begun(floor_s=60)
    dog.progress(training(5), now=10)
    dog.progress(training(5), now=65)
    assert dog.hung_at == 70


def test_a_new_phase_is_a_sign_of_life_and_its_length_is_no_step():
    dog = begun(floor_s=60)
    dog.progress(training(5), now=10)
    dog.progress(Progress(phase="evaluating", step=5), now=50)
    dog.progress(training(6), now=500)
    assert (dog.limit_s, dog.hung_at) == (60, 560)
