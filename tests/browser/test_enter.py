"""Enter in any field of any form, in a real browser: it does what the form is for, never a side action that stands beside it."""

import re

import pytest
from playwright.sync_api import Page, expect

from shared.api_keys import create_key
from tests.browser.examples import NEW, job_of

# Fields in which Enter sends a form: everything but lists, buttons and texts of several lines.
FIELDS = "input:not([type=hidden], [type=file], [type=submit], [type=button])"


def fields_of(page: Page) -> list[tuple[int, int]]:
    """(number of the form, number of the field in it) of every field of every form."""
    return page.evaluate(
        """(fields) => [...document.forms].flatMap((form, n) =>
            [...form.elements].map((e, k) => [e, k]).filter(([e]) => e.matches(fields) && e.name).map(([, k]) => [n, k]))""",
        FIELDS,
    )


@pytest.fixture
def with_checkpoint(site, houses) -> str:
    """A training that has ended, whose state can be named."""
    job = site.running(
        kind="train", recipe="picky", params={"target": "price"}, inputs={"data": {"dataset_id": houses}}
    )
    site.checkpoint(job, 1, {"val_loss": 0.5})
    site.ended(job, lambda files: [])
    return job.id


# Shows the field, wherever it is folded away, and tells of what Enter sends instead of sending it.
PREPARE = """([n, k]) => {
    const form = document.forms[n], field = form.elements[k];
    for (let part = field; part; part = part.parentElement) { part.hidden = false; if (part.matches('details')) part.open = true; }
    window.told = [];
    window.tell ??= document.addEventListener('submit', (event) => {
        event.preventDefault();
        event.stopImmediatePropagation();
        const button = event.submitter;
        const elsewhere = button?.getAttribute('formaction') ?? '';
        window.told.push([event.target === window.asked, button ? button.className : 'none', elsewhere]);
    }, true) ?? true;
    window.asked = form;
    form.noValidate = true; // an empty field that is required would keep the event away
    field.focus();
    return document.activeElement === field ? field.name : '';
}"""


def press_enter_in_every_field(page: Page, path: str) -> list[str]:
    """Names of the fields in which Enter sent something; each sent its own form, by its main button or none."""
    pressed = []
    for at in fields_of(page):
        name = page.evaluate(PREPARE, list(at))
        assert name, f"a field of {path} cannot be reached"
        page.keyboard.press("Enter")
        told = page.evaluate("window.told")
        assert len(told) <= 1, (path, name, told)
        for own_form, button, elsewhere in told:
            assert (own_form, elsewhere) == (True, ""), (path, name, button)
            assert "primary" in button or button == "none", (path, name, button)
        pressed += [name] if told else []
    return pressed


@pytest.mark.parametrize(
    "path", [NEW, "/jobs/new?kind=generate&model={model}", "/models", "/datasets", "/keys", "/jobs/{job}", "/jobs/new"]
)
def test_enter_sends_the_form_itself_by_its_main_button(visit, houses, model, with_checkpoint, path):
    page = visit(path.format(model=model, job=with_checkpoint))
    assert fields_of(page) or path == "/jobs/new"
    pressed = press_enter_in_every_field(page, path)
    # datasets are sent when they are chosen: there is no button that Enter could press
    assert pressed or path in ("/datasets", "/jobs/new"), (
        "Enter sent nothing at all: this test would not see a wrong button"
    )


def test_enter_in_every_field_of_a_job_submits_the_job_with_the_dataset_that_is_picked(visit, site, houses, ships):
    page = visit(f"{NEW}&dataset={houses}")
    names = page.evaluate(
        """() => [...document.querySelector('form[data-form]').elements]
            .filter((e) => e.matches('input:not([type=hidden], [type=checkbox], [type=radio], [type=file])') && e.name)
            .map((e) => e.name)"""
    )
    assert "params.epochs" in names and "name" in names
    for name in dict.fromkeys(names):
        page = visit(f"{NEW}&dataset={houses}")
        page.get_by_label("Target").select_option("price")
        field = page.locator(f'form[data-form] [name="{name}"]')
        if not field.is_visible():
            page.locator("details", has=page.locator(f'[name="{name}"]')).first.locator("> summary").click()
        field.press("Enter")
        job = job_of(site, page)
        assert job.inputs["data"].dataset_id == houses and job.params["target"] == "price", name


def test_ctrl_enter_in_a_text_of_several_lines_sends_the_form_and_enter_alone_does_not(visit, site):
    training = site.running(kind="train", recipe="char_lstm", params={}, name="poet")
    ref = site.checkpoint(training, 1, {})
    page = visit(f"/jobs/new?kind=generate&source={ref.job_id}/{ref.attempt}/{ref.step}")
    text = page.get_by_label("Prompt")
    text.fill("床前")
    text.press("Enter")
    text.press_sequentially("明月")
    text.press("Control+Enter")
    assert job_of(site, page).params["prompt"] == "床前\n明月"


def test_enter_in_the_key_of_the_sign_in_signs_in(chromium, guarded):
    key = create_key(guarded.volume, owner="ann", scope="submit")[1]
    context = chromium.new_context(base_url=guarded.url)
    page = context.new_page()
    page.goto("/sign-in?next=/datasets")
    page.wait_for_selector("html[data-ready]", state="attached")
    assert press_enter_in_every_field(page, "/sign-in") == ["key"]
    page.goto("/sign-in?next=/datasets")
    page.get_by_label("API key").fill(key)
    page.get_by_label("API key").press("Enter")
    expect(page).to_have_url(re.compile("/datasets$"))
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    context.close()
