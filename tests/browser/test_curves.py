"""Curves of a training come, whatever is late or fails on the way, and have the last row."""

import pytest
from playwright.sync_api import expect

ROWS = [{"step": step, "loss": 1 / step} for step in range(1, 11)]
LAST = [*ROWS, {"step": 11, "loss": 0.05}]


@pytest.fixture
def job(site):
    job = site.running(kind="train", recipe="char_lstm", params={}, name="watched")
    site.rows(job, ROWS)
    return job


@pytest.fixture
def page(visit):
    """A page on which nothing has been opened yet that could fetch curves."""
    return visit("/workers")


def drawn(page, steps):
    """Waits until the curve has so many points."""
    page.wait_for_function("n => document.getElementById('chart')?.data?.[0]?.x.length === n", arg=steps)


def failing_once(page, pattern, **how):
    """The first answer to what fits the pattern is a failure. Returns a list that tells how often it was asked for."""
    asked = []

    def answer(route):
        asked.append(route.request.url)
        if len(asked) > 1:
            route.continue_()
        elif how:
            route.fulfill(**how)
        else:
            route.abort()

    page.route(pattern, answer)
    return asked


@pytest.mark.parametrize("pattern", ["**/*plotly*.js*", "**/metrics?*"])
def test_what_did_not_arrive_the_first_time_is_asked_for_again(page, job, pattern):
    asked = failing_once(page, pattern)
    page.goto(f"/jobs/{job.id}")
    drawn(page, len(ROWS))
    assert len(asked) == 2


def test_a_server_that_is_too_busy_to_tell_the_figures_is_asked_again(page, job):
    asked = failing_once(page, "**/metrics?*", status=503, body="{}")
    page.goto(f"/jobs/{job.id}")
    drawn(page, len(ROWS))
    assert len(asked) == 2


def test_rows_that_come_while_the_curves_are_being_drawn_are_drawn_too_though_nothing_follows(page, job, site):
    held = []
    page.route("**/*plotly*.js*", lambda route: held.append(route))
    page.goto(f"/jobs/{job.id}")
    expect(page.locator("#chart-picker input")).to_have_count(1)  # the rows have come, the drawing waits
    site.rows(job, LAST)
    site.ended(job, lambda files: [])
    expect(page.locator("#status .state")).to_have_text("succeeded")
    assert len(held) == 1
    held[0].continue_()
    drawn(page, len(LAST))
