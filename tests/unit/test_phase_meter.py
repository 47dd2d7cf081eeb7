"""What an attempt spends its time on, measured from the progress its process tells."""

from shared.jobs.job import Progress
from worker.supervision.phase_meter import PhaseMeter


def told(meter: PhaseMeter, *progress: tuple[float, str, int]) -> None:
    for now, phase, step in progress:
        meter.take(Progress(phase=phase, step=step), now)


def test_every_phase_has_its_seconds_and_how_often_it_came():
    meter = PhaseMeter(100.0)
    told(
        meter,
        (101.0, "loading", 0),
        (103.0, "compiling", 0),
        (107.0, "training", 1),
        (108.0, "training", 11),
        (109.0, "evaluating", 21),
        (111.0, "training", 21),
        (112.0, "training", 31),
        (113.0, "evaluating", 41),
        (113.5, "reporting", 41),
    )
    spent = meter.stamp(115.0).spent
    assert spent is not None
    seconds = {phase: part.seconds for phase, part in spent.items()}
    assert seconds == {
        "starting": 1.0, "loading": 2.0, "compiling": 4.0, "training": 4.0, "evaluating": 2.5, "reporting": 0.0,
    }  # fmt: skip
    assert (spent["evaluating"].times, spent["evaluating"].first_seconds, spent["evaluating"].first_times) == (
        2,
        2.0,
        1,
    )
    assert spent["training"].times == 40  # the first belongs to compiling


def test_a_stamp_says_how_long_the_phase_has_lasted_and_how_long_nothing_was_heard():
    meter = PhaseMeter(0.0)
    assert (meter.stamp(3.0).phase, meter.stamp(3.0).phase_s) == ("starting", 3.0)
    told(meter, (4.0, "reporting", 10), (6.0, "reporting", 10))
    stamped = meter.stamp(9.0)
    assert (stamped.step, stamped.phase_s, stamped.silent_s) == (10, 5.0, 3.0)
    assert stamped.spent is not None and stamped.spent["reporting"].seconds == 2.0
