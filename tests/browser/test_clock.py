"""What a page says of the time left: never nothing, never a standstill, and the form's answer to what is typed into it."""

import io
import re

import pytest
from playwright.sync_api import expect

from shared.datasets import Limits, import_dataset
from shared.jobs.job import JobRequest, PhaseSpent, utc_now
from shared.jobs.presence import WorkerInfo
from tests.support.synthetic_costs import a_cost, spent

ASKED_AGAIN = """() => {
    document.querySelector("[data-form] input").dispatchEvent(new Event("input", { bubbles: true }));
    return document.querySelector("[data-expected]").innerText.includes("3 like it");
}"""
WATCHED = """() => {
    window.told = [];
    const look = () => {
        const text = document.querySelector("#clock")?.innerText;
        if (text && window.told.at(-1) !== text) window.told.push(text);
    };
    look();
    const status = document.querySelector("#status");
    new MutationObserver(look).observe(status, { subtree: true, childList: true, characterData: true });
}"""
TEXT = "The quick brown fox jumps over the lazy dog.\n" * 120


@pytest.mark.timeout(240)
def test_the_time_left_is_told_and_never_nothing_until_the_job_has_ended(page, stack):
    dataset = import_dataset(stack.volume, Limits(), [("fox.txt", io.BytesIO(TEXT.encode()))], name="fox").id
    page.goto(f"/jobs/new?kind=train&recipe=char_lstm&dataset={dataset}")
    for label, value in {"Steps": "300", "Context": "16", "Width": "16", "Batch size": "4"}.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-z]{26}$"))
    page.evaluate(WATCHED)
    expect(page.locator("#status .state")).to_have_text("succeeded", timeout=120_000)
    told = page.evaluate("window.told")
    assert any(" left" in text for text in told), told
    assert not [text for text in told if re.search(r"\b0 (ms|s|min)\b|NaN|None", text)], told
    assert all(" left" in text or "not yet known" in text for text in told), told
    expect(page.locator("#clock")).to_have_count(0)


@pytest.fixture
def known(site):
    """What three jobs of a recipe cost, as the log of a running installation has it."""
    keys = []

    def put(recipe: str, **changes: PhaseSpent) -> None:
        cost = a_cost()
        cost.phases.update(changes)
        keys.append(site.store.keys.costs("train", recipe, ""))
        site.store.redis.lpush(keys[-1], *[cost.encoded()] * 3)
        site.store.redis.pexpire(keys[-1], 600_000)

    yield put
    site.store.redis.delete(*keys)


def test_what_is_left_counts_down_while_the_worker_has_nothing_new_to_say(site, visit, known):
    known("gpt", reporting=spent(60.0), baselines=spent(1.0))
    job = site.running(kind="train", recipe="gpt", params={"steps": 100})
    measured = {"spent": {}, "phase_s": 0.0, "silent_s": 0.0}
    site.progress(job, phase="reporting", step=100, total_steps=100, **measured)
    page = visit(f"/jobs/{job.id}")
    clock = page.locator("#clock")
    expect(clock).to_contain_text("3 like it")
    expect(page.locator("#status .phase")).to_have_text("measuring the finished model")
    first = clock.inner_text()
    expect(clock).not_to_contain_text(first.split(" left")[0] + " left", timeout=30_000)  # by itself
    assert seconds_left(clock.inner_text()) < seconds_left(first) <= 62
    site.store.cancel(job.id)
    site.store.release(job.id, job.attempt, "drained")


def seconds_left(text: str) -> int:
    found = re.search(r"about (?:(\d+) min ?)?(?:(\d+) s )?left", text)
    assert found, text
    return 60 * int(found[1] or 0) + int(found[2] or 0)


def test_the_form_says_how_long_it_takes_and_again_when_something_is_changed(site, visit, known):
    dataset = import_dataset(site.volume, Limits(), [("fox.txt", io.BytesIO(TEXT.encode()))], name="fox").id
    place = f"/jobs/new?kind=train&recipe=char_lstm&dataset={dataset}"
    page = visit(place)
    said = page.locator("[data-expected]")
    expect(said).to_contain_text("not yet known")
    known("char_lstm")
    page.get_by_label("Steps", exact=True).fill("100")
    page.wait_for_function(ASKED_AGAIN, polling=700)  # the web remembers for two seconds that nothing was known
    short = said.inner_text()
    page.get_by_label("Steps", exact=True).fill("100000")
    expect(said).not_to_have_text(short)
    expect(said).to_contain_text(re.compile(r"about \d+ d"))
    assert re.search(r"done by \d\d:\d\d", said.inner_text())
    page.get_by_label("Steps", exact=True).fill("-5")
    expect(said).to_have_text("")


def test_of_a_queued_job_the_list_and_the_page_say_when_it_will_be_done(site, visit, known):
    known("image_classifier")  # no other test's: the web remembers costs for two seconds
    now = utc_now()
    site.store.presence.announce(WorkerInfo(id="idle", host="h", pid=1, device="cpu", queues=["train"], since=now))
    job, _ = site.store.submit(JobRequest(kind="train", recipe="image_classifier", params={"epochs": 4}, priority=10))
    page = visit(f"/jobs/{job.id}")
    expect(page.locator("#status")).to_contain_text("done in about")
    page.goto("/jobs")
    expect(page.locator(f'[data-key="{job.id}"]')).to_contain_text("done in about")
    site.store.cancel(job.id)
    site.store.presence.leave("idle")
