"""Forms in a real browser: columns, files, ways on to other uses."""

import json

import pytest
from playwright.sync_api import expect

from shared.outputs import Score, Scores
from shared.volume.files import get_file
from tests.browser.examples import NEW, job_of

# --- columns --------------------------------------------------------------------------------------------------------


def test_picking_a_dataset_shows_its_report_and_its_columns(visit, site, houses, ships):
    page = visit(f"{NEW}&dataset={houses}")
    report = page.locator("#input-data-report")
    expect(report).to_contain_text("60 rows, 5 columns")
    expect(report).to_contain_text("'id'")  # said to be of no use
    target = page.get_by_label("Target")
    assert target.locator("option").all_inner_texts()[0] == "choose a column"
    assert any(text.startswith("city · category") for text in target.locator("option").all_inner_texts())
    assert not any(text.startswith("about it") for text in target.locator("option").all_inner_texts())  # a text
    page.get_by_role("group", name="Features").get_by_label("rooms").check()
    page.get_by_label("Epochs").fill("7")
    page.get_by_role("radio", name="ships.csv").check()
    expect(report).to_contain_text("60 rows, 2 columns")
    expect(target.locator("option")).to_have_count(3)
    target.select_option("flag")
    page.get_by_role("radio", name="houses.csv").check()
    expect(report).to_contain_text("5 columns")
    expect(page.get_by_label("Epochs")).to_have_value("7")
    target.select_option("city")
    page.get_by_role("group", name="Features").get_by_label("rooms").check()
    page.get_by_role("group", name="Features").get_by_label("about it").check()
    expect(page.get_by_role("group", name="Features")).to_contain_text("2 chosen")
    page.get_by_role("button", name="Start training").click()
    job = job_of(site, page)
    assert job.params["target"] == "city" and job.params["features"] == ["rooms", "about it"]
    assert job.params["epochs"] == 7 and job.inputs["data"].dataset_id == houses
    expect(page.locator("#details")).to_contain_text("houses.csv")


def test_columns_are_typed_where_no_dataset_is_picked_and_the_nearest_is_named(visit, site, houses, ships):
    page = visit(NEW, script=False)
    page.get_by_label("Target").fill("pric")
    page.get_by_label("Features").fill("rooms\ncity\n")
    page.get_by_role("radio", name="houses.csv").check()
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("alert")).to_contain_text("did you mean 'price'")
    expect(page.get_by_role("radio", name="houses.csv")).to_be_checked()
    expect(page.get_by_label("Target")).to_have_value("pric")  # not lost: it is among the choices, and said to be none
    expect(page.get_by_role("group", name="Features").get_by_label("rooms")).to_be_checked()
    page.get_by_label("Target").select_option("price")
    page.get_by_role("button", name="Start training").click()
    job = job_of(site, page)
    assert job.params["target"] == "price" and sorted(job.params["features"]) == ["city", "rooms"]


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_files_arrive_as_they_are_with_a_script_and_without(visit, site, model, pictures, script):
    page = visit(f"/jobs/new?kind=generate&model={model}", script=script)
    chosen = [pictures / "图0.png", pictures / "图1.png"]
    page.locator('input[type="file"]').set_input_files(chosen)
    if script:
        expect(page.locator("[data-chosen] li")).to_have_count(2)
        expect(page.locator("[data-chosen] img").first).to_be_visible()
    page.get_by_role("button", name="Judge").click()
    job = job_of(site, page)
    sent = {path.name: path.read_bytes() for path in chosen}
    kept = {info.name: path.read_bytes() for info, path in (get_file(site.volume, i) for i in job.params["pictures"])}
    assert kept == sent and sorted(job.files) == sorted(job.params["pictures"])
    expect(page.locator("#params").get_by_role("link", name="图0.png")).to_be_visible()


def test_a_refused_form_keeps_its_files(visit, site, model, pictures):
    page = visit(f"/jobs/new?kind=generate&model={model}", script=False)
    page.locator('input[type="file"]').set_input_files([pictures / "图0.png", pictures / "图1.png"])
    page.get_by_label("Priority").fill("99")
    page.get_by_role("button", name="Judge").click()
    expect(page.get_by_role("alert")).to_contain_text("1 problem")
    expect(page.locator("[data-chosen] input:checked")).to_have_count(2)
    page.locator("[data-chosen] input").first.uncheck()
    page.get_by_label("Priority").fill("1")
    page.get_by_role("button", name="Judge").click()
    assert len(job_of(site, page).params["pictures"]) == 1


def test_too_many_files_and_files_of_another_type_are_named(visit, site, model, pictures):
    page = visit(f"/jobs/new?kind=generate&model={model}", script=False)
    page.locator('input[type="file"]').set_input_files(
        [*(pictures / f"图{n}.png" for n in range(3)), pictures / "not a picture.png"]
    )
    page.get_by_role("button", name="Judge").click()
    expect(page.get_by_role("alert")).to_contain_text("4 files; at most 3")
    page = visit(f"/jobs/new?kind=generate&model={model}")
    page.locator('input[type="file"]').set_input_files(pictures / "not a picture.png")
    expect(page.locator("[data-chosen] li")).to_have_count(1)
    page.get_by_role("button", name="Judge").click()
    expect(page.get_by_role("alert")).to_contain_text("not a picture.png")
    expect(page.get_by_role("alert")).to_contain_text("text/plain")


def test_a_model_is_tried_with_a_picture_as_it_is(visit, site, model, pictures):
    page = visit("/models")
    form = page.get_by_role("form", name="Try judge")
    form.locator('input[type="file"]').set_input_files(pictures / "图2.png")
    with page.expect_response(
        lambda answer: answer.url.endswith("/api/v1/jobs") and answer.request.method == "POST"
    ) as sent:
        form.get_by_role("button", name="Judge").click()
    body = json.loads(sent.value.request.post_data or "")
    (file_id,) = body["params"]["pictures"]
    assert get_file(site.volume, file_id)[1].read_bytes() == (pictures / "图2.png").read_bytes()
    job_id = sent.value.json()["id"]
    while (claimed := site.store.claim("generate", worker="hand", device="cpu")) is not None and claimed.id != job_id:
        continue
    assert claimed is not None
    site.volume.start_attempt(claimed.id, claimed.attempt)
    site.ended(claimed, lambda files: [Scores(picture=f"file:{file_id}", items=[Score(name="good", value=0.75)])])
    expect(form.locator(".out-scores")).to_contain_text("good 75.0 %")
    expect(form.locator(".out-scores img")).to_be_visible()
    expect(form.locator("[data-try-state]")).to_contain_text("done in")


# --- uses -----------------------------------------------------------------------------------------------------------


def test_the_uses_of_a_model_are_links_between_forms(visit, site, model):
    page = visit(f"/jobs/new?kind=generate&model={model}")
    page.get_by_role("navigation", name="What to do with it").get_by_role("link", name="Export").click()
    expect(page.get_by_role("heading", name="Export with judge")).to_be_visible()
    expect(page.get_by_text("All of it as one zip.")).to_be_visible()
    page.get_by_role("button", name="Export").click()
    job = job_of(site, page)
    assert job.use == "export" and job.inputs["model"].model_id == model
