"""What a person does in a browser: upload, submit, watch, generate, cancel, be refused, without a script, on a phone."""

import io
import re

import pytest
from playwright.sync_api import Page, expect

from shared.datasets import Limits, import_dataset
from tests.support.running import RunningStack

POEM = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n" * 120
TINY = {"Steps": "40", "Context": "16", "Width": "16", "Batch size": "4"}


@pytest.fixture(scope="session")
def poem(stack: RunningStack) -> str:
    """A Chinese text with a long name, on the volume. Returns its id."""
    name = "一个名字很长的数据集，" * 8
    return import_dataset(stack.volume, Limits(), [("诗.txt", io.BytesIO(POEM.encode()))], name=name).id


def fill(page: Page, **values: str) -> None:
    for label, value in values.items():
        page.get_by_label(label, exact=True).fill(value)


def submit_training(page: Page, poem: str, **values: str) -> None:
    page.goto(f"/jobs/new?kind=train&recipe=char_lstm&dataset={poem}")
    fill(page, **(TINY | values))
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-z]{26}$"))


@pytest.mark.timeout(240)
def test_a_training_is_submitted_watched_and_generated_from(page, stack, poem):
    submit_training(page, poem, Name="夜里的诗")
    expect(page.get_by_role("heading", name="夜里的诗")).to_be_visible()
    expect(page.locator("#status .state")).to_have_text("succeeded", timeout=120_000)
    expect(page.locator("#chart .main-svg").first).to_be_visible()
    expect(page.locator("#samples .output").first).to_contain_text("床前")
    page.get_by_role("link", name="Generate with this, step 40").first.click()
    page.get_by_label("Prompt").fill("明月")
    page.get_by_label("Max tokens").fill("24")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#status .state")).to_have_text("succeeded", timeout=60_000)
    expect(page.locator("#output .prompt")).to_have_text("明月")
    assert len(page.locator("#output .made").inner_text()) >= 1

    page.goto("/models")
    box = page.get_by_role("form", name="Try 夜里的诗")
    box.get_by_label("Prompt").fill("低头")
    box.get_by_role("button", name="Generate").click()
    expect(box.locator("[data-try-state]")).to_contain_text("done in", timeout=60_000)
    assert box.locator(".output .made").inner_text()


def test_wrong_input_is_told_at_its_field_before_it_is_sent(page, poem):
    page.goto(f"/jobs/new?kind=train&recipe=char_lstm&dataset={poem}")
    fill(page, Steps="-5", Name="kept")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_label("Steps", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page).to_have_url(re.compile("/jobs/new"))


def test_wrong_input_comes_back_from_the_server_with_everything_kept(chromium, stack, poem):
    context = chromium.new_context(base_url=stack.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/jobs/new?kind=train&recipe=char_lstm&dataset={poem}")
    fill(page, Steps="-5", Context="many", Name="保留", Priority="99")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("alert")).to_contain_text("3 problems")
    for label, value in (("Steps", "-5"), ("Context", "many"), ("Priority", "99")):
        field = page.get_by_label(label, exact=True)
        expect(field).to_have_value(value)
        expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Name", exact=True)).to_have_value("保留")
    expect(page.get_by_role("radio", checked=True)).to_have_value(poem)
    context.close()


@pytest.mark.timeout(120)
def test_a_job_that_waits_or_runs_can_be_cancelled(page, poem):
    submit_training(page, poem, Steps="100000")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#status .state")).to_have_text("cancelled", timeout=60_000)


def test_an_upload_is_refused_by_name_and_a_good_one_is_shown(page, tmp_path):
    page.goto("/datasets")
    picture = tmp_path / "not really.txt"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    page.locator("input[type=file]").set_input_files(picture)
    expect(page.get_by_text("PNG picture")).to_be_visible()
    text = tmp_path / "文.txt"
    text.write_text(POEM + "完", encoding="gb18030")
    page.locator("input[type=file]").set_input_files(text)
    page.wait_for_url(re.compile(r"/datasets/[0-9a-f]{32}"))
    expect(page.get_by_text("GB18030").first).to_be_visible()
    expect(page.get_by_text("床前明月光").first).to_be_visible()


def test_files_chosen_before_the_script_is_there_are_uploaded_all_the_same(chromium, stack, tmp_path):
    text = tmp_path / "early.txt"
    text.write_text("Chosen at once.\n" * 200)
    context = chromium.new_context(base_url=stack.url)
    page = context.new_page()
    held = []
    page.route("**/upload.js*", lambda route: held.append(route))
    with page.expect_request("**/upload.js*"):
        page.goto("/datasets", wait_until="commit")
    page.locator("input[type=file]").set_input_files(text)
    assert held
    for route in held:
        route.continue_()
    page.wait_for_url(re.compile(r"/datasets/[0-9a-f]{32}"))
    context.close()


@pytest.mark.parametrize("path", ["/", "/jobs/new", "/datasets", "/models", "/workers", "/nothing-here"])
def test_no_page_is_wider_than_a_phone_and_all_work_without_a_script(chromium, stack, poem, path):
    context = chromium.new_context(
        base_url=stack.url, viewport={"width": 360, "height": 740}, java_script_enabled=False
    )
    page = context.new_page()
    page.goto(path)
    expect(page.locator("h1, h2").first).to_be_visible()
    width = page.locator("body").bounding_box()
    assert width is not None and width["width"] <= 360
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    context.close()


def test_no_page_scrolls_sideways_on_a_phone(chromium, stack, poem):
    context = chromium.new_context(base_url=stack.url, viewport={"width": 360, "height": 740})
    page = context.new_page()
    form, report = "/jobs/new?kind=train&recipe=gpt", f"/datasets/{poem}"
    for path in ("/", "/jobs/new", form, "/datasets", report, "/models", "/workers", "/docs/outputs"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    context.close()


def test_a_job_can_be_told_to_wait_for_another_and_to_end_in_time(chromium, stack, poem):
    context = chromium.new_context(base_url=stack.url)
    page = context.new_page()
    first = stack.client.submit(
        {"kind": "train", "recipe": "char_lstm", "inputs": {"data": poem}, "params": {"steps": 2000}}
    )
    page.goto(f"/jobs/new?kind=train&recipe=char_lstm&dataset={poem}")
    page.get_by_label("Start after").select_option(first["id"])
    page.get_by_label("Deadline").fill("soon")
    page.get_by_role("button", name="Start training").click()
    assert "no number of hours" in page.locator("#hours-problem").inner_text()
    page.get_by_label("Deadline").fill("1.5")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/jobs/*")
    job = stack.client.get(f"/jobs/{page.url.rsplit('/', 1)[1]}")
    assert job["after"] == [first["id"]] and job["deadline_at"]
    assert page.locator("#details").get_by_text("Deadline").is_visible()
    stack.client.call("POST", f"/jobs/{first['id']}/cancel")
    stack.until(lambda: stack.client.get(f"/jobs/{job['id']}")["state"] in ("failed", "cancelled"))
    context.close()
