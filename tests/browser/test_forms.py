"""Forms in a real browser: the Enter key, columns, files, ways on after a refusal, going back."""

import io
import json
import re
import urllib.parse
import urllib.request

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from shared.datasets import Limits, import_dataset
from shared.outputs import Score, Scores
from shared.volume.files import get_file
from tests.support.web_site import Site

HOUSES = "price;city;rooms;id;about it\n" + "\n".join(
    f"{100_000 + n * 137};{'上海' if n % 3 else '北京'};{n % 5};x{n:04d};a house of {n} words with a garden"
    for n in range(60)
)
SHIPS = "tons;flag\n" + "\n".join(f"{n * 10};{'de' if n % 2 else 'cn'}" for n in range(60))
NEW = "/jobs/new?kind=train&recipe=picky"


def table(site: Site, name: str, text: str) -> str:
    return import_dataset(site.volume, Limits(), [(name, io.BytesIO(text.encode()))], name=name).id


@pytest.fixture(scope="module")
def houses(site) -> str:
    return table(site, "houses.csv", HOUSES)


@pytest.fixture(scope="module")
def ships(site) -> str:
    return table(site, "ships.csv", SHIPS)


@pytest.fixture(scope="module")
def model(site, houses) -> str:
    """A model of the picky recipe, to be used."""
    inputs = {"data": {"dataset_id": houses}}
    job = site.running(kind="train", recipe="picky", params={"target": "price"}, inputs=inputs, name="judge")
    ref = site.checkpoint(job, 1, {"val_loss": 0.5})
    site.ended(job, lambda files: [])
    return site.model(ref, "judge", inputs=inputs, params={"target": "price"}).id


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Three pictures and a text in files."""
    folder = tmp_path_factory.mktemp("pictures")
    for n in range(3):
        Image.new("RGB", (900, 700), (n * 80, 90, 120)).save(folder / f"图{n}.png")
    (folder / "not a picture.png").write_text("plain words")
    return folder


def job_of(site: Site, page: Page):
    page.wait_for_url(re.compile(r"/jobs/[0-9a-z]{26}$"))
    return site.store.get(page.url.rsplit("/", 1)[1])


# --- Enter ----------------------------------------------------------------------------------------------------------


def forms_with_fields(page: Page) -> list[tuple[int, str]]:
    """(number of the form, name of the field) of every text field in every form of the page."""
    return page.evaluate(
        """() => [...document.forms].flatMap((form, n) => [...form.elements]
            .filter((e) => e.matches('input:not([type=hidden], [type=checkbox], [type=radio], [type=file])') && e.name)
            .map((e) => [n, e.name]))"""
    )


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
@pytest.mark.parametrize(
    "path",
    [NEW, "/jobs/new?kind=train&recipe=gpt", "/jobs/new?kind=generate&model={model}", "/models", "/datasets", "/keys"],
)
def test_enter_in_any_field_sends_its_form_by_its_main_button(visit, houses, model, path, script):
    """The button that Enter presses is the first submit button of a form, wherever it stands: it must be the main one."""
    page = visit(path.format(model=model), script=script)
    fields = forms_with_fields(page)
    assert fields
    for number, name in fields:
        button = page.evaluate(
            "(n) => [...document.querySelectorAll('button, input[type=submit], input[type=image]')]"
            ".filter((b) => b.form === document.forms[n] && b.type !== 'button').map((b) => b.className)[0] ?? ''",
            number,
        )
        assert "primary" in button or button == "", (path, name, button)


def test_enter_in_every_field_of_a_job_submits_the_job_with_the_dataset_that_is_picked(visit, site, houses, ships):
    names = [name for _, name in forms_with_fields(visit(f"{NEW}&dataset={houses}"))]
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


# --- going back -----------------------------------------------------------------------------------------------------


def fill_in(page: Page) -> None:
    page.get_by_role("radio", name="houses.csv").check()
    expect(page.locator("#input-data-report")).to_contain_text("5 columns")
    page.get_by_label("Target").select_option("rooms")
    page.get_by_role("group", name="Features").get_by_label("city").check()
    page.get_by_label("Epochs").fill("42")
    page.get_by_label("Careful").check()
    page.get_by_label("Name", exact=True).fill("夜里")


def expect_filled_in(page: Page) -> None:
    expect(page.get_by_label("Epochs")).to_have_value("42")
    expect(page.get_by_role("radio", name="houses.csv")).to_be_checked()
    expect(page.get_by_label("Target")).to_have_value("rooms")
    expect(page.get_by_role("group", name="Features").get_by_label("city")).to_be_checked()
    expect(page.get_by_label("Careful")).to_be_checked()
    expect(page.get_by_label("Name", exact=True)).to_have_value("夜里")


def test_back_brings_the_form_as_it_was_sent_and_another_press_makes_another_job(visit, site, houses, ships):
    page = visit(NEW)
    fill_in(page)
    page.get_by_role("button", name="Start training").click()
    first = job_of(site, page)
    page.go_back()
    expect_filled_in(page)
    page.get_by_label("Epochs").fill("43")
    page.get_by_role("button", name="Start training").click()
    second = job_of(site, page)
    assert second.id != first.id and (first.params["epochs"], second.params["epochs"]) == (42, 43)
    assert second.params == first.params | {"epochs": 43} and second.inputs == first.inputs


def test_a_link_followed_and_back_and_a_reload_lose_nothing_that_was_typed(visit, houses, ships):
    page = visit(NEW)
    fill_in(page)
    page.get_by_role("link", name="Models").click()
    page.wait_for_url("**/models")
    page.go_back()
    expect_filled_in(page)
    page.reload()
    expect_filled_in(page)
    page.goto("/")
    page.goto(NEW)  # another visit begins anew
    expect(page.get_by_label("Epochs")).to_have_value("3")


def test_files_that_were_uploaded_are_there_after_going_back(visit, site, model, pictures):
    page = visit(f"/jobs/new?kind=generate&model={model}")
    page.locator('input[type="file"]').set_input_files(pictures / "图0.png")
    expect(page.locator("[data-chosen] li")).to_have_count(1)
    page.get_by_role("button", name="Judge").click()
    first = job_of(site, page)
    page.go_back()
    expect(page.locator("[data-chosen] input:checked")).to_have_count(1)
    page.get_by_label("Note").fill("again")
    page.get_by_role("button", name="Judge").click()
    second = job_of(site, page)
    assert second.id != first.id and second.params["pictures"] == first.params["pictures"]


def test_a_refused_form_is_still_the_form_as_it_was_typed(visit, houses, ships):
    page = visit(NEW)
    fill_in(page)
    page.get_by_label("Target").select_option("")
    page.get_by_role("button", name="Start training").click()
    page.locator("select[name='params.target'][aria-invalid]").select_option("rooms")
    expect_filled_in(page)


def test_files_stay_with_a_refused_form_that_is_loaded_again(visit, model, pictures):
    page = visit(f"/jobs/new?kind=generate&model={model}")
    page.locator('input[type="file"]').set_input_files(pictures / "图0.png")
    expect(page.locator("[data-chosen] li")).to_have_count(1)
    expect(page.locator("[data-chosen] label")).to_have_css("opacity", "1")  # faded only once it is unticked
    page.get_by_label("Priority").evaluate("input => { input.removeAttribute('data-number'); input.value = '99'; }")
    page.get_by_role("button", name="Judge").click()
    expect(page.get_by_text("The job was not submitted")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Judge with judge")).to_be_visible()
    expect(page.locator("[data-chosen] input:checked")).to_have_count(1)
    expect(page.get_by_label("Priority")).to_have_value("99")


def test_the_same_form_sent_twice_is_one_job_and_changed_it_is_another(site, houses):
    def post(**more: str) -> str:
        values = {
            "kind": "train",
            "recipe": "picky",
            "inputs.data": houses,
            "params.target": "price",
            "idempotency_key": "k1",
        }
        request = urllib.request.Request(f"{site.url}/jobs/new", urllib.parse.urlencode(values | more).encode())
        with urllib.request.urlopen(request) as answer:
            return answer.url

    once, again, other = post(), post(), post(**{"params.epochs": "9"})
    assert once == again != other


# --- uploads --------------------------------------------------------------------------------------------------------


def test_an_upload_that_is_there_already_says_so(visit, houses, tmp_path):
    copy = tmp_path / "a copy.csv"
    copy.write_text(HOUSES)
    page = visit("/datasets")
    page.locator('input[type="file"]').set_input_files(copy)
    page.wait_for_url("**/datasets/*done=known")
    expect(page.get_by_role("status").first).to_contain_text("uploaded before")
    expect(page.get_by_role("heading", name="houses.csv")).to_be_visible()


def test_a_format_shows_its_options_once_it_is_chosen_and_a_refusal_stands_above_them(visit, tmp_path):
    (tmp_path / "odd.bin").write_bytes(bytes(range(256)))
    page = visit("/datasets")
    page.locator('input[type="file"]').set_input_files(tmp_path / "odd.bin")
    alert = page.get_by_role("alert").first
    expect(alert).to_contain_text("odd.bin")
    choice = page.get_by_label("Format", exact=True)
    expect(choice).to_be_visible()
    above, below = alert.bounding_box(), choice.bounding_box()
    assert above and below and above["y"] < below["y"]
    expect(page.get_by_label("Delimiter")).to_be_hidden()
    choice.select_option("table")
    expect(page.get_by_label("Delimiter")).to_be_visible()
    expect(page.get_by_label("Unknown values")).to_be_hidden()


def test_what_is_picked_stands_first_in_the_list(visit, houses, ships):
    for picked in (houses, ships):
        page = visit(f"{NEW}&dataset={picked}")
        first = page.locator("#input-data-pick input").first
        expect(first).to_have_value(picked)
        expect(first).to_be_checked()


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_a_refused_upload_offers_ways_on_with_the_same_files(visit, tmp_path, script):
    """A row that is too long: dropped, if the user says so."""
    bad = tmp_path / "bad.csv"
    bad.write_text(f"a;b{script}\n" + "\n".join(f"{n};{n % 7}" for n in range(40)) + "\n1;2;3;4\n")
    page = visit("/datasets", script=script)
    page.locator('input[type="file"]').set_input_files(bad)
    if not script:
        page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert").first).to_contain_text("bad.csv")
    expect(page.get_by_role("alert").first).to_contain_text("42")
    if script:
        page.get_by_role("alert").get_by_role("button").first.click()
    else:
        page.locator('input[name="choice"]').first.check()
        page.locator('input[type="file"]').set_input_files(bad)
        page.get_by_role("button", name="Upload").click()
    page.wait_for_url(re.compile(r"/datasets/[0-9a-f]{32}"))
    expect(page.get_by_text("40 rows, 2 columns").first).to_be_visible()
