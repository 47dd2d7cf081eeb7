"""What stands on an open page is so, in a real browser: or the page says that it may not be, or goes."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from shared.api_keys import create_key
from tests.support.web_site import Site

HIDDEN = "Object.defineProperty(document, 'hidden', { get: () => true });"


@pytest.fixture
def signed_in(chromium, guarded) -> Iterator[BrowserContext]:
    key = create_key(guarded.volume, owner="ann", scope="submit")[1]
    context = chromium.new_context(base_url=guarded.url, viewport={"width": 1280, "height": 600})
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    yield context
    context.close()


def training(site: Site, **more):
    return site.running(kind="train", recipe="char_lstm", params={}, name="watched", **more)


def test_a_second_tab_shows_nothing_any_more_once_the_first_has_signed_out(signed_in, guarded):
    job = training(guarded, owner="ann")
    first, second, form = signed_in.pages[0], signed_in.new_page(), signed_in.new_page()
    second.goto(f"/jobs/{job.id}")
    form.goto("/datasets")  # a page that asks for nothing by itself
    expect(second.get_by_role("heading", name="watched")).to_be_visible()
    first.get_by_role("button", name="Sign out").click()
    for page in (second, form):
        expect(page).to_have_url(re.compile(r"/sign-in\?next="))
        expect(page.get_by_role("heading", name="watched")).to_have_count(0)


def test_a_session_that_has_ended_elsewhere_ends_on_an_open_page(signed_in, guarded):
    page = signed_in.pages[0]
    training(guarded, owner="ann")
    page.goto("/")
    expect(page.locator("#jobs")).to_contain_text("watched")
    for key in guarded.store.redis.scan_iter(f"{guarded.settings.key_prefix}:session:*"):
        guarded.store.redis.delete(key)
    expect(page).to_have_url(re.compile(r"/sign-in\?next="))


def test_a_worker_that_has_fallen_silent_is_said_on_an_open_page_and_so_is_its_return(signed_in, guarded):
    job = training(guarded, owner="ann")
    guarded.progress(job, phase="training", step=3, total_steps=10)
    page = signed_in.pages[0]
    page.goto(f"/jobs/{job.id}")
    leases = guarded.store.keys.leases()
    guarded.store.redis.zadd(leases, {job.id: time.time() * 1000 + guarded.store.lease_ms - 14_000})
    silent = page.locator("#silent")
    expect(silent).to_contain_text(re.compile(r"Last heard 1[4-9] s ago"))
    expect(silent).to_contain_text("After 40 s without a word the job goes on elsewhere")
    guarded.progress(job, phase="training", step=4, total_steps=10)
    expect(silent).to_have_count(0)
    expect(page.locator("#status")).to_contain_text("4 of 10")


def test_a_page_whose_connection_is_gone_says_so_where_one_looks(visit, site):
    for path in (f"/jobs/{training(site).id}", "/"):
        page = visit(path)
        said = page.locator("#connection")
        expect(page.locator("#status, #jobs").first).to_be_visible()
        expect(said).to_be_empty()
        page.context.set_offline(True)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # looked at again
        expect(said).to_have_text(re.compile("No connection|interrupted"))
        expect(said).to_be_in_viewport()
        page.context.set_offline(False)
        expect(said).to_be_empty(timeout=20_000)


def test_what_is_asked_for_while_an_older_answer_is_on_its_way_is_asked_for_again(visit, site):
    page = visit(f"/jobs/{training(site).id}")
    shown = page.evaluate(
        """async () => {
          const { refresh } = await import("/static/live.js");
          const status = document.getElementById("status");
          const answer = (word) => `<title>${word}</title><main></main><div id="status" data-live>${word}</div>`;
          const asked = [];
          window.fetch = () => new Promise((resolve) => { asked.push((word) => resolve(new Response(answer(word)))); });
          const first = refresh();
          const second = refresh(); // asked for when the first was on its way already
          asked[0]("before");
          while (asked.length < 2) await new Promise(requestAnimationFrame);
          const between = status.textContent;
          asked[1]("after");
          await Promise.all([first, second]);
          return [between, status.textContent, asked.length];
        }"""
    )
    assert shown == ["before", "after", 2]


def test_an_end_whose_page_could_not_be_fetched_is_shown_once_it_can(visit, site):
    job = training(site)
    page = visit(f"/jobs/{job.id}")
    cut = re.compile(f"/jobs/{job.id}$")
    page.route(cut, lambda route: route.abort() if route.request.resource_type == "fetch" else route.continue_())
    site.ended(job, lambda files: [])
    expect(page.locator("#connection")).to_contain_text("No connection")
    page.unroute(cut)
    expect(page.locator("#status .state")).to_have_text("succeeded")
    expect(page.locator("#connection")).to_be_empty()


def test_title_and_icon_of_a_hidden_tab_tell_the_state_as_it_is(chromium, site):
    context = chromium.new_context(base_url=site.url)
    context.add_init_script(HIDDEN)
    page = context.new_page()
    job = training(site)
    page.goto(f"/jobs/{job.id}")
    expect(page).to_have_title(re.compile("watched: running"))
    icon = page.locator('link[rel="icon"]')
    expect(icon).to_have_attribute("href", re.compile("marks/running"))
    site.ended(job, lambda files: [])
    expect(page).to_have_title(re.compile("watched: succeeded"))
    expect(icon).to_have_attribute("href", re.compile("marks/succeeded"))
    context.close()


def test_every_figure_has_one_value_on_the_page_also_during_an_evaluation(visit, site):
    job = training(site)
    site.rows(job, [{"step": 10, "loss": 2.5}, {"step": 20, "loss": 1.5, "val_loss": 1.75}])
    site.progress(job, phase="evaluating", step=25, total_steps=40, metrics={"loss": 1.25, "val_loss": 3.5})
    page = visit(f"/jobs/{job.id}")
    expect(page.locator("#status")).to_contain_text("evaluating")
    shown = page.locator("#status .progress-line:not(#clock)").inner_text()
    assert re.search(r"\bloss 1\.5\b", shown), shown
    assert re.search(r"val loss 1\.75\b", shown), shown
    whole = page.locator("main").inner_text()
    assert "1.25" not in whole and "3.5" not in whole.replace("13.5", "")


def test_curves_follow_a_window_that_is_made_narrower(visit, site):
    job = training(site)
    site.rows(job, [{"step": step, "loss": 1 / step, "val_loss": 2 / step} for step in range(1, 60)])
    page = visit(f"/jobs/{job.id}")
    drawing = page.locator("#chart .main-svg").first
    expect(drawing).to_be_visible()
    wide = drawing.bounding_box()
    assert wide and wide["width"] > 400
    page.set_viewport_size({"width": 400, "height": 800})
    expect(drawing).not_to_have_attribute("width", str(round(wide["width"])))
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    narrow = drawing.bounding_box()
    assert narrow and narrow["x"] + narrow["width"] <= 400
    page.set_viewport_size({"width": 1280, "height": 860})
    expect(drawing).to_have_attribute("width", str(round(wide["width"])))
